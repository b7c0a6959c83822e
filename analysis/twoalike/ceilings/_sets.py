r"""How well any model could answer a question about larger sets, from how people agree.

With p the probabilities of the A answers to a set, two people agree with probability c = mean of
sum p^2, of which the share of agreeing pairs of votes is an unbiased estimate, from two votes a set
on. The accuracy of the best predictor, the mean of max p, lies between

    c  <=  mean of max p  <=  (1 + sqrt((A - 1)(A c - 1))) / A,

whatever the probabilities are: max p is no less than sum p^2, and no more than where all answers
but one are equally likely; as a function of sum p^2 that is concave, so that Jensen's inequality
holds for the mean over sets. Both ends are reached: by people who hesitate between equally likely
answers, and by those who waver from one answer to any other.

The estimate between them is that of probabilities from a symmetric Dirichlet distribution with the
same c. For triplets the whole distribution of the probabilities is fitted instead
(:mod:`twoalike.ceilings._bounds`); its points grow as a power of the number of answers.

Leave-one-out agreement, each answer against the majority of the others (ties share), is no bound.
"""

import numpy as np
from scipy.integrate import quad
from scipy.stats import gamma

from twoalike.ceilings._bounds import VoteEstimate
from twoalike.ceilings._ceilings import ShareBound
from twoalike.ceilings._votes import votes_of
from twoalike.evaluation import (
    Count,
    Judgments,
    Measured,
    ShareEstimate,
    Span,
    clustered_interval,
)
from twoalike.study import Floats, Integers

FEWEST_VOTES = 10
"""Votes with others about the same set below which agreement is too uncertain."""
_MAJORITY = 3
"""Votes a set needs for a majority of the others."""


class SetCeilings(Measured):
    """How well any model could answer one question, and how well people do."""

    n_of = "votes"
    votes: Count
    """Votes; of several answers of a person about a set the first is one."""
    sets_with_several: Count
    """Sets with two votes or more."""
    oracle: ShareBound | None
    """Accuracy of the best possible predictor on single answers."""
    leave_one_out: ShareEstimate | None
    """How often an answer is that of the majority of the others, ties shared."""
    missing: dict[str, str] = {}
    """What could not be estimated -> why."""


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


def set_ceilings(judged: Judgments) -> SetCeilings:
    """Bound the accuracy of models by people's agreement about the same sets."""
    cast = votes_of(judged)
    others = cast.counts[cast.set]
    others[np.arange(len(others)), cast.answer] -= 1
    n = others.sum(axis=1)
    missing: dict[str, str] = {}
    some = n > 1
    return SetCeilings(
        votes=len(others),
        sets_with_several=int((cast.n_votes > 1).sum()),
        oracle=_oracle(others, cast.answer, cast.participants, cast.set, missing),
        leave_one_out=_leave_one_out(
            others[some], cast.answer[some], cast.participants[some], cast.set[some]
        )
        if _enough(n, _MAJORITY, "leave_one_out", missing)
        else None,
        missing=missing,
    )


def _enough(others: Integers, votes: int, name: str, missing: dict[str, str]) -> bool:
    """Whether there are enough votes about sets with so many; if not, say so."""
    found = int((others >= votes - 1).sum())
    if found < FEWEST_VOTES:
        missing[name] = f"needs {FEWEST_VOTES} votes on sets with at least {votes}, has {found}"
    return found >= FEWEST_VOTES


def _oracle(
    others: Integers, answer: Integers, people: Integers, number: Integers, missing: dict[str, str]
) -> VoteEstimate | None:
    """Estimate the best predictor's accuracy; its interval holds those of both bounds."""
    n = others.sum(axis=1)
    if not _enough(n, 2, "oracle", missing):
        return None
    there = n > 0
    agreeing: Floats = others[there, answer[there]] / n[there]
    found = clustered_interval(agreeing, people[there], number[there])
    options = others.shape[1]
    low, high = mode_range(found.value, options)
    least, most = mode_range(found.low, options)[0], mode_range(found.high, options)[1]
    return VoteEstimate(dirichlet_mode(found.value, options), least, most, Span(low, high))


def _leave_one_out(
    others: Integers, answer: Integers, people: Integers, number: Integers
) -> ShareEstimate:
    top = others == others.max(axis=1, keepdims=True)
    scores = top[np.arange(len(answer)), answer] / top.sum(axis=1)
    return clustered_interval(scores, people, number).within(0.0, 1.0)
