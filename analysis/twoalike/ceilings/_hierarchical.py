"""Bounds and entropy from votes, through the distribution of choice probabilities."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.ceilings._bounds import majority_bound, oracle_bound
from twoalike.ceilings._distribution import ChoiceDistribution, fit_distribution
from twoalike.ceilings._interval import TripletIntervals
from twoalike.ceilings._published import DRAWN
from twoalike.choice import entropy
from twoalike.evaluation import Interval

type Floats = npt.NDArray[np.float64]

SCORES = ("accepted", "wrong", "shared", "tied")
_MOST_VOTES = 300
"""Majorities of more votes count as of so many, which the mode misses hardly more often."""


@dataclass(frozen=True)
class Estimate:
    """A mean over triplets under the distribution of choice probabilities.

    Attributes
    ----------
    interval
        Estimate, and 95 % interval: how much other people and objects could change it, beyond
        the range below.
    low, high
        Range of the means under distributions that fit the votes equally well: with few votes a
        triplet it is wide, however many triplets there are.
    """

    interval: Interval
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return self.interval.as_dict() | {"identified": {"low": self.low, "high": self.high}}


@dataclass(frozen=True)
class VoteBounds:
    """What the best possible predictor scores, and how uncertain people's answers are.

    Attributes
    ----------
    oracle
        Expected accuracy of the best predictor on single responses.
    entropy
        Mean entropy of the choice probabilities, nats.
    majority
        Expected score of the best predictor against the majority of as many votes as there are:
        with ties ``accepted``, ``wrong`` or ``shared`` (1/k), and how often votes are ``tied``.
    majority_drawn
        The same against the majority of four votes, as models of the Levels data were scored.
    distribution
        Of the choice probabilities.
    """

    oracle: Estimate
    entropy: Estimate
    majority: dict[str, Estimate]
    majority_drawn: dict[str, Estimate]
    distribution: ChoiceDistribution


def _majority_scores(points: Floats, n: int) -> Floats:
    """Scores against the majority of n votes, shape (g, 4), in the order of SCORES."""
    bound = majority_bound(points, n)
    return np.stack([getattr(bound, name) for name in SCORES], axis=1)


def bounds_from_votes(intervals: TripletIntervals) -> VoteBounds:
    """Estimate the bounds and the entropy from the votes of all triplets with two or more.

    Parameters
    ----------
    intervals
        Votes by type, and how means over them vary.

    Raises
    ------
    ValueError
        If no triplet has two votes.
    """
    votes = intervals.types.sum(axis=1)
    used = votes > 1
    types, triplets = intervals.types[used], intervals.triplets[used]
    fitted = fit_distribution(types, triplets)
    points = fitted.points
    numbers, of = np.unique(types.sum(axis=1), return_inverse=True)
    shares = np.bincount(of, weights=fitted.shares)
    collected = np.zeros((len(points), len(SCORES)))
    for n, share in zip(numbers[shares > 0], shares[shares > 0], strict=True):
        collected += share * _majority_scores(points, min(int(n), _MOST_VOTES))
    columns = [oracle_bound(points)[:, None], entropy(points)[:, None], collected]
    functions = np.hstack([*columns, _majority_scores(points, DRAWN)])
    influence = np.full((len(votes), functions.shape[1]), np.nan)
    influence[used] = fitted.influence(functions)

    def estimate(column: int, largest: float = 1.0) -> Estimate:
        values = functions[:, column]
        value = float(fitted.mean(values))
        sampled = intervals.interval(influence[:, column], value)
        if sampled is None:
            raise ValueError("bounds from votes need triplets with at least two votes")
        low, high = fitted.identified(values)
        ends = low - (value - sampled.low), high + (sampled.high - value)
        return Estimate(Interval(value, max(ends[0], 0.0), min(ends[1], largest)), low, high)

    return VoteBounds(
        oracle=estimate(0),
        entropy=estimate(1, float(np.log(3))),
        majority={name: estimate(2 + k) for k, name in enumerate(SCORES)},
        majority_drawn={name: estimate(6 + k) for k, name in enumerate(SCORES)},
        distribution=fitted,
    )
