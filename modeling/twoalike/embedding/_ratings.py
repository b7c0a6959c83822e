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

Ratings are independent given similarities and thresholds. Raters who make up their mind about an
object once and for all pairs would have intervals that are too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding._parts import PaddedGroup, find_kernel, name_axes, pooled_noise
from twoalike.judgments import RatingSource, rating_sources
from twoalike.study import Floats, Integers

POTENTIAL = "ratings_"
RATING_LEVELS = 10
"""Levels that a slider is cut into: ten that are equally likely keep 99 % of the information on a
shift of similarity that the order of continuous answers has (1 - 1 / K^2: Whitehead 1993,
doi:10.1002/sim.4780122404)."""
TYPICAL_NOISE = 0.5
"""Scale of the logistic noise in standard deviations of the similarities."""
FAR = 1e4
"""Thresholds beyond the first and last level, in standard deviations: nothing lies beyond."""
MOST_PAIRS = 500
"""Rated pairs over which similarities are standardised; of more, so many at random."""


@dataclass(frozen=True, eq=False)
class RatingGroup(PaddedGroup):
    """All n ratings.

    ``items`` (n, 2) are object indices, ``low`` and ``high`` (n,) the places among the thresholds
    of a rater, (K + 1,) with both ends, between which the answer lies, ``rater`` (n,) an index.
    """

    items: Integers
    low: Integers
    high: Integers
    rater: Integers

    @property
    def entries(self) -> int:
        """Numbers to compute for all."""
        return self.size


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of all raters.

    ``raters`` (R,) are labels of people with their scales, ``people`` (R,) who they are; ``levels``
    (R,) counts those of their scales, ``scale`` (R,) says which raters share one; ``reference``
    (r, 2) are the pairs over which similarities are standardised.
    """

    groups: tuple[RatingGroup, ...]
    raters: tuple[str, ...]
    people: tuple[str, ...]
    levels: Integers
    scale: Integers
    reference: Integers
    ids: tuple[str, ...]

    @classmethod
    def from_table(cls, table: pd.DataFrame, ids: Sequence[str] | None = None) -> "Ratings":
        """Take the main and repeated trials of a table; ``ids`` are the objects to index into."""
        sources, ids = rating_sources(table, ids)
        levels = [source.points or RATING_LEVELS for source in sources]
        scales = list(dict.fromkeys(source.points for source in sources))
        cuts = [_between(source) for source in sources]
        counts = [len(source.rating) for source in sources]
        items = np.concatenate([source.pairs for source in sources])
        group = RatingGroup(
            items.astype(np.int32),
            np.concatenate([low for low, _ in cuts]).astype(np.int32),
            np.concatenate([high for _, high in cuts]).astype(np.int32),
            np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        )
        return cls(
            (group,),
            tuple(source.label for source in sources),
            tuple(source.participant for source in sources),
            np.array(levels),
            np.array([scales.index(source.points) for source in sources]),
            reference_pairs(items),
            ids,
        )

    @property
    def labels(self) -> dict[str, list[str]]:
        """Axes of the draws that raters and their thresholds have, with their labels."""
        numbers = range(1, int(self.levels.max()))
        return {"rater": list(self.raters), "threshold": list(map(str, numbers))}

    @property
    def n_ratings(self) -> int:
        """Ratings of all raters."""
        return sum(group.size for group in self.groups)

    def counts(self) -> tuple[Integers, Integers]:
        """Ratings of each rater, shape (R,), and of each object, shape (m,)."""
        (group,) = self.groups
        rated = np.bincount(group.items.ravel(), minlength=len(self.ids))
        return np.bincount(group.rater, minlength=len(self.raters)), rated


def reference_pairs(pairs: Integers) -> Integers:
    """Different ones among pairs of objects, (n, 2), or :data:`MOST_PAIRS` of them at random."""
    found = np.unique(np.sort(pairs, axis=1), axis=0)
    if len(found) > MOST_PAIRS:
        found = found[np.random.default_rng(0).permutation(len(found))[:MOST_PAIRS]]
    return np.asarray(found, dtype=np.int32)


def _between(source: RatingSource) -> tuple[Integers, Integers]:
    """Thresholds between which each of a rater's answers lies, (n,) each."""
    if source.points is not None:
        level = source.rating.astype(np.int64)
        return level - 1, level
    return slider_levels(source.rating)


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


def add_ratings(
    x: Any,
    data: Ratings,
    similarity: str,
    batch: Sequence[Sequence[Any]] | None = None,
    *,
    observed: bool = False,
    log_weight: Any = None,
) -> None:
    """Add the ratings to the open PyMC model: thresholds and noise of each rater, and a potential.

    ``batch`` has symbolic stand-ins for the arrays of the group; None: all ratings. With
    ``observed`` the group is an observed variable, the level of each rating from 0, instead of a
    potential. ``log_weight``, (R, d), of each rater, if people weigh the dimensions.
    """
    import pymc as pm

    noise = pooled_noise("rating_noise", "rating", TYPICAL_NOISE, len(data.raters), "rater")
    thresholds = _thresholds(data)
    (group,) = data.groups
    form: dict[str, Any] = {"similarity": similarity, "reference": data.reference}
    add_units("rating", x, data.reference, similarity, data.raters, "rater", log_weight)
    if observed:
        _observe(x, noise, thresholds, log_weight, group, form)
        return
    logs = rating_log_likelihood(
        x, noise, thresholds, *(batch[0] if batch else group.arrays), log_weight=log_weight, **form
    )
    pm.Potential(f"{POTENTIAL}0", logs.sum())


def add_units(
    symbol: str,
    x: Any,
    reference: Integers,
    similarity: str,
    people: Sequence[str],
    dims: str,
    log_weight: Any,
) -> None:
    """Keep the units of :func:`units_of` with each draw, as ``symbol`` with _origin and _unit."""
    import pymc as pm

    everybody = np.arange(len(people))
    units = units_of(x, reference, similarity, everybody, log_weight)
    for name, value in zip(("origin", "unit"), units, strict=True):
        pm.Deterministic(f"{symbol}_{name}", value + np.zeros(len(people)), dims=dims)


def _thresholds(data: Ratings) -> Any:
    """Thresholds of every rater with both ends, (R, K + 1), K of the longest scale."""
    import pymc as pm
    import pytensor.tensor as pt

    n, most = len(data.raters), int(data.levels.max())
    common = []
    for number in range(int(data.scale.max()) + 1):
        levels = int(data.levels[data.scale == number][0])
        share = pm.Dirichlet(f"rating_share_{number}", np.ones(levels))
        below = pt.clip(pt.cumsum(share)[:-1], 1e-6, 1 - 1e-6)
        common.append(
            pt.concatenate([normal_quantile(below), np.full(most - levels, FAR, "float32")])
        )
    own = pt.stack(common)[data.scale]
    if n > 1:
        shift_sd = pm.HalfNormal("rating_shift_spread", 0.5)
        stretch_sd = pm.HalfNormal("rating_stretch_spread", 0.5)
        shift = shift_sd * pm.ZeroSumNormal("rating_shift_offset", 1.0, dims="rater")
        stretch = stretch_sd * pm.ZeroSumNormal("rating_stretch_offset", 1.0, dims="rater")
        own = shift[:, None] + pt.exp(stretch)[:, None] * own
    known = np.arange(1, most) < data.levels[:, None]
    pm.Deterministic("rating_threshold", pt.where(known, own, np.nan), dims=("rater", "threshold"))
    ends = np.full((n, 1), FAR, "float32")
    return pt.concatenate([-ends, own, ends], axis=1)


def normal_quantile(p: Any) -> Any:
    """Quantile of the standard normal distribution, symbolic."""
    import pytensor.tensor as pt

    return float(np.sqrt(2)) * pt.erfinv(2 * p - 1)


def units_of(
    x: Any, reference: Integers, similarity: str, who: Any, log_weight: Any = None
) -> tuple[Any, Any]:
    """Mean and standard deviation of similarity over the reference pairs, of each of ``who``.

    They are those of the similarities that a person sees, where ``log_weight``, (people, d), says
    how people weigh the dimensions: a factor common to a person's weights then changes nothing.
    Else they are the same for all, and have one element.
    """
    import pytensor.tensor as pt

    left, right = x[reference[:, 0]][None], x[reference[:, 1]][None]
    if log_weight is not None:
        roots = pt.exp(log_weight / 2)[:, None]
        left, right = left * roots, right * roots
    s = find_kernel(similarity).symbolic(left, right, pt)
    mean, sd = s.mean(axis=1), pt.sqrt(s.var(axis=1) + 1e-10)  # of one point: 0
    return (mean, sd) if log_weight is None else (mean[who], sd[who])


def rating_log_likelihood(
    x: Any,
    noise: Any,
    thresholds: Any,
    items: Any,
    low: Any,
    high: Any,
    rater: Any,
    *,
    similarity: str,
    reference: Integers,
    log_weight: Any = None,
) -> Any:
    """Log-probability of each rating, shape (n,): log[F(u) - F(l)], u and l by its thresholds.

    ``noise`` (R,) and ``thresholds`` (R, K + 1) are of the raters, the four arrays those of
    :class:`RatingGroup`. With F(u) - F(l) = F(u) F(-l) (1 - exp(l - u)) no digits are lost.
    """
    import pytensor.tensor as pt

    s = _standardised(x, items, rater, similarity, reference, log_weight)
    upper = (thresholds[rater, high] - s) / noise[rater]
    lower = (thresholds[rater, low] - s) / noise[rater]
    width = pt.clip(upper - lower, 1e-6, 50.0)
    return pt.log(-pt.expm1(-width)) - _softplus(-upper) - _softplus(lower)


def _standardised(
    x: Any,
    items: Any,
    rater: Any,
    similarity: str,
    reference: Integers,
    log_weight: Any,
) -> Any:
    """Similarities of pairs, (n, 2), in the units of their raters, (n,)."""
    import pytensor.tensor as pt

    left, right = x[items[:, 0]], x[items[:, 1]]
    if log_weight is not None:
        roots = pt.exp(log_weight / 2)[rater]
        left, right = left * roots, right * roots
    s = find_kernel(similarity).symbolic(left, right, pt)
    origin, unit = units_of(x, reference, similarity, rater, log_weight)
    return (s - origin) / unit


def _softplus(v: Any) -> Any:
    """log(1 + exp(v)), whose gradient is a number far from 0 too."""
    import pytensor.tensor as pt

    return pt.maximum(v, 0.0) + pt.softplus(pt.clip(-pt.abs(v), -80.0, 0.0))


def _observe(
    x: Any, noise: Any, thresholds: Any, log_weight: Any, group: RatingGroup, form: dict[str, Any]
) -> None:
    """Add the ratings as an observed variable, which can be simulated."""
    import pymc as pm
    import pytensor.tensor as pt

    items, low, high, rater = group.arrays
    name, n = f"{POTENTIAL}0", group.size
    if log_weight is None:
        log_weight = pt.zeros((noise.shape[0], x.shape[1]))

    def logp(value: Any, x: Any, noise: Any, thresholds: Any, log_weight: Any) -> Any:
        # The value says which level; of a slider it is the first of those that an answer spans.
        own = value.astype("int32")
        arrays = items, own, own + (high - low), rater
        return rating_log_likelihood(x, noise, thresholds, *arrays, log_weight=log_weight, **form)

    def simulate(x: Any, noise: Any, thresholds: Any, log_weight: Any, _: Any) -> Any:
        s = _standardised(x, items, rater, log_weight=log_weight, **form)
        felt = s + noise[rater] * pm.Logistic.dist(0.0, 1.0, shape=(n,))
        return (thresholds[rater, 1:] < felt[:, None]).sum(axis=1).astype("int64")

    pm.CustomDist(
        name,
        x,
        noise,
        thresholds,
        log_weight,
        dist=simulate,
        logp=logp,
        signature="(m,d),(r),(r,k),(r,d)->(n)",
        observed=low.astype(np.int64),
        dims=name_axes(name, ("rating",), (n,)),
    )
