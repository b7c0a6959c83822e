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
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any

import numpy as np
import pandas as pd

from twoalike.ceilings._bounds import VoteBounds, VoteEstimate, bounds_from_votes
from twoalike.ceilings._interval import TripletIntervals, by_type
from twoalike.ceilings._votes import (
    DRAWN,
    FEWEST,
    MOST,
    Votes,
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
    NotMeasurable,
    Number,
    Quantity,
    ShareEstimate,
    TwoWayBootstrap,
    attempt,
    first_and_again,
)
from twoalike.judgments import object_index, participant_index
from twoalike.study import MISSING, Booleans, Floats, Integers, counted

ShareBound = Annotated[VoteEstimate, Quantity("share", 0, 1)]


class Consistency(Measured):
    """Share of answers that agree with another one, or with the right one."""

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
    agrees: Booleans, triplets: Integers, participants: Integers, chance: float
) -> Consistency:
    """Share of k answers that agree, and the same corrected for chance, with 95 % intervals.

    ``triplets`` (k, 3) and ``participants`` (k,) are the objects and person of each: other ones
    could have been drawn.
    """
    share = TwoWayBootstrap(participants, triplets).interval(agrees).within(0.0, 1.0)
    ends = (share.value, share.low, share.high)
    corrected = Interval(*((end - chance) / (1 - chance) for end in ends))
    return Consistency(answers=len(agrees), agreement=share, corrected=corrected)


def catch_reliability(
    choices: pd.DataFrame | None, labels: Mapping[str, str] | None, question: Question
) -> Consistency:
    """Share of attention checks answered right.

    A check shows two objects of one kind and one of a far kind, which is the right answer; an
    anchored one, one of two objects of the reference's kind. The right answer follows from
    ``labels``, object id -> coarsest category (``n/a`` for none); checks that these do not decide
    do not count.
    """
    if choices is None or labels is None:
        raise NotMeasurable("needs the table of choices and the objects' categories")
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
        raise NotMeasurable("no attention check whose categories single one object out")
    agrees = right[np.arange(len(rows)), question.answer_of(chosen)][clear]
    participants = participant_index(rows)[0][clear]
    return consistency(agrees, items[clear], participants, question.chance)


FEWEST_TRIPLETS = 30
"""Triplets with three votes below which no distribution of choice probabilities is fitted."""
FEWEST_REPEATS = 10
"""Repeated answers below which their share is too uncertain."""
_FITTED_VOTES = 3


@dataclass(frozen=True, eq=False)
class _Cast:
    """Judgments, the votes that they are, and intervals of means over triplets."""

    judged: Judgments
    rng: np.random.Generator

    @cached_property
    def votes(self) -> Votes:
        """Votes on each triplet."""
        if not len(self.judged.answer):
            raise NotMeasurable("there are no judgments")
        return votes_of(self.judged)

    @cached_property
    def intervals(self) -> TripletIntervals:
        """Intervals of means over the triplets."""
        return TripletIntervals(self.votes, self.rng, people=self.judged.known_people)

    @cached_property
    def bounds(self) -> VoteBounds:
        """Bounds for models, through the distribution of choice probabilities."""
        self.needs(FEWEST_TRIPLETS, _FITTED_VOTES)
        return bounds_from_votes(self.intervals)

    def needs(self, triplets: int, least: int) -> None:
        """Refuse too few triplets with so many votes."""
        found = int((self.votes.n_votes >= least).sum())
        if found < triplets:
            raise NotMeasurable(
                f"needs {counted(triplets, 'triplet')} with at least {least} votes, has {found}"
            )

    def mean(self, of: Callable[[Integers], Floats], least: int, largest: float = 1.0) -> Interval:
        """Mean over triplets of a function of their votes, cut at what it can be."""
        self.needs(2, least)
        found = self.intervals.interval(by_type(self.intervals.types, of, least))
        assert found is not None  # two triplets have enough votes
        return found.within(0.0, largest)

    def repeats(self) -> Consistency:
        """Agreement of people with themselves."""
        if not self.judged.known_people:
            raise NotMeasurable("participants are not told apart")
        later, same = repeated_answers(self.judged)
        if len(later) < FEWEST_REPEATS:
            raise NotMeasurable(
                f"needs {FEWEST_REPEATS} triplets judged again by the same person, has {len(later)}"
            )
        items, people = self.judged.items[later], self.judged.participants[later]
        return consistency(same, items, people, self.judged.question.chance)

    def published(self) -> PublishedAgreement:
        """Leave-one-out, vanilla and entropy as published."""
        outcomes, most = all_counts(DRAWN), float(np.log(self.judged.options))
        return PublishedAgreement(
            leave_one_out=self.mean(_five_left_out, FEWEST),
            vanilla=self.mean(lambda n: over_draws(n, DRAWN, largest_share(outcomes)), FEWEST),
            entropy=self.mean(drawn_entropy, FEWEST, most),
            triplets=int((self.votes.n_votes >= FEWEST).sum()),
        )

    def majority(self) -> MajorityBounds:
        """Bound against the majority of as many votes as there are."""
        n = self.votes.n_votes
        return MajorityBounds(accepted=self.bounds.majority, votes=float(n[n > 1].mean()))


def _five_left_out(types: Integers) -> Floats:
    """Leave-one-out agreement of the votes, of more than five averaged over draws of five."""
    values = leave_one_out(types)
    many = types.sum(axis=1) > MOST
    values[many] = over_draws(types[many], MOST, leave_one_out(all_counts(MOST)))
    return values


MEASURES: dict[str, Callable[[_Cast], Any]] = {
    "oracle": lambda of: of.bounds.oracle,
    "majority": _Cast.majority,
    "majority_drawn": lambda of: MajorityBounds(
        accepted=of.bounds.majority_drawn, votes=float(DRAWN)
    ),
    "entropy": lambda of: of.bounds.entropy,
    "published": _Cast.published,
    "plug_in_entropy": lambda of: of.mean(plug_in_entropy, 2, float(np.log(of.judged.options))),
    "pair_agreement": lambda of: of.mean(pair_agreement, 2),
    "repeats": _Cast.repeats,
}
"""Fields of :class:`SubsetCeilings`, and what measures them."""


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
    check = partial(catch_reliability, choices, labels, judged.question)
    catches = attempt(measured["missing"], "catches", check)
    groups = {
        name: {
            subset: SubsetCeilings(**_measured(judged.within(subset_of == subset), rng))
            for subset in sorted(set(subset_of.tolist()) - {""})
        }
        for name, subset_of in judged.groups.items()
    }
    return Ceilings(**measured, catches=catches, groups=groups)


def _measured(judged: Judgments, rng: np.random.Generator) -> dict[str, Any]:
    """Fields of :class:`SubsetCeilings` for one set of judgments."""
    cast, missing = _Cast(judged, rng), dict[str, str]()
    found = {name: attempt(missing, name, partial(of, cast)) for name, of in MEASURES.items()}
    n = cast.votes.n_votes if len(judged.answer) else np.empty(0, dtype=np.int64)
    votes = VoteCounts(counted=int(n.sum()), mean=float(n.mean())) if len(n) else None
    about = {"choices": len(judged.answer), "triplets": len(n), "votes": votes}
    return about | found | {"missing": missing}
