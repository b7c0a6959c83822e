"""How well any model could agree with these judgments: all measures side by side.

Published measures are listed beside what they are taken for. A model that scores above the
leave-one-out agreement is not beyond people; one above the bound for its way of scoring would be.

How people agree with each other and with themselves needs no model: the share of pairs of answers
to one triplet that agree is an unbiased estimate from two votes on. Of two people it is the mean of
the sum of squared choice probabilities, so that the best predictor's accuracy lies between it and
its square root. Of one person it holds what belongs to that person as well, and is the bound for a
model of persons.

Larger sets
-----------
With p the probabilities of the A answers to a set, two people agree with probability c = mean of
sum p^2, and the accuracy of the best predictor, the mean of max p, lies between

    c  <=  mean of max p  <=  (1 + sqrt((A - 1)(A c - 1))) / A,

whatever the probabilities are: max p is no less than sum p^2, and no more than where all answers
but one are equally likely; as a function of sum p^2 that is concave, so that Jensen's inequality
holds for the mean over sets. Both ends are reached: by people who hesitate between equally likely
answers, and by those who waver from one answer to any other. The estimate between them is that of
probabilities from a symmetric Dirichlet distribution with the same c. For triplets the whole
distribution of the probabilities is fitted instead (:mod:`twoalike.ceilings._bounds`); its points
grow as a power of the number of answers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.stats import gamma

from twoalike.ceilings._bounds import VoteEstimate, bounds_from_votes
from twoalike.ceilings._votes import (
    DRAWN,
    FEWEST,
    MOST,
    TripletIntervals,
    Votes,
    all_counts,
    by_type,
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
    Figures,
    Interval,
    Judgments,
    NotMeasurable,
    Span,
    TwoWayBootstrap,
    attempt,
    first_and_again,
)
from twoalike.judgments import object_index, participant_index
from twoalike.study import MISSING, Booleans, Floats, Integers, counted


def repeated_answers(judged: Judgments) -> tuple[Integers, Booleans]:
    """Answers that a person had given about the same set before, and whether they are the same.

    Rows of the later answers, shape (k,), each compared with the one before it; whether both are
    the same, shape (k,).
    """
    _, before, later = first_and_again(judged.participants, judged.number)
    sort = np.argsort(later)
    return later[sort], (judged.given[later] == judged.given[before])[sort]


def consistency(
    agrees: Booleans, things: Integers, participants: Integers, chance: float
) -> Figures:
    """Share of k answers that agree, and the same corrected for chance, with 95 % intervals.

    ``things`` (k, j) and ``participants`` (k,) are the objects and person of each: other ones
    could have been drawn.
    """
    share = TwoWayBootstrap(participants, things).interval(agrees).within(0.0, 1.0)
    ends = (share.value, share.low, share.high)
    corrected = Interval(*((end - chance) / (1 - chance) for end in ends))
    return Figures(n=len(agrees), agreement=share, corrected=corrected)


def catch_reliability(
    choices: pd.DataFrame | None, labels: Mapping[str, str] | None, question: Question
) -> Figures:
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
FEWEST_VOTES = 10
"""Votes with others about the same larger set below which agreement is too uncertain."""
_FITTED_VOTES = 3


def mode_range(agreement: float, answers: int) -> tuple[float, float]:
    """Bound the mean of the largest probability by the probability that two people agree."""
    c = min(max(agreement, 1 / answers), 1.0)
    return c, float((1 + np.sqrt((answers - 1) * (answers * c - 1))) / answers)


def dirichlet_mode(agreement: float, answers: int) -> float:
    """Mean of the largest of probabilities that are symmetric Dirichlet."""
    c = min(max(agreement, 1 / answers), 1.0)
    if c >= 1 - 1e-9:
        return 1.0
    if answers * c - 1 <= 1e-9:
        return 1 / answers
    alpha = (1 - c) / (answers * c - 1)
    # The largest share of independent gamma variables is independent of their sum.
    top = gamma.isf(1e-12, alpha)
    largest, _ = quad(lambda x: 1 - gamma.cdf(x, alpha) ** answers, 0, top, limit=200)
    low, high = mode_range(c, answers)
    return float(np.clip(largest / (answers * alpha), low, high))


@dataclass(frozen=True, eq=False)
class _Cast:
    """Judgments, the votes that they are, and intervals of means over triplets."""

    judged: Judgments
    rng: np.random.Generator

    @cached_property
    def votes(self) -> Votes:
        if not len(self.judged.answer):
            raise NotMeasurable("there are no judgments")
        return votes_of(self.judged)

    @cached_property
    def intervals(self) -> TripletIntervals:
        return TripletIntervals(self.votes, self.rng, people=self.judged.known_people)

    @cached_property
    def bounds(self) -> dict[str, VoteEstimate]:
        """Bounds for models, through the distribution of choice probabilities."""
        self.needs(FEWEST_TRIPLETS, _FITTED_VOTES)
        return bounds_from_votes(self.intervals)

    def needs(self, triplets: int, least: int) -> None:
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

    def repeats(self) -> Figures:
        if not self.judged.known_people:
            raise NotMeasurable("participants are not told apart")
        later, same = repeated_answers(self.judged)
        if len(later) < FEWEST_REPEATS:
            raise NotMeasurable(
                f"needs {FEWEST_REPEATS} {self.judged.noun}s judged again by the same person, has "
                f"{len(later)}"
            )
        things, people = self.judged.things[later], self.judged.participants[later]
        return consistency(same, things, people, self.judged.question.chance)

    def published(self) -> Figures:
        outcomes, most = all_counts(DRAWN), float(np.log(self.judged.options))
        return Figures(
            leave_one_out=self.mean(_five_left_out, FEWEST),
            vanilla=self.mean(lambda n: over_draws(n, DRAWN, largest_share(outcomes)), FEWEST),
            entropy=self.mean(drawn_entropy, FEWEST, most),
            n=int((self.votes.n_votes >= FEWEST).sum()),
        )

    def majority(self) -> Figures:
        n = self.votes.n_votes
        return Figures(accepted=self.bounds["majority"], votes=float(n[n > 1].mean()))

    @cached_property
    def others(self) -> Integers:
        """Votes of the others for each answer to the set of each vote, shape (n, A)."""
        others = self.votes.counts[self.votes.set]
        others[np.arange(len(others)), self.votes.answer] -= 1
        return others

    def over_votes(self, scores: Floats, least: int) -> Interval:
        """Mean over the votes on sets with so many, of scores by the others' votes, (n,)."""
        there = self.others.sum(axis=1) >= least - 1
        if there.sum() < FEWEST_VOTES:
            raise NotMeasurable(
                f"needs {FEWEST_VOTES} votes on sets with at least {least}, has {there.sum()}"
            )
        people, number = self.votes.participants[there], self.votes.set[there, None]
        return TwoWayBootstrap(people, number).interval(scores[there]).within(0.0, 1.0)

    def agreement(self) -> Interval:
        """How often another person gives the same answer about the same larger set."""
        same = self.others[np.arange(len(self.others)), self.votes.answer]
        return self.over_votes(same / np.maximum(self.others.sum(axis=1), 1), 2)

    def named_by_most(self) -> Interval:
        """How often an answer is that of the majority of the others, ties shared."""
        top = self.others == self.others.max(axis=1, keepdims=True)
        named = top[np.arange(len(top)), self.votes.answer]
        return self.over_votes(named / top.sum(axis=1), 3)

    def oracle_of_sets(self) -> VoteEstimate:
        """Best predictor's accuracy; its interval holds those of both bounds."""
        found, options = self.agreement(), self.votes.options
        least, most = mode_range(found.low, options)[0], mode_range(found.high, options)[1]
        ends = Span(*mode_range(found.value, options))
        return VoteEstimate(dirichlet_mode(found.value, options), least, most, ends)


def _five_left_out(types: Integers) -> Floats:
    """Leave-one-out agreement of the votes, of more than five averaged over draws of five."""
    values = leave_one_out(types)
    many = types.sum(axis=1) > MOST
    values[many] = over_draws(types[many], MOST, leave_one_out(all_counts(MOST)))
    return values


_OF_TRIPLETS: dict[str, Callable[[_Cast], Any]] = {
    "oracle": lambda of: of.bounds["oracle"],
    "majority": _Cast.majority,
    "majority_drawn": lambda of: Figures(accepted=of.bounds["majority_drawn"], votes=float(DRAWN)),
    "entropy": lambda of: of.bounds["entropy"],
    "published": _Cast.published,
    "plug_in_entropy": lambda of: of.mean(plug_in_entropy, 2, float(np.log(of.judged.options))),
    "pair_agreement": lambda of: of.mean(pair_agreement, 2),
    "repeats": _Cast.repeats,
}
_OF_SETS: dict[str, Callable[[_Cast], Any]] = {
    "oracle": _Cast.oracle_of_sets,
    "leave_one_out": _Cast.named_by_most,
    "pair_agreement": _Cast.agreement,
    "repeats": _Cast.repeats,
}
"""Figures, and what measures them."""


def ceilings(
    judged: Judgments,
    rng: np.random.Generator,
    *,
    choices: pd.DataFrame | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figures:
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
    >>> found["pair_agreement"].value, found["oracle"], found["missing"]["oracle"]
    (0.5, None, 'needs 30 triplets with at least 3 votes, has 0')
    """
    measured = _measured(judged, rng)
    if judged.noun == "triplet":
        check = partial(catch_reliability, choices, labels, judged.question)
        measured["catches"] = attempt(measured["missing"], "catches", check)
    measured["groups"] = {
        name: {
            subset: _measured(judged.within(subset_of == subset), rng)
            for subset in sorted(set(subset_of.tolist()) - {""})
        }
        for name, subset_of in judged.groups.items()
    }
    return measured


def _measured(judged: Judgments, rng: np.random.Generator) -> Figures:
    cast, missing = _Cast(judged, rng), dict[str, str]()
    measures = _OF_TRIPLETS if judged.noun == "triplet" else _OF_SETS
    found = {name: attempt(missing, name, partial(of, cast)) for name, of in measures.items()}
    n = cast.votes.n_votes if len(judged.answer) else np.empty(0, dtype=np.int64)
    votes = Figures(counted=int(n.sum()), mean=float(n.mean())) if len(n) else None
    return Figures(n=len(judged.answer), sets=len(n), votes=votes, **found, missing=missing)
