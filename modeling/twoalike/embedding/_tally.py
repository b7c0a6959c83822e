"""Counts of what happened against what the fitted model would give again.

A posterior predictive check of a discrepancy T (doi:10.1214/ss/1177012136): for each draw of the
posterior, T of the data is set against T of data replicated under the same draw, and the p-value
is the share of replicates that are at least as large. T may depend on the draw; it has to here,
since a check against one prediction that was itself fitted to the data finds the fit in it.

Checks of choices are of sums of independent hits, one with its own probability each. Their
replicates need not be drawn: the tail of such a sum follows from its first three moments (the
refined normal approximation to the Poisson binomial, doi:10.1016/j.csda.2012.10.006). Of other
discrepancies replicates are drawn, and three moments of their differences to what was observed
tell the tail further out than any replicate lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

type Floats = npt.NDArray[np.float64]

Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Comparison:
    """Something observed against replicates.

    A check of any task takes this form: of choices the share of the cases in which something
    could happen (see :class:`Tally`), else a mean over cases (see :class:`ReplicateTally`).

    Attributes
    ----------
    name
        Of whom or what.
    n
        Cases (mean over draws where it depends on the draw).
    observed
        Share or mean observed.
    expected, low, high
        Mean and 90 % interval of the same in replicated data.
    p
        Probability that a replicate is at least as large as what was observed (Bayesian
        p-value, equal values counted half).
    """

    name: str
    n: float
    observed: float
    expected: float
    low: float
    high: float
    p: float

    @property
    def two_sided(self) -> float:
        """Probability of a replicate at least as far out, on either side."""
        return min(1.0, 2 * min(self.p, 1 - self.p))


def bernoulli_moments(probability: Any, value: Any = 1.0) -> tuple[Any, Any, Any]:
    """Mean, variance and third central moment of ``value`` with ``probability``, else 0."""
    spread = value**2 * probability * (1 - probability)
    return value * probability, spread, spread * value * (1 - 2 * probability)


def below(observed: Floats, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """Probability that a sum of independent hits is smaller than observed, ties counted half.

    Parameters
    ----------
    observed, mean, variance, third
        The sum, and its mean, variance and third central moment.

    Examples
    --------
    >>> moments = [np.array([10 * value]) for value in bernoulli_moments(0.5)]
    >>> below(np.array([5.0]), *moments)
    array([0.5])
    """
    certain = variance <= 1e-12
    # Half the probability of equal values: as if noise uniform over one hit were added.
    sd = np.sqrt(variance + 1 / 12)
    z = np.clip((observed - mean) / sd, -38, 38)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    share = ndtr(z) + third / sd**3 * (1 - z**2) * density / 6
    return np.where(certain, 0.5, np.clip(share, 0.0, 1.0))


class Tally:
    """Hits of several groups, summed within a draw and compared at its end.

    Only sums over draws are kept: memory is that of the groups.

    Parameters
    ----------
    names
        Of the groups.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._draws = 0
        self._now = np.zeros((5, len(self.names)))  # cases, hits, three moments of the hits
        self._sums = np.zeros((6, len(self.names)))

    def add(
        self, group: npt.NDArray[np.integer], hits: npt.ArrayLike, moments: tuple[Any, Any, Any]
    ) -> None:
        """Add cases to the present draw.

        Parameters
        ----------
        group
            Group of each case, shape (n,).
        hits
            What was observed, shape (n,).
        moments
            Of what the draw expects, shape (n,) each: see :func:`bernoulli_moments`.
        """
        size = len(self.names)
        self._now[0] += np.bincount(group, minlength=size)
        for row, values in enumerate((hits, *moments), start=1):
            weights = np.asarray(values, dtype=np.float64)
            self._now[row] += np.bincount(group, weights=weights, minlength=size)

    def end_draw(self) -> None:
        """Compare the present draw, and make ready for the next."""
        cases, hits, mean, variance, third = self._now
        gap = mean - hits
        share = below(hits, mean, variance, third)
        self._sums += np.stack([cases, hits, mean, variance + gap**2, gap, share])
        self._draws += 1
        self._now[:] = 0

    def comparisons(self) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names."""
        cases, hits, mean, square, gap, share = self._sums / self._draws
        sd = np.sqrt(np.maximum(square - gap**2, 0.0))
        found = []
        for place in np.flatnonzero(cases):
            n = cases[place]
            low, high = (mean[place] + side * Z90 * sd[place] for side in (-1, 1))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(n),
                    observed=float(hits[place] / n),
                    expected=float(mean[place] / n),
                    low=float(max(low / n, 0.0)),
                    high=float(min(high / n, 1.0)),
                    p=float(1 - share[place]),
                )
            )
        return found


class ReplicateTally:
    """Discrepancies of several groups, each set against replicates that were drawn.

    Only sums over replicates are kept: memory is that of the groups. The difference of a
    replicate to what was observed is taken to follow the Pearson distribution of type III (a
    shifted gamma, of either direction) that has its first three moments.

    Parameters
    ----------
    names
        Of the groups.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._replicates = 0
        self._sums = np.zeros((4, len(self.names)))  # observed, three powers of the difference

    def add(self, observed: Floats, replicated: Floats) -> None:
        """Add one replicate of every group.

        Parameters
        ----------
        observed, replicated
            The discrepancy in the data and in the replicate, under one draw, shape (groups,).
        """
        gap = replicated - observed
        self._sums += np.stack([observed, gap, gap**2, gap**3])
        self._replicates += 1

    def comparisons(self, cases: npt.NDArray[np.integer]) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names.

        Parameters
        ----------
        cases
            Of each group, shape (groups,).
        """
        from scipy.stats import pearson3

        observed, gap, square, cube = self._sums / max(self._replicates, 1)
        sd = np.sqrt(np.maximum(square - gap**2, 1e-18))
        skew = (cube - 3 * gap * square + 2 * gap**3) / sd**3
        found = []
        for place in np.flatnonzero(cases):
            tail = pearson3(skew[place], gap[place], sd[place])
            low, high = (observed[place] + tail.ppf(level) for level in (0.05, 0.95))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(cases[place]),
                    observed=float(observed[place]),
                    expected=float(observed[place] + gap[place]),
                    low=float(low),
                    high=float(high),
                    p=float(tail.sf(0.0)),
                )
            )
        return found
