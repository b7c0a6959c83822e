"""Scores that are means over people: what ratings and sortings have in common."""

from collections.abc import Callable, Mapping, Sequence
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
from twoalike.study import Floats, TwoalikeError, counted

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


def mean_left_out(values: Floats) -> Floats:
    """Means over people, (P, k), without each of them: (P, k); none of a single one, (0, k)."""
    if len(values) < 2:
        return np.empty((0, *values.shape[1:]))
    return np.asarray((values.sum(axis=0) - values) / (len(values) - 1))


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
