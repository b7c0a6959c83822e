r"""What each pair of objects adds to a rank correlation: intervals for thousands of objects.

Leaving out an object and ranking the rest anew takes a second for a million pairs. To first order
the correlation changes by the sum of the influences of the pairs that are left out, and these take
one sort (the infinitesimal jackknife: Efron 1982, doi:10.1137/1.9781611970319). With u and v the
ranks of the two dissimilarities as shares, less 1/2, and C = mean(u v),

    influence of pair p on C  =  u_p v_p + A_v(x_p) + A_u(y_p) - 3 C,

where A_v(x_p) is the mean of v over the pairs that lie above p in x, those tied with it by half:
they rank lower when p is left out.
"""

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]
type Places = npt.NDArray[np.int64]

_NO_ORDER = 1e-15
"""Variance of ranks (as shares) below which all are tied, but for rounding."""


class _Ranked:
    """Values as ranks, with sums over what lies above each of them."""

    def __init__(self, values: npt.ArrayLike, weights: Floats) -> None:
        _, place = np.unique(np.asarray(values), return_inverse=True)
        self._place: Places = place
        self._weights = weights / weights.sum()
        count = np.bincount(place, weights=self._weights)
        self.share = np.asarray((np.cumsum(count) - count / 2 - 0.5)[place])

    def mean_above(self, values: Floats) -> Floats:
        """Mean over all pairs of ``values`` where they lie above, by half where tied."""
        sums = np.bincount(self._place, weights=self._weights * values)
        above = sums[::-1].cumsum()[::-1] - sums / 2
        return np.asarray(above[self._place])


def spearman_influence(
    a: npt.ArrayLike, b: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Floats:
    """Influence of each pair on Spearman's correlation; their (weighted) mean is zero.

    Leaving out pairs changes the correlation by minus the sum of their influences, divided by
    the number of pairs that remain, to first order.

    Parameters
    ----------
    a, b
        Dissimilarities, shape (pairs,).
    weights
        How much each pair counts, > 0, shape (pairs,); all alike if left out.

    Returns
    -------
    Shape (pairs,); zero if either is constant.
    """
    return spearman_with_influence(a, b, weights)[1]


def spearman_with_influence(
    a: npt.ArrayLike, b: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[float, Floats]:
    """Spearman's correlation, and :func:`spearman_influence` on it, from one ranking."""
    weight = np.ones(np.shape(a)) if weights is None else np.asarray(weights, dtype=np.float64)
    x, y = _Ranked(a, weight), _Ranked(b, weight)
    u, v = x.share, y.share
    sizes = float(np.average(u * u, weights=weight)), float(np.average(v * v, weights=weight))
    if min(sizes) <= _NO_ORDER:
        return 0.0, np.zeros_like(u)
    common = float(np.average(u * v, weights=weight))
    of_common = u * v + x.mean_above(v) + y.mean_above(u) - 3 * common
    of_a = u * u + 2 * x.mean_above(u) - 3 * sizes[0]
    of_b = v * v + 2 * y.mean_above(v) - 3 * sizes[1]
    scale = np.sqrt(sizes[0] * sizes[1])
    value = common / scale
    return value, of_common / scale - value / 2 * (of_a / sizes[0] + of_b / sizes[1])


def object_variance(
    influence: Floats, rows: Places, columns: Places, weights: Floats | None = None
) -> Floats:
    """Variance of an estimate over the choice of objects, from the influences of the pairs.

    The jackknife that leaves out each object with all its pairs, to first order.

    Parameters
    ----------
    influence
        Shape (estimates, pairs) or (pairs,).
    rows, columns
        The two objects of each pair, 0..m-1, shape (pairs,).
    weights
        As in :func:`spearman_influence`.

    Returns
    -------
    Shape (estimates,) or ().
    """
    n_objects = int(max(rows.max(), columns.max())) + 1
    weight = np.ones(len(rows)) if weights is None else weights

    def by_object(values: Floats) -> Floats:
        return np.asarray(
            np.bincount(rows, values, n_objects) + np.bincount(columns, values, n_objects)
        )

    present = by_object(np.ones(len(rows))) > 0
    left = weight.sum() - by_object(weight)
    sums = np.stack([by_object(weight * one) for one in np.atleast_2d(influence)])
    changes = (sums / np.where(left > 0, left, np.inf))[:, present]
    m = changes.shape[1]
    centred = changes - changes.mean(axis=1, keepdims=True)
    variance = (m - 1) / m * (centred**2).sum(axis=1)
    return np.asarray(variance if np.ndim(influence) == 2 else variance[0])
