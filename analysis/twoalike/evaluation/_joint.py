r"""Which of many networks differ: all paired differences at once, and the ranks that follow.

Forty networks have 780 differences, of which 39 would be "significant" at the 5 % level if all
networks were equally good. And the best one was chosen because it scored highest: set against the
others as if it had been named before, it looks better than them by that choice alone. Both are met
by one bound for all differences. Networks are scored on the same choices, and every resample moves
all their scores together. With d the difference of two scores, s its standard error and d* its
deviation in a resample, in units of its own standard deviation, the bound c is the 95 % quantile
over resamples of

    max over all pairs of |d*|

so that all intervals d ± c s hold their true differences together in 95 % of studies, whichever
pair is looked at, and however it was chosen (single-step max-T: Westfall and Young 1993; Romano and
Wolf 2005, doi:10.1111/j.1468-0262.2005.00615.x). Since scores of networks correlate, c is smaller
than Bonferroni's or Holm's bound. If the network to compare with was named beforehand, the maximum
is over the pairs with it.

Standard errors are estimates from few people and objects, and among many pairs some are far too
small by chance: without correction, equal networks were told apart in three times as many small
studies as they should be. Differences are therefore brought to the scale of the normal distribution
by Student's t with as many degrees of freedom as there are independent groups of judgments, less
one: people, or sets of objects that have none in common (a third of the objects for triplets),
whichever are fewer (Cameron and Miller 2015, doi:10.3368/jhr.50.2.317).

A network that is worse than b others by these intervals and better than w of k networks has a rank
in b + 1 to k - w: these ranges hold all true ranks together in 95 % of studies (Mogstad, Romano,
Shaikh and Wilhelm 2024, doi:10.1093/restud/rdad006).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from twoalike.study import Booleans, Floats, Integers

RESAMPLES = 2000
_ROUNDING = 1e-10
"""Variance of a difference, as a share of that of the two, that is rounding."""


def difference_variances(covariance: Floats) -> Floats:
    """Variance of the difference of every two of k, exactly 0 for equal ones, shape (k, k)."""
    own = np.diagonal(covariance)
    both = own[:, None] + own
    variances = both - covariance - covariance.T
    return np.asarray(np.where(variances > _ROUNDING * np.abs(both), variances, 0.0))


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Differences of every two of k networks, with intervals that hold the truth together."""

    difference: Floats
    """Score of the row's network minus that of the column's, shape (k, k)."""
    half: Floats
    """Half the length of its simultaneous interval, shape (k, k)."""
    p: Floats
    """Its p-value, corrected for all pairs compared; NaN for other pairs, shape (k, k)."""
    level: float
    """Probability that all intervals hold the truth."""

    @property
    def differs(self) -> Booleans:
        """Pairs whose interval does not hold 0, shape (k, k)."""
        return np.asarray(np.nan_to_num(self.p, nan=1.0) <= 1 - self.level)

    def ranks(self, *, high_is_good: bool = True) -> list[tuple[int, int]]:
        """Smallest and largest rank that each network may have; 1 is the best."""
        gain = self.difference if high_is_good else -self.difference
        better = (self.differs & (gain > 0)).sum(axis=1)
        worse = (self.differs & (gain < 0)).sum(axis=1)
        k = len(gain)
        return [(1 + int(b), k - int(w)) for b, w in zip(worse, better, strict=True)]


@dataclass(frozen=True, eq=False)
class JointEstimates:
    """Scores of k networks, and how these vary together."""

    values: Floats
    """Scores, shape (k,)."""
    errors: Floats
    """Standard error of each difference of two, 0 where it does not vary, shape (k, k)."""
    deviations: Floats
    """Deviation of every score in each of r resamples, in any unit, shape (r, k)."""
    scale: Floats
    """Standard deviation of the difference of two deviations, shape (k, k)."""
    freedom: float
    """Degrees of freedom of the standard errors."""

    @classmethod
    def from_covariance(
        cls, values: Floats, covariance: Floats, freedom: float, rng: np.random.Generator
    ) -> "JointEstimates":
        """Take normal deviations, for estimates with a covariance (k, k) of so many degrees."""
        errors = np.sqrt(difference_variances(covariance))
        shape = np.linalg.eigh((covariance + covariance.T) / 2)
        root = shape.eigenvectors * np.sqrt(np.maximum(shape.eigenvalues, 0.0))
        deviations = rng.normal(size=(RESAMPLES, len(values))) @ root.T
        return cls(values, errors, deviations, errors, freedom)

    def compare(self, against: int | None = None, level: float = 0.95) -> Comparisons:
        """Compare every two networks, or all with one (0..k-1) that was named beforehand.

        ``level`` is the probability that all intervals hold the truth. A difference is in none of
        the resamples' tails exactly if its interval holds 0: p is at most 1 - ``level`` where it
        does not.
        """
        k = len(self.values)
        family = ~np.eye(k, dtype=bool)
        if against is not None:
            family[:] = False
            family[against] = family[:, against] = True
            family[against, against] = False
        largest = np.sort(self._largest(family))[::-1]
        r = len(largest)
        bound = largest[int((1 - level) * (r + 1)) - 1]
        difference = self.values[:, None] - self.values
        size = np.abs(difference)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(size > 0, size / self.errors, 0.0)
        normal = -ndtri(stdtr(self.freedom, -t))  # by the lower tail, which does not round to 1
        beyond = r - np.searchsorted(largest[::-1], normal.ravel()).reshape(t.shape)
        p = np.where(t > 0, (1 + beyond) / (r + 1), 1.0)
        bound = -float(stdtrit(self.freedom, ndtr(-bound)))
        half = np.where(family, bound * self.errors, np.nan)
        return Comparisons(difference, half, np.where(family, p, np.nan), level)

    def _largest(self, family: Booleans) -> Floats:
        """Largest standardised difference in each resample over the pairs compared, shape (r,)."""
        largest = np.zeros(len(self.deviations))
        for first, others in self._varying(family):
            apart = np.abs(self.deviations[:, [first]] - self.deviations[:, others])
            largest = np.maximum(largest, (apart / self.scale[first, others]).max(axis=1))
        return largest

    def _varying(self, family: Booleans) -> Iterator[tuple[int, Integers]]:
        """Each network with those after it that it is compared with and differs from at all."""
        pairs = np.triu(family) & (self.scale > 0)
        for first in np.flatnonzero(pairs.any(axis=1)).tolist():
            yield first, np.flatnonzero(pairs[first])
