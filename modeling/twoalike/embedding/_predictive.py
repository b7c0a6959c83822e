"""Choices as a posterior predicts them: each under every draw, from the others, and checked.

Four things are checked: answers that are the draw's most probable one, in all and by participant;
answers by their predicted probability (calibration); and, where one set of items was judged twice,
by one person or by two, the judgments that agree. The last shows whether the differences between
answers are noise, as in the model, or a person's own and lasting view. Replicates are answers drawn
by their probabilities.

Judgments that were held out are set against new answers: what is most probable is then taken from
the predictions averaged over draws, the same for all draws, and only the replicates depend on the
draw. A draw's own most probable answers would be right more often in its replicates than in
anybody's answers, since each draw errs in its own way.

The likelihood of every judgment under every draw is much larger than the posterior itself: for
ArviZ it is computed when it is needed and never stored in ``posterior.nc``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.choice import guessing
from twoalike.embedding._choices import ChoiceGroup, Choices
from twoalike.embedding._follow import Comparison, ReplicateTally, outstanding, rounds
from twoalike.embedding._judged import as_table, draws_of, some_draws
from twoalike.embedding._kind import BINS
from twoalike.embedding._loo import (
    LEAST_DRAWS,
    leave_one_out,
    predict_left_out,
    separate_fits,
    subset_rows,
    trusted_k,
)
from twoalike.embedding._observers import Draw, changed
from twoalike.embedding._posterior import Posterior, PosteriorSource, as_posterior
from twoalike.embedding._terms import asked_before
from twoalike.judgments import JudgmentTable
from twoalike.study import Floats, Integers, TwoalikeError

if TYPE_CHECKING:
    import xarray as xr

REPLICATES = 300
"""At least: sums of many answers are nearly normal."""


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


def check_choices(
    posterior: Posterior, choices: Choices, which: Integers, seed: int, *, fitted: bool
) -> dict[str, Any]:
    """Predict every choice under the draws ``which``, keeping sums and a subset.

    Gives what a :class:`~twoalike.embedding.PosteriorCheck` says of choices, by its fields.
    """
    n, groups, slices = len(choices), choices.groups, choices.slices
    loo, base = fitted and len(which) >= LEAST_DRAWS, None
    if not fitted:
        base = _mean_answers(posterior, choices, which)
    rng, tallies = np.random.default_rng([seed, 6]), _Tallies(choices, posterior.participants)
    kept = subset_rows(n, len(which) * choices.widest // 3, seed)
    answers = np.zeros((len(which) if loo else 0, len(kept), choices.widest), dtype=np.float32)
    mean, draws = np.zeros(n), draws_of(posterior, which)
    for place, (_, times) in enumerate(rounds(which, n, "choices", REPLICATES)):
        draw = next(draws)
        p = [group.predicted(draw) for group in groups]
        tallies.add(draw, p, base or p, times, rng)
        for own, group, here in zip(p, groups, slices, strict=True):
            mean[here] += own[np.arange(len(own)), group.answer] / len(which)
            if loo:
                first, last = np.searchsorted(kept, [here.start, here.stop])
                answers[place, first:last, : own.shape[1]] = own[kept[first:last] - here.start]
    estimate = None
    if loo:
        lpd, chains = np.log(np.maximum(mean, 1e-30)), posterior.tree["posterior"].sizes["chain"]
        fits = separate_fits(posterior, len(which))
        estimate = leave_one_out(answers, choices.answer[kept], kept, lpd, chains, fits)
    counts = {"judgments": n, "left_out": choices.left_out, "guessing": guessing(choices.chance)}
    return {**counts, "predictive": tallies.result(), "loo": estimate}


def _mean_answers(posterior: Posterior, choices: Choices, which: Integers) -> list[Floats]:
    groups = choices.groups
    means: list[Floats] = [np.zeros((g.size, len(g.question.answers))) for g in groups]
    for draw in draws_of(posterior, which):
        for place, group in enumerate(groups):
            p = group.predicted(draw)
            means[place] += p / len(which)
    return means


def drawn_answers(p: Floats, rng: np.random.Generator) -> Integers:
    """Draw an answer to each choice by its probabilities, (n, A): shape (n,)."""
    level = 1 - rng.random((len(p), 1))  # above 0, so that none of probability 0 is drawn
    return np.asarray(np.minimum((p.cumsum(axis=1) < level).sum(axis=1), p.shape[1] - 1))


def _drawn_again(
    draw: Draw, of: ChoiceGroup, p: Floats, repeats: Any, rng: np.random.Generator
) -> Integers:
    """Draw answers once more; who remembers an answer gives the one that is drawn for it."""
    change = changed(draw.terms, draw.values, of.told, of.judge, of.question)
    if change.again is None:
        return drawn_answers(p, rng)
    rate, marks = change.again
    anew = np.maximum(p - rate * marks, 1e-12)
    answer = drawn_answers(anew / anew.sum(axis=1, keepdims=True), rng)
    kept = rng.random(len(repeats[0])) < rate
    for row, before, same in zip(*(part[kept] for part in repeats), strict=True):
        answer[row] = same[answer[before]]
    return answer


class _Tallies:
    """What is counted of all choices, in data and replicates."""

    def __init__(self, choices: Choices, participants: Sequence[str]) -> None:
        edges = np.linspace(0, 1, BINS + 1)
        bins = [f"{low:.1f} to {high:.1f}" for low, high in zip(edges, edges[1:], strict=False)]
        questions = [group.question.label for group in choices.groups]
        self._groups, self._people = choices.groups, len(participants)
        self._twice = {
            name: judged_twice(choices, by_one=by_one)
            for name, by_one in (("consistency", True), ("consensus", False))
        }
        names = (["agreement"] if len(questions) == 1 else questions, participants, bins)
        self._tallies = [ReplicateTally(of) for of in (*names, list(self._twice))]
        judged = np.bincount(choices.judge, minlength=len(participants))
        pairs = [sum(len(first) for *_, first, _ in of) for of in self._twice.values()]
        sizes = [group.size for group in choices.groups]
        self._cases = [np.array(of, dtype=float) for of in (sizes, judged, [0] * BINS, pairs)]
        self._repeats = [asked_before(g) if g.terms else None for g in choices.groups]
        self._draws = 0

    def add(
        self,
        draw: Draw,
        p: list[Floats],
        base: list[Floats],
        times: int,
        rng: np.random.Generator,
    ) -> None:
        """Add one draw, ``p`` (n, A) of each question; what is likely is by ``base``."""
        bins = [np.minimum((of * BINS).astype(np.int64), BINS - 1) for of in base]
        self._cases[2] += np.bincount(np.concatenate([of.ravel() for of in bins]), minlength=BINS)
        self._draws += 1
        tied = [of >= of.max(axis=1, keepdims=True) - 1e-9 for of in base]
        shares: list[Floats] = [
            of / of.sum(axis=1, keepdims=True) for of in tied
        ]  # of ties, 1 / (number tied)
        seen = self._counts([group.answer for group in self._groups], shares, bins)
        for _ in range(times):
            each = zip(self._groups, p, self._repeats, strict=True)
            again = self._counts([_drawn_again(draw, *of, rng) for of in each], shares, bins)
            for tally, observed, replicated in zip(self._tallies, seen, again, strict=True):
                tally.add(observed, replicated)

    def _counts(
        self, answers: list[Integers], shares: list[Floats], bins: list[Integers]
    ) -> list[Floats]:
        """Count, with these answers: by question, participant, probability, and judged twice."""
        by_question, people, by_bin = [], np.zeros(self._people), np.zeros(BINS)
        for group, answer, share, of in zip(self._groups, answers, shares, bins, strict=True):
            rows = np.arange(len(answer))
            hits = share[rows, answer]
            by_question.append(hits.sum())
            people += np.bincount(group.judge, hits, minlength=self._people)
            by_bin += np.bincount(of[rows, answer], minlength=BINS)
        twice = [
            sum(
                (to[first, answers[k][first]] == to[second, answers[k][second]]).sum()
                for k, to, first, second in pairs
            )
            for pairs in self._twice.values()
        ]
        return [np.array(by_question), people, by_bin, np.array(twice, dtype=float)]

    def result(self) -> Predictive:
        self._cases[2] /= self._draws
        questions, people, bins, twice = (
            tally.comparisons(cases, counts=True)
            for tally, cases in zip(self._tallies, self._cases, strict=True)
        )
        return Predictive([*questions, *twice], people, outstanding(people), bins)


type Twice = tuple[int, Integers, Integers, Integers]
"""A question, each answer as one about sorted items, (n, A), and first and second choices."""


def judged_twice(choices: Choices, *, by_one: bool) -> list[Twice]:
    """Pair up choices about the same items, of one participant or two; each in one pair at most."""
    found = []
    for place, group in enumerate(choices.groups):
        items, to = group.ordered
        table = pd.DataFrame(items).assign(judge=group.judge)
        first, second = rows_twice(table, by_one=by_one)
        if len(first):
            found.append((place, to, first, second))
    return found


def rows_twice(table: pd.DataFrame, *, by_one: bool) -> tuple[Integers, Integers]:
    """Pair up rows that are equal, and of one ``judge`` or of two."""
    by: list[Any] = [name for name in table if by_one or name != "judge"]
    table = table if by_one else table.drop_duplicates()
    groups = table.groupby(by)
    number, size = groups.cumcount(), groups["judge"].transform("size")
    paired = table.assign(number=number)[number < size // 2 * 2].sort_values([*by, "number"])
    rows = paired.index.to_numpy()
    return rows[::2], rows[1::2]


def calibration_gap(curve: Sequence[Comparison]) -> float:
    """Mean gap between predicted and observed share, over answers (expected calibration error)."""
    n = np.array([found.n for found in curve])
    gaps = np.array([abs(found.observed - found.expected) for found in curve])
    return float((n * gaps).sum() / n.sum())


MOST_DRAWS = 400
"""About as many as a fit has by default."""
MOST_JUDGMENTS = 10_000
"""Weights take half a millisecond per judgment; this many give the accuracy to 1 %."""


@dataclass(frozen=True)
class PredictedChoices:
    """Choices among three items, all or a random subset, and probabilities of their answers.

    ``rows`` (n,) are their places in the table, ``items`` (n, 3) objects and ``judge`` (n,)
    participants of the posterior, ``chosen`` (n,) the position of the chosen item; ``unknown``
    choices are by people, or of objects, that the posterior does not contain, ``in_sets`` those
    among more items; ``probabilities`` (n, 3) of each item being chosen are from the other
    judgments only if ``left_out``; ``k_high`` is then the share whose prediction is unreliable
    (Pareto's k), else 0.
    """

    rows: Integers
    items: Integers
    judge: Integers
    chosen: Integers
    unknown: int
    probabilities: Floats
    left_out: bool
    k_high: float
    in_sets: int = 0


def predict_choices(
    posterior: PosteriorSource, choices: JudgmentTable, *, fitted: bool = True, seed: int = 0
) -> PredictedChoices:
    """Predict triplets, each with its participant's own noise and from the other judgments.

    With ``fitted=False`` they are others than those of the fit, and nothing is left out; nor is it
    with fewer than ``LEAST_DRAWS`` draws. Practice and catch trials are left out; the seed is of
    the subset that is predicted if there are many judgments.
    """
    posterior = as_posterior(posterior)
    every = Choices.known_to(posterior, as_table(choices))
    known, triplets = len(every), tuple(g for g in every.groups if g.question.items == 3)
    judged = replace(every, groups=triplets)
    if not triplets:
        raise TwoalikeError(expected="choices among three items", found=f"{known} among more")
    sizes = posterior.tree["posterior"].sizes
    which = some_draws(posterior, MOST_DRAWS)
    some = judged.take(subset_rows(len(judged), len(which), seed, MOST_JUDGMENTS))
    answers = np.zeros((len(which), len(some), 3), dtype=np.float32)
    for place, draw in enumerate(draws_of(posterior, which)):
        for group, here in zip(some.groups, some.slices, strict=True):
            p = group.predicted(draw)
            answers[place, here, 3 - p.shape[1] :] = p  # a reference is never chosen
    ahead = np.concatenate([np.full(g.size, int(g.question.anchored)) for g in some.groups])
    chosen = some.answer + ahead
    left_out, k_high = fitted and len(which) >= LEAST_DRAWS, 0.0
    if left_out:
        fits = separate_fits(posterior, len(which))
        predicted, k = predict_left_out(answers, chosen, sizes["chain"], fits)
        k_high = float((k > trusted_k(len(which) // fits)).mean())
    else:
        predicted = answers.mean(axis=0, dtype=np.float64)
    order = np.argsort(some.rows)
    items = np.concatenate([group.shown for group in some.groups])
    rows, shown, judge, answer = (part[order] for part in (some.rows, items, some.judge, chosen))
    more = predicted[order], left_out, k_high, known - len(judged)
    return PredictedChoices(rows, shown, judge, answer, judged.left_out, *more)


DRAWN = ("posterior", "sample_stats", "log_prior")
"""Groups whose draws are thinned."""


def inference_data(
    posterior: PosteriorSource,
    choices: JudgmentTable,
    *,
    draws: int = MOST_DRAWS,
    seed: int = 0,
) -> "xr.DataTree":
    """Add the groups of the choices to those of a posterior, for ArviZ.

    ``arviz.loo``, ``plot_ppc_dist``, ``plot_loo_pit`` and others work on the result. It takes five
    bytes for each judgment and draw: 250 MB for THINGS with 400 draws.

    Parameters
    ----------
    posterior
        The posterior, or its file.
    choices
        The choices that it was fitted to; practice and catch trials, and those by people or of
        objects that it does not know, are left out. The attribute ``not_known`` counts the latter.
    draws
        About how many to keep at most, equally many of each chain and evenly spaced.
    seed
        Of the simulated choices.

    Returns
    -------
    The posterior's own groups, with these draws, and ``log_likelihood``, ``posterior_predictive``
    and ``observed_data``, each with the variable ``choices``: log-probability of the answer given,
    in nats, and its place among the answers to the question (of an odd one, the item from 0). The
    coordinate ``judgment`` is the row in the table of choices, from 0. Draws keep their numbers.
    """
    import xarray as xr

    posterior = as_posterior(posterior)
    judged = Choices.known_to(posterior, as_table(choices))
    order = np.argsort(judged.rows, kind="stable")
    tree = posterior.tree.copy()
    sizes = tree["posterior"].sizes
    chains, which = sizes["chain"], some_draws(posterior, draws)
    for group in DRAWN:
        if group in tree.children:
            dataset = tree[group].to_dataset()
            tree[group] = dataset.isel(draw=which[: len(which) // chains], missing_dims="ignore")
    log_likelihood, simulated = _under_draws(posterior, judged, which, seed)
    drawn = tree["posterior"].dataset
    rows = judged.rows[order]
    labels = {axis: drawn[axis].values for axis in ("chain", "draw")} | {"judgment": rows}
    shape = (chains, -1, len(judged))
    for group, values in (("log_likelihood", log_likelihood), ("posterior_predictive", simulated)):
        variable = (("chain", "draw", "judgment"), values[:, order].reshape(shape))
        tree[group] = xr.Dataset({"choices": variable}, coords=labels)
    observed = {"choices": ("judgment", judged.answer[order])}
    tree.attrs |= {"not_known": judged.left_out}
    tree["observed_data"] = xr.Dataset(observed, coords={"judgment": rows})
    return tree


def _under_draws(
    posterior: Posterior, judged: Choices, which: Integers, seed: int
) -> tuple[Floats, Integers]:
    """Log-likelihood of each judgment and a simulated answer under each draw, (S, n) both."""
    rng, shape = np.random.default_rng([seed, 5]), (len(which), len(judged))
    logs, simulated = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int8)
    for place, draw in enumerate(draws_of(posterior, which)):
        for group, here in zip(judged.groups, judged.slices, strict=True):
            p = group.predicted(draw)
            given = p[np.arange(group.size), group.answer]
            logs[place, here] = np.log(np.maximum(given, 1e-30))
            simulated[place, here] = drawn_answers(p, rng)
    return logs, simulated
