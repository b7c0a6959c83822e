"""Choices among more than three items: how networks answer them, and how people agree.

Each question (what was asked about how many items) is scored by itself, against its own chance, as
triplets are. Intervals are for other people and other sets
of the same objects: those of one person, or about one set, count as dependent.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twoalike.choice import SetKind
from twoalike.evaluation._choices import Candidate, score_choices
from twoalike.evaluation._clusters import TwoWayBootstrap
from twoalike.evaluation._estimates import (
    Count,
    Interval,
    Measured,
    Nats,
    NatsEstimate,
    Number,
    Share,
    ShareEstimate,
)
from twoalike.evaluation._judgments import Judgments, first_and_again
from twoalike.judgments import is_scored, participant_index, set_choices
from twoalike.study import Floats, Integers, counted

FEWEST = 10
"""Pairs of answers below which their agreement is too uncertain."""


class SetScores(Measured):
    """Agreement of one network with people, on one question."""

    accuracy: ShareEstimate
    """How often its most probable answer is the one given."""
    log_loss: NatsEstimate | None
    """Of the answer given; null where there is one set only."""
    temperature: Number | None
    """The choice temperature that fits best, or that of the network where it is known."""


class SetResults(Measured):
    """What was measured on the choices that answer one question."""

    n_of = "choices"
    question: SetKind
    """What was asked."""
    items: Count
    """Items of a set."""
    choices: Count
    """Choices scored."""
    participants: Count
    """Participants."""
    sets: Count
    """Different sets of items."""
    left_out: Count
    """Choices of objects without features."""
    chance_accuracy: Share
    """Accuracy of guesses."""
    chance_log_loss: Nats
    """Log-loss of guesses."""
    models: tuple[SetScores, ...]
    """Agreement of each network, in the order of `models`."""
    pair_agreement: ShareEstimate | None = None
    """How often two people give the same answer about the same items."""
    repeats: ShareEstimate | None = None
    """How often a person gives the same answer again."""
    missing: dict[str, str] = {}
    """What could not be estimated -> why."""


def judged_sets(
    candidates: Sequence[Candidate], choices: pd.DataFrame
) -> list[tuple[Judgments, int]]:
    """Sort the main and repeated choices among more items by the question that they answer.

    Returns the choices of each question of objects that all networks have features of, and how many
    were left out.
    """
    table = choices[is_scored(choices)]
    people, known = participant_index(table)[0], set(table["participant"]) != {"unknown"}
    shared = set.intersection(*(set(one.features.ids) for one in candidates))
    found = []
    sets, ids = set_choices(table)
    featured = np.flatnonzero([name in shared for name in ids])
    for of in sets:
        there = np.isin(of.items, featured).all(axis=1)
        if there.any():
            shown = of.items[there], of.answer[there], people[of.rows][there]
            judged = Judgments(*shown, ids, known_people=known, question=of.question)
            found.append((judged, int((~there).sum())))
    return found


def score_question(
    candidates: Sequence[Candidate], judged: Judgments, left_out: int, rng: np.random.Generator
) -> tuple[SetResults, list[Floats]]:
    """Score networks on the choices that answer one question.

    Returns the scores; of each network the probability of each answer to each choice, (n, A).
    """
    several, chance = len(judged.sets) > 1, judged.question.chance
    boot = TwoWayBootstrap(judged.participants, judged.things)
    scored, scores = score_choices(candidates, judged, rng), []
    for of in scored:
        log_loss = boot.interval(of.losses).within(0.0, np.inf)
        fitted = of.candidate.temperature is None
        scores.append(
            SetScores(
                accuracy=boot.interval(of.hits).within(0.0, 1.0),
                log_loss=log_loss if several or not fitted else None,
                temperature=of.temperature,
            )
        )
    agreement, missing = _agreement(judged)
    found = SetResults(
        question=judged.question.kind,
        items=judged.question.items,
        choices=len(judged.items),
        participants=len(np.unique(judged.participants)),
        sets=len(judged.sets),
        left_out=left_out,
        chance_accuracy=chance,
        chance_log_loss=float(-np.log(chance)),
        models=tuple(scores),
        **agreement,
        missing=missing | ({} if several else {"log_loss": "needs two sets, has one"}),
    )
    return found, [of.probabilities for of in scored]


def clustered_interval(
    scores: Floats, judge: Integers, number: Integers, value: float | None = None
) -> Interval:
    """Mean with a 95 % interval in which two choices of a person, or about a set, are dependent."""
    return TwoWayBootstrap(judge, number[:, None]).interval(scores, value)


def _agreement(judged: Judgments) -> tuple[dict[str, Interval], dict[str, str]]:
    """Agreement of two people about a set, and of a person with themselves; what is missing."""
    found: dict[str, Interval] = {}
    missing: dict[str, str] = {}
    number, answer, judge = judged.number, judged.given, judged.participants
    if not judged.known_people:
        return found, dict.fromkeys(
            ("pair_agreement", "repeats"), "participants are not told apart"
        )
    votes, before, after = votes_and_repeats(judged)
    left, right = _pairs_within(number[votes])
    for name, one, two, what in (
        ("repeats", before, after, "sets judged again by the same person"),
        ("pair_agreement", votes[left], votes[right], "pairs of people who judged the same set"),
    ):
        if len(one) < FEWEST:
            missing[name] = f"needs {FEWEST} {what}, has {counted(len(one), 'pair')}"
            continue
        same = (answer[one] == answer[two]).astype(np.float64)
        found[name] = clustered_interval(same, judge[one], number[one]).within(0.0, 1.0)
    return found, missing


def votes_and_repeats(judged: Judgments) -> tuple[Integers, Integers, Integers]:
    """Find the first answer of each person about each set, and pairs of one that follow.

    As :func:`first_and_again`; where participants are unknown all rows are first answers.
    """
    if not judged.known_people:
        none = np.empty(0, dtype=np.int64)
        return np.argsort(judged.number, kind="stable"), none, none
    return first_and_again(judged.participants, judged.number)


def _pairs_within(number: Integers) -> tuple[Integers, Integers]:
    """Places of all pairs of votes with one number; equal numbers follow each other."""
    ends = np.flatnonzero(np.diff(number, append=-1)) + 1
    parts = []
    for start, end in zip(np.concatenate([[0], ends[:-1]]), ends, strict=True):
        if end - start > 1:
            parts.append(start + np.stack(np.triu_indices(end - start, 1)))
    none = np.zeros((2, 0), dtype=np.int64)
    left, right = np.concatenate([none, *parts], axis=1)
    return left, right
