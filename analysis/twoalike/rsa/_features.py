"""What alignment did to a network's features: CKA, nearest neighbours, distances.

Alignment with people draws objects of one basic category together and pushes superordinates
apart (doi:10.1038/s41586-025-09631-6). Distances are 1 minus the cosine after centring, divided
by their mean over all pairs, since a network that shrinks as a whole has moved nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import (
    Figures,
    Interval,
    NotMeasurable,
    prepare,
    similarity_matrix,
)
from twoalike.study import Floats, Integers


def _centred(*features: npt.ArrayLike) -> list[Floats]:
    rows = (np.asarray(of, dtype=np.float64) for of in features)
    return [of - of.mean(axis=0) for of in rows]


def _inner(a: Floats, b: Floats) -> float:
    """Sum of the products of two matrices of dot products, by the smaller way."""
    if max(a.shape[1], b.shape[1]) <= len(a):
        return float(((a.T @ b) ** 2).sum())
    return float(np.vdot(a @ a.T, b @ b.T))


def _ratio(common: float, own: float, other: float) -> float:
    if own <= 0 or other <= 0:
        raise NotMeasurable("the features vary no more than noise does")
    return common / float(np.sqrt(own * other))


def _unbiased_hsic(a: Floats, b: Floats) -> float:
    """Unbiased estimator of the Hilbert-Schmidt independence criterion, linear kernels.

    Equation 5 of Song et al. (2012), up to the factor 1/(m(m-3)); K and L are matrices of dot
    products with their diagonals set to zero, and never formed.
    """
    m = len(a)
    own, others = (a**2).sum(axis=1), (b**2).sum(axis=1)
    trace = _inner(a, b) - float(own @ others)
    k, l = a @ a.sum(axis=0) - own, b @ b.sum(axis=0) - others  # noqa: E741
    sums = float(k.sum() * l.sum()) / ((m - 1) * (m - 2))
    return trace + sums - 2 * float(k @ l) / (m - 2)


def debiased_cka(features: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Linear centred kernel alignment of features of the same objects, (m, p) and (m, q).

    1 where they are the same up to rotation, size and shift; by unbiased estimators of its parts
    about 0 for unrelated ones, negative by chance. Needs four objects (Song, Smola, Gretton, Bedo
    and Borgwardt 2012, JMLR 13:1393; in CKA: Nguyen, Raghu and Kornblith 2021, arXiv:2010.15327;
    Murphy, Zylberberg and Fyshe 2024, arXiv:2405.01012).
    """
    a, b = _centred(features, other)
    return _ratio(_unbiased_hsic(a, b), _unbiased_hsic(a, a), _unbiased_hsic(b, b))


def neighbour_overlap(
    features: npt.ArrayLike, other: npt.ArrayLike, neighbours: int = 10
) -> Figures:
    """Share of each object's k nearest neighbours that two sets of features have in common.

    Of m objects k is fewer than m - 1: with all others as neighbours nothing can differ.

    Examples
    --------
    >>> line = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> neighbour_overlap(line, line[:, ::-1], neighbours=1)
    {'value': 1.0, 'chance': 0.3333333333333333, 'neighbours': 1}
    """
    from sklearn.neighbors import NearestNeighbors

    m = len(np.asarray(features))
    if m <= neighbours + 1:
        raise NotMeasurable(f"needs more than {neighbours + 1} objects, has {m}")
    near = [
        NearestNeighbors(n_neighbors=neighbours).fit(rows).kneighbors(return_distance=False)
        for rows in (prepare(of, "cosine") for of in (features, other))
    ]
    shared = sum(len(np.intersect1d(*both)) for both in zip(*near, strict=True))
    return Figures(
        value=shared / (m * neighbours), chance=neighbours / (m - 1), neighbours=neighbours
    )


RESAMPLES = 1000
FEWEST_CLASSES = 10
"""Classes of the finest level below which objects are resampled, not classes."""
MOST_OBJECTS = 6000
"""Objects beyond which the distances of all pairs take too much memory."""


def pair_kinds(labels: Mapping[str, Sequence[str]]) -> tuple[npt.NDArray[np.int8], list[str]]:
    """Kind of every pair by the finest level at which its objects have one label.

    ``labels`` are those of each object by level; an empty one is like no other, and the finest
    level is the one with most. Returns indices into the names, shape (m, m), and the names.

    Examples
    --------
    >>> kinds, names = pair_kinds({"kind": ["a", "a", "b"], "breed": ["x", "y", "z"]})
    >>> names, names[kinds[0, 1]]
    (['within breed', 'within kind', 'between kind'], 'within kind')
    """
    levels = sorted(labels, key=lambda level: -len(set(labels[level]) - {""}))
    names = [f"within {level}" for level in levels] + [f"between {levels[-1]}"]
    m = len(labels[levels[0]])
    kinds = np.full((m, m), len(levels), dtype=np.int8)
    for number in reversed(range(len(levels))):
        codes = _codes(labels[levels[number]])
        kinds[codes[:, None] == codes[None]] = number
    return kinds, names


def _codes(labels: Sequence[str]) -> Integers:
    """Give equal labels one number; an object without a label gets its own."""
    named = [f"label {label}" if label else f"none {row}" for row, label in enumerate(labels)]
    return np.unique(named, return_inverse=True)[1].astype(np.int64)


def _units(labels: Mapping[str, Sequence[str]]) -> tuple[Integers, Literal["classes", "objects"]]:
    """Say what a resample draws anew: the unit of each object, and what units are."""
    finest = max(labels, key=lambda level: len(set(labels[level]) - {""}))
    codes = _codes(labels[finest])
    n_classes = int(codes.max()) + 1
    if FEWEST_CLASSES <= n_classes < len(codes):
        return codes, "classes"
    return np.arange(len(codes)), "objects"


def _sums(values: Floats, units: Integers, weights: Floats) -> Floats:
    """Sum (m, m) values over ordered pairs, units counting as often as their weights (r, u) say.

    A unit's own pairs count as often as it does: two copies of one unit make no pairs, since there
    is no distance between an object and itself.
    """
    order = np.argsort(units, kind="stable")
    starts = np.unique(units[order], return_index=True)[1]
    square = np.add.reduceat(values[order], starts, axis=0)
    square = np.add.reduceat(square[:, order], starts, axis=1)
    own = np.diagonal(square).copy()
    np.fill_diagonal(square, 0.0)
    return np.asarray(((weights @ square) * weights).sum(axis=1) + weights @ own)


def distance_changes(
    base: npt.ArrayLike,
    aligned: npt.ArrayLike,
    labels: Mapping[str, Sequence[str]],
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> Figures:
    """Change of normalised distances within and between the classes of every level.

    The features are of the same m objects before and after, ``labels`` the label of each by level,
    empty where it has none. The intervals come from a bootstrap over the classes of the finest
    level, with all objects of a class drawn together, or over objects where there are fewer than
    :data:`FEWEST_CLASSES` classes or every object is its own. Distances are normalised anew in each
    resample. Kinds of pairs are `within LEVEL` from the finest level to the coarsest, each without
    the pairs of the levels before it, then `between` the classes of the coarsest; ``base`` and
    ``aligned`` are mean distances in units of the mean over all pairs.
    """
    if not labels:
        raise NotMeasurable("there are no labels of objects")
    if (m := len(np.asarray(base))) > MOST_OBJECTS:
        raise NotMeasurable(f"at most {MOST_OBJECTS} objects, there are {m}; give ids")
    if not all(np.ptp(np.asarray(of), axis=0).any() for of in (base, aligned)):
        raise NotMeasurable("all objects have the same features")
    kinds, names = pair_kinds(labels)
    np.fill_diagonal(kinds, -1)
    units, resampled = _units(labels)
    n = int(units.max()) + 1
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    weights = np.concatenate([np.ones((1, n)), drawn])  # first: as it is
    matrices = [1 - similarity_matrix(features, "cosine") for features in (base, aligned)]
    by_kind = np.stack(
        [
            [_sums(values * (kinds == number), units, weights) for values in (1.0, *matrices)]
            for number in range(len(names))
        ]
    )  # (kinds, [count, base, aligned], 1 + resamples)
    whole = by_kind.sum(axis=0)
    found, missing = {}, {}
    for name, (count, *sums) in zip(names, by_kind, strict=True):
        if count[0] == 0:
            missing[name] = "no two objects are so related"
            continue
        some = (count > 0) & (whole[1:] > 0).all(axis=0)  # resamples that hold such pairs
        before, after = np.stack(sums)[:, some] / count[some] * whole[0, some] / whole[1:, some]
        found[name] = Figures(
            n=int(count[0]) // 2,
            base=float(before[0]),
            aligned=float(after[0]),
            change=_interval(after - before),
            percent=_interval(100 * (after / before - 1)) if (before > 0).all() else None,
        )
    return Figures(resampled=resampled, kinds=found, missing=missing)


def _interval(values: Floats) -> Interval:
    """Value of the sample, and the middle 95 % of the resamples."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Interval(float(values[0]), float(low), float(high))
