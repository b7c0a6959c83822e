"""Whether predicted probabilities mean what they say."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.choice import expected_accuracy
from twoalike.study import Floats, Integers

type Answers = Literal["all", "top"]


@dataclass(frozen=True)
class Reliability:
    """Predicted probabilities in bins, against how often they came true.

    Attributes
    ----------
    edges
        Edges of the k bins, shape (k + 1,).
    counts
        Predictions in each bin, shape (k,).
    predicted, observed, low, high
        Of the bins with enough predictions: mean prediction, share that came true and its
        95 % (Wilson) interval.
    """

    edges: Floats
    counts: Integers
    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats


def wilson_interval(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """95 % interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Examples
    --------
    >>> low, high = wilson_interval(0, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.0, 0.278)
    """
    z2 = 1.959963984540054**2
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    middle = (k + z2 / 2) / (n + z2)
    half = np.sqrt(z2 * (k * (n - k) / n + z2 / 4)) / (n + z2)
    return np.asarray(middle - half), np.asarray(middle + half)


def predictions(
    probabilities: npt.ArrayLike, chosen: Integers, answers: Answers = "all"
) -> tuple[Floats, Floats]:
    """Predicted probabilities of answers, and whether these were given.

    Parameters
    ----------
    probabilities
        Probability of each item, shape (n, 3).
    chosen
        Item chosen, 0..2, shape (n,).
    answers
        ``all`` three of a triplet, or the most probable one (``top``); of k tied ones each is
        1/k of it, so that the order of items does not matter.

    Returns
    -------
    Probabilities and hits, shape (n, 3) for all and (n, 1) for the top.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if answers == "all":
        return values, np.eye(3)[chosen]
    return values.max(axis=1, keepdims=True), expected_accuracy(values, chosen)[:, None]


def probability_bins(
    values: Floats, bins: int = 10, *, equal_counts: bool = False
) -> tuple[Floats, Integers]:
    """Edges of bins of probabilities, and the bin of each value.

    Parameters
    ----------
    values
        Probabilities, any shape.
    bins
        Number of bins.
    equal_counts
        Bins with about as many values each, instead of bins of equal width; equal values stay
        together, so that there may be fewer bins.

    Returns
    -------
    Edges, shape (k + 1,), and bin of each value, 0..k-1, in the shape of ``values``.
    """
    edges = np.linspace(0, 1, bins + 1)
    if equal_counts and values.size:
        # Rounded, since values that differ by rounding alone belong together.
        rounded = np.round(values, 9)
        inner = np.unique(np.quantile(rounded, edges[1:-1]))
        lowest, highest = rounded.min(), rounded.max()
        edges = np.concatenate([[lowest], inner[inner > lowest], [highest]])
    # A hair above: a prediction of exactly 0.2 computed as 0.19999999999999998 is one of 0.2.
    which = np.searchsorted(edges[1:-1], values + (1e-9 if equal_counts else 1e-12), side="right")
    return edges, np.asarray(which, dtype=np.int64)


@dataclass(frozen=True)
class Binned:
    """Predictions, whether they came true, and their bins; k is 3 for all answers, 1 for the top.

    Attributes
    ----------
    probabilities
        Of each item, shape (n, 3).
    answers
        Which of them are predictions.
    values, hits, which
        Predictions, outcomes, and bin of each, shape (n, k).
    edges
        Of the bins, shape (bins + 1,).
    """

    probabilities: Floats
    answers: Answers
    values: Floats
    hits: Floats
    which: Integers
    edges: Floats

    def reliability(self, fewest: int = 10) -> Reliability:
        """Compare predictions with outcomes in bins that have enough of them."""
        values, hits, which = self.values.ravel(), self.hits.ravel(), self.which.ravel()
        counts = np.bincount(which, minlength=len(self.edges) - 1)
        kept = counts >= fewest
        n = np.maximum(counts, 1)
        successes = np.bincount(which, weights=hits, minlength=len(counts))
        low, high = wilson_interval(successes, n)
        predicted = np.bincount(which, weights=values, minlength=len(counts)) / n
        observed = successes / n
        ends = low[kept], high[kept]
        return Reliability(self.edges, counts, predicted[kept], observed[kept], *ends)


def binned(
    probabilities: npt.ArrayLike,
    chosen: Integers,
    *,
    bins: int = 10,
    answers: Answers = "all",
    equal_counts: bool = False,
) -> Binned:
    """Put predictions into bins; the arguments are those of :func:`reliability`."""
    shares = np.asarray(probabilities, dtype=np.float64)
    values, hits = predictions(shares, chosen, answers)
    edges, which = probability_bins(values, bins, equal_counts=equal_counts)
    return Binned(shares, answers, values, hits, which, edges)


def reliability(
    probabilities: Floats,
    chosen: Integers,
    *,
    bins: int = 10,
    fewest: int = 10,
    answers: Answers = "all",
    equal_counts: bool = False,
) -> Reliability:
    """Bin the predictions, by default those for all three items of every triplet.

    Parameters
    ----------
    probabilities
        Probability of each item, shape (n, 3).
    chosen
        Item chosen, 0..2, shape (n,).
    bins
        Number of bins, of equal width unless ``equal_counts``.
    fewest
        Predictions a bin needs to be reported.
    answers
        ``all`` three of a triplet, or the ``top``: the most probable one.
    equal_counts
        Bins with about as many predictions each (:func:`probability_bins`).

    Notes
    -----
    The three items of a triplet are not independent, nor are the choices of one person: the
    intervals are a little narrow.

    Examples
    --------
    >>> curve = reliability(np.tile([0.2, 0.2, 0.6], (50, 1)), np.array([0, 1, 2, 2, 2] * 10))
    >>> curve.predicted.round(2), curve.observed.round(2)
    (array([0.2, 0.6]), array([0.2, 0.6]))
    """
    return binned(
        probabilities, chosen, bins=bins, answers=answers, equal_counts=equal_counts
    ).reliability(fewest)
