r"""What the best possible predictor scores, from known choice probabilities or from a few votes.

The best prediction is the most probable answer, the mode. Of single responses it gets max p right
on average. Against the majority of n votes it scores more, since a majority is less noisy than one
response, and more still where a tie of the majority accepts either answer: a model scored so has to
be held against this bound, not against people left out one by one.

A few votes make any triplet look more certain than it is: the largest share of them is too large
and their entropy too small. The hierarchical model takes the probabilities p of a triplet as drawn
from a distribution G that all triplets have in common, and its votes as multinomial given p. G is
estimated from the votes of all triplets; the best predictor's accuracy is then the mean of max p
under G, and a triplet's entropy is estimated from its own votes and G.

A symmetric Dirichlet for G, or a mixture of some, is too stiff: some triplets are a matter of two
objects and others of three, and the bound comes out .01 to .04 wrong with five votes, and further
off with more (benchmarks/results/ceilings.md). Here G is any mixture of points of a lattice over
the probabilities in descending order, fitted by maximum likelihood with EM (Laird 1978,
doi:10.1080/01621459.1978.10480103). Several G fit the same votes equally well, because n votes
determine only its moments up to degree n. EM starts from the uniform distribution and does a fixed
number of steps, which stays near it; :meth:`ChoiceDistribution.identified` gives how far apart the
means under the others lie.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.special import gammaln

from twoalike.ceilings._votes import DRAWN, TripletIntervals, all_counts, count_types
from twoalike.choice import entropy
from twoalike.evaluation import Interval, Span
from twoalike.study import Floats, Integers

_CELLS = 4_000_000
"""Outcomes times triplets worked out at once (32 MB of doubles)."""
_LEAST_LOG = -745.0
"""Stands for the logarithm of 0: its exponential is 0, and 0 times it is 0."""


def count_probabilities(probabilities: Floats, counts: Integers) -> Floats:
    """Multinomial probability of each of k counts on each of m triplets, shape (m, k)."""
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(probabilities), _LEAST_LOG)
    ways = gammaln(counts.sum(axis=1) + 1) - gammaln(counts + 1).sum(axis=1)
    return np.asarray(np.exp(logs @ counts.T + ways))


def expected_value(probabilities: npt.ArrayLike, n: int, values: Floats) -> Floats:
    """Mean of a function of the counts of n votes, on each of m triplets, shape (m,) or (m, f).

    ``values`` holds it at each row of :func:`all_counts`, shape (k,) or (k, f).
    """
    p = np.asarray(probabilities, dtype=np.float64)
    counts = all_counts(n)
    out = np.empty((len(p), *values.shape[1:]))
    step = max(1, _CELLS // len(counts))
    for start in range(0, len(p), step):
        rows = slice(start, start + step)
        out[rows] = count_probabilities(p[rows], counts) @ values
    return out


def oracle_bound(probabilities: npt.ArrayLike) -> Floats:
    """Return the best predictor's expected accuracy on single responses: max p, shape (m,)."""
    return np.asarray(np.asarray(probabilities, dtype=np.float64).max(axis=1))


def majority_bound(probabilities: npt.ArrayLike, n: int) -> Floats:
    """Score the best predictor against the majority of n votes, on average over votes.

    Any of tied answers counts as right. Of choice probabilities (m, 3), shape (m,).
    """
    p = -np.sort(-np.asarray(probabilities, dtype=np.float64), axis=1)  # the mode comes first
    counts = all_counts(n)
    return expected_value(p, n, (counts[:, 0] == counts.max(axis=1)).astype(np.float64))


_LATTICE = 60
"""Steps from 0 to 1: probabilities a sixtieth apart, 331 in descending order."""
_STEPS = 300
"""More come nearer to distributions of a few points, and vary more where votes are few."""
_ORDERS = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
_MOST_MOMENTS = 20
"""Votes up to which the range of means is worked out; more are known too roughly to help."""
_ROUNDING = 1e-7
_REACHED = 0.1
"""Share of the triplets that must have so many votes for their moments to count as known."""


def lattice(steps: int = _LATTICE, options: int = 3) -> tuple[Floats, Floats]:
    """Probabilities in descending order, shape (g, 3), and their weights when all are alike.

    With two options the third probability is 0.
    """
    first, second = np.divmod(np.arange((steps + 1) ** 2), steps + 1)
    points = np.stack([first, second, steps - first - second], axis=1)
    points = points[(first >= second) & (points[:, 2] <= second) & (points[:, 2] >= 0)]
    if options == 2:
        points = points[points[:, 2] == 0]
    different = 1 + (np.diff(points[:, :options], axis=1) != 0).sum(axis=1)
    orders = np.array([1, 2] if options == 2 else [1, 3, 6])[different - 1]  # of the same values
    return points / steps, orders / orders.sum()


def type_probabilities(points: Floats, types: Integers) -> Floats:
    """Probability of votes of each type, whichever object has which count, shape (g, u)."""
    total = sum(count_probabilities(points, types[:, order]) for order in _ORDERS)
    different = 1 + (np.diff(types, axis=1) != 0).sum(axis=1)
    return np.asarray(total * np.array([1, 3, 6])[different - 1] / len(_ORDERS))


@dataclass(frozen=True)
class ChoiceDistribution:
    """Distribution of the choice probabilities of triplets, fitted to their votes."""

    points: Floats
    """Choice probabilities in descending order, shape (g, 3)."""
    weights: Floats
    """Share of the triplets at each point, shape (g,)."""
    likelihood: Floats
    """Probability of each type of votes at each point, shape (g, u)."""
    types: Integers
    shares: Floats
    """``types``, ``shares``: Votes it was fitted to: counts, shape (u, 3), and the share of
    triplets with each."""
    path: Floats
    """Weights at each step of the fit, shape (steps + 1, g)."""

    def mean(self, values: Floats) -> Floats:
        """Mean over triplets of a function of the probabilities, shape (g,) or (g, f)."""
        return np.asarray(self.weights @ values)

    def posterior_mean(self, counts: Integers, values: Floats) -> Floats:
        """Mean of a function of a triplet's probabilities, given its votes, shape (m,).

        The votes for its answers in any order are (m, A), the function at each point is (g,).
        """
        types, of = count_types(np.asarray(counts, dtype=np.int64))
        joint = self.weights[:, None] * type_probabilities(self.points, types)
        return np.asarray((values @ joint / joint.sum(axis=0))[of])

    def influence(self, values: Floats) -> Floats:
        """Differentiate means of functions (g, f) by the shares of the types of votes, (u, f).

        Exact, by going back through the steps of the fit; how the means change when a
        triplet's votes change or a triplet is left out.
        """
        slope = np.asarray(values, dtype=np.float64)
        total = np.zeros((len(self.types), slope.shape[1]))
        for weights in self.path[-2::-1]:
            predicted = weights @ self.likelihood
            ratio = self.shares / predicted
            by_type = ((slope * weights[:, None]).T @ self.likelihood / predicted).T
            total += by_type
            slope = slope * (self.likelihood @ ratio)[:, None]
            slope -= self.likelihood @ (by_type * ratio[:, None])
        return total

    def identified(self, values: Floats) -> tuple[float, float]:
        """Smallest and largest mean of a function (g,) under distributions that fit equally well.

        Those have in common with this one how often votes of each type are expected, for the
        number of votes that at least a tenth of the triplets have.
        """
        votes = self.types.sum(axis=1)
        reached = [n for n in np.unique(votes) if self.shares[votes >= n].sum() >= _REACHED]
        n = min(int(max(reached)), _MOST_MOMENTS)
        types = np.rint(lattice(n)[0] * n).astype(np.int64)  # every way to split n votes
        likelihood = type_probabilities(self.points, types)
        expected = self.weights @ likelihood
        # Room for rounding: this distribution itself meets the conditions, so that a solution
        # exists.
        both = np.concatenate([likelihood.T, -likelihood.T])
        most = np.concatenate([expected, -expected]) + _ROUNDING
        ends = []
        for sign in (1, -1):
            found = linprog(sign * values, A_ub=both, b_ub=most)
            assert found.x is not None  # this distribution itself meets the conditions
            ends.append(float(values @ found.x))
        value = float(self.mean(values))
        return min(ends[0], value), max(ends[1], value)


def fit_distribution(
    types: Integers, triplets: Integers, *, options: int = 3, steps: int = _STEPS
) -> ChoiceDistribution:
    """Fit the distribution of choice probabilities to the votes on some triplets.

    ``types`` are counts in descending order, (u, 3), as :func:`count_types` gives them,
    ``triplets`` the number of triplets with each, ``options`` the number of answers, ``steps``
    those of EM.

    Examples
    --------
    >>> certain = fit_distribution(np.array([[5, 0, 0]]), np.array([100]))
    >>> float(certain.mean(certain.points.max(axis=1)).round(2))
    1.0
    """
    shares = np.asarray(triplets / np.sum(triplets), dtype=np.float64)
    points, weights = lattice(options=options)
    likelihood = type_probabilities(points, types)
    path = [weights]
    for _ in range(steps):
        weights = weights * (likelihood @ (shares / (weights @ likelihood)))
        path.append(weights)
    return ChoiceDistribution(points, weights, likelihood, types, shares, np.stack(path))


_MOST_VOTES = 300
"""Majorities of more votes count as of so many, which the mode misses hardly more often."""


@dataclass(frozen=True)
class VoteEstimate(Interval):
    """A mean over triplets under the distribution of choice probabilities.

    Its interval is how much other people and objects could change it, beyond ``identified``: the
    range of the means under distributions that fit the votes equally well. With few votes a triplet
    that is wide, however many triplets there are.
    """

    identified: Span | None = None


def bounds_from_votes(intervals: TripletIntervals) -> dict[str, VoteEstimate]:
    """Estimate bounds and the entropy from the votes of all triplets with two or more.

    The best possible predictor scores ``oracle``; against the majority of as many votes as there
    are, any of tied answers counting as right, ``majority``; against that of four votes, as models
    of the Levels data were, ``majority_drawn``. ``entropy`` is that of people's answers.
    """
    votes = intervals.types.sum(axis=1)
    used = votes > 1
    types, triplets = intervals.types[used], intervals.triplets[used]
    fitted = fit_distribution(types, triplets, options=intervals.options)
    points = fitted.points
    numbers, of = np.unique(types.sum(axis=1), return_inverse=True)
    shares = np.bincount(of, weights=fitted.shares)
    collected = np.zeros(len(points))
    for n, share in zip(numbers[shares > 0], shares[shares > 0], strict=True):
        collected += share * majority_bound(points, min(int(n), _MOST_VOTES))
    each = (oracle_bound(points), entropy(points), collected, majority_bound(points, DRAWN))
    functions = np.stack(each, axis=1)
    influence = np.full((len(votes), functions.shape[1]), np.nan)
    influence[used] = fitted.influence(functions)

    def estimate(column: int) -> VoteEstimate:
        values = functions[:, column]
        value = float(fitted.mean(values))
        sampled = intervals.interval(influence[:, column], value)
        assert sampled is not None  # there are triplets with two votes
        low, high = fitted.identified(values)
        ends = low - (value - sampled.low), high + (sampled.high - value)
        largest = float(np.log(intervals.options)) if column == 1 else 1.0
        return VoteEstimate(value, max(ends[0], 0.0), min(ends[1], largest), Span(low, high))

    names = ("oracle", "entropy", "majority", "majority_drawn")
    return {name: estimate(column) for column, name in enumerate(names)}
