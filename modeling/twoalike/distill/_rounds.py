"""How an image collection is dealt into pools, from which triplets are sampled.

A *round* deals each image into one *pool*. The images of each cluster are put into random order and
cut into *parts* of about ``pool / parts`` images; a pool takes its parts from different clusters,
at random. (If one cluster has more than one image in ``parts``, a pool has several parts of it,
side by side.) All triplets of a part are sampled while its pool is used, so that the similarities
of the pool's few hundred images are computed once.

How many triplets a part may give is bounded by its pairs, not only by its images: see
:func:`capacity`. A cluster of two images has one pair, which a round then uses once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from twoalike.study import Floats, Integers

type Rule = Literal["uniform", "cluster-boundary", "within", "between"]
PARTS: dict[str, int] = {"uniform": 1, "within": 1, "cluster-boundary": 8, "between": 8}
"""Parts of a pool, by rule: one if all three images are of one cluster."""
MOST_USES = 10
"""How often, at most, an image comes first while its pool is used."""
FEW = 9
"""Images from which :func:`three_steps` finds triplets without a common pair."""
_UNLIMITED = 2 * MOST_USES
_STEPS = 40


def capacity(rule: Rule, sizes: Integers) -> Integers:
    """Largest number of triplets that parts of s images give without repeating a pair.

    ============================  ===============================================================
    cluster-boundary              s (s - 1) / 2, the pairs of the cluster
    within, uniform               three pairs each: s / 3 below 9 images; from 9 images on about
                                  s² / 10 (:func:`three_steps`)
    between                       no pair is of one cluster: no limit but a large number
    ============================  ===============================================================
    """
    if rule == "between":
        return _UNLIMITED * sizes
    if rule == "cluster-boundary":
        return sizes * (sizes - 1) // 2
    return np.where(sizes < FEW, sizes // 3, families(sizes) * sizes)


def families(sizes: Integers) -> Integers:
    """Count the pairs of steps in :func:`three_steps` that have no difference in common."""
    return ((sizes - 1) // 2 + 1) // 5


def three_steps(family: Integers, sizes: Integers) -> tuple[Integers, Integers]:
    """Find steps a and b such that all (p, p + a, p + b) modulo s differ in their pairs, s >= 9.

    Family i = 0, ..., m - 1 with m = :func:`families` has the differences 2i + 1 (odd, below 2m),
    4m - 1 - i (from 3m to 4m - 1) and their sum 4m + i (from 4m to 5m - 1). All 3m differ and are
    at most (s - 1) / 2, so that each unordered pair of places occurs at most once.

    Examples
    --------
    >>> [tuple(map(int, three_steps(np.array(i), np.array(20)))) for i in (0, 1)]
    [(1, 8), (3, 9)]
    """
    m = families(sizes)
    return 2 * family + 1, 4 * m + family


def shared_out(number: int, images: int, sizes: Integers, most: Integers) -> Integers:
    """Find how many triplets each part gives a round, so that ``number`` take whole rounds."""
    rounds = -(-number // (MOST_USES * images))
    wanted = -(-number // rounds)

    def given(uses: float) -> Integers:
        return np.minimum(np.ceil(uses * sizes).astype(np.int64), most)

    low, high = 0.0, float((most / sizes).max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if given(middle).sum() < wanted else (low, middle)
    return given(high)


@dataclass(frozen=True)
class Parts:
    """The parts into which clusters are cut: the same in each round, but for their images.

    Attributes
    ----------
    cluster, size
        Of each of q parts, shape (q,), sorted by cluster.
    start
        Place of a part's first image among all images sorted by cluster, shape (q,).
    """

    cluster: Integers
    size: Integers
    start: Integers

    @classmethod
    def of(cls, sizes: Integers, images: int) -> "Parts":
        """Cut clusters of these sizes into parts of about this number of images."""
        n_parts = np.maximum(np.rint(sizes / images).astype(np.int64), 1)
        cluster = np.repeat(np.arange(len(sizes)), n_parts)
        nth = np.arange(len(cluster)) - np.repeat(np.cumsum(n_parts) - n_parts, n_parts)
        whole, more = sizes[cluster] // n_parts[cluster], sizes[cluster] % n_parts[cluster]
        size = whole + (nth < more)
        return cls(cluster, size, np.cumsum(size) - size)


@dataclass(frozen=True)
class Round:
    """One dealing of n images in q parts into pools.

    Attributes
    ----------
    images
        All images, pool by pool and part by part, shape (n,).
    size, start, pool
        Of each part: number of images, place of the first in ``images``, and its pool, shape (q,).
    ends
        Number of triplets of all parts up to each, shape (q,).
    pool_start, pool_size, widest
        Of each pool: place of its first image, number of images, and of those of its largest
        cluster.
    shifts
        Numbers in [0, 1) of each pool, evenly spread over its uses, shape (pools, uses, 2).
    """

    images: Integers
    size: Integers
    start: Integers
    pool: Integers
    ends: Integers
    pool_start: Integers
    pool_size: Integers
    widest: Integers
    shifts: Floats

    @property
    def pool_ends(self) -> Integers:
        """Number of triplets of all pools up to each."""
        last = np.append(np.flatnonzero(np.diff(self.pool)), len(self.pool) - 1)
        return np.asarray(self.ends[last])


def deal(
    clusters: Integers,
    parts: Parts,
    given: Integers,
    parts_a_pool: int,
    rng: np.random.Generator,
) -> Round:
    """Deal images into pools of so many parts; some have one less.

    ``clusters`` (n,) has the cluster of each image, numbered without gaps; ``given`` (q,) the
    triplets of each part.
    """
    mixed = rng.permutation(len(clusters))
    by_cluster = mixed[np.argsort(clusters[mixed], kind="stable")]
    # Clusters in random order, their parts side by side.
    rank = rng.permutation(clusters.max() + 1)
    row = np.argsort(rank[parts.cluster], kind="stable")
    # A run of parts as long as there are pools goes to different pools: a cluster that has no more
    # parts than that meets itself nowhere.
    pools = -(-len(row) // parts_a_pool)
    runs = [rng.permutation(pools) for _ in range(-(-len(row) // pools))]
    pool = np.concatenate(runs)[: len(row)]
    order = np.argsort(pool, kind="stable")
    row, pool = row[order], pool[order]
    size = parts.size[row]
    start = np.cumsum(size) - size
    places = np.repeat(parts.start[row] - start, size) + np.arange(len(clusters))
    own = parts.cluster[row]
    new_pool = np.flatnonzero(np.diff(pool, prepend=-1))
    new_cluster = np.flatnonzero(np.diff(pool, prepend=-1) + np.diff(own, prepend=-1) ** 2)
    widths = np.add.reduceat(size, new_cluster)
    shape = (pools, int(np.ceil(given / parts.size).max()), 2)
    # One number of each stratum: a pool's circles are shifted by different numbers of steps.
    strata = np.argsort(rng.random(shape), axis=1)
    return Round(
        images=by_cluster[places],
        size=size,
        start=start,
        pool=pool,
        ends=np.cumsum(given[row]),
        pool_start=start[new_pool],
        pool_size=np.add.reduceat(size, new_pool),
        widest=np.maximum.reduceat(widths, np.searchsorted(new_cluster, new_pool)),
        shifts=(strata + rng.random(shape)) / shape[1],
    )
