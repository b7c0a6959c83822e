"""Choices among more than three items: how networks answer them, and how people agree.

Each question (what was asked about how many items) is scored by itself, against its own chance.
Scores are those of triplets: accuracy of the most probable answer, ties shared, and log-loss after
one temperature, fitted to the other half of the sets. Intervals are for other people and other sets
of the same objects: those of one person, or about one set, count as dependent.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from twoalike.choice import Question, SetKind, expected_accuracy, log_set_choice
from twoalike.evaluation._choices import Candidate, halves_by_triplet, similarity_matrix
from twoalike.evaluation._interval import (
    Count,
    Interval,
    Measured,
    Nats,
    NatsEstimate,
    Number,
    Share,
    ShareEstimate,
)
from twoalike.evaluation._judgments import group_numbers
from twoalike.judgments import SetChoices, is_scored, participant_index, set_choices
from twoalike.study import Booleans, Floats, Integers, counted

FEWEST = 10
"""Pairs of answers below which their agreement is too uncertain."""
_WIDEST = 10.0
"""Fitted temperatures lie within exp(-10) to exp(10) times the spread of the similarities."""
_Z95 = 1.959963984540054


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


def score_sets(
    candidates: Sequence[Candidate], choices: pd.DataFrame, rng: np.random.Generator
) -> dict[str, SetResults]:
    """Score networks on the main and repeated choices of each question.

    Parameters
    ----------
    candidates
        The networks; choices of objects that one has no features of are left out and counted.
    choices
        Choices among more than three items.

    Returns
    -------
    Scores by question, such as ``odd_one_out_4``; of questions with a choice that can be scored.
    """
    table = choices[is_scored(choices)]
    people, known = participant_index(table)[0], set(table["participant"]) != {"unknown"}
    found = {}
    for of in set_choices(table)[0]:
        name = f"{of.question.kind}_{of.question.items}"
        result = _score_question(candidates, table, of, people, rng, known=known)
        if result is not None:
            found[name] = result
    return found


def _score_question(
    candidates: Sequence[Candidate],
    table: pd.DataFrame,
    of: SetChoices,
    people: Integers,
    rng: np.random.Generator,
    *,
    known: bool,
) -> SetResults | None:
    ids = np.array([str(name) for name in table["item_1"].cat.categories], dtype=object)
    shared = set.intersection(*(set(one.features.ids) for one in candidates))
    there = np.isin(of.items, np.flatnonzero([name in shared for name in ids])).all(axis=1)
    if not there.any():
        return None
    question, judge = of.question, people[of.rows][there]
    items, answer = question.in_order(of.items[there], of.answer[there])
    number = group_numbers(*items.T)
    first = halves_by_triplet(number, rng) if number.max() else None
    chance = question.chance
    agreement, missing = _agreement(number, answer, judge, known=known)
    return SetResults(
        question=question.kind,
        items=question.items,
        choices=len(items),
        participants=len(np.unique(judge)),
        sets=int(number.max()) + 1,
        left_out=int((~there).sum()),
        chance_accuracy=chance,
        chance_log_loss=float(-np.log(chance)),
        models=tuple(
            _scores(one, question, items, answer, ids, (judge, number), first) for one in candidates
        ),
        **agreement,
        missing=missing | ({} if first is not None else {"log_loss": "needs two sets, has one"}),
    )


def _scores(
    candidate: Candidate,
    question: Question,
    items: Integers,
    answer: Integers,
    ids: np.ndarray,
    clusters: tuple[Integers, Integers],
    first: Booleans | None,
) -> SetScores:
    used, place = np.unique(items, return_inverse=True)
    values = candidate.features.select(list(ids[used]), candidate.name)
    i, j = question.pairs.T
    place = place.reshape(items.shape)
    pairs = similarity_matrix(values, candidate.similarity)[place[:, i], place[:, j]]
    spread = float(pairs.std(axis=1).mean()) or 1.0
    temperature = candidate.temperature or _temperature(pairs, question, answer, spread)
    p = log_set_choice(pairs / spread, question)
    hits = expected_accuracy(p, answer)
    of_choices = np.full(len(items), temperature)
    if candidate.temperature is None and first is not None:
        for scored in (first, ~first):
            fitted = _temperature(pairs[~scored], question, answer[~scored], spread)
            of_choices[scored] = fitted
    log_loss = None
    if candidate.temperature is not None or first is not None:
        log_loss = _interval(_losses(pairs, question, answer, of_choices), *clusters, most=np.inf)
    return SetScores(
        accuracy=_interval(hits, *clusters, most=1.0), log_loss=log_loss, temperature=temperature
    )


def _losses(
    pairs: Floats, question: Question, answer: Integers, temperature: float | Floats
) -> Floats:
    """Negative log-probability of each answer in nats, (n,)."""
    logs = log_set_choice(pairs, question, temperature)
    return np.asarray(-logs[np.arange(len(answer)), answer])


def _temperature(pairs: Floats, question: Question, answer: Integers, spread: float) -> float:
    """Find the temperature with the smallest log-loss on these choices."""

    def loss(log_temperature: float) -> float:
        return float(_losses(pairs, question, answer, spread * np.exp(log_temperature)).mean())

    bounds = (-_WIDEST, _WIDEST)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(spread * np.exp(found.x))


def _interval(scores: Floats, judge: Integers, number: Integers, *, most: float) -> Interval:
    """Mean with a 95 % interval in which two choices of a person, or about a set, are dependent.

    By multiway clustering (doi:10.1198/jbes.2010.07136), with an approximation by normals.
    """
    errors = scores - scores.mean()
    columns = ((judge,), (number,), (judge, number))
    sums = [np.bincount(group_numbers(*one), weights=errors) for one in columns]
    by_person, by_set, by_both = (float((one**2).sum()) for one in sums)
    clusters = [len(one) for one in sums[:2]]
    few = np.prod([n / (n - 1) for n in clusters if n > 1])
    if clusters[0] < 2:  # nothing is known of other people
        by_person, by_both = 0.0, 0.0
    variance = max(by_person + by_set - by_both, by_person, by_set) * few / len(scores) ** 2
    mean, half = float(scores.mean()), _Z95 * float(np.sqrt(variance))
    return Interval(mean, mean - half, mean + half).within(0.0, most)


def _agreement(
    number: Integers, answer: Integers, judge: Integers, *, known: bool
) -> tuple[dict[str, Interval], dict[str, str]]:
    """Agreement of two people about a set, and of a person with themselves; what is missing."""
    found: dict[str, Interval] = {}
    missing: dict[str, str] = {}
    if not known:
        return found, dict.fromkeys(
            ("pair_agreement", "repeats"), "participants are not told apart"
        )
    order = np.lexsort((np.arange(len(judge)), judge, number))
    same_set = np.diff(number[order]) == 0
    same_person = np.diff(judge[order]) == 0
    again = np.flatnonzero(same_set & same_person)
    # A person's first answer is their vote.
    votes = np.concatenate([order[:1], order[1:][~(same_set & same_person)]])
    left, right = _pairs_within(number[votes])
    for name, one, two, what in (
        ("repeats", order[again], order[again + 1], "sets judged again by the same person"),
        ("pair_agreement", votes[left], votes[right], "pairs of people who judged the same set"),
    ):
        if len(one) < FEWEST:
            missing[name] = f"needs {FEWEST} {what}, has {counted(len(one), 'pair')}"
            continue
        same = (answer[one] == answer[two]).astype(np.float64)
        found[name] = _interval(same, judge[one], number[one], most=1.0)
    return found, missing


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
