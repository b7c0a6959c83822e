"""How well any model could agree with these judgments: all measures side by side.

Published measures are listed beside what they are taken for. A model that scores above the
leave-one-out agreement is not beyond people; one above the bound for its way of scoring would be.

How people agree with each other and with themselves needs no model: the share of pairs of answers
to one triplet that agree is an unbiased estimate from two votes on. Of two people it is the mean of
the sum of squared choice probabilities, so that the best predictor's accuracy lies between it and
its square root. Of one person it holds what belongs to that person as well, and is the bound for a
model of persons.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd

from twoalike.ceilings._bounds import VoteBounds, VoteEstimate, bounds_from_votes
from twoalike.ceilings._interval import TripletIntervals, by_type
from twoalike.ceilings._votes import (
    DRAWN,
    FEWEST,
    MOST,
    all_counts,
    drawn_entropy,
    largest_share,
    leave_one_out,
    over_draws,
    pair_agreement,
    plug_in_entropy,
    votes_of,
)
from twoalike.choice import Question, log_set_choice
from twoalike.evaluation import (
    Count,
    Estimate,
    Interval,
    Judgments,
    Measured,
    NatsEstimate,
    Number,
    Quantity,
    ShareEstimate,
    TwoWayBootstrap,
    first_and_again,
)
from twoalike.judgments import object_index, participant_index
from twoalike.study import MISSING, Booleans, Floats, Integers, counted

RESAMPLES = 1000
ShareBound = Annotated[VoteEstimate, Quantity("share", 0, 1)]


class Consistency(Measured):
    """Share of answers that agree with another one, or with the right one."""

    n_of = "answers"
    answers: Count | None = None
    """Answers compared."""
    agreement: ShareEstimate
    """Share that agree."""
    corrected: Estimate | None = None
    """(agreement - chance) / (1 - chance): 0 for people who guess, 1 for full agreement."""


class VoteCounts(Measured):
    """Votes on triplets; of several answers of a person to a triplet the first is one."""

    counted: Count
    """Votes."""
    mean: Number
    """Of a triplet."""


class MajorityBounds(Measured):
    """Expected score of the best possible predictor against the majority of some votes."""

    votes: Number | None = None
    """Votes of a majority."""
    accepted: ShareBound | None = None
    """Any of tied answers counts as right."""


class PublishedAgreement(Measured):
    """Agreement of people as published for the Levels data; none of these is a bound."""

    n_of = "triplets"
    triplets: Count | None = None
    """Triplets with enough votes."""
    leave_one_out: ShareEstimate | None = None
    """Responses that agree with the majority of the others."""
    vanilla: ShareEstimate | None = None
    """Largest share among four responses drawn."""
    entropy: NatsEstimate | None = None
    """Plug-in entropy of the same."""


class SubsetCeilings(Measured):
    """How well any model could agree with some judgments, and how well people do."""

    n_of = "choices"
    choices: Count
    """Choices."""
    triplets: Count
    """Different triplets."""
    votes: VoteCounts | None = None
    """Votes on them."""
    oracle: ShareBound | None = None
    """Accuracy of the best possible predictor on single responses."""
    majority: MajorityBounds | None = None
    """The same against the majority of as many votes as there are."""
    majority_drawn: MajorityBounds | None = None
    """The same against the majority of four votes."""
    entropy: Annotated[VoteEstimate, Quantity("nats", 0)] | None = None
    """Mean entropy of the choice probabilities of a triplet."""
    published: PublishedAgreement | None = None
    """Agreement of people as published for the Levels data."""
    plug_in_entropy: NatsEstimate | None = None
    """Entropy of the shares of the votes; too low by chance."""
    pair_agreement: ShareEstimate | None = None
    """How often two people give the same answer."""
    repeats: Consistency | None = None
    """How often a person gives the same answer again."""
    missing: dict[str, str]
    """What could not be estimated -> why."""


class Ceilings(SubsetCeilings):
    """How well any model could agree with all judgments, and with each subset."""

    catches: Consistency | None = None
    """Attention checks answered right."""
    groups: dict[str, dict[str, SubsetCeilings]] | None = None
    """Group (level, or level of labels) -> subset -> the same."""


def repeated_answers(judged: Judgments) -> tuple[Integers, Booleans]:
    """Answers that a person had given about the same set before, and whether they are the same.

    Rows of the later answers, shape (k,), each compared with the one before it; whether both are
    the same, shape (k,).
    """
    _, before, later = first_and_again(judged.participants, judged.number)
    sort = np.argsort(later)
    return later[sort], (judged.given[later] == judged.given[before])[sort]


def consistency(
    agrees: Booleans,
    triplets: Integers,
    participants: Integers,
    rng: np.random.Generator,
    *,
    chance: float = 1 / 3,
) -> Consistency:
    """Share of k answers that agree, and the same corrected for chance, with 95 % intervals.

    ``triplets`` (k, 3) and ``participants`` (k,) are the objects and person of each: other ones
    could have been drawn.
    """
    boot = TwoWayBootstrap(participants, triplets, rng, resamples=RESAMPLES)
    share = boot.interval(agrees).within(0.0, 1.0)
    ends = (share.value, share.low, share.high)
    corrected = Interval(*((end - chance) / (1 - chance) for end in ends))
    return Consistency(answers=len(agrees), agreement=share, corrected=corrected)


def catch_reliability(
    choices: pd.DataFrame, labels: Mapping[str, str], rng: np.random.Generator, question: Question
) -> Consistency | None:
    """Share of attention checks answered right; None without checks.

    A check shows two objects of one kind and one of a far kind, which is the right answer; an
    anchored one, one of two objects of the reference's kind. The right answer follows from
    ``labels``, object id -> coarsest category (``n/a`` for none); checks that these do not decide
    do not count.
    """
    rows = choices[(choices["trial_type"] == "catch") & (choices["kind"] == question.kind)]
    items, chosen, ids = object_index(rows)
    codes = {label: code for code, label in enumerate(sorted(set(labels.values()) - {MISSING}))}
    category = np.array([codes.get(labels.get(name, MISSING), -1) for name in ids], dtype=np.int64)
    shown = category[items]
    pairs = question.pairs.T
    alike = (shown[:, pairs[0]] == shown[:, pairs[1]]).astype(np.float64)
    right = np.exp(log_set_choice(alike, question, 1e-3)) > 0.9
    clear = (alike.sum(axis=1) == 1) & (shown >= 0).all(axis=1)
    if not clear.any():
        return None
    agrees = right[np.arange(len(rows)), question.answer_of(chosen)][clear]
    participants = participant_index(rows)[0][clear]
    return consistency(agrees, items[clear], participants, rng, chance=question.chance)


FEWEST_TRIPLETS = 30
"""Triplets with three votes below which no distribution of choice probabilities is fitted."""
FEWEST_REPEATS = 10
"""Repeated answers below which their share is too uncertain."""
_FITTED_VOTES = 3
_BOUNDS = ("oracle", "majority", "majority_drawn", "entropy")
_OF_COUNTS: dict[str, Callable[[Integers], Floats]] = {
    "plug_in_entropy": plug_in_entropy,
    "pair_agreement": pair_agreement,
}


def ceilings(
    judged: Judgments,
    rng: np.random.Generator,
    *,
    choices: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
) -> Ceilings:
    """Bounds for models and agreement of people, over all judgments and in each group.

    ``choices`` (the table with the attention checks) and ``labels`` (the coarsest category of each
    object) score the checks. Where participants are not told apart, every judgment is a vote, and
    repeats are not measured. What cannot be estimated is None, and ``missing`` says why.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> triplets = np.repeat([[0, 1, 2], [0, 1, 3]], 2, axis=0)
    >>> judged = Judgments(triplets, np.array([2, 2, 2, 0]), np.array([0, 1, 0, 1]), tuple("abcd"))
    >>> found = ceilings(judged, rng)
    >>> found.pair_agreement.value, found.oracle, found.missing["oracle"]
    (0.5, None, 'needs 30 triplets with at least 3 votes, has 0')
    """
    measured = _measured(judged, rng)
    catches, reason = _catches(judged.question, choices, labels, rng)
    if reason:
        measured["missing"]["catches"] = reason
    groups = {}
    for name, subset_of in judged.groups.items():
        found = sorted(set(subset_of.tolist()) - {""})
        groups[name] = {
            subset: SubsetCeilings(**_measured(judged.within(subset_of == subset), rng))
            for subset in found
        }
    return Ceilings(**measured, catches=catches, groups=groups)


def _measured(judged: Judgments, rng: np.random.Generator) -> dict[str, Any]:
    """Fields of :class:`SubsetCeilings` for one set of judgments."""
    if not len(judged.answer):
        names = (*_BOUNDS, "published", *_OF_COUNTS, "repeats")
        nothing = {"choices": 0, "triplets": 0, "votes": None, **dict.fromkeys(names)}
        return nothing | {"missing": dict.fromkeys(names, "there are no judgments")}
    cast = votes_of(judged)
    n = cast.n_votes
    intervals = TripletIntervals(cast, rng, people=judged.known_people)
    missing: dict[str, str] = {}
    result: dict[str, Any] = {
        "choices": len(judged.answer),
        "triplets": len(cast),
        "votes": VoteCounts(counted=int(n.sum()), mean=float(n.mean())),
        **_bounds(intervals, n, missing),
        "published": _published(intervals, n, missing),
        **_of_counts(intervals, n, missing),
        "repeats": _repeats(judged, rng, missing),
    }
    return result | {"missing": missing}


def _needs(
    n: Integers, triplets: int, least: int, names: tuple[str, ...], into: dict[str, str]
) -> bool:
    """Whether enough triplets have enough votes; if not, say so for the measures named."""
    found = int((n >= least).sum())
    if found >= triplets:
        return True
    reason = f"needs {counted(triplets, 'triplet')} with at least {least} votes, has {found}"
    into.update(dict.fromkeys(names, reason))
    return False


def _bounds(intervals: TripletIntervals, n: Integers, missing: dict[str, str]) -> dict[str, Any]:
    """Bounds for models and the entropy, through the distribution of choice probabilities."""
    if not _needs(n, FEWEST_TRIPLETS, _FITTED_VOTES, _BOUNDS, missing):
        return dict.fromkeys(_BOUNDS)
    found: VoteBounds = bounds_from_votes(intervals)
    return {
        "oracle": found.oracle,
        "majority": MajorityBounds(votes=float(n[n > 1].mean()), accepted=found.majority),
        "majority_drawn": MajorityBounds(votes=float(DRAWN), accepted=found.majority_drawn),
        "entropy": found.entropy,
    }


def _five_left_out(types: Integers) -> Floats:
    """Leave-one-out agreement of the votes, of more than five averaged over draws of five."""
    values = leave_one_out(types)
    many = types.sum(axis=1) > MOST
    values[many] = over_draws(types[many], MOST, leave_one_out(all_counts(MOST)))
    return values


_PUBLISHED: dict[str, Callable[[Integers], Floats]] = {
    "leave_one_out": _five_left_out,
    "vanilla": lambda types: over_draws(types, DRAWN, largest_share(all_counts(DRAWN))),
    "entropy": drawn_entropy,
}


def _published(
    intervals: TripletIntervals, n: Integers, missing: dict[str, str]
) -> PublishedAgreement | None:
    """Leave-one-out, vanilla and entropy as published."""
    if not _needs(n, 2, FEWEST, ("published",), missing):
        return None
    found = {
        name: _cut(intervals.interval(by_type(intervals.types, of, FEWEST)), name, intervals)
        for name, of in _PUBLISHED.items()
    }
    return PublishedAgreement(triplets=int((n >= FEWEST).sum()), **found)


def _of_counts(intervals: TripletIntervals, n: Integers, missing: dict[str, str]) -> dict[str, Any]:
    """Compute what needs two votes a triplet and no model."""
    if not _needs(n, 2, 2, tuple(_OF_COUNTS), missing):
        return dict.fromkeys(_OF_COUNTS)
    return {
        name: _cut(intervals.interval(by_type(intervals.types, of, 2)), name, intervals)
        for name, of in _OF_COUNTS.items()
    }


def _cut(interval: Interval | None, name: str, of: TripletIntervals) -> Interval | None:
    """Cut an interval at what the measure can be."""
    largest = float(np.log(of.options)) if name.endswith("entropy") else 1.0
    return interval.within(0.0, largest) if interval else None


def _repeats(
    judged: Judgments, rng: np.random.Generator, missing: dict[str, str]
) -> Consistency | None:
    """Agreement of people with themselves."""
    if not judged.known_people:
        missing["repeats"] = "participants are not told apart"
        return None
    later, same = repeated_answers(judged)
    if len(later) < FEWEST_REPEATS:
        missing["repeats"] = (
            f"needs {FEWEST_REPEATS} triplets judged again by the same person, has {len(later)}"
        )
        return None
    people = judged.participants[later]
    chance = judged.question.chance
    return consistency(same, judged.items[later], people, rng, chance=chance)


def _catches(
    question: Question,
    choices: pd.DataFrame | None,
    labels: Mapping[str, str] | None,
    rng: np.random.Generator,
) -> tuple[Consistency | None, str | None]:
    """Share of attention checks answered right, or why it is not known."""
    if choices is None or labels is None:
        return None, "needs the table of choices and the objects' categories"
    found = catch_reliability(choices, labels, rng, question)
    if found is None:
        return None, "no attention check whose categories single one object out"
    return found, None
