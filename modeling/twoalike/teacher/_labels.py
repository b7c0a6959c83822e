"""Choice probabilities as labels: their logits, their scores, and the choice of which to teach.

``predictive`` probabilities are averaged over posterior draws, ``plugin`` probabilities follow from
the mean similarities. Averaging helps where a posterior's uncertainty is justified and hurts where
it is excessive, so the better kind is determined on choices that the posterior was not fitted to. A
teacher passes on its mistakes, so kinds of teachers are compared in the same way.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from twoalike.choice import (
    OPTIONS,
    PAIRS,
    ChoiceKind,
    expected_accuracy,
    log_choice,
    log_loss,
    pair_similarities,
)
from twoalike.study import Booleans, Floats, Integers

Mode = Literal["predictive", "plugin"]
MODES: tuple[Mode, ...] = ("predictive", "plugin")
ROWS = 65_536
"""Triplets per block: their similarities stay in the processor's cache."""
LEAST = 1e-300
"""Lower bound of probabilities: the logarithm of 0 would be infinite."""


class ChoiceModel(Protocol):
    """What a teacher is fitted to: as much of :class:`twoalike.embedding.Posterior`."""

    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def embedding(self) -> npt.NDArray[np.float32]: ...
    def pair_similarity(self, left: Floats, right: Floats) -> Floats: ...
    def similarity(self) -> Floats: ...
    def choice_probabilities(
        self,
        triplets: Integers,
        mode: Mode = "predictive",
        *,
        lapse: bool = False,
        kind: ChoiceKind = "odd_one_out",
    ) -> Floats: ...


def sample_triplets(m: int, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw n triplets of different objects out of m, uniformly, shape (n, 3).

    Examples
    --------
    >>> sample_triplets(3, 1, np.random.default_rng(0)).sum()
    np.int64(3)
    """
    if m < 3:
        raise ValueError(f"a triplet needs 3 objects, there are {m}")
    first = rng.integers(m, size=n)
    second = (first + rng.integers(1, m, size=n)) % m
    low, high = np.minimum(first, second), np.maximum(first, second)
    # A draw from the m - 2 others: skip the two that are taken, the lower one first.
    third = rng.integers(m - 2, size=n)
    third += third >= low
    third += third >= high
    return np.stack([first, second, third], axis=1)


def matrix_probabilities(
    similarity: Floats, triplets: Integers, temperature: float = 1.0
) -> npt.NDArray[np.float32]:
    """Probability that item 1, 2, 3 is the odd one, from a matrix, shape (n, 3).

    The similarities (m, m) are computed once for all m(m-1)(m-2)/6 triplets of m images, instead of
    three rows of features being read for each triplet (``benchmarks/results/labels.md``).

    Examples
    --------
    >>> two_alike = np.array([[0.0, 2, 0], [2, 0, 0], [0, 0, 0]])
    >>> matrix_probabilities(two_alike, np.array([[0, 1, 2]])).round(2)
    array([[0.11, 0.11, 0.79]], dtype=float32)
    """
    result = np.empty((len(triplets), 3), np.float32)
    # One index per pair instead of two: numpy takes a third of the time.
    flat, m = np.ascontiguousarray(similarity).reshape(-1), len(similarity)
    for start in range(0, len(triplets), ROWS):
        rows = triplets[start : start + ROWS].astype(np.int64)
        first, second, third = (flat.take(rows[:, a] * m + rows[:, b]) for a, b in PAIRS)
        logs = log_choice((first, second, third), np.asarray(temperature, similarity.dtype))
        np.exp(np.stack(logs, axis=1), out=result[start : start + ROWS], casting="same_kind")
    return result


def odd_logits(similarity: Floats, triplets: Integers) -> Floats:
    """Logits that item 1, 2, 3 is the odd one, shape (n, 3): similarities of the other two."""
    first, second, third = pair_similarities(similarity, triplets)
    return np.stack([third, second, first], axis=1).astype(np.float64)


def log_probabilities(logits: Floats, anchored: Booleans | None = None) -> Floats:
    """Log-softmax of odd-one logits, shape (n, 3), by :mod:`twoalike.choice`."""
    first, second, third = logits.T
    return np.stack(log_choice((third, second, first), anchored=anchored), axis=1)


def guess_rate(lapse: float, anchored: Booleans | None = None) -> Any:
    """Probability that a possible answer is a guess, one for all choices or shape (n, 1)."""
    if anchored is None:
        return lapse / OPTIONS["odd_one_out"]
    return lapse / np.where(anchored, OPTIONS["anchored"], OPTIONS["odd_one_out"])[:, None]


def fit_mixture(
    parts: list[Floats], labels: Floats, lapse: float = 0.0, anchored: Booleans | None = None
) -> Floats:
    """Non-negative weights w for which softmax(Σ w parts) predicts labels best.

    They minimise the cross-entropy, which is convex without lapses: the solution is unique.

    Parameters
    ----------
    parts
        Logits, each of shape (n, 3).
    labels
        Choice probabilities, or choices as one-hot rows, shape (n, 3).
    lapse
        Share of guesses in the labels; the weights are those of attentive choices.
    anchored
        Where item 1 is a reference and never the odd one, shape (n,); None: nowhere.

    Examples
    --------
    >>> logits = np.random.default_rng(0).normal(size=(500, 3))
    >>> fit_mixture([logits], np.exp(log_probabilities(3.0 * logits))).round(3)
    array([3.])
    """
    from scipy.optimize import minimize

    # Parts of unit size: the search is slow if one is a thousand times larger than the other.
    sizes = [float(part.std()) or 1.0 for part in parts]
    stacked = np.stack([part / size for part, size in zip(parts, sizes, strict=True)])
    guess = guess_rate(lapse, anchored)

    def loss(weights: Floats) -> tuple[float, Floats]:
        attentive = np.exp(log_probabilities(np.tensordot(weights, stacked, axes=1), anchored))
        predicted = np.maximum((1 - lapse) * attentive + guess, LEAST)
        # Share of each label due to attention, which weights its gradient; 1 without lapses.
        pull = labels * (1 - lapse) * attentive / predicted
        gradient = attentive * pull.sum(axis=1, keepdims=True) - pull
        slopes = (gradient * stacked).sum(axis=2).mean(axis=1)
        return float(-(labels * np.log(predicted)).sum(axis=1).mean()), slopes

    found = minimize(
        loss,
        np.ones(len(parts)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * len(parts),
        options={"ftol": 1e-12, "gtol": 1e-8},
    )
    return np.asarray(found.x / sizes)


def score_soft(logits: Floats, labels: Floats) -> dict[str, float]:
    """Score logits on choices drawn from labels: accuracy (ties 1/k), log-loss, KL."""
    logs = log_probabilities(logits)
    hits = np.stack(
        [expected_accuracy(logits, np.full(len(logits), item)) for item in range(3)], axis=1
    )
    log_labels = np.log(labels, out=np.zeros_like(labels), where=labels > 0)
    return {
        "accuracy": float((labels * hits).sum(axis=1).mean()),
        "log_loss": float(-(labels * logs).sum(axis=1).mean()),
        "kl": float((labels * (log_labels - logs)).sum(axis=1).mean()),
    }


def score_choices(
    logits: Floats, chosen: Integers, lapse: float = 0.0, anchored: Booleans | None = None
) -> dict[str, float]:
    """Score logits on people's choices, a share ``lapse`` of which are guesses."""
    attentive = np.exp(log_probabilities(logits, anchored))
    p = np.maximum((1 - lapse) * attentive + guess_rate(lapse, anchored), LEAST)
    offered = logits
    if anchored is not None:
        offered = logits.copy()
        offered[anchored, 0] = -np.inf
    return {
        "accuracy": float(expected_accuracy(offered, chosen).mean()),
        "log_loss": float(log_loss(p, chosen).mean()),
    }


def odd_probabilities(
    posterior: ChoiceModel,
    triplets: Integers,
    mode: Mode,
    anchored: Booleans | None = None,
    *,
    lapse: bool = False,
) -> Floats:
    """Probability that item 1, 2, 3 is the odd one: of an anchored choice, the item not chosen."""
    if anchored is None or not anchored.any():
        return posterior.choice_probabilities(triplets, mode, lapse=lapse)
    p = np.empty((len(triplets), 3))
    p[~anchored] = posterior.choice_probabilities(triplets[~anchored], mode, lapse=lapse)
    near = posterior.choice_probabilities(triplets[anchored], mode, lapse=lapse, kind="anchored")
    p[anchored] = near[:, [0, 2, 1]]
    return p


def compare_predictions(
    predicted: Mapping[str, Floats],
    chosen: Integers,
    lapse: float = 0.0,
    anchored: Booleans | None = None,
) -> dict[str, Any]:
    """Log-loss of each kind of labels or teachers on new choices, and the lead of the best.

    Parameters
    ----------
    predicted
        By kind, the probabilities that item 1, 2, 3 is the odd one, shape (n, 3).
    chosen
        The item called the odd one, 0 to 2, shape (n,).
    lapse
        Share of guesses that the probabilities leave out: people lapse, and without it the least
        confident kind would win.
    anchored
        Where item 1 is a reference, shape (n,).

    Returns
    -------
    ``n``, ``log_loss`` by kind, ``best``, and ``behind``: the differences of the others from the
    best, with standard errors.

    Examples
    --------
    >>> sure, unsure = np.array([[0.8, 0.1, 0.1]] * 3), np.full((3, 3), 1 / 3)
    >>> found = compare_predictions({"posterior": sure, "surrogate": unsure}, np.zeros(3, int))
    >>> found["best"], round(found["behind"]["surrogate"]["log_loss"], 2)
    ('posterior', 0.88)
    """
    losses = {
        kind: log_loss((1 - lapse) * probabilities + guess_rate(lapse, anchored), chosen)
        for kind, probabilities in predicted.items()
    }
    best = min(losses, key=lambda kind: float(losses[kind].mean()))
    gaps = {kind: values - losses[best] for kind, values in losses.items() if kind != best}
    n = len(chosen)
    return {
        "n": n,
        "log_loss": {kind: float(values.mean()) for kind, values in losses.items()},
        "best": best,
        "behind": {
            kind: {
                "log_loss": float(gap.mean()),
                "se": float(gap.std(ddof=1) / np.sqrt(n)) if n > 1 else None,
            }
            for kind, gap in gaps.items()
        },
    }


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
