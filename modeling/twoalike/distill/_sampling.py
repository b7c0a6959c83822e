"""Sampling of images and triplets as a function of seed, number and process alone.

No state is stored, so a stopped run resumes exactly, and each of several processes knows its share
without communication. Batches of a training run contain each image once per epoch
(:class:`BatchStream`). Triplets to be labelled are numbered (:class:`TripletStream`) and follow a
rule about clusters of images:

================  ==============================================  ======================
rule              triplets                                        of AligNet's data
================  ==============================================  ======================
uniform           any three images
cluster-boundary  two images of one cluster, one of another       ``cluster_border``
within            three images of one cluster                     ``within_class``
between           three images of three clusters                  ``between_class``
================  ==============================================  ======================

The method is that of doi:10.1038/s41586-025-09631-6.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.study import Floats, Integers, TwoalikeError
from twoalike.teacher import sample_triplets

ORDER, TRIPLETS, NOISE, FLIP, HELD_OUT, SAMPLE, DRAW, HEAD = range(8)
"""Purposes of randomness, each with its own numbers."""


def seed_of(*entropy: int) -> int:
    """Combine several numbers into one, for generators that accept only one."""
    return int(np.random.SeedSequence(list(entropy)).generate_state(1)[0])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(n)


@dataclass(frozen=True)
class BatchStream:
    """Batches of image indices: all images once per epoch, none twice in a batch.

    Attributes
    ----------
    n
        Number of images.
    batch
        Images per process and batch.
    seed
        Determines all batches.
    world, rank
        Number of processes, and number of this process.
    of
        What the indices refer to; a batch of triplets may be a single one, of three images.
    """

    n: int
    batch: int
    seed: int
    world: int = 1
    rank: int = 0
    of: Literal["images", "labelled triplets"] = "images"

    def __post_init__(self) -> None:
        if self.batch * self.world > self.n:
            each = f" in each of {self.world} processes" if self.world > 1 else ""
            enough = max(self.n // self.world, 3 if self.of == "images" else 1)
            raise TwoalikeError(
                f"a batch of {self.batch} {self.of}{each} needs more than the {self.n} {self.of} "
                "for training",
                remedy=f"Set `batch={enough}` or give more {self.of}.",
            )

    def indices(self, number: int) -> npt.NDArray[np.int64]:
        """Image indices of batch 0, 1, ..., shape (batch,)."""
        together = self.batch * self.world
        epoch, place = divmod(number, self.n // together)
        start = place * together + self.rank * self.batch
        return _order(self.seed, epoch, self.n)[start : start + self.batch]

    def keys(self, start: int, stop: int) -> Iterator[list[tuple[int, int]]]:
        """Batches ``start`` to ``stop`` for a DataLoader: (batch number, image index) pairs."""
        for number in range(start, stop):
            yield [(number, int(index)) for index in self.indices(number)]


def batch_triplets(batch: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """All triplets of a batch in order, or ``most`` of them drawn at random, shape (n, 3).

    Examples
    --------
    >>> batch_triplets(4, 100, np.random.default_rng(0)).tolist()
    [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    if comb(batch, 3) > most:
        return sample_triplets(batch, most, rng)
    first, second, third = np.meshgrid(*[np.arange(batch)] * 3, indexing="ij")
    ordered = (first < second) & (second < third)
    return np.stack([first[ordered], second[ordered], third[ordered]], axis=1)


Rule = Literal["uniform", "cluster-boundary", "within", "between"]
RULES: tuple[Rule, ...] = ("uniform", "cluster-boundary", "within", "between")
LEAST: dict[Rule, int] = {"uniform": 3, "within": 3, "cluster-boundary": 2, "between": 1}
"""Images, the first of a triplet included, that its cluster needs to have."""
DRAWS = 8
"""Random numbers reserved for a triplet: two counter steps of Philox, of four numbers each."""
ORDERS = np.array(list(permutations(range(3))))


class TripletStream:
    """Numbered triplets of images, by a rule about their clusters.

    The first image is drawn uniformly from the images whose cluster has enough members, the others
    uniformly from the images that the rule then allows. Clusters are thus weighted by size, so that
    images of large ones are not rarer. The three are put into random order: the position of an
    image carries no information.

    Parameters
    ----------
    clusters
        Cluster of each image, any integers, shape (n,); ``uniform`` uses only their number.
    rule
        As listed in :mod:`twoalike.distill._sampling`.
    seed
        Determines all triplets; several numbers may be given.

    Raises
    ------
    TwoalikeError
        If there are too few clusters, or they are too small, for the rule.

    Examples
    --------
    >>> stream = TripletStream(np.array([0, 0, 0, 1, 1, 2]), "between", seed=0)
    >>> stream.triplets(1000, 1002).tolist()
    [[5, 1, 3], [5, 0, 4]]
    """

    def __init__(self, clusters: Integers, rule: Rule, seed: int | Sequence[int]) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is none of {', '.join(RULES)}")
        self.rule: Rule = rule
        entropy = [seed] if isinstance(seed, int) else list(seed)
        state = np.random.SeedSequence([*entropy, SAMPLE, RULES.index(rule)])
        self._key = state.generate_state(2, np.uint64)
        # With all images in one cluster, three images of one cluster are any three.
        groups = np.zeros(len(clusters), np.int64) if rule == "uniform" else clusters
        _, own, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        self._check(len(clusters), sizes)
        self._images = np.argsort(own, kind="stable")
        self._cluster = own[self._images]
        self._size = sizes
        self._start = np.cumsum(sizes) - sizes
        self._first = np.flatnonzero(sizes[self._cluster] >= LEAST[rule])

    def _check(self, images: int, sizes: Integers) -> None:
        """Refuse clusters to which the rule cannot be applied."""
        by_rule, least = f"triplets by the rule {self.rule}", LEAST[self.rule]
        if images < 3:
            raise TwoalikeError(
                where="triplets", expected="at least 3 images", found=images, remedy="Give more."
            )
        if self.rule == "uniform":
            return
        if len(sizes) < 3:
            raise TwoalikeError(
                where=by_rule,
                expected="at least 3 clusters with images",
                found=len(sizes),
                remedy="Choose more clusters, or the rule uniform.",
            )
        if sizes.max() < least:
            raise TwoalikeError(
                where=by_rule,
                expected=f"a cluster of at least {least} images",
                found=f"{sizes.max()} in the largest of {len(sizes)}",
                remedy="Choose fewer clusters.",
            )

    def triplets(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        """Triplets number ``start`` to ``stop`` (not included): image indices, shape (n, 3)."""
        bits = np.random.Philox(key=self._key).advance(start * (DRAWS // 4))
        draws = np.random.Generator(bits).random((max(stop - start, 0), DRAWS)).T
        first = self._first[_below(draws[0], len(self._first))]
        if self.rule == "between":
            second = self._outside(draws[1], first)
            third = self._outside(draws[2], first, second)
        else:
            second = self._beside(draws[1], first)
            within = self.rule != "cluster-boundary"
            third = (
                self._beside(draws[2], first, second) if within else self._outside(draws[2], first)
            )
        places = np.stack([first, second, third], axis=1)
        order = ORDERS[_below(draws[3], len(ORDERS))]
        return np.asarray(self._images[np.take_along_axis(places, order, axis=1)])

    def batch(self, step: int, batch: int, world: int = 1, rank: int = 0) -> npt.NDArray[np.int64]:
        """Triplets of one of ``world`` processes at step 0, 1, ..., shape (batch, 3).

        A step's ``batch * world`` triplets are the same for any number of processes.
        """
        start = (step * world + rank) * batch
        return self.triplets(start, start + batch)

    def _beside(self, draw: Floats, *taken: Integers) -> npt.NDArray[np.int64]:
        """Draw another image of the cluster to which all those taken belong."""
        cluster = self._cluster[taken[0]]
        place = self._start[cluster] + _below(draw, self._size[cluster] - len(taken))
        for other in np.sort(np.stack(taken), axis=0):
            place += place >= other
        return np.asarray(place)

    def _outside(self, draw: Floats, *taken: Integers) -> npt.NDArray[np.int64]:
        """Draw an image from outside the clusters of those taken, which all differ."""
        # Images are sorted by cluster: the cluster that begins first is skipped first.
        clusters = np.sort(np.stack([self._cluster[place] for place in taken]), axis=0)
        place = _below(draw, len(self._images) - self._size[clusters].sum(axis=0))
        for cluster in clusters:
            place += np.where(place >= self._start[cluster], self._size[cluster], 0)
        return place


def _below(draw: Floats, most: int | Integers) -> npt.NDArray[np.int64]:
    """Turn uniform numbers in [0, 1) into integers from 0 to ``most`` - 1."""
    return np.floor(draw * most).astype(np.int64)
