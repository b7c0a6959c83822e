"""Whether predicted probabilities mean what they say."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]


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
    counts: npt.NDArray[np.int64]
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


def reliability(
    probabilities: Floats,
    chosen: npt.NDArray[np.integer],
    *,
    bins: int = 10,
    fewest: int = 10,
) -> Reliability:
    """Bin the predictions for all three items of every triplet.

    Parameters
    ----------
    probabilities
        Probability of each item, shape (n, 3).
    chosen
        Item chosen, 0..2, shape (n,).
    bins
        Number of bins of equal width.
    fewest
        Predictions a bin needs to be reported.

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
    values = np.asarray(probabilities, dtype=np.float64).ravel()
    hits = np.eye(3)[chosen].ravel()
    edges = np.linspace(0, 1, bins + 1)
    # A hair above: a prediction of exactly 0.2 computed as 0.19999999999999998 is one of 0.2.
    which = np.clip(np.digitize(values + 1e-12, edges) - 1, 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    kept = counts >= fewest
    n = np.maximum(counts, 1)
    successes = np.bincount(which, weights=hits, minlength=bins)
    low, high = wilson_interval(successes, n)
    predicted = np.bincount(which, weights=values, minlength=bins) / n
    return Reliability(edges, counts, predicted[kept], (successes / n)[kept], low[kept], high[kept])
