"""Maps from features to positions: ridge regression in closed form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import Floats, Integers

LEAST_VARIANCE = 1e-3


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
    probabilities: Floats  # that item 1, 2, 3 is the odd one, (n, 3)
