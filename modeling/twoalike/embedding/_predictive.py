"""Posterior predictive checks of choices: what the fitted model would give once more.

A posterior predictive check of a discrepancy T (doi:10.1214/ss/1177012136): for each draw of the
posterior, T of the data is set against T of data replicated under the same draw, and the p-value
is the share of replicates that are at least as large. T may depend on the draw; it has to here,
since a check against one prediction that was itself fitted to the data finds the fit in it.

Judgments that were held out are set against new answers instead: T is then of the predictions
averaged over draws, the same for all draws, and only the replicates depend on the draw. A draw's
own most probable answers would be right more often in its replicates than in anybody's answers,
since each draw errs in its own way.

Checks of choices are of sums of independent hits, each with its own probability. Their
replicates need not be drawn: the tail of such a sum follows from its first three moments (the
refined normal approximation to the Poisson binomial, doi:10.1016/j.csda.2012.10.006). For other
discrepancies (:mod:`._distance_checks`) replicates are drawn, and three moments of their
differences to what was observed give the tail further out than any replicate lies.

Four things are counted: answers that are the draw's most probable one, in all and by
participant; answers by their predicted probability (calibration); and, where one triplet was
judged twice, by one person or by two, the judgments that agree. The last shows whether the
differences between answers are noise, as in the model, or a person's own and lasting view.

The probabilities of one judgment's answers depend on each other, which the calibration ignores:
its p-values are a little too large.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.embedding._judged import Draw, Judged, answer_probabilities
from twoalike.study import Booleans, Floats, Integers

Z90 = 1.6448536269514722


@dataclass(frozen=True)
class Comparison:
    """Something observed against replicates.

    A check of any task takes this form: of choices the share of the cases in which something
    could happen (see :class:`Tally`), else a mean over cases (see :class:`ReplicateTally`).

    Attributes
    ----------
    name
        Of whom or what.
    n
        Cases (mean over draws where it depends on the draw).
    observed
        Share or mean observed.
    expected, low, high
        Mean and 90 % interval of the same in replicated data.
    p
        Probability that a replicate is at least as large as what was observed (Bayesian
        p-value, equal values counted half).
    """

    name: str
    n: float
    observed: float
    expected: float
    low: float
    high: float
    p: float

    @property
    def two_sided(self) -> float:
        """Probability of a replicate at least as far out, on either side."""
        return min(1.0, 2 * min(self.p, 1 - self.p))


def bernoulli_moments(probability: Any, value: Any = 1.0) -> tuple[Any, Any, Any]:
    """Mean, variance and third central moment of ``value`` with ``probability``, else 0."""
    spread = value**2 * probability * (1 - probability)
    return value * probability, spread, spread * value * (1 - 2 * probability)


def below(observed: Floats, mean: Floats, variance: Floats, third: Floats) -> Floats:
    """Probability that a sum of independent hits is smaller than observed, ties counted half.

    From the sum's mean, variance and third central moment.
    """
    from scipy.special import ndtr

    certain = variance <= 1e-12
    # Half the probability of equal values: as if noise uniform over one hit were added.
    sd = np.sqrt(variance + 1 / 12)
    z = np.clip((observed - mean) / sd, -38, 38)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    share = ndtr(z) + third / sd**3 * (1 - z**2) * density / 6
    return np.where(certain, 0.5, np.clip(share, 0.0, 1.0))


def most_probable(p: Floats, base: Floats, chosen: Integers) -> tuple[Floats, Any]:
    """Whether each answer is the most probable one by ``base``, ties shared, (n,); its moments.

    Probabilities of the answers are (n, A): ``p`` under the present draw, and ``base`` where the
    judgments are not of the fit averaged over draws, since they do not follow the draw.
    """
    tied = base >= base.max(axis=1, keepdims=True) - 1e-9
    share = 1 / tied.sum(axis=1)  # ties count 1 / (number tied)
    hits = tied[np.arange(len(p)), chosen] * share
    return hits, bernoulli_moments((p * tied).sum(axis=1), share)


class Tally:
    """Hits of several groups, summed within a draw and compared at its end.

    Only sums over draws are kept: memory is that of the groups.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._draws = 0
        self._now = np.zeros((5, len(self.names)))  # cases, hits, three moments of the hits
        self._sums = np.zeros((6, len(self.names)))

    def add(self, group: Integers, hits: npt.ArrayLike, moments: tuple[Any, Any, Any]) -> None:
        """Add cases to the present draw: group, observed hit and expected moments of each, (n,)."""
        size = len(self.names)
        self._now[0] += np.bincount(group, minlength=size)
        for row, values in enumerate((hits, *moments), start=1):
            weights = np.asarray(values, dtype=np.float64)
            self._now[row] += np.bincount(group, weights=weights, minlength=size)

    def end_draw(self) -> None:
        """Compare the present draw, and make ready for the next."""
        cases, hits, mean, variance, third = self._now
        gap = mean - hits
        share = below(hits, mean, variance, third)
        self._sums += np.stack([cases, hits, mean, variance + gap**2, gap, share])
        self._draws += 1
        self._now[:] = 0

    def comparisons(self) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names."""
        cases, hits, mean, square, gap, share = self._sums / self._draws
        sd = np.sqrt(np.maximum(square - gap**2, 0.0))
        found = []
        for place in np.flatnonzero(cases):
            n = cases[place]
            low, high = (mean[place] + side * Z90 * sd[place] for side in (-1, 1))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(n),
                    observed=float(hits[place] / n),
                    expected=float(mean[place] / n),
                    low=float(max(low / n, 0.0)),
                    high=float(min(high / n, 1.0)),
                    p=float(1 - share[place]),
                )
            )
        return found


class ReplicateTally:
    """Discrepancies of several groups, each compared with replicates that were drawn.

    Only sums over replicates are kept: memory is that of the groups. The difference of a replicate
    to what was observed is taken to follow the Pearson distribution of type III (a shifted gamma,
    of either direction) that has its first three moments.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._replicates = 0
        self._sums = np.zeros((4, len(self.names)))  # observed, three powers of the difference

    def add(self, observed: Floats, replicated: Floats) -> None:
        """Add one replicate: the discrepancy in data and replicate under one draw, (groups,)."""
        gap = replicated - observed
        self._sums += np.stack([observed, gap, gap**2, gap**3])
        self._replicates += 1

    def comparisons(self, cases: Integers) -> list[Comparison]:
        """One comparison a group that had any case, in the order of the names."""
        from scipy.stats import pearson3

        observed, gap, square, cube = self._sums / max(self._replicates, 1)
        sd = np.sqrt(np.maximum(square - gap**2, 1e-18))
        skew = (cube - 3 * gap * square + 2 * gap**3) / sd**3
        found = []
        for place in np.flatnonzero(cases):
            tail = pearson3(skew[place], gap[place], sd[place])
            low, high = (observed[place] + tail.ppf(level) for level in (0.05, 0.95))
            found.append(
                Comparison(
                    name=self.names[place],
                    n=float(cases[place]),
                    observed=float(observed[place]),
                    expected=float(observed[place] + gap[place]),
                    low=float(low),
                    high=float(high),
                    p=float(tail.sf(0.0)),
                )
            )
        return found


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
    """Pairs of judgments of one triplet, items in one order."""

    first: Judged
    second: Judged

    @property
    def same(self) -> Booleans:
        """Whether the two answers agree, shape (n,)."""
        return np.asarray(self.first.chosen == self.second.chosen)


def judged_twice(judged: Judged, *, by_one: bool) -> TwiceJudged:
    """Pair up judgments of one triplet, of one participant or two; each in one pair at most."""
    items = judged.items.copy()
    start = judged.anchored.astype(np.int64)  # the reference of an anchored triplet stays first
    order = np.argsort(items, axis=1)
    tail = 1 + np.argsort(items[:, 1:], axis=1)
    order[judged.anchored] = np.column_stack([np.zeros_like(start), tail])[judged.anchored]
    items = np.take_along_axis(items, order, axis=1)
    place = np.argmax(order == judged.chosen[:, None], axis=1).astype(np.int8)
    ordered = Judged(items, place, judged.judge, judged.anchored)
    keys: list[npt.NDArray[Any]] = [items[:, 2], items[:, 1], items[:, 0], start]
    first, second = rows_twice(keys, judged.judge, by_one=by_one)
    return TwiceJudged(ordered.take(first), ordered.take(second))


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


@dataclass
class ChoiceChecks:
    """Predictive checks of choices, gathered draw by draw.

    ``predicted`` (n, 3) are probabilities averaged over draws, for judgments that were held out.
    """

    judged: Judged
    participants: Sequence[str]
    predicted: Floats | None = None
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

    def add(self, rows: slice, p: Floats) -> None:
        """Add judgments under the present draw; ``p`` (n, 3) are their answers' probabilities."""
        chosen, judge = self.judged.chosen[rows], self.judged.judge[rows]
        here = np.arange(len(p))
        base = p if self.predicted is None else self.predicted[rows]
        hits, moments = most_probable(p, base, chosen)
        self._people.add(judge, hits, moments)
        self._agreement.add(np.zeros(len(p), dtype=np.int64), hits, moments)
        possible = p > 0  # the reference of an anchored judgment cannot be chosen
        answer = here[:, None].repeat(3, axis=1)[possible], np.nonzero(possible)[1]
        bins = np.minimum((base[possible] * BINS).astype(np.int64), BINS - 1)
        given = chosen[answer[0]] == answer[1]
        self._calibration.add(bins, given, bernoulli_moments(p[possible]))

    def end_draw(self, draw: Draw) -> None:
        """Add the pairs of judgments and close the draw."""
        for pairs, tally in self._twice:
            first, second = (
                answer_probabilities(draw, side) for side in (pairs.first, pairs.second)
            )
            one = np.zeros(len(first), dtype=np.int64)
            tally.add(one, pairs.same, bernoulli_moments((first * second).sum(axis=1)))
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


def calibration_gap(curve: Sequence[Comparison]) -> float:
    """Mean gap between predicted and observed share, over answers (expected calibration error)."""
    n = np.array([found.n for found in curve])
    gaps = np.array([abs(found.observed - found.expected) for found in curve])
    return float((n * gaps).sum() / n.sum())
