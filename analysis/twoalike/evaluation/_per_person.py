"""Scores that are means over people: what ratings and sortings have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import pandas as pd

from twoalike.evaluation._choices import Candidate
from twoalike.evaluation._interval import (
    Correlation,
    CorrelationEstimate,
    Count,
    Interval,
    Measured,
    Nats,
    Number,
    Quantity,
    Span,
)
from twoalike.evaluation._judgments import group_numbers
from twoalike.evaluation._structure import Z95
from twoalike.study import Floats, Integers, TwoalikeError, counted

PARTS = 60
"""Groups of people, at most, that a jackknife leaves out in turn."""


class JudgedBy(Measured):
    """Who judged what."""

    participants: Count
    """Participants."""
    objects: Count
    """Objects."""
    left_out: Count
    """Rows of the table, of main and repeated trials, about objects without features."""
    missing: dict[str, str] = {}
    """What could not be estimated -> why."""


class PersonCorrelations(Measured):
    """Rank correlations with single people."""

    mean: CorrelationEstimate | None
    """Mean over people; null where nobody judged enough."""
    people: dict[str, Correlation]
    """Person (with the scale, where one used several) -> correlation."""


class Difference(Measured):
    """A score minus that of the first network."""

    to: str
    """Name of the first network."""
    value: Annotated[Interval, Quantity("", -2, 2)]
    """Difference, paired on the same judgments."""


class PersonCeiling(Measured):
    """What the best model could reach, given how much people differ."""

    lower: Number
    """Mean over people of how well the others' judgments predict a person's."""
    upper: Number
    """The same with the judgments of all, which include that person's."""
    people: dict[str, Span]
    """Person -> both."""

    @classmethod
    def of(cls, people: Mapping[str, Span]) -> Self:
        """Average both over people."""
        lower, upper = ([getattr(one, end) for one in people.values()] for end in ("low", "high"))
        return cls(lower=float(np.mean(lower)), upper=float(np.mean(upper)), people=dict(people))


class PredictedJudgments(Measured):
    """Log-loss of judgments under a fitted embedding, with people's own thresholds and noise."""

    judgments: Count
    """Ratings, or decisions in which pile an object goes."""
    log_loss: Annotated[Interval, Quantity("nats", 0)]
    """Of a rating, or of a decision."""
    guessing: Nats
    """The same where each level, or each pile and a new one, is equally likely."""
    left_out: bool
    """Whether each was left out of what predicts it: not if the fit never saw them."""


def with_features(
    judged: pd.DataFrame, items: Sequence[str], candidates: Sequence[Candidate], kind: str
) -> pd.DataFrame:
    """Keep rows about objects that every network has features of.

    Raises
    ------
    TwoalikeError
        If none is left, or there was none.
    """
    shared = set.intersection(*(set(one.features.ids) for one in candidates))
    there = np.ones(len(judged), dtype=bool)
    for item in items:
        there &= judged[item].isin(shared).to_numpy(dtype=bool)
    if not there.any():
        raise TwoalikeError(
            where=kind,
            expected="main or repeated trials with objects that all networks have features of",
            found=f"none in {counted(len(judged), 'row')}",
            remedy=f"Compute features of the judged objects under the ids of the {kind}.",
        )
    return judged[there]


_LEAST_REMAINDER = 0.1
"""With few people and objects any two answers share one, and nothing would be left to divide by."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers about pairs of objects, of which estimates are means over people.

    Two answers depend on each other if they share a person or an object; each such two count once
    in the variance of an estimate, the sum of the products of their influences (multiway
    clustering: doi:10.1198/jbes.2010.07136; of pairs: doi:10.1093/pan/mpv018). Influences are from
    the sample's own mean, which shrinks that sum by the weight of the answers that it runs over; it
    is divided by the rest.

    Attributes
    ----------
    person, pairs
        Who answered, shape (n,), and the two objects, shape (n, 2).
    weight
        Weight of each answer in the mean, shape (n,); they sum to one.
    """

    person: Integers
    pairs: Integers
    weight: Floats

    def intervals(self, values: Floats, influence: Floats) -> tuple[list[Interval], list[Interval]]:
        """Give 95 % intervals of k estimates, and of their differences to the first.

        Parameters
        ----------
        values
            Estimates, shape (k,).
        influence
            What each answer adds to each estimate, shape (n, k); they sum to zero.
        """
        rest = max(1 - self._dependent(self.weight[:, None])[0], _LEAST_REMAINDER)

        def found(centre: Floats, of: Floats) -> list[Interval]:
            half = Z95 * np.sqrt(self._dependent(of) / rest)
            ends = zip(centre, centre - half, centre + half, strict=True)
            return [Interval(*map(float, row)) for row in ends]

        gains = influence - influence[:, :1]
        return found(values, influence), found(values - values[0], gains)

    def _dependent(self, of: Floats) -> Floats:
        """Sum of products of all two answers that share a person or an object, (k,)."""
        first, second = np.sort(self.pairs, axis=1).T
        ends, twice = np.concatenate([first, second]), np.concatenate([self.person, self.person])
        both = np.concatenate([of, of])
        # Two answers about one pair share two objects, and would count twice.
        by_object = _squares(both, ends) - _squares(of, first, second)
        if (self.person == self.person[0]).all():  # nothing is known of other people
            return by_object
        by_person = _squares(of, self.person)
        shared = _squares(both, twice, ends) - _squares(of, self.person, first, second)
        # By chance the difference may fall below either source alone; in truth it cannot.
        return np.maximum(by_person + by_object - shared, np.maximum(by_person, by_object))


def _squares(of: Floats, *columns: Integers) -> Floats:
    """Sum of squares of the sums within groups of equal columns, (k,)."""
    group = group_numbers(*columns)
    sums = np.stack([np.bincount(group, column) for column in of.T])
    return np.asarray((sums**2).sum(axis=1))


def groups_left_out(
    n: int, rng: np.random.Generator, estimates: Callable[[Sequence[int]], Floats]
) -> Floats:
    """Estimates (k,) from all but each of up to :data:`PARTS` random groups of n people, (g, k).

    Of a single person nothing is known of others: shape (0, k).
    """
    parts = min(n, PARTS)
    part = rng.permutation(n) % parts
    if n < 2:
        return np.empty((0, len(estimates([0]))))
    return np.stack([estimates(np.flatnonzero(part != number).tolist()) for number in range(parts)])
