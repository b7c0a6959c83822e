"""Posterior predictive checks of choices: what the fitted model would give once more.

Each draw predicts every judgment, with the judge's own temperature and lapse; what is counted in
the judgments is compared with what the draw expects of them (:mod:`._tally`). Four things are
counted: answers that are the draw's most probable one, in all and by participant; answers by
their predicted probability (calibration); and, where one triplet was judged twice, by one person
or by two, the judgments that agree. The last tells whether the differences between answers are
noise, as the model has it, or a person's own and lasting view.

The probabilities of one judgment's answers depend on each other, which the calibration ignores:
its p-values are a little too large.

Arrangements and dissimilarities have checks of their own (:mod:`._distance_checks`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._judged import Draw, Judged, answer_probabilities
from twoalike.embedding._similarity import ROWS
from twoalike.embedding._tally import Comparison, Tally, bernoulli_moments

BINS = 10
DISCOVERIES = 0.05
"""Expected share of false alarms among the participants who are said to stand out."""


@dataclass(frozen=True)
class Predictive:
    """Predictive checks of choices.

    Attributes
    ----------
    checks
        ``agreement`` (answers that are the most probable one), and where there are any
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
class TwiceJudged:
    """Pairs of judgments of one triplet.

    Attributes
    ----------
    first, second
        The judgments, items in one order, n each.
    """

    first: Judged
    second: Judged

    @property
    def same(self) -> npt.NDArray[np.bool_]:
        """Whether the two answers agree, shape (n,)."""
        return np.asarray(self.first.chosen == self.second.chosen)


def judged_twice(judged: Judged, *, by_one: bool) -> TwiceJudged:
    """Pair up judgments of the same triplet; every judgment is in one pair at most.

    Parameters
    ----------
    by_one
        Pairs by one participant; else by two.
    """
    items = judged.items.copy()
    start = judged.anchored.astype(np.int64)  # the reference of an anchored triplet stays first
    order = np.argsort(items, axis=1)
    tail = 1 + np.argsort(items[:, 1:], axis=1)
    order[judged.anchored] = np.column_stack([np.zeros_like(start), tail])[judged.anchored]
    items = np.take_along_axis(items, order, axis=1)
    place = np.argmax(order == judged.chosen[:, None], axis=1).astype(np.int8)
    ordered = Judged(items, place, judged.judge, judged.anchored)
    keys: list[npt.NDArray[Any]] = [items[:, 2], items[:, 1], items[:, 0], start]
    rows = np.lexsort((judged.judge, *keys))  # by triplet, then by participant
    if not by_one:  # one judgment a person: pairs of neighbours are then of different people
        keep = np.ones(len(rows), dtype=bool)
        keep[1:] = ~(_alike(rows, keys) & _alike(rows, [judged.judge]))
        rows = rows[keep]
    together = _alike(rows, [judged.judge, *keys] if by_one else keys)
    first = np.flatnonzero(_odd_positions(together))
    return TwiceJudged(ordered.take(rows[first]), ordered.take(rows[first + 1]))


def _alike(rows: npt.NDArray[np.int64], keys: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Whether each row has the keys of the one before it, shape (n - 1,)."""
    same = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for key in keys:
        same &= key[rows[1:]] == key[rows[:-1]]
    return same


def _odd_positions(together: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where pairs start, in runs of neighbours that belong together: every other place."""
    place = np.arange(len(together))
    breaks = np.where(together, -1, place)
    since = place - np.maximum.accumulate(breaks) if len(place) else place
    return np.asarray(together & (since % 2 == 1))


@dataclass
class ChoiceChecks:
    """Predictive checks of choices, gathered draw by draw.

    Attributes
    ----------
    judged
        The judgments.
    participants
        Names, by the index in ``judged.judge``.
    """

    judged: Judged
    participants: Sequence[str]
    _agreement: Tally = field(init=False)
    _people: Tally = field(init=False)
    _calibration: Tally = field(init=False)
    _twice: list[tuple[TwiceJudged, Tally]] = field(init=False)

    def __post_init__(self) -> None:
        edges = np.linspace(0, 1, BINS + 1)
        names = [f"{low:.1f} to {high:.1f}" for low, high in zip(edges, edges[1:], strict=False)]
        self._agreement, self._calibration = Tally(["agreement"]), Tally(names)
        self._people = Tally(self.participants)
        self._twice = [
            (pairs, Tally([name]))
            for name, by_one in (("consistency", True), ("consensus", False))
            if len((pairs := judged_twice(self.judged, by_one=by_one)).first)
        ]

    def add(self, rows: slice, p: npt.NDArray[np.float64]) -> None:
        """Add some of the judgments under the present draw.

        Parameters
        ----------
        rows
            Which of the judgments.
        p
            Probability of each of their answers, shape (n, 3).
        """
        chosen, judge = self.judged.chosen[rows], self.judged.judge[rows]
        here = np.arange(len(p))
        tied = p >= p.max(axis=1, keepdims=True) - 1e-9
        share = 1 / tied.sum(axis=1)  # ties count 1 / (number tied)
        hits = tied[here, chosen] * share
        moments = bernoulli_moments((p * tied).sum(axis=1), share)
        self._people.add(judge, hits, moments)
        self._agreement.add(np.zeros(len(p), dtype=np.int64), hits, moments)
        possible = p > 0  # the reference of an anchored judgment cannot be chosen
        answer = here[:, None].repeat(3, axis=1)[possible], np.nonzero(possible)[1]
        values = p[possible]
        bins = np.minimum((values * BINS).astype(np.int64), BINS - 1)
        self._calibration.add(bins, chosen[answer[0]] == answer[1], bernoulli_moments(values))

    def end_draw(self, draw: Draw) -> None:
        """Add the pairs of judgments and close the draw."""
        for pairs, tally in self._twice:
            for start in range(0, len(pairs.first), ROWS):
                rows = slice(start, start + ROWS)
                first, second = pairs.first.take(rows), pairs.second.take(rows)
                p = answer_probabilities(draw, first) * answer_probabilities(draw, second)
                none = np.zeros(len(first), dtype=np.int64)
                tally.add(none, pairs.same[rows], bernoulli_moments(p.sum(axis=1)))
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


def outstanding(people: Sequence[Comparison]) -> list[str]:
    """Names of those whose check fails, at a false discovery rate of 5 %, worst first."""
    from scipy.stats import false_discovery_control

    if not people:
        return []
    p = np.array([person.two_sided for person in people])
    order = np.argsort(p, kind="stable")
    flagged = false_discovery_control(p) <= DISCOVERIES
    return [people[place].name for place in order if flagged[place]]


def calibration_error(curve: Sequence[Comparison]) -> float:
    """Mean gap between predicted and observed share, over answers (expected calibration error)."""
    n = np.array([found.n for found in curve])
    gaps = np.array([abs(found.observed - found.expected) for found in curve])
    return float((n * gaps).sum() / n.sum())
