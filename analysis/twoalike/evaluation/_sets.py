"""Choices among more than three items: how networks answer them, and how people agree.

Each question (what was asked about how many items) is scored by itself, against its own chance.
Scores are those of triplets: accuracy of the most probable answer, ties shared, and log-loss after
one temperature, fitted to the other half of the sets. Intervals are for other people and other sets
of the same objects: those of one person, or about one set, count as dependent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from twoalike.choice import Question, SetKind, expected_accuracy, log_set_choice
from twoalike.evaluation._choices import Candidate, halves_by_triplet, similarity_matrix
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
from twoalike.evaluation._judgments import first_and_again, group_numbers
from twoalike.judgments import is_scored, participant_index, set_choices
from twoalike.study import Booleans, Floats, Integers, counted

FEWEST = 10
"""Pairs of answers below which their agreement is too uncertain."""
_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""


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


@dataclass(frozen=True, eq=False)
class JudgedSets:
    """The n choices that answer one question, about objects that every network has features of.

    Attributes
    ----------
    question
        What was asked about k items.
    ids
        Object ids.
    items, answer
        Indices into ``ids`` in ascending order, a reference first, shape (n, k), and the answer to
        the question in this order, shape (n,).
    judge, number
        Who judged, and which of the different sets, from 0, shape (n,) each.
    known_people
        Whether it is known who judged.
    left_out
        Number of choices of objects without features.
    """

    question: Question
    ids: tuple[str, ...]
    items: Integers
    answer: Integers
    judge: Integers
    number: Integers
    known_people: bool
    left_out: int

    @property
    def name(self) -> str:
        """Question and number of items, such as ``odd_one_out_4``."""
        return f"{self.question.kind}_{self.question.items}"

    def interval(self, scores: Floats, value: float | None = None) -> Interval:
        """Mean of a score of each choice, (n,), with a 95 % interval over people and sets.

        For an estimate that is no mean: the influence of each choice, and ``value``. Two choices
        by a person, or about a set, are dependent: multiway clustering
        (doi:10.1198/jbes.2010.07136), with an approximation by normals.
        """
        return clustered_interval(scores, self.judge, self.number, value)


def judged_sets(candidates: Sequence[Candidate], choices: pd.DataFrame) -> list[JudgedSets]:
    """Sort the main and repeated choices of a table by the question that they answer.

    Parameters
    ----------
    candidates
        The networks; choices of objects that one has no features of are left out and counted.
    choices
        Choices among more than three items.

    Returns
    -------
    Questions with a choice that can be scored.
    """
    table = choices[is_scored(choices)]
    people, known = participant_index(table)[0], set(table["participant"]) != {"unknown"}
    shared = set.intersection(*(set(one.features.ids) for one in candidates))
    found = []
    for of in set_choices(table)[0]:
        ids = tuple(map(str, table["item_1"].cat.categories))
        featured = np.flatnonzero([name in shared for name in ids])
        there = np.isin(of.items, featured).all(axis=1)
        if there.any():
            items, answer = of.question.in_order(of.items[there], of.answer[there])
            judge, number = people[of.rows][there], group_numbers(*items.T)
            left_out = int((~there).sum())
            found.append(
                JudgedSets(of.question, ids, items, answer, judge, number, known, left_out)
            )
    return found


def score_question(
    candidates: Sequence[Candidate], judged: JudgedSets, rng: np.random.Generator
) -> tuple[SetResults, list[Floats]]:
    """Score networks on the choices that answer one question.

    Returns
    -------
    The scores; of each network the probability of each answer to each choice, (n, A), at the
    temperature fitted to the other half of the sets (to all where there is one set).
    """
    question, number = judged.question, judged.number
    first = halves_by_triplet(number, rng) if number.max() else None
    agreement, missing = _agreement(judged)
    scores, answers = [], []
    for one in candidates:
        own, answered = _scores(one, judged, first)
        scores.append(own)
        answers.append(answered)
    found = SetResults(
        question=question.kind,
        items=question.items,
        choices=len(judged.items),
        participants=len(np.unique(judged.judge)),
        sets=int(number.max()) + 1,
        left_out=judged.left_out,
        chance_accuracy=question.chance,
        chance_log_loss=float(-np.log(question.chance)),
        models=tuple(scores),
        **agreement,
        missing=missing | ({} if first is not None else {"log_loss": "needs two sets, has one"}),
    )
    return found, answers


def _scores(
    candidate: Candidate, judged: JudgedSets, first: Booleans | None
) -> tuple[SetScores, Floats]:
    question, items, answer = judged.question, judged.items, judged.answer
    used, place = np.unique(items, return_inverse=True)
    values = candidate.features.select([judged.ids[row] for row in used], candidate.name)
    i, j = question.pairs.T
    place = place.reshape(items.shape)
    pairs = similarity_matrix(values, candidate.similarity)[place[:, i], place[:, j]]
    spread = float(pairs.std(axis=1).mean()) or 1.0
    temperature = candidate.temperature or _temperature(pairs, question, answer, spread)
    hits = expected_accuracy(log_set_choice(pairs / spread, question), answer)
    of_choices = np.full(len(items), temperature)
    if candidate.temperature is None and first is not None:
        for scored in (first, ~first):
            fitted = _temperature(pairs[~scored], question, answer[~scored], spread)
            of_choices[scored] = fitted
    logs = log_set_choice(pairs, question, of_choices)
    losses = -logs[np.arange(len(answer)), answer]
    log_loss = None
    if candidate.temperature is not None or first is not None:
        log_loss = judged.interval(losses).within(0.0, np.inf)
    accuracy = judged.interval(hits).within(0.0, 1.0)
    scores = SetScores(accuracy=accuracy, log_loss=log_loss, temperature=temperature)
    return scores, np.exp(logs)


def _temperature(pairs: Floats, question: Question, answer: Integers, spread: float) -> float:
    """Find the temperature with the smallest log-loss on these choices."""

    def loss(log_temperature: float) -> float:
        logs = log_set_choice(pairs, question, spread * np.exp(log_temperature))
        return -float(logs[np.arange(len(answer)), answer].mean())

    bounds = (-_WIDEST, _WIDEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(spread * np.exp(found.x))


def clustered_interval(
    scores: Floats, judge: Integers, number: Integers, value: float | None = None
) -> Interval:
    """Mean with a 95 % interval in which two choices of a person, or about a set, are dependent."""
    return TwoWayBootstrap(judge, number[:, None]).interval(scores, value)


def _agreement(judged: JudgedSets) -> tuple[dict[str, Interval], dict[str, str]]:
    """Agreement of two people about a set, and of a person with themselves; what is missing."""
    found: dict[str, Interval] = {}
    missing: dict[str, str] = {}
    number, answer, judge = judged.number, judged.answer, judged.judge
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


def votes_and_repeats(judged: JudgedSets) -> tuple[Integers, Integers, Integers]:
    """Find the first answer of each person about each set, and pairs of one that follow.

    Returns
    -------
    Rows of the votes, those about a set together; rows of the earlier and later of two successive
    answers of a person about a set. Where participants are unknown all rows are votes.
    """
    if not judged.known_people:
        none = np.empty(0, dtype=np.int64)
        return np.argsort(judged.number, kind="stable"), none, none
    return first_and_again(judged.judge, judged.number)


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
