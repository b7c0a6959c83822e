"""Choices among more than three items after a fit: predicted, checked, left out one by one.

What :mod:`._posterior`, :mod:`._predictive` and :mod:`._loo` do for triplets, with as many answers
as each question has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Question, log_set_choice
from twoalike.embedding._intervals import central_interval
from twoalike.embedding._judged import Draw, draws_of
from twoalike.embedding._loo import (
    LEAST_DRAWS,
    VALUES,
    LeaveOneOut,
    leave_one_out,
    separate_fits,
    subset_rows,
)
from twoalike.embedding._parts import ROWS
from twoalike.embedding._posterior import Posterior, check_indices
from twoalike.embedding._predictive import (
    Comparison,
    Tally,
    bernoulli_moments,
    most_probable,
    rows_twice,
)
from twoalike.embedding._sets import set_similarities
from twoalike.judgments import participant_index, set_choices
from twoalike.study import Floats, Integers, TwoalikeError, counted, progress


@dataclass(frozen=True, eq=False)
class KnownSets:
    """The n choices of one question by people, and of objects, that a posterior knows.

    ``items`` (n, k) are its object indices, ``answer`` (n,) those given, ``judge`` (n,) its
    participants, ``rows`` (n,) places in the table.
    """

    question: Question
    items: Integers
    answer: Integers
    judge: Integers
    rows: Integers

    def take(self, places: Any) -> "KnownSets":
        """Take some of the choices."""
        parts = (self.items, self.answer, self.judge, self.rows)
        return KnownSets(self.question, *(part[places] for part in parts))


def known_sets(posterior: Posterior, choices: pd.DataFrame) -> tuple[list[KnownSets], int]:
    """Index choices into a posterior's objects and participants; also how many it does not know."""
    people = participant_index(choices)
    judge = pd.Index(posterior.participants).get_indexer(pd.Index(people[1]))[people[0]]
    asked, names = set_choices(choices)
    place = pd.Index(posterior.ids).get_indexer(pd.Index(names))
    found = []
    for of in asked:
        own = KnownSets(of.question, place[of.items], of.answer, judge[of.rows], of.rows)
        known = (own.items >= 0).all(axis=1) & (own.judge >= 0)
        if known.any():
            found.append(own.take(known))
    return found, len(choices) - sum(len(of.rows) for of in found)


def set_answers(draw: Draw, known: KnownSets) -> Floats:
    """Probability of each answer under one draw, with the judge's own noise, shape (n, A)."""
    p = np.empty((len(known.rows), len(known.question.answers)))
    for start in range(0, len(p), ROWS // 4):
        rows = slice(start, start + ROWS // 4)
        judge = known.judge[rows]
        roots = None if draw.roots is None else draw.roots[judge]
        pairs = set_similarities(
            draw.embedding,
            known.items[rows],
            known.question,
            draw.kernel,
            np,
            matrix=draw.matrix,
            roots=roots,
        )
        noise, guess = draw.temperature[judge], draw.lapse[judge]
        p[rows] = np.exp(log_set_choice(pairs, known.question, noise, guess))
    return p / p.sum(axis=1, keepdims=True)


def _each_draw(
    posterior: Posterior,
    items: Integers,
    question: Question,
    judges: Integers | None,
    *,
    lapse: bool,
) -> Iterator[npt.NDArray[Any]]:
    """Probability of each answer under one draw after the other, shape (n, A) each."""
    kernel, observers, weights = posterior.kernel, posterior.observers, posterior.weights
    known = np.full(len(items), -1) if judges is None else np.asarray(judges)
    cheap = posterior.embedding.shape[1] ** 2 < 30 * items.size
    for draw, x in enumerate(posterior.embedding):
        matrix = kernel.matrix(x, x) if cheap and weights is None else None
        roots = None if weights is None else weights.roots_of(draw, known)
        pairs = set_similarities(x, items, question, kernel, np, matrix=matrix, roots=roots)
        p = observers.set_answers(draw, pairs, question, judges, lapse=lapse)
        if weights is not None and lapse and (known < 0).any():
            new = [
                set_similarities(x * root, items[known < 0], question, kernel, np)
                for root in weights.new(draw)
            ]
            views = [observers.set_answers(draw, one, question, None, lapse=lapse) for one in new]
            p[known < 0] = np.mean(views, axis=0)
        yield p


def set_probabilities(
    posterior: Posterior,
    items: Integers,
    question: Question,
    *,
    lapse: bool = False,
    participants: Integers | None = None,
    interval: float | None = None,
) -> tuple[Floats, ...]:
    """Probability of each answer to a question about sets of k items, averaged over draws.

    Parameters
    ----------
    items
        Object indices, shape (n, k); item 1 is the reference of anchored questions.
    question
        What is asked; its ``answers`` are the columns of the result.
    lapse
        Whether these are people's answers, guesses included.
    participants
        Index of each set's judge, shape (n,), -1 for somebody new, as are all if None; see
        :meth:`~twoalike.embedding.Posterior.choice_probabilities`.
    interval
        Share of the draws inside the central interval of each probability.

    Returns
    -------
    Shape (n, A), rows sum to one; with ``interval`` also the low and the high end, (n, A) each.
    """
    items = np.asarray(items)
    check_indices(posterior, items, question.items, participants, "items")
    width = len(question.answers)
    parts: list[list[Floats]] = []
    block = len(items) if interval is None else VALUES // (width * len(posterior.embedding)) + 1
    for start in range(0, max(len(items), 1), max(block, 1)):
        rows = slice(start, start + block)
        judges = None if participants is None else participants[rows]
        draws = _each_draw(posterior, items[rows], question, judges, lapse=lapse)
        if interval is None:
            mean = sum(p.astype(np.float64) for p in draws) / len(posterior.embedding)
            parts.append([np.asarray(mean)])
        else:
            each = np.stack(list(draws))
            parts.append([each.mean(axis=0, dtype=np.float64), *central_interval(each, interval)])
    mean, *ends = (np.concatenate(of) for of in zip(*parts, strict=True))
    return (mean / mean.sum(axis=1, keepdims=True), *ends)


@dataclass(frozen=True)
class SetChecks:
    """Checks of choices among more than three items.

    Attributes
    ----------
    judgments, left_out
        Choices checked, and those of people or objects that the posterior does not know.
    agreement
        Of each question, the answers that are the most probable one, against replicates.
    repeated
        ``consistency`` (a person's two answers about the same items agree) and ``consensus`` (two
        people's do), where there are any.
    guessing
        ``log_loss`` in nats and ``accuracy`` of guesses at these choices.
    loo
        Leave-one-out; None for choices other than those of the fit, or too few draws.
    """

    judgments: int
    left_out: int
    agreement: list[Comparison]
    repeated: list[Comparison]
    guessing: dict[str, float]
    loo: LeaveOneOut | None = None


def check_sets(
    posterior: Posterior, choices: pd.DataFrame, which: Integers, seed: int, *, fitted: bool
) -> tuple[SetChecks, Floats]:
    """Predict choices under some draws; the checks, and the log-likelihood of each draw, (S,)."""
    groups, left_out = known_sets(posterior, choices)
    if not groups:
        raise TwoalikeError(
            f"none of the {counted(len(choices), 'choice')} among more than three items is by a "
            "participant and of objects of this posterior. Give those that it was fitted on."
        )
    sizes = np.array([len(of.rows) for of in groups])
    n, starts = int(sizes.sum()), np.cumsum(sizes) - sizes
    widest = max(len(of.question.answers) for of in groups)
    loo = fitted and len(which) >= LEAST_DRAWS
    kept = subset_rows(n, len(which), seed, max(3 * VALUES // (len(which) * widest), 1))
    answers = np.zeros((len(which) if loo else 0, len(kept), widest), dtype=np.float32)
    agreement = Tally([of.question.label for of in groups])
    twice = [
        _Twice(name, groups, by_one=by_one)
        for name, by_one in (("consistency", True), ("consensus", False))
    ]
    mean, total = np.zeros(n), np.zeros(len(which))
    predicted = None if fitted else _mean_answers(posterior, groups, which, n)
    with progress() as bar:
        task = bar.add_task("predicting larger sets", total=len(which), status="")
        for place, draw in enumerate(draws_of(posterior, which, 4 * n)):
            for number, (of, start) in enumerate(zip(groups, starts, strict=True)):
                p = set_answers(draw, of)
                given = p[np.arange(len(p)), of.answer]
                mean[start : start + len(p)] += given / len(which)
                total[place] += np.log(np.maximum(given, 1e-30)).sum()
                base = p if predicted is None else predicted[number]
                hits = most_probable(p, base, of.answer)
                agreement.add(np.full(len(p), number), *hits)
                if loo:
                    first, last = np.searchsorted(kept, [start, start + len(p)])
                    answers[place, first:last, : p.shape[1]] = p[kept[first:last] - start]
            for pairs in twice:
                pairs.add(draw)
            agreement.end_draw()
            bar.update(task, advance=1)
    estimate = None
    if loo:
        chains, fits = (
            posterior.tree["posterior"].sizes["chain"],
            separate_fits(posterior, len(which)),
        )
        chosen = np.concatenate([of.answer for of in groups])[kept]
        lpd = np.log(np.maximum(mean, 1e-30))
        estimate = leave_one_out(answers, chosen, kept, lpd, chains, fits)
    checks = SetChecks(
        judgments=n,
        left_out=left_out,
        agreement=agreement.comparisons(),
        repeated=[found for pairs in twice for found in pairs.tally.comparisons()],
        guessing=set_guessing([of.question for of in groups], sizes),
        loo=estimate,
    )
    return checks, total


def set_guessing(questions: Sequence[Question], sizes: Integers) -> dict[str, float]:
    """Mean log-loss in nats and accuracy of guesses at so many choices of each question."""
    chance = np.repeat([question.chance for question in questions], sizes)
    return {"log_loss": float(-np.log(chance).mean()), "accuracy": float(chance.mean())}


def _mean_answers(
    posterior: Posterior, groups: Sequence[KnownSets], which: Integers, n: int
) -> list[Floats]:
    """Probabilities of the answers to each question, averaged over draws, (n, A) each."""
    means: list[Floats] = [np.zeros((len(of.rows), len(of.question.answers))) for of in groups]
    for draw in draws_of(posterior, which, 4 * n):
        for place, of in enumerate(groups):
            means[place] += set_answers(draw, of) / len(which)
    return means


class _Twice:
    """Pairs of choices about the same items, of all questions, compared under each draw."""

    def __init__(self, name: str, groups: Sequence[KnownSets], *, by_one: bool) -> None:
        self.tally = Tally([name])
        self._pairs = []
        for of in groups:
            items, answer = of.question.in_order(of.items, of.answer)
            ordered = KnownSets(of.question, items, answer, of.judge, of.rows)
            first, second = rows_twice(list(items.T), of.judge, by_one=by_one)
            if len(first):
                self._pairs.append((ordered.take(first), ordered.take(second)))

    def add(self, draw: Draw) -> None:
        """Add all pairs under one draw, and close it."""
        for first, second in self._pairs:
            p, q = set_answers(draw, first), set_answers(draw, second)
            one = np.zeros(len(p), dtype=np.int64)
            self.tally.add(
                one, first.answer == second.answer, bernoulli_moments((p * q).sum(axis=1))
            )
        self.tally.end_draw()
