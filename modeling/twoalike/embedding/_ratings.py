r"""Ratings of pairs in the model: a graded response to similarity, with a rater's own thresholds.

A rater p sees a pair of similarity s and answers on an ordered scale of K levels. The answer is in
level k or below with probability

    P(y <= k) = F((c_pk - s) / b_p),   c_pk = shift_p + stretch_p c_k,   F(z) = 1 / (1 + exp(-z))

(the graded response model, Samejima 1969, doi:10.1007/BF03372160; McCullagh 1980,
doi:10.1111/j.2517-6161.1980.tb01109.x). The thresholds c_k are common to all raters of a scale;
each rater moves and stretches them and has a noise b_p of their own, all partially pooled. c_k are
the quantiles of the standard normal distribution at cumulative shares of the levels, which have a
flat prior on the simplex: of an average rater each level may hold any share of the pairs.

Similarities are standardised by their mean and standard deviation over the rated pairs, as the
rater sees them where people weigh the dimensions. Thresholds and noise are thus in standard
deviations, and ratings carry no information on the scale of the embedding: only choices show how
decided choices are.

What two raters mean by a place on a slider differs by more than a shift and a stretch, and only the
order of a rater's own answers is comparable. A slider is therefore cut into :data:`RATING_LEVELS`
levels at the rater's own quantiles, which no monotone distortion of the slider changes. Equal
answers stay in one level; where many are equal, as at the ends, that level spans several tenths,
and thresholds between which no answer lies are passed over.

Where the order of a pair counts (``order_spread``, 0 by default), the similarity of (a, b) is
s + o_a - o_b, in the same units (similarity and bias: Nosofsky 1991,
doi:10.1016/0010-0285(91)90008-8).

Ratings are independent given similarities and thresholds. Raters who make up their mind about an
object once and for all pairs would have intervals that are too narrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Self

import numpy as np
import pandas as pd

from twoalike.embedding._kind import (
    PAIRS_AT_ONCE,
    Group,
    Kind,
    Noise,
    Replicated,
    Unknown,
    correlations,
    known_sources,
    reference_pairs,
)
from twoalike.embedding._loo import subset_rows
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._priors import softplus
from twoalike.judgments import PairSource, person_of, rating_sources
from twoalike.study import Floats, Integers

RATING_LEVELS = 10
"""Levels that a slider is cut into: ten that are equally likely keep 99 % of the information on a
shift of similarity that the order of continuous answers has (1 - 1 / K^2: Whitehead 1993,
doi:10.1002/sim.4780122404)."""
FAR = 1e4
"""Thresholds beyond the first and last level, in standard deviations: nothing lies beyond."""


@dataclass(frozen=True, eq=False)
class RatingGroup(Group):
    """All n ratings.

    ``items`` (n, 2) are object indices, ``low`` and ``high`` (n,) the places among the thresholds
    of a rater, (K + 1,) with both ends, between which the answer lies, ``rater`` (n,) an index.
    """

    items: Integers
    low: Integers
    high: Integers
    rater: Integers


@dataclass(frozen=True, eq=False, kw_only=True)
class Ratings(Kind[RatingGroup]):
    """Ratings of all raters.

    ``sources`` (R,) are labels of people with their scales, ``people`` (R,) who they are;
    ``levels`` (R,) counts those of their scales, ``scale`` (R,) says which raters share one;
    ``reference`` (r, 2) are the pairs over which similarities are standardised.
    """

    kind = "ratings"
    axis = "rater"
    counted = "ratings", "rated"

    levels: Integers
    scale: Integers
    reference: Integers
    noise: Noise = Noise(0.5)  # logistic
    shift_spread: float = 0.5
    stretch_spread: float = 0.5
    order_spread: float = 0.0

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> Self:
        return cls.of_sources(*rating_sources(table, ids))

    @classmethod
    def of_sources(cls, sources: Sequence[PairSource], ids: tuple[str, ...]) -> Self:
        """Take the ratings of some sources, whose pairs index into ``ids``."""
        scales = list(dict.fromkeys(source.points for source in sources))
        cuts = [_between(source) for source in sources]
        counts = [len(source.values) for source in sources]
        items = np.concatenate([source.pairs for source in sources])
        group = RatingGroup(
            items.astype(np.int32),
            np.concatenate([low for low, _ in cuts]).astype(np.int32),
            np.concatenate([high for _, high in cuts]).astype(np.int32),
            np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        )
        return cls(
            groups=(group,),
            sources=tuple(source.label for source in sources),
            people=tuple(source.participant for source in sources),
            levels=np.array([source.points or RATING_LEVELS for source in sources]),
            scale=np.array([scales.index(source.points) for source in sources]),
            reference=reference_pairs(items),
            ids=ids,
        )

    @property
    def labels(self) -> dict[str, list[str]]:
        numbers = range(1, int(self.levels.max()))
        return super().labels | {"threshold": list(map(str, numbers))}

    @property
    def size(self) -> int:
        return self.groups[0].size

    def unknowns(self, unknown: Unknown) -> Any:
        import pymc as pm

        noise = self.noise.add("rating_noise", "rating", len(self.people), self.axis)
        origin, unit = unknown.add_units("rating", self.axis, self.reference, self.people)
        found = noise, _thresholds(self), origin, unit
        if not self.order_spread:
            return found
        # The bias of each object as the first of a pair, (m,).
        spread = pm.HalfNormal("rating_order_spread", self.order_spread)
        order = spread * pm.ZeroSumNormal("rating_order_offset", 1.0, dims="object")
        return *found, pm.Deterministic("rating_order", order, dims="object")

    def log_likelihood(
        self, unknown: Unknown, own: Any, group: RatingGroup, arrays: Sequence[Any], n: int
    ) -> Any:
        """Give that of each rating: log[F(u) - F(l)], u and l by its thresholds."""
        noise, thresholds, origin, unit, *orders = own
        items, low, high, rater = arrays
        whole = len(self.ids) ** 2 < PAIRS_AT_ONCE * n
        s = unknown.pairs(items, rater, self.people, whole=whole)
        s = (s - origin[rater]) / unit[rater]
        for order in orders:
            s = s + order[items[:, 0]] - order[items[:, 1]]
        lower, upper = ((thresholds[rater, end] - s) / noise[rater] for end in (low, high))
        return log_between(lower, upper, unknown.xp)

    @classmethod
    def compared(
        cls, table: pd.DataFrame, ids: Sequence[str]
    ) -> Iterator[tuple[str, Floats, Integers, float]]:
        for source in rating_sources(table, ids)[0]:
            yield source.participant, source.values, source.pairs, float(len(source.values))

    @classmethod
    def replicated(
        cls, posterior: Posterior, table: pd.DataFrame, seed: int, draws: int
    ) -> "RatedPairs":
        sources, known = known_sources(cls, posterior, table, rating_sources)
        data = cls.of_sources(sources, posterior.ids)
        _, low, high, rater = data.groups[0].arrays
        kept = subset_rows(len(rater), draws, seed)
        scales, bins, bin_cases = _levels(data, rater)
        return RatedPairs(
            **known,
            given=(low, high),
            bins=bins,
            bin_cases=bin_cases,
            sizes=np.ones(len(kept)),
            total=len(rater),
            guess=float(np.log(data.levels[rater] / (high - low)).mean()),
            scale=scales,
            middle=_middles(rater, low, high, data)[rater],
            kept=kept,
        )


def _between(source: PairSource) -> tuple[Integers, Integers]:
    """Thresholds between which each of a rater's answers lies, (n,) each."""
    if source.points is not None:
        level = source.values.astype(np.int64)
        return level - 1, level
    return slider_levels(source.values)


def slider_levels(rating: Floats, levels: int = RATING_LEVELS) -> tuple[Integers, Integers]:
    """Cut a rater's answers, (n,), at their own quantiles: places of the thresholds around each."""
    value, number, count = np.unique(rating, return_inverse=True, return_counts=True)
    below = np.cumsum(count) - count
    middle = (below + count / 2) / len(rating)
    level = np.minimum((middle * levels).astype(np.int64), levels - 1)
    used, first = np.unique(level, return_index=True)
    # The threshold between two levels in use is the one that is nearest to the share below it.
    share = np.rint(below[first[1:]] / len(rating) * levels).astype(np.int64)
    edges = np.concatenate([[0], np.clip(share, used[:-1] + 1, used[1:]), [levels]])
    place = np.searchsorted(used, level)[number]
    return edges[place], edges[place + 1]


def _thresholds(data: Ratings) -> Any:
    """Thresholds of every rater with both ends, (R, K + 1), K of the longest scale."""
    import pymc as pm
    import pytensor.tensor as pt

    n, most = len(data.people), int(data.levels.max())
    common = []
    for number in range(int(data.scale.max()) + 1):
        levels = int(data.levels[data.scale == number][0])
        share = pm.Dirichlet(f"rating_share_{number}", np.ones(levels))
        below = pt.clip(pt.cumsum(share)[:-1], 1e-6, 1 - 1e-6)
        quantile = float(np.sqrt(2)) * pt.erfinv(2 * below - 1)  # of the standard normal
        common.append(pt.concatenate([quantile, np.full(most - levels, FAR, "float32")]))
    own = pt.stack(common)[data.scale]
    if n > 1:
        shift_sd = pm.HalfNormal("rating_shift_spread", data.shift_spread)
        stretch_sd = pm.HalfNormal("rating_stretch_spread", data.stretch_spread)
        shift = shift_sd * pm.ZeroSumNormal("rating_shift_offset", 1.0, dims="rater")
        stretch = stretch_sd * pm.ZeroSumNormal("rating_stretch_offset", 1.0, dims="rater")
        own = shift[:, None] + pt.exp(stretch)[:, None] * own
    known = np.arange(1, most) < data.levels[:, None]
    pm.Deterministic("rating_threshold", pt.where(known, own, np.nan), dims=("rater", "threshold"))
    ends = np.full((n, 1), FAR, "float32")
    return pt.concatenate([-ends, own, ends], axis=1)


def log_between(lower: Any, upper: Any, xp: ModuleType) -> Any:
    """Log-probability of a logistic variable between two bounds, for numpy or PyTensor.

    With F(u) - F(l) = F(u) F(-l) (1 - exp(l - u)) no digits are lost.
    """
    width = xp.clip(upper - lower, 1e-6, 50.0)
    return xp.log(-xp.expm1(-width)) - softplus(-upper, xp) - softplus(lower, xp)


def _middles(rater: Integers, low: Integers, high: Integers, data: Ratings) -> Floats:
    """Where an answer in each level counts as, for each rater, (R, K): the middle of its bin."""
    table = np.tile(np.arange(data.levels.max(), dtype=np.float64), (len(data.people), 1))
    for who, first, last in np.unique(np.stack([rater, low, high]), axis=1).T:
        table[who, first:last] = (first + last - 1) / 2
    return table


def _levels(data: Ratings, rater: Integers) -> tuple[Integers, list[str], Integers]:
    """Place of the first level of each rating's scale among those of all, (n,); names and cases."""
    n_scales, most = int(data.scale.max()) + 1, int(data.levels.max())
    points = [int(data.levels[data.scale == number][0]) for number in range(n_scales)]
    names = [
        f"{level + 1} of {points[scale]}" for scale in range(n_scales) for level in range(most)
    ]
    there = np.concatenate([np.arange(most) < each for each in points])
    sizes = np.repeat(np.bincount(data.scale[rater], minlength=n_scales), most)
    return data.scale[rater] * most, names, sizes * there


@dataclass(frozen=True, eq=False, kw_only=True)
class RatedPairs(Replicated):
    """n ratings of pairs: ``given`` are the thresholds below and above each, (n,) both.

    ``pairs`` (n, 2) are objects, ``source`` (n,) places among ``who``; ``scale`` (n,) is the first
    bin of each rating's scale, ``middle`` (n, K) what an answer in each level counts as, ``kept``
    (k,) which ratings are scored.
    """

    kind = "ratings"
    stream = 5

    pairs: Integers
    source: Integers
    scale: Integers
    middle: Floats
    kept: Integers

    def under(self, draw: int) -> tuple[Floats, Floats, Floats]:
        """Similarities in the units of their raters, noise, and thresholds with both ends."""
        people, who = list(map(person_of, self.names)), self.who[self.source]
        origin, unit, noise, threshold = (
            self.posterior.drawn(f"rating_{name}")[draw, who]
            for name in ("origin", "unit", "noise", "threshold")
        )
        s = Unknown.under(self.posterior, draw).pairs(self.pairs, who, people)
        lowest = np.full((len(who), 1), -FAR)
        ends = np.concatenate([lowest, np.nan_to_num(threshold, nan=FAR), -lowest], axis=1)
        s = (s - origin) / unit
        if "rating_order" in self.posterior.tree["posterior"]:
            order = self.posterior.drawn("rating_order")[draw]
            s = s + order[self.pairs[:, 0]] - order[self.pairs[:, 1]]
        return s, noise, ends

    def statistics(self, expected: Any, judged: Any) -> tuple[Floats, Floats]:
        """Correlate ratings with similarity, and give the share of each level of each scale."""
        low, high = judged
        middle = self.middle[np.arange(len(low)), low]
        r = correlations(expected[0], middle, self.source)
        # An answer that spans several levels is a part of each.
        width = np.repeat(high - low, high - low)
        rows = np.repeat(np.arange(len(low)), high - low)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
        counts = np.bincount(
            self.scale[rows] + low[rows] + within, 1 / width, minlength=len(self.bins)
        )
        return r, counts / np.maximum(self.bin_cases, 1)

    def again(self, expected: Any, rng: np.random.Generator) -> Any:
        s, noise, ends = expected
        felt = s + noise * rng.logistic(size=len(s))
        level = (ends[:, 1:-1] < felt[:, None]).sum(axis=1)
        return level, level + 1

    def log_probability(self, expected: Any) -> Floats:
        rows, (low, high) = self.kept, self.given
        s, noise, ends = (part[rows] for part in expected)
        place = np.arange(len(rows))
        lower, upper = ((ends[place, side[rows]] - s) / noise for side in (low, high))
        return np.asarray(log_between(lower, upper, np))
