"""Predictive checks of choices, gathered draw by draw.

Four things are counted: answers that are the draw's most probable one, in all and by
participant; answers by their predicted probability (calibration); and, where one set of items was
judged twice, by one person or by two, the judgments that agree. The last shows whether the
differences between answers are noise, as in the model, or a person's own and lasting view.

Judgments that were held out are set against new answers: what is most probable is then taken from
the predictions averaged over draws, the same for all draws, and only the replicates depend on the
draw. A draw's own most probable answers would be right more often in its replicates than in
anybody's answers, since each draw errs in its own way.

The probabilities of one judgment's answers depend on each other, which the calibration ignores:
its p-values are a little too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import guessing
from twoalike.embedding._choices import ChoiceGroup, Choices
from twoalike.embedding._follow import BINS, Comparison, Tally, bernoulli_moments, outstanding
from twoalike.embedding._judged import Draw, answer_probabilities, draws_of
from twoalike.embedding._kind import Checked
from twoalike.embedding._loo import (
    LEAST_DRAWS,
    LeaveOneOut,
    leave_one_out,
    separate_fits,
    subset_rows,
)
from twoalike.study import Booleans, Floats, Integers, progress

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior


@dataclass(frozen=True)
class Predictive:
    """Predictive checks of choices.

    Attributes
    ----------
    checks
        ``agreement`` (answers that are the most probable one), of each question where there are
        several; and where there are any
        ``consistency`` (a person's two judgments of a triplet agree) and ``consensus`` (two
        people's judgments of a triplet agree).
    participants
        Agreement of each participant.
    outstanding
        Names of the participants whose agreement the model would hardly give again, at a false
        discovery rate of 5 % (doi:10.1111/j.2517-6161.1995.tb02031.x), lowest p-value first.
    calibration
        Answers by predicted probability, in bins of equal width.
    """

    checks: list[Comparison]
    participants: list[Comparison]
    outstanding: list[str]
    calibration: list[Comparison]


@dataclass(frozen=True)
class ChoiceChecks:
    """What was found of choices.

    ``judgments`` were checked, ``left_out`` are of people or objects that the posterior does not
    know; ``guessing`` is the ``log_loss`` in nats and the ``accuracy`` of guesses; ``loo`` is None
    for choices other than those of the fit, or too few draws.
    """

    judgments: int
    left_out: int
    predictive: Predictive
    guessing: dict[str, float]
    loo: LeaveOneOut | None


def check_choices(of: Checked, choices: Choices) -> ChoiceChecks:
    """Predict every choice under every draw, keeping sums and a subset."""
    posterior, which, fitted = of.posterior, of.which, of.fitted
    n, groups, slices = len(choices), choices.groups, choices.slices
    n_pairs = sum(len(group.seen()) for group in groups)
    loo, predicted = fitted and len(which) >= LEAST_DRAWS, None
    if not fitted:
        predicted = mean_answers(posterior, choices, which)
    tallies = _Tallies(choices, posterior.participants, predicted)
    kept = subset_rows(n, len(which) * choices.widest // 3, of.seed)
    answers = np.zeros((len(which) if loo else 0, len(kept), choices.widest), dtype=np.float32)
    mean = np.zeros(n)
    with progress() as bar:
        task = bar.add_task("predicting the judgments", total=len(which), status="")
        for place, draw in enumerate(draws_of(posterior, which, n_pairs)):
            for number, (group, here) in enumerate(zip(groups, slices, strict=True)):
                p = answer_probabilities(draw, group)
                tallies.add(number, p)
                given = p[np.arange(len(p)), group.answer]
                mean[here] += given / len(which)
                if loo:
                    first, last = np.searchsorted(kept, [here.start, here.stop])
                    answers[place, first:last, : p.shape[1]] = p[kept[first:last] - here.start]
            tallies.end_draw(draw)
            bar.update(task, advance=1)
    estimate = None
    if loo:
        lpd, chains = np.log(np.maximum(mean, 1e-30)), posterior.tree["posterior"].sizes["chain"]
        fits = separate_fits(posterior, len(which))
        estimate = leave_one_out(answers, choices.answer[kept], kept, lpd, chains, fits)
    found = tallies.result(), guessing(choices.chance), estimate
    return ChoiceChecks(n, choices.left_out, *found)


def mean_answers(posterior: "Posterior", choices: Choices, which: Integers) -> list[Floats]:
    """Probabilities of the answers to each question, averaged over draws, (n, A) each."""
    means: list[Floats] = [np.zeros((g.size, len(g.question.answers))) for g in choices.groups]
    n_pairs = sum(len(group.seen()) for group in choices.groups)
    for draw in draws_of(posterior, which, n_pairs):
        for number, group in enumerate(choices.groups):
            means[number] += answer_probabilities(draw, group) / len(which)
    return means


def most_probable(p: Floats, base: Floats, chosen: Integers) -> tuple[Floats, Any]:
    """Whether each answer is the most probable one by ``base``, ties shared, (n,); its moments.

    Probabilities of the answers are (n, A): ``p`` under the present draw, and ``base`` where the
    judgments are not of the fit averaged over draws, since they do not follow the draw.
    """
    tied = base >= base.max(axis=1, keepdims=True) - 1e-9
    share = 1 / tied.sum(axis=1)  # ties count 1 / (number tied)
    hits = tied[np.arange(len(p)), chosen] * share
    return hits, bernoulli_moments((p * tied).sum(axis=1), share)


class _Tallies:
    """Hits of all choices; ``predicted`` (n, A) of each question if they were held out."""

    def __init__(
        self, choices: Choices, participants: Sequence[str], predicted: list[Floats] | None
    ) -> None:
        edges = np.linspace(0, 1, BINS + 1)
        names = [f"{low:.1f} to {high:.1f}" for low, high in zip(edges, edges[1:], strict=False)]
        self._groups, self._predicted = choices.groups, predicted
        questions = [group.question.label for group in choices.groups]
        self._agreement = Tally(["agreement"] if len(questions) == 1 else questions)
        self._calibration, self._people = Tally(names), Tally(participants)
        self._twice = [
            (pairs, Tally([name]))
            for name, by_one in (("consistency", True), ("consensus", False))
            if (pairs := judged_twice(choices, by_one=by_one))
        ]

    def add(self, number: int, p: Floats) -> None:
        """Add the choices of one question under the present draw, ``p`` (n, A) of its answers."""
        group = self._groups[number]
        base = p if self._predicted is None else self._predicted[number]
        hits, moments = most_probable(p, base, group.answer)
        self._people.add(group.judge, hits, moments)
        self._agreement.add(np.full(len(p), number), hits, moments)
        bins = np.minimum((base * BINS).astype(np.int64), BINS - 1)
        given = group.answer[:, None] == np.arange(p.shape[1])
        self._calibration.add(bins.ravel(), given.ravel(), bernoulli_moments(p.ravel()))

    def end_draw(self, draw: Draw) -> None:
        """Add the pairs of judgments and close the draw."""
        for pairs, tally in self._twice:
            for first, second in pairs:
                p, q = answer_probabilities(draw, first), answer_probabilities(draw, second)
                one, same = np.zeros(len(p), dtype=np.int64), first.answer == second.answer
                tally.add(one, same, bernoulli_moments((p * q).sum(axis=1)))
            tally.end_draw()
        for tally in (self._agreement, self._people, self._calibration):
            tally.end_draw()

    def result(self) -> Predictive:
        """Compare, once all draws are in."""
        people = self._people.comparisons()
        tallies = [self._agreement, *(tally for _, tally in self._twice)]
        return Predictive(
            checks=[found for tally in tallies for found in tally.comparisons()],
            participants=people,
            outstanding=outstanding(people),
            calibration=self._calibration.comparisons(),
        )


def judged_twice(choices: Choices, *, by_one: bool) -> list[tuple[ChoiceGroup, ChoiceGroup]]:
    """Pair up choices about the same items, of one participant or two; each in one pair at most.

    Of each question that has any, first and second ones, with the items in one order.
    """
    found = []
    for group in choices.groups:
        items, answer = group.question.in_order(group.shown, group.answer)
        ordered = ChoiceGroup(group.question, items, answer, group.judge, group.rows)
        first, second = rows_twice(list(items.T), group.judge, by_one=by_one)
        if len(first):
            found.append((ordered.take(first), ordered.take(second)))
    return found


def rows_twice(
    keys: Sequence[npt.NDArray[Any]], judge: Integers, *, by_one: bool
) -> tuple[Integers, Integers]:
    """Pair up rows with equal keys, (n,) each, of one judge or two; each in one pair at most."""
    rows = np.lexsort((judge, *keys))  # by what was judged, then by participant
    if not by_one:  # one judgment a person: pairs of neighbours are then of different people
        keep = np.ones(len(rows), dtype=bool)
        keep[1:] = ~(_alike(rows, keys) & _alike(rows, [judge]))
        rows = rows[keep]
    together = _alike(rows, [judge, *keys] if by_one else keys)
    first = np.flatnonzero(_odd_positions(together))
    return rows[first], rows[first + 1]


def _alike(rows: Integers, keys: Sequence[Any]) -> Booleans:
    """Whether each row has the keys of the one before it, shape (n - 1,)."""
    same = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for key in keys:
        same &= key[rows[1:]] == key[rows[:-1]]
    return same


def _odd_positions(together: Booleans) -> Booleans:
    """Where pairs start, in runs of neighbours that belong together: every other place."""
    place = np.arange(len(together))
    breaks = np.where(together, -1, place)
    since = place - np.maximum.accumulate(breaks) if len(place) else place
    return np.asarray(together & (since % 2 == 1))


def calibration_gap(curve: Sequence[Comparison]) -> float:
    """Mean gap between predicted and observed share, over answers (expected calibration error)."""
    n = np.array([found.n for found in curve])
    gaps = np.array([abs(found.observed - found.expected) for found in curve])
    return float((n * gaps).sum() / n.sum())
