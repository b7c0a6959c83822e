"""Correlations in which pairs count by what is known of them.

The weight of a pair is the evidence that arrangements give on it, or how reliable the posterior
has its dissimilarity. A pair of weight 2 counts as two pairs of weight 1 do.
"""

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import Z95, Interval, object_variance, spearman_influence

type Floats = npt.NDArray[np.float64]
type Places = npt.NDArray[np.integer]


def _checked(weights: npt.ArrayLike) -> Floats:
    weight = np.asarray(weights, dtype=np.float64)
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
        raise ValueError("weights of pairs must be finite, not negative, and not all zero")
    return weight


def weighted_pearson(a: npt.ArrayLike, b: npt.ArrayLike, weights: npt.ArrayLike) -> float:
    """Pearson's correlation with weights; 0 if either is constant.

    Parameters
    ----------
    a, b, weights
        Shape (pairs,); weights not negative.

    Examples
    --------
    >>> round(weighted_pearson([1, 2, 3, 9], [1, 2, 3, 0], [1, 1, 1, 0]), 3)
    1.0
    """
    weight = _checked(weights)
    x, y = (np.asarray(values, dtype=np.float64) for values in (a, b))
    x, y = (values - np.average(values, weights=weight) for values in (x, y))
    size = float(np.sqrt((weight * x * x).sum() * (weight * y * y).sum()))
    return float((weight * x * y).sum()) / size if size > 0 else 0.0


def _weighted_ranks(values: npt.ArrayLike, weight: Floats) -> Floats:
    """Weight of the pairs below, and half of those tied: mid-ranks, were weights counts."""
    _, place = np.unique(np.asarray(values), return_inverse=True)
    count = np.bincount(place, weights=weight)
    return np.asarray((np.cumsum(count) - count / 2)[place])


def weighted_spearman(a: npt.ArrayLike, b: npt.ArrayLike, weights: npt.ArrayLike) -> float:
    """Spearman's correlation with weights: of weighted ranks, weighted.

    With whole numbers it is the correlation of the pairs repeated so often.

    Parameters
    ----------
    a, b, weights
        Shape (pairs,); weights not negative.

    Examples
    --------
    >>> round(weighted_spearman([1, 2, 3, 9], [1, 2, 5, 0], [1, 1, 1, 0]), 3)
    1.0
    """
    weight = _checked(weights)
    return weighted_pearson(_weighted_ranks(a, weight), _weighted_ranks(b, weight), weight)


def weighted_interval(
    a: Floats, b: Floats, weights: Floats, rows: Places, columns: Places
) -> Interval:
    """Weighted Spearman correlation with its 95 % interval over objects.

    Parameters
    ----------
    a, b, weights
        Shape (pairs,); weights > 0.
    rows, columns
        The two objects of each pair, shape (pairs,).
    """
    value = weighted_spearman(a, b, weights)
    ends = np.stack([rows, columns]).astype(np.int64)
    influence = spearman_influence(a, b, weights)
    half = Z95 * float(np.sqrt(object_variance(influence, ends[0], ends[1], weights)))
    return Interval(value, value - half, value + half)


def reliability_weights(mean: Floats, sd: Floats) -> Floats:
    """Weight of pairs that are known with different precision, in (0, 1].

    The inverse of the variance of a pair about any model: the spread of the dissimilarities
    themselves and their uncertainty, in units of the former. Inverse uncertainty alone would let
    the few pairs that are known best decide.

    Parameters
    ----------
    mean, sd
        Dissimilarities and their standard deviations, shape (pairs,).

    Examples
    --------
    >>> reliability_weights(np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    array([1. , 0.5])
    """
    spread = float(np.var(mean))
    total = spread + np.asarray(sd, dtype=np.float64) ** 2
    return np.asarray(np.where(total > 0, spread / np.where(total > 0, total, 1.0), 1.0))
