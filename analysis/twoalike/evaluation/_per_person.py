"""Scores that are means over people: what ratings and sortings have in common."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd

from twoalike.evaluation._choices import Candidate, candidate_pairs
from twoalike.evaluation._clusters import TwoWayBootstrap
from twoalike.evaluation._estimates import (
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
from twoalike.evaluation._structure import (
    object_changes,
    paired_intervals,
    spearman,
    spearman_with_influence,
)
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted

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


class PredictedJudgments(Measured):
    """Log-loss of judgments under a fitted embedding, with people's own thresholds and noise."""

    n_of = "judgments"
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
    """Keep rows about objects that every network has features of."""
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


@dataclass(frozen=True, eq=False)
class PairShares:
    """What people say of N different pairs of objects: a number for each pair that one judged.

    ``pairs`` (N, 2) are indices into ``ids``; ``own`` gives each person's places among the pairs,
    ascending, and numbers, (n,) each.
    """

    ids: tuple[str, ...]
    pairs: Integers
    own: Mapping[str, tuple[Integers, Floats]]

    @classmethod
    def of(
        cls, ids: Sequence[str], parts: Sequence[tuple[str, Integers, Floats | Booleans]]
    ) -> tuple[Self, Sequence[Integers]]:
        """Give the different pairs places; answers of a person about the same pair are averaged.

        ``parts`` are of a person the objects of pairs, indices into ``ids``, (n, 2), and answers,
        (n,). Also returns the place of each pair of each part, (n,).
        """
        sides = np.sort(np.concatenate([pairs for _, pairs, _ in parts]), axis=1)
        code, number = np.unique(sides[:, 0] * len(ids) + sides[:, 1], return_inverse=True)
        known, pairs = np.unique(np.stack(np.divmod(code, len(ids)), axis=1), return_inverse=True)
        places = np.split(number, np.cumsum([len(answers) for _, _, answers in parts])[:-1])
        of_person: dict[str, list[int]] = {}
        for k, (person, _, _) in enumerate(parts):
            of_person.setdefault(person, []).append(k)
        own: dict[str, tuple[Integers, Floats]] = {}
        for person, some in of_person.items():
            rows = np.concatenate([places[k] for k in some])
            place, inverse = np.unique(rows, return_inverse=True)
            total = np.bincount(inverse, np.concatenate([parts[k][2] for k in some]))
            own[person] = (place, total / np.bincount(inverse))
        return cls(tuple(ids[row] for row in known), pairs.reshape(-1, 2), own), places

    @cached_property
    def _whole(self) -> tuple[Floats, Floats]:
        return self._sums(self.own)

    @cached_property
    def mean(self) -> Floats:
        """Mean over the people who judged each pair, (N,)."""
        total, count = self._whole
        return total / count

    def _sums(self, people: Iterable[str]) -> tuple[Floats, Floats]:
        """Sum over some people, and how many of them judged each pair, (N,) each."""
        parts, n = [self.own[person] for person in people], len(self.pairs)
        place, share = (np.concatenate(column) for column in zip(*parts, strict=True))
        return np.bincount(place, share, n), np.bincount(place, minlength=n).astype(np.float64)

    def of_others(self, person: str) -> Floats:
        """Mean over the others, of the pairs that a person judged; NaN where nobody else did."""
        place, share = self.own[person]
        total, count = self._whole
        others = count[place] - 1
        return np.where(others > 0, (total[place] - share) / np.maximum(others, 1), np.nan)

    def similarities(self, candidates: Sequence[Candidate]) -> Floats:
        """Similarity of each pair to each of k networks, (k, N)."""
        return np.stack([candidate_pairs(one, self.ids, self.pairs) for one in candidates])

    def correlations(
        self, owns: Floats, rng: np.random.Generator
    ) -> tuple[list[Interval], list[Interval]]:
        """Spearman's of similarities, (k, N), with the mean person, and differences to the first.

        Intervals are for other people and objects; the variances of both jackknives add up.
        """
        found = [spearman_with_influence(own, self.mean) for own in owns]
        values, people = np.array([value for value, _ in found]), list(self.own)
        changes = object_changes(np.stack([each for _, each in found]), *self.pairs.T)

        def without(kept: Sequence[int]) -> Floats:
            total, count = self._sums(people[row] for row in kept)
            there = count > 0
            mean = total[there] / count[there]
            return np.array([spearman(own[there], mean) for own in owns])

        left_out = groups_left_out(len(people), rng, without)
        return paired_intervals(values, left_out, values + changes.T)


@dataclass(frozen=True, eq=False)
class Trial:
    """What a person said in a trial: places among all pairs, and answers, shape (n,) each."""

    person: str
    pairs: Integers
    answers: Any


type Agreement = Callable[[Floats, Any], tuple[float, Floats, Floats]]
"""Of predictions and answers of a trial, (n,) each: how well they agree, the influence of each pair
on that, and its weight; weights sum to one, and weighted influences to zero."""


def over_people(
    data: PairShares, trials: Sequence[Trial], owns: Floats, agreement: Agreement
) -> tuple[dict[str, Floats], list[Interval], list[Interval]]:
    """Agreement of k networks, whose similarities are (k, N), with people's trials.

    Returns
    -------
    Mean over the trials of each person, (k,); intervals of the means over people, and of their
    differences to the first network, for other people and other objects.
    """
    names = {name: k for k, name in enumerate(dict.fromkeys(of.person for of in trials))}
    people = np.array([names[of.person] for of in trials])
    of_person = np.bincount(people)
    values, influences, weights = np.empty((len(trials), len(owns))), [], []
    for row, of in enumerate(trials):
        found = [agreement(own[of.pairs], of.answers) for own in owns]
        values[row] = [value for value, *_ in found]
        weight = found[0][2] / (of_person[people[row]] * len(names))
        influence = np.stack([each for _, each, _ in found], axis=1) + values[row]
        influences.append(weight[:, None] * influence)
        weights.append(weight)
    each = {name: values[people == k].mean(axis=0) for name, k in names.items()}
    mean, weight = np.mean(list(each.values()), axis=0), np.concatenate(weights)
    pairs = data.pairs[np.concatenate([of.pairs for of in trials])]
    boot = TwoWayBootstrap(np.repeat(people, [len(of.pairs) for of in trials]), pairs)
    influence = np.concatenate(influences) - weight[:, None] * mean
    return each, *boot.intervals(mean, influence, weight)


def person_ceiling(
    data: PairShares,
    trials: Sequence[Trial],
    agreement: Agreement,
    enough: Callable[[Any], bool],
) -> PersonCeiling | None:
    """Agreement of the mean of the others, and of all, with each person's own trials.

    Over the pairs that others judged too, where these are ``enough``; None where nobody has any.
    """
    ends: dict[str, list[tuple[float, float]]] = {}
    for of in trials:
        own = np.searchsorted(data.own[of.person][0], of.pairs)
        others = data.of_others(of.person)[own]
        shared = ~np.isnan(others)
        if enough(of.answers[shared]):
            low = agreement(others[shared], of.answers[shared])[0]
            high = agreement(data.mean[of.pairs], of.answers)[0]
            ends.setdefault(of.person, []).append((low, high))
    if not ends:
        return None
    people = {name: Span(*np.mean(each, axis=0).tolist()) for name, each in ends.items()}
    lower, upper = np.mean([(of.low, of.high) for of in people.values()], axis=0).tolist()
    return PersonCeiling(lower=lower, upper=upper, people=people)


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
