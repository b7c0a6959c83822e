"""Predictive checks of ratings and sortings, and how well each is predicted from all others.

Two questions are asked, as of arrangements (:mod:`twoalike.embedding._distance_checks`): whether
people's judgments follow the embedding as closely as replicates from the model do, and whether
replicates look like them: how often each level of a scale is used; how many piles there are, and
how large. Leave-one-out weighs draws as :mod:`twoalike.embedding._loo` does; of sortings a whole
trial is left out, whose decisions depend on each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from twoalike.embedding._distance_checks import (
    DistanceChecks,
    Follow,
    correlations,
    places_among,
    rounds,
)
from twoalike.embedding._judged import drawn, labels_of, none_known
from twoalike.embedding._loo import (
    LEAST_DRAWS,
    left_out_weights,
    separate_fits,
    subset_rows,
    trusted_k,
)
from twoalike.embedding._predictive import Comparison, ReplicateTally
from twoalike.embedding._ratings import Ratings
from twoalike.embedding._sortings import SortingGroup, Sortings, draw_piles, members_known
from twoalike.judgments import person_of
from twoalike.study import Floats, Integers

if TYPE_CHECKING:
    from twoalike.embedding._posterior import Posterior

_NEVER = -1e9


@dataclass(frozen=True)
class RatedScore:
    """Log-loss of ratings or of decisions about piles, in nats, each predicted from the others.

    Attributes
    ----------
    judgments, subset
        Ratings (or decisions) in all, and those weighed.
    log_loss, log_loss_se
        Of a rating, or of a decision, with its standard error over ratings (trials).
    guessing
        Log-loss of guesses: each level, or each pile and a new one, equally likely.
    k_limit, k_high
        Pareto k up to which an estimate can be trusted, and the share of the ratings (trials) with
        a larger one.
    left_out
        Whether draws were weighed: not with fewer than 25, or judgments that are new to the fit.
    """

    judgments: int
    subset: int
    log_loss: float
    log_loss_se: float
    guessing: float
    k_limit: float
    k_high: float
    left_out: bool


@dataclass(frozen=True)
class RatedChecks(DistanceChecks):
    """Checks of ratings or sortings.

    Attributes
    ----------
    calibration
        Of ratings: share of each level of each scale. Of sortings: mean number of piles of a trial,
        share of the objects in its largest one, share of objects that are alone in theirs.
    score
        How well they are predicted.
    """

    score: RatedScore


def check_ratings(
    posterior: "Posterior", table: pd.DataFrame, which: Integers, seed: int, *, fitted: bool
) -> RatedChecks:
    """Check ratings; ``which`` are positions among all draws of all chains.

    ``fitted``: whether they are those of the fit, and are left out to be predicted.
    """
    names = labels_of(posterior, "rater")
    known, left_out = _known(posterior, table, ("item_a", "item_b"), names, "ratings")
    data = Ratings.from_table(known, posterior.ids)
    (group,) = data.groups
    own = pd.Index(names).get_indexer(pd.Index(data.raters))
    some = np.flatnonzero(own[group.rater] >= 0)
    items, low, high, rater = (array[some] for array in group.arrays)
    levels, who = data.levels[rater], own[rater]
    seen = _Similarities(posterior, "rating", list(map(person_of, names)))
    threshold = drawn(posterior, "rating_threshold")
    middle = _middles(rater, low, high, data)
    rng = np.random.default_rng([seed, 5])
    kept = subset_rows(len(some), len(which), seed)
    logs = np.empty((len(which), len(kept)))
    bars = _Levels(data, rater, low, high)
    found, index = np.unique(who, return_inverse=True)
    cases = np.bincount(who, minlength=len(names))
    follow = Follow("ratings", names, found, cases[found])
    observed = (low + high - 1) / 2
    for number, (draw, times) in enumerate(rounds(which, len(who), "ratings")):
        s, scale = seen.pairs(draw, items, who), seen.noise[draw, who]
        r = correlations(s, observed, index)
        ends = np.pad(threshold[draw, who], ((0, 0), (1, 1)), constant_values=np.nan)
        for _ in range(times):
            felt = s + scale * rng.logistic(size=len(s))
            level = (threshold[draw, who] < felt[:, None]).sum(axis=1)  # of missing ones: false
            follow.add(r, correlations(s, middle[rater, level], index))
            bars.add(level)
        logs[number] = _log_between(ends[kept], low[kept], high[kept], s[kept], scale[kept])
    guess = np.log(levels / (high - low))
    score = _scored(posterior, logs, np.ones(len(kept)), len(some), float(guess.mean()), fitted)
    plain = follow.result(cases, len(some), left_out + len(group.rater) - len(some))
    return RatedChecks(**vars(plain) | {"calibration": bars.comparisons()}, score=score)


def _known(
    posterior: "Posterior",
    table: pd.DataFrame,
    items: Sequence[str],
    names: Sequence[str],
    kind: str,
) -> tuple[pd.DataFrame, int]:
    """Rows by people and of objects of a posterior, and how many others there are."""
    people = {*names, *map(person_of, names)}
    known = table["participant"].isin(people)
    for item in items:
        known &= table[item].isin(posterior.ids)
    if not known.any():
        raise none_known(posterior, kind, len(table), names)
    return table[known], int((~known).sum())


class _Similarities:
    """Similarities as each person sees them, in their own units, under every draw."""

    def __init__(self, posterior: "Posterior", symbol: str, people: Sequence[str]) -> None:
        self._posterior = posterior
        self._judges = places_among(posterior, people)
        self.noise = drawn(posterior, f"{symbol}_noise")
        self._origin = drawn(posterior, f"{symbol}_origin")
        self._unit = drawn(posterior, f"{symbol}_unit")

    def pairs(self, draw: int, items: Integers, who: Integers) -> Floats:
        """Of pairs of objects, (n, 2), to ``who``, (n,): shape (n,)."""
        x = self._posterior.embedding[draw].astype(np.float64)
        left, right = x[items[:, 0]], x[items[:, 1]]
        if self._posterior.weights is not None:
            roots = self._posterior.weights.roots_of(draw, self._judges)[who]
            left, right = left * roots, right * roots
        s = self._posterior.kernel.rows(left, right)
        return np.asarray((s - self._origin[draw, who]) / self._unit[draw, who])

    def trials(self, draw: int, group: SortingGroup, who: Integers) -> Floats:
        """Of all pairs within each trial to who sorted it, shape (T, k, k)."""
        trials, k = group.items.shape
        both = np.stack(np.broadcast_arrays(group.items[:, :, None], group.items[:, None, :]), -1)
        return self.pairs(draw, both.reshape(-1, 2), np.repeat(who, k * k)).reshape(trials, k, k)


def _middles(rater: Integers, low: Integers, high: Integers, data: Ratings) -> Floats:
    """Where an answer in each level counts as, for each rater, (R, K): the middle of its bin."""
    table = np.tile(np.arange(data.levels.max(), dtype=np.float64), (len(data.raters), 1))
    for who, first, last in np.unique(np.stack([rater, low, high]), axis=1).T:
        table[who, first:last] = (first + last - 1) / 2
    return table


class _Levels:
    """Share of each level of each scale, in data and replicates."""

    def __init__(self, data: Ratings, rater: Integers, low: Integers, high: Integers) -> None:
        n_scales, most = int(data.scale.max()) + 1, int(data.levels.max())
        points = [int(data.levels[data.scale == number][0]) for number in range(n_scales)]
        names = [
            f"{level + 1} of {points[scale]}" for scale in range(n_scales) for level in range(most)
        ]
        self._tally = ReplicateTally(names)
        self._first = data.scale[rater] * most
        self._sizes = np.repeat(np.bincount(data.scale[rater], minlength=n_scales), most)
        self._there = np.concatenate([np.arange(most) < each for each in points])
        # An answer that spans several levels is a part of each.
        width = np.repeat(high - low, high - low)
        rows = np.repeat(np.arange(len(low)), high - low)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        self._observed = self._shares(self._first[rows] + low[rows] + within, 1 / width)

    def _shares(self, place: Integers, weight: Floats | None = None) -> Floats:
        counts = np.bincount(place, weight, minlength=len(self._sizes))
        return np.asarray(counts / np.maximum(self._sizes, 1))

    def add(self, level: Integers) -> None:
        """Add one replicate: the level of each rating, from 0."""
        self._tally.add(self._observed, self._shares(self._first + level))

    def comparisons(self) -> list[Comparison]:
        """Compare, once all replicates are in."""
        return self._tally.comparisons(self._sizes * self._there)


def _log_between(
    threshold: Floats, low: Integers, high: Integers, s: Floats, scale: Floats
) -> Floats:
    """Log-probability of each rating: as in :mod:`twoalike.embedding._ratings`, (n,)."""
    from scipy.special import expit

    rows, levels = np.arange(len(s)), np.isfinite(threshold).sum(axis=1) + 1
    upper = (threshold[rows, high] - s) / scale
    lower = (threshold[rows, low] - s) / scale
    upper, lower = np.where(high == levels, np.inf, upper), np.where(low == 0, -np.inf, lower)
    return np.asarray(np.log(np.maximum(expit(upper) - expit(lower), 1e-30)))


def _scored(
    posterior: "Posterior", logs: Floats, size: Floats, total: int, guess: float, fitted: bool
) -> RatedScore:
    """Log-loss from the log-probabilities of k ratings or trials under each draw, (S, k).

    ``size`` (k,) counts the decisions of each, ``total`` all of them.
    """
    chains, n_draws = posterior.tree["posterior"].sizes["chain"], len(logs)
    fitted = fitted and n_draws >= LEAST_DRAWS
    likelihood = np.exp(np.maximum(logs, -60.0))
    k_high, limit = 0.0, 0.0
    if fitted:
        fits = separate_fits(posterior, n_draws)
        predicted, shape = np.empty(logs.shape[1]), np.empty(logs.shape[1])
        for part, weights, found in left_out_weights(likelihood, chains, fits):
            predicted[part] = np.einsum("ks,sk->k", weights, likelihood[:, part])
            shape[part] = found
        limit = trusted_k(n_draws // fits)
        k_high = float((shape > limit).mean())
    else:
        predicted = likelihood.mean(axis=0)
    loss = -np.log(np.maximum(predicted, 1e-30))
    mean = float(loss.sum() / size.sum())
    error = np.sqrt(((loss - mean * size) ** 2).sum()) / size.sum()
    return RatedScore(total, int(size.sum()), mean, float(error), guess, limit, k_high, fitted)


def check_sortings(
    posterior: "Posterior", table: pd.DataFrame, which: Integers, seed: int, *, fitted: bool
) -> RatedChecks:
    """Check sortings, as :func:`check_ratings` does ratings."""
    names = labels_of(posterior, "sorter")
    known, left_out = _known(posterior, table, ("item",), names, "sortings")
    data = Sortings.from_table(known, posterior.ids)
    own = pd.Index(names).get_indexer(pd.Index(data.people))
    groups = [SortedTrials(group, own[group.sorter]) for group in data.groups]
    seen = _Similarities(posterior, "sorting", names)
    threshold = drawn(posterior, "sorting_threshold")
    rng = np.random.default_rng([seed, 6])
    who = np.concatenate([group.who for group in groups])
    size = np.concatenate([group.size - 1 for group in groups])
    follow = Follow("sortings", names, who, size)
    piles = ReplicateTally(("piles a trial", "largest pile", "objects alone"))
    observed = [group.summary(group.pile) for group in groups]
    logs = np.empty((len(which), len(who)))
    n_pairs = sum(group.pile.shape[1] * group.pile.size for group in groups)
    for number, (draw, times) in enumerate(rounds(which, n_pairs, "sortings")):
        s = [seen.trials(draw, group.group, group.who) for group in groups]
        gain = [
            (each - threshold[draw, group.who][:, None, None])
            / seen.noise[draw, group.who][:, None, None]
            for each, group in zip(s, groups, strict=True)
        ]
        r = _together(groups, s, [group.pile for group in groups])
        logs[number] = np.concatenate(
            [group.log_probability(each) for each, group in zip(gain, groups, strict=True)]
        )
        for _ in range(times):
            again = [group.replicate(each, rng) for each, group in zip(gain, groups, strict=True)]
            follow.add(r, _together(groups, s, again))
            summary = [group.summary(pile) for group, pile in zip(groups, again, strict=True)]
            piles.add(_mean_of(observed), _mean_of(summary))
    trials = np.bincount(who, minlength=len(names))
    guess = sum(group.log_guess() for group in groups) / size.sum()
    score = _scored(posterior, logs, size.astype(np.float64), int(size.sum()), float(guess), fitted)
    plain = follow.result(trials, len(who), left_out + data.left_out)
    comparisons = piles.comparisons(np.full(3, len(who)))
    return RatedChecks(**vars(plain) | {"calibration": comparisons}, score=score)


def _mean_of(parts: Sequence[Floats]) -> Floats:
    return np.asarray(np.concatenate(parts, axis=1).mean(axis=1))


def _together(
    groups: "Sequence[SortedTrials]", s: Sequence[Floats], piles: Sequence[Integers]
) -> Floats:
    """Correlation over a trial's pairs of similarity with being in one pile, of every trial."""
    found = []
    for group, each, pile in zip(groups, s, piles, strict=True):
        trial, first, second = group.pairs
        same = (pile[trial, first] == pile[trial, second]).astype(np.float64)
        found.append(correlations(each[trial, first, second], same, trial))
    return np.concatenate(found)


class SortedTrials:
    """Trials of about one size: T trials of up to k objects, by ``who`` among the posterior's."""

    def __init__(self, group: SortingGroup, who: Integers) -> None:
        self.group, self.who = group, who
        self.shown = group.shown > 0
        self.pile = np.where(self.shown, group.pile, -1)
        self.size = self.shown.sum(axis=1)
        both = np.triu(self.shown[:, :, None] & self.shown[:, None, :], 1)
        self.pairs: Any = np.nonzero(both)

    def _options(self, gain: Floats, member: Floats) -> tuple[Floats, Floats]:
        """Gain of each pile over a new one for each object, (T, k, k), and its members so far."""
        before = members_known(gain.shape[1]) * (self.shown[:, :, None] & self.shown[:, None, :])
        count = before @ member
        mean = (before * gain) @ member / np.maximum(count, 1)
        return np.where(count > 0, mean, _NEVER), count

    def log_probability(self, gain: Floats) -> Floats:
        """Of the piles of each trial, (T,): as in :mod:`twoalike.embedding._sortings`."""
        k = gain.shape[1]
        member = (self.pile[:, :, None] == np.arange(k)).astype(np.float64)
        options, count = self._options(gain, member)
        norm = np.logaddexp(0.0, np.logaddexp.reduce(options, axis=2))
        joined = (np.where(count > 0, options, 0.0) * member).sum(axis=2)
        return np.asarray(((joined - norm) * self.shown).sum(axis=1))

    def log_guess(self) -> float:
        """Negative log-probability of all trials if each option of a decision is equally likely."""
        member = (self.pile[:, :, None] == np.arange(self.pile.shape[1])).astype(np.float64)
        _, count = self._options(np.zeros((*self.pile.shape, self.pile.shape[1])), member)
        return float((np.log1p((count > 0).sum(axis=2)) * self.shown).sum())

    def replicate(self, gain: Floats, rng: np.random.Generator) -> Integers:
        """Draw piles, (T, k), numbered from 0; -1 where padded."""
        return draw_piles(gain, self.group.shown, rng)

    def summary(self, pile: Integers) -> Floats:
        """Count piles; shares of the objects in the largest, and alone in theirs, (3, T)."""
        counts = (pile[:, :, None] == np.arange(pile.shape[1])).sum(axis=1)
        largest, alone = counts.max(axis=1) / self.size, (counts == 1).sum(axis=1) / self.size
        return np.stack([(counts > 0).sum(axis=1), largest, alone])
