r"""Rank correlations of networks' dissimilarities with people's, and their intervals.

By rank, since neither scale is known; computed here in a few lines (and checked against
rsatoolbox in the tests) because the jackknife calls them some hundred times.

People may have judged different pairs; a missing pair is NaN. The unit of a person's
dissimilarities is arbitrary. People who judged the same pairs are given the same root mean square;
where pairs differ that would shrink whoever judged large dissimilarities only, so that each is
scaled to the mean of all over the pairs which others judged too, in turn until nothing changes
(doi:10.3389/fpsyg.2012.00245). Pairs may be missing for any reason but the noise of the judgments
themselves: where a person's (or the others') answers decide, their errors are selected too, and
units come out some percent off.

Intervals are about other people and other objects. Leaving out an object and ranking the rest anew
takes a second for a million pairs. To first order the correlation changes by the sum of the
influences of the pairs that are left out, and these take one sort (the infinitesimal jackknife:
Efron 1982, doi:10.1137/1.9781611970319). With u and v the ranks of the two dissimilarities as
shares, less 1/2, and C = mean(u v),

    influence of pair p on C  =  u_p v_p + A_v(x_p) + A_u(y_p) - 3 C,

where A_v(x_p) is the mean of v over the pairs that lie above p in x, those tied with it by half:
they rank lower when p is left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from twoalike.evaluation._choices import Candidate, similarity_matrix
from twoalike.evaluation._estimates import Figures, Interval, normal_intervals
from twoalike.judgments import RdmTable
from twoalike.study import Booleans, Floats, Integers, TwoalikeError, counted


def upper(matrices: Floats) -> Floats:
    """Upper triangles of (..., m, m), read row by row: shape (..., m(m-1)/2)."""
    rows, columns = np.triu_indices(matrices.shape[-1], 1)
    return np.asarray(matrices[..., rows, columns])


def centred_ranks(values: npt.ArrayLike) -> Floats:
    """Ranks less their mean, ties sharing one, shape (n,); Spearman's is their cosine."""
    # By np.unique, which takes a quarter of the time of scipy's rankdata for a million pairs.
    _, place, count = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ranks = np.cumsum(count) - (count - 1) / 2
    return np.asarray(ranks[place] - (len(place) + 1) / 2)


def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation; 0 if either is constant, as there is no order to agree with.

    Examples
    --------
    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 3)
    0.8
    """
    x, y = centred_ranks(a), centred_ranks(b)
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 else 0.0


def rho_a(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's correlation expected when ties are broken at random.

    Unlike :func:`spearman` it does not reward a model for predicting ties
    (doi:10.7554/eLife.82566).
    """
    x, y = centred_ranks(a), centred_ranks(b)
    n = len(x)
    return float(12 * (x @ y) / (n**3 - n))


FEWEST_PAIRS = 10
"""Pairs in common with others without which a person's scale is not known."""
_MAX_ROUNDS = 500
_TOLERANCE = 1e-10


def usable_people(vectors: Floats) -> Booleans:
    """Tell who can be set against the others, (participants,): the largest group linked by pairs.

    Two people are linked by :data:`FEWEST_PAIRS` pairs that both judged (or all pairs, where
    there are fewer). Scales of groups that are not linked cannot be compared.
    """
    known = (~np.isnan(vectors)).astype(np.float64)
    least = min(FEWEST_PAIRS, vectors.shape[1])
    common = known @ known.T
    enough = np.diagonal(common) >= least
    _, group = connected_components(common >= least, directed=False)
    size = np.bincount(group, weights=enough)
    largest = size.max()
    if largest == 0 or (largest == 1 and enough.sum() > 1):
        raise TwoalikeError(
            f"dissimilarities: expected at least {least} judged pairs of a participant that "
            f"another judged too, found none among {counted(len(vectors), 'participant')}. "
            "Give people common pairs, or one matrix of all."
        )
    return np.asarray((group == size.argmax()) & enough)


def same_scale(vectors: Floats) -> Floats:
    """Dissimilarities in a common unit, shape (participants, pairs); NaN stays NaN.

    The number that each person is multiplied by does not depend on which pairs are missing.
    """
    missing = np.isnan(vectors)
    pairs = np.maximum((~missing).sum(axis=-1, keepdims=True), 1)
    size = np.sqrt((np.nan_to_num(vectors) ** 2).sum(axis=-1, keepdims=True) / pairs)
    size = np.where(size > 0, size, 1.0)
    shared = (~missing).sum(axis=0) > 1
    if not missing.any() or not shared.any():
        return np.asarray(vectors / size)
    linked = ~missing[:, shared].all(axis=1)
    size[linked, 0] = 1 / _scales(vectors[linked][:, shared])
    return np.asarray(vectors / size)


def _scales(vectors: Floats) -> Floats:
    """Factors that give each person the root mean square of the mean over that person's pairs."""
    known = (~np.isnan(vectors)).astype(np.float64)
    values = np.nan_to_num(vectors)
    count, pairs = known.sum(axis=0), known.sum(axis=1)
    size = np.sqrt((values**2).sum(axis=1) / pairs)
    size = np.where(size > 0, size, 1.0)
    scale = 1 / size
    for _ in range(_MAX_ROUNDS):
        mean = (scale @ values) / count
        mean /= np.sqrt((mean**2).mean()) or 1.0
        new = np.sqrt((known @ mean**2) / pairs) / size
        settled = np.abs(new - scale).max() <= _TOLERANCE * scale.max()
        scale = new
        if settled:
            break
    return np.asarray(np.where(scale > 0, scale, 1.0))


def over_people(scaled: Floats) -> Floats:
    """Mean over the people who judged a pair, shape (pairs,); NaN where nobody did."""
    total = (~np.isnan(scaled)).sum(axis=0)
    return np.where(total > 0, np.nansum(scaled, axis=0) / np.maximum(total, 1), np.nan)


def mean_person(vectors: Floats) -> Floats:
    """Mean of people's dissimilarities (participants, pairs) after giving each the same unit.

    NaN where a person, or nobody, judged a pair.

    Examples
    --------
    >>> mean = mean_person(np.array([[1.0, 2.0, 2.0], [10.0, 20.0, np.nan]]))
    >>> (mean / mean[0]).round(2)
    array([1., 2., 2.])
    """
    return over_people(same_scale(vectors))


def spearman_known(a: Floats, b: Floats) -> float:
    """Spearman's correlation over the pairs that neither lacks."""
    known = ~(np.isnan(a) | np.isnan(b))
    return spearman(a[known], b[known]) if known.any() else 0.0


@dataclass(frozen=True)
class NoiseCeiling:
    """What the best model could reach, given how much people differ."""

    lower: float
    """Mean Spearman correlation of a person with the mean ranks of the others."""
    upper: float
    """The same with the mean ranks of all, which include that person's: no other order of the pairs
    agrees better with these people."""


def noise_ceiling(vectors: Floats) -> NoiseCeiling:
    """Noise ceiling of the dissimilarities of two people or more, (participants, pairs), by ranks.

    As rsatoolbox defines it (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553). Where pairs are
    missing (NaN): over the pairs of a person that others judged too (lower), and over all pairs of
    that person (upper). A person's ranks are then those which these pairs have in the mean person,
    in the person's own order.

    Examples
    --------
    >>> noise_ceiling(np.array([[1.0, 2.0, 3.0, 9.0], [1.0, 3.0, 2.0, 4.0]]))
    NoiseCeiling(lower=0.8, upper=0.948...)
    """
    if len(vectors) < 2:
        raise ValueError("a noise ceiling needs at least two participants")
    return NoiseCeiling(*ceiling_by_person(vectors).mean(axis=0).tolist())


def ceiling_by_person(vectors: Floats) -> Floats:
    """Correlation of each person with the others, and with all, (participants, 2).

    Their means over people are the :func:`noise_ceiling`.
    """
    ranked = _common_ranks(vectors)
    count = (~np.isnan(ranked)).sum(axis=0)
    total = np.nan_to_num(ranked).sum(axis=0)
    others = np.where(count > 1, np.maximum(count - 1, 1), np.nan)
    lower = [spearman_known(own, (total - own) / others) for own in ranked]
    upper = [spearman_known(own, total / np.maximum(count, 1)) for own in ranked]
    return np.stack([lower, upper], axis=1)


def _common_ranks(vectors: Floats) -> Floats:
    """Ranks of each person's dissimilarities among all pairs, shape (participants, pairs).

    Whoever judged some of the pairs that tie in the mean has them evenly among these.
    """
    _, group, size = np.unique(mean_person(vectors), return_inverse=True, return_counts=True)
    ranked = np.full(vectors.shape, np.nan)
    for own, ranks in zip(vectors, ranked, strict=True):
        known = ~np.isnan(own)
        _, place, count = np.unique(own[known], return_inverse=True, return_counts=True)
        tied = np.sort(group[known])
        judged = np.bincount(tied, minlength=len(size))
        nth = np.arange(1, len(tied) + 1) - (np.cumsum(judged) - judged)[tied]
        in_mean = (np.cumsum(size) - size)[tied] + nth * ((size + 1) / (judged + 1))[tied]
        sums = np.bincount(np.sort(place), weights=in_mean)
        ranks[known] = (sums / count)[place]
    return ranked


_NO_ORDER = 1e-15
"""Variance of ranks (as shares) below which all are tied, but for rounding."""


class _Ranked:
    """Values as ranks, with sums over what lies above each of them."""

    def __init__(self, values: npt.ArrayLike) -> None:
        _, place = np.unique(np.asarray(values), return_inverse=True)
        self._place: Integers = place
        count = np.bincount(place) / len(place)
        self.share = np.asarray((np.cumsum(count) - count / 2 - 0.5)[place])

    def mean_above(self, values: Floats) -> Floats:
        """Mean over all pairs of ``values`` where they lie above, by half where tied."""
        sums = np.bincount(self._place, weights=values / len(values))
        above = sums[::-1].cumsum()[::-1] - sums / 2
        return np.asarray(above[self._place])


def spearman_with_influence(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[float, Floats]:
    """Spearman's correlation, and the influence of each pair on it, whose mean is zero.

    Leaving out pairs changes the correlation by minus the sum of their influences, divided by
    the number of pairs that remain, to first order; zero if either is constant.
    """
    x, y = _Ranked(a), _Ranked(b)
    u, v = x.share, y.share
    sizes = float((u * u).mean()), float((v * v).mean())
    if min(sizes) <= _NO_ORDER:
        return 0.0, np.zeros_like(u)
    common = float((u * v).mean())
    of_common = u * v + x.mean_above(v) + y.mean_above(u) - 3 * common
    of_a = u * u + 2 * x.mean_above(u) - 3 * sizes[0]
    of_b = v * v + 2 * y.mean_above(v) - 3 * sizes[1]
    scale = float(np.sqrt(sizes[0] * sizes[1]))
    value = common / scale
    return value, of_common / scale - value / 2 * (of_a / sizes[0] + of_b / sizes[1])


def object_changes(influence: Floats, rows: Integers, columns: Integers) -> Floats:
    """Change of an estimate when an object is left out with all its pairs, to first order.

    Of the influences (estimates, pairs) or (pairs,) of pairs of ``rows`` and ``columns``, objects
    0..m-1: shape (estimates, m) or (m,); NaN of an object that no pair has.
    """
    n_objects = int(max(rows.max(), columns.max())) + 1

    def by_object(values: Floats) -> Floats:
        return np.asarray(
            np.bincount(rows, values, n_objects) + np.bincount(columns, values, n_objects)
        )

    pairs = by_object(np.ones(len(rows)))
    left = len(rows) - pairs
    sums = np.stack([by_object(one) for one in np.atleast_2d(influence)])
    changes = np.where(pairs > 0, -sums / np.where(left > 0, left, np.inf), np.nan)
    return np.asarray(changes if np.ndim(influence) == 2 else changes[0])


def jackknife_variance(left_out: Floats) -> Floats:
    """Variance of estimates from what they become when each of g parts is left out, (g, k)."""
    g = len(left_out)
    return np.asarray((g - 1) * left_out.var(axis=0)) if g > 1 else np.zeros(left_out.shape[1:])


def jackknife_covariance(left_out: Floats) -> Floats:
    """Covariance of k estimates from what they become without each of g parts, (g, k)."""
    g, k = left_out.shape
    if g < 2:
        return np.zeros((k, k))
    centred = left_out - left_out.mean(axis=0)
    return np.asarray((g - 1) / g * centred.T @ centred)


def structure_jackknives(models: Sequence[Floats], people: Floats) -> tuple[Floats, Floats, Floats]:
    """Spearman correlations of k models with the mean person, with people and objects left out.

    People are left out one by one, objects to first order. A bootstrap would not do: a resample
    holds fewer different people than the study, its mean person is noisier, and the interval comes
    to lie below the estimate. Dissimilarities are (m, m) of each model, (participants, m, m) of
    people with NaN where missing.

    Returns
    -------
    Correlations, shape (k,); without each person, shape (participants, k), none of a single one;
    without each object, shape (g, k): what :func:`paired_intervals` takes.
    """
    vectors = upper(people)
    judged = ~np.isnan(vectors).all(axis=0)
    ends = np.stack([side[judged] for side in np.triu_indices(people.shape[1], 1)])
    codes = np.unique(ends, return_inverse=True)[1].reshape(ends.shape)  # of judged objects
    scaled, pairs = same_scale(vectors[:, judged]), upper(np.stack(models))[:, judged]
    mean = over_people(scaled)
    values = np.array([spearman(own, mean) for own in pairs])
    changes = object_changes(
        np.stack([spearman_with_influence(own, mean)[1] for own in pairs]), *codes
    )
    without = []
    for person in range(len(scaled) if len(scaled) > 1 else 0):
        target = over_people(np.delete(scaled, person, axis=0))
        keep = ~np.isnan(target)
        without.append([spearman(own[keep], target[keep]) for own in pairs])
    return values, np.array(without).reshape(-1, len(pairs)), values + changes.T


def paired_intervals(values: Floats, *left_out: Floats) -> tuple[list[Interval], list[Interval]]:
    """Give 95 % intervals of estimates (k,), and of their differences to the first.

    Of each jackknife, such as over people, the estimates without each of g parts, (g, k); the
    variances of the jackknives add up.
    """

    def intervals(of: Callable[[Floats], Floats]) -> list[Interval]:
        variance = sum(jackknife_variance(of(each)) for each in left_out)
        return normal_intervals(of(values), np.broadcast_to(variance, values.shape))

    return intervals(lambda x: x), intervals(lambda x: x - x[..., :1])


@dataclass(frozen=True)
class People:
    """People's dissimilarities, and how far they agree with each other."""

    participants: int
    """Participants with enough pairs in common."""
    objects: int
    pairs: int
    """Pairs that somebody judged."""
    left_out: dict[str, int]
    """Participants with too few common pairs; pairs that nobody judged."""
    ceiling: "NoiseCeiling | None"
    """Of two participants or more."""


def compare_structure(
    candidates: Sequence[Candidate], rdm: RdmTable
) -> tuple[People, list[Figures], Floats]:
    """Rank correlation of every candidate's dissimilarities with people's.

    Pairs that nobody judged (NaN) are left out, and so are people who have too few pairs in common
    with others for a unit; both are counted. Returns people's agreement with each other, the
    scores of each of k candidates, and the covariance of Spearman's correlations, shape (k, k).
    """
    ids = rdm.ids or ()
    models = [-similarity_matrix(c.features.select(ids, c.name), c.similarity) for c in candidates]
    summary, usable = compare_people(rdm)
    squares = rdm.values[usable]
    jackknives = structure_jackknives(models, squares)
    values, gains = paired_intervals(*jackknives)
    people = upper(squares)
    mean = mean_person(people)
    judged = ~np.isnan(mean)
    results = []
    for number, (model, value, gain) in enumerate(zip(models, values, gains, strict=True)):
        own = upper(model)
        each = [spearman_known(own, person) for person in people]
        results.append(
            Figures(
                spearman=value,
                rho_a=rho_a(own[judged], mean[judged]),
                per_person=Figures(
                    mean=float(np.mean(each)),
                    values={str(person): value for person, value in enumerate(each, start=1)},
                ),
                difference=Figures(spearman=gain) if number else None,
            )
        )
    of_people, of_objects = map(jackknife_covariance, jackknives[1:])
    return summary, results, of_people + of_objects


def compare_people(rdm: RdmTable) -> tuple[People, Booleans]:
    """How far people's dissimilarities agree; and who is usable, shape (participants,)."""
    vectors = upper(rdm.values)
    usable = usable_people(vectors)
    people = vectors[usable]
    mean = mean_person(people)
    judged = ~np.isnan(mean)
    if np.ptp(mean[judged]) <= 1e-12 * np.abs(mean[judged]).max(initial=0.0):
        raise TwoalikeError(
            "dissimilarities: all pairs of objects are equally dissimilar; there is no order of "
            "them to agree with. Check the table."
        )
    return People(
        participants=len(people),
        objects=rdm.values.shape[-1],
        pairs=int(judged.sum()),
        left_out={"participants": int((~usable).sum()), "pairs": int((~judged).sum())},
        ceiling=noise_ceiling(people) if len(people) > 1 else None,
    ), usable
