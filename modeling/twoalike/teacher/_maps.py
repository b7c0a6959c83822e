"""Maps from features to positions: ridge regression in closed form, or by gradient.

Ridge regression minimises the squared error of positions. The map by gradient minimises

    (1 - c) L_global + c L_local + strength * unit * |W|^2 / m

L_global is the cross-entropy of the posterior's soft labels or, if there are choices of people,
the mean of the cross-entropies of both; ridge regression only approximates its minimum. L_local
(arXiv:2306.04507) preserves the network's neighbourhoods: it is the cross-entropy between row-wise
softmaxes of the cosine similarities of features before and after the map, both divided by a
temperature and without the diagonal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.study import Booleans, Floats, Integers

if TYPE_CHECKING:
    import torch

LEAST_VARIANCE = 1e-3
LOCAL_TEMPERATURE = 0.1
LOCAL_OBJECTS = 1024
"""Most objects in the local term, as in gLocal's batches: its cost is quadratic in them."""


def spectral_positions(similarity: Floats, dimensions: int) -> Floats:
    """Positions whose dot products come closest to a similarity matrix, shape (m, D).

    A posterior's draws have no common coordinates to average, but their mean similarity (m, m)
    has an eigendecomposition, and the similarities of the maps fitted below do not depend on the
    rotation of these positions. Dimensions without a positive eigenvalue are omitted.
    """
    values, vectors = np.linalg.eigh((similarity + similarity.T) / 2)
    keep = np.argsort(values)[::-1][:dimensions]
    keep = keep[values[keep] > 1e-9 * values.max()]
    return np.asarray(vectors[:, keep] * np.sqrt(values[keep]))


def principal_positions(similarity: Floats, dimensions: int) -> tuple[Floats, Floats]:
    """Spectral positions about their mean along their principal axes, (m, D), and the mean, (D,).

    The dot product of two objects is that of these positions, plus what each of the objects has in
    common with the mean, the main effect, plus a constant, which no choice depends on. Axes with
    less than a thousandth of the variance are omitted.
    """
    positions = spectral_positions(similarity, dimensions)
    mean = positions.mean(axis=0)
    _, sizes, axes = np.linalg.svd(positions - mean, full_matrices=False)
    axes = axes[sizes**2 > LEAST_VARIANCE * (sizes**2).sum()]
    return (positions - mean) @ axes.T, axes @ mean


def axis_logits(x: Floats, triplets: Integers) -> Floats:
    """Logits that item 1, 2, 3 is the odd one by each axis of positions alone, (D, n, 3).

    Examples
    --------
    >>> axis_logits(np.array([[1.0], [2.0], [3.0]]), np.array([[0, 1, 2]]))
    array([[[6., 3., 2.]]])
    """
    first, second, third = (x[triplets[:, item]].T for item in range(3))
    return np.stack([second * third, first * third, first * second], axis=2)


def object_folds(m: int, n_folds: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Fold of each object, shape (m,); sizes differ by one at most."""
    return np.asarray(rng.permutation(m) % min(n_folds, m))


def ridge_maps(z: Floats, y: Floats, strengths: Sequence[float]) -> list[tuple[Floats, Floats]]:
    """Weight (D, p) and bias (D,) of y ≈ W z + b for each penalty; z is (m, p), y (m, D).

    Minimises the squared error plus ``strength`` times the mean squared norm of the centred
    features times the squared norm of W, so a strength means the same for any number and scale
    of features. The bias is not penalised.
    """
    centre, middle = z.mean(axis=0), y.mean(axis=0)
    u, s, vt = np.linalg.svd(z - centre, full_matrices=False)
    kept = s > 1e-10 * s[0]
    u, s, vt = u[:, kept], s[kept], vt[kept]
    target = u.T @ (y - middle)  # (r, D)
    unit = float((s**2).sum()) / len(z)
    maps = []
    for strength in strengths:
        weight = (target * (s / (s**2 + strength * unit))[:, None]).T @ vt
        maps.append((weight, middle - weight @ centre))
    return maps


def predicted_without_own_fold(
    z: Floats, y: Floats, strengths: Sequence[float], fold: Integers
) -> Floats:
    """Positions of each object by maps fitted without its fold, shape (L, m, D)."""
    predicted = np.empty((len(strengths), *y.shape))
    for k in np.unique(fold):
        out = fold == k
        for place, (weight, bias) in enumerate(ridge_maps(z[~out], y[~out], strengths)):
            predicted[place, out] = z[out] @ weight.T + bias
    return predicted


def rows_within(triplets: Integers, rows: Integers, m: int) -> tuple[Integers, Any]:
    """Triplets of objects among ``rows`` of m only, as positions in ``rows``, and their mask."""
    place = np.full(m, -1)
    place[rows] = np.arange(len(rows))
    placed = place[triplets]
    inside = (placed >= 0).all(axis=1)
    return placed[inside], inside


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """Choice probabilities for triplets."""

    triplets: Integers  # rows of the features, (n, 3)
    probabilities: Floats  # that item 1, 2, 3 is the odd one, (n, 3); choices are one-hot
    lapse: float = 0.0  # share of guesses among them, which the map need not explain
    anchored: Booleans | None = None  # where item 1 is never the odd one, (n,); None: nowhere

    def among(self, rows: Integers, m: int) -> "SoftLabels":
        """Keep triplets whose objects are all among ``rows`` of m, as positions in ``rows``."""
        triplets, inside = rows_within(self.triplets, rows, m)
        anchored = None if self.anchored is None else self.anchored[inside]
        return SoftLabels(triplets, self.probabilities[inside], self.lapse, anchored)


def gradient_map(
    z: Floats,
    y: Floats,
    labels: Sequence[SoftLabels],
    *,
    start: float,
    strength: float,
    contrastive: float,
    steps: int = 100,
) -> tuple[Floats, Floats]:
    """Weight (D, p) and bias (D,) of the map from features z (m, p) to positions.

    The search starts from the ridge regression to y (m, D) with the penalty ``start`` and takes at
    most ``steps`` steps of L-BFGS; the loss has no noise, so there is no learning rate to choose.
    All kinds of labels have equal weight. ``strength`` is an L2 penalty in the units of
    :func:`ridge_maps`, ``contrastive`` the share of the local term, in [0, 1).
    """
    import torch
    from scipy.optimize import minimize

    # Gradients stay in the span of the features, which often has far fewer dimensions.
    centre = z.mean(axis=0)
    _, sizes, directions = np.linalg.svd(z - centre, full_matrices=False)
    basis = directions[sizes > 1e-6 * sizes[0]]  # (r, p)
    inner = (z - centre) @ basis.T
    ((weight, bias),) = ridge_maps(inner, y, [start])
    unit = float((inner**2).sum()) / len(z) ** 2
    objective = _Objective(torch.from_numpy(inner).float(), labels, contrastive, weight.shape)

    def loss(values: Floats) -> tuple[float, Floats]:
        free = torch.from_numpy(values).float().requires_grad_()
        total = objective(free)
        total = total + strength * unit * (free[: weight.size] ** 2).sum()
        total.backward()
        assert free.grad is not None  # backward has been called
        return float(total.detach()), free.grad.numpy().astype(np.float64)

    begin = np.concatenate([weight.ravel(), bias])
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", options={"maxiter": steps}).x
    turned = found[: weight.size].reshape(weight.shape) @ basis
    return turned, found[weight.size :] - turned @ centre


class _Objective:
    """The two losses of a map, without the penalty."""

    def __init__(
        self,
        z: "torch.Tensor",
        labels: Sequence[SoftLabels],
        contrastive: float,
        shape: tuple[int, ...],
    ) -> None:
        import torch

        self.z, self.contrastive, self.shape = z, contrastive, shape
        self.parts = [
            (
                torch.from_numpy(np.asarray(part.triplets, dtype=np.int64)),
                torch.from_numpy(part.probabilities).float(),
                torch.tensor(part.lapse) if part.lapse > 0 else None,
                None if part.anchored is None else torch.from_numpy(part.anchored),
            )
            for part in labels
            if len(part.triplets)
        ]
        # Evenly spaced, so that the choice of objects is not random.
        kept = np.linspace(0, len(z) - 1, min(LOCAL_OBJECTS, len(z))).round().astype(np.int64)
        self.batch = z[torch.from_numpy(kept)]
        self.wanted = local_logs(self.batch).exp()

    def __call__(self, free: "torch.Tensor") -> Any:
        """Loss of the flattened weight and bias."""
        import torch

        from twoalike.choice import log_choice, pair_similarities

        size = self.shape[0] * self.shape[1]
        weight, bias = free[:size].view(self.shape), free[size:]
        x = self.z @ weight.T + bias
        similarity, total = x @ x.T, torch.zeros(())
        for triplets, probabilities, lapse, anchored in self.parts:
            pairs = pair_similarities(similarity, triplets)
            logs = log_choice(pairs, 1.0, lapse, anchored=anchored, xp=torch)
            if anchored is not None:  # 0 times the log of an impossible answer would be NaN
                logs = (logs[0].masked_fill(anchored, 0.0), *logs[1:])
            loss = -(probabilities * torch.stack(logs, dim=1)).sum(dim=1).mean()
            total = total + loss / len(self.parts)
        if not self.contrastive:
            return total
        local = local_logs(self.batch @ weight.T + bias)
        local_loss = -(self.wanted * local).sum(dim=1).mean()
        return (1 - self.contrastive) * total + self.contrastive * local_loss


def local_logs(x: "torch.Tensor", temperature: float = LOCAL_TEMPERATURE) -> "torch.Tensor":
    """Log-probability that each other object is the neighbour: (b, D) -> (b, b - 1)."""
    import torch

    unit = torch.nn.functional.normalize(x, dim=1)
    b = len(x)
    others = ~torch.eye(b, dtype=torch.bool)
    cosine = (unit @ unit.T)[others].view(b, b - 1)
    return torch.log_softmax(cosine / temperature, dim=1)
