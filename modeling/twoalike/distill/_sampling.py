"""Which triplets of an image collection are labelled, as a function of seed and number alone.

Triplet 0, 1, 2, ... of a seed are fixed: any worker finds any part of them without those before,
and all parts together are the same however they are shared out.

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

from collections.abc import Sequence
from itertools import permutations
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.distill._stream import SAMPLE
from twoalike.study import TwoalikeError

Indices = npt.NDArray[np.int64]
Rule = Literal["uniform", "cluster-boundary", "within", "between"]
RULES: tuple[Rule, ...] = ("uniform", "cluster-boundary", "within", "between")
DRAWS = 8
"""Random numbers set aside for a triplet: two counts of Philox, of four numbers each."""
ORDERS = np.array(list(permutations(range(3))))


class TripletStream:
    """Numbered triplets of images, by a rule about their clusters.

    The first image is any image whose cluster has enough members, each with the same chance;
    the others are drawn in the same way from those images that the rule then allows. A cluster
    counts by its size, in other words, and no image of a large one is rarer for that. The three
    are put into random order: which of them is the odd one cannot be told by its place.

    Parameters
    ----------
    clusters
        Cluster of each image, any integers, shape (n,); for ``uniform`` only their number counts.
    rule
        See above.
    seed
        Fixes all triplets; several numbers may be given.

    Raises
    ------
    TwoalikeError
        If the clusters are too few or too small for the rule.

    Examples
    --------
    >>> stream = TripletStream(np.array([0, 0, 0, 1, 1, 2]), "between", seed=0)
    >>> stream.triplets(1000, 1002).tolist()
    [[5, 1, 3], [5, 0, 4]]
    """

    def __init__(
        self, clusters: npt.NDArray[np.integer], rule: Rule, seed: int | Sequence[int]
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is none of {', '.join(RULES)}")
        self.rule: Rule = rule
        entropy = [seed] if isinstance(seed, int) else list(seed)
        state = np.random.SeedSequence([*entropy, SAMPLE, RULES.index(rule)])
        self._key = state.generate_state(2, np.uint64)
        # One cluster of all images makes three of one cluster any three.
        groups = np.zeros(len(clusters), np.int64) if rule == "uniform" else clusters
        _, own, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        self._check(len(clusters), sizes)
        self._images = np.argsort(own, kind="stable")
        self._cluster = own[self._images]
        self._size = sizes
        self._start = np.cumsum(sizes) - sizes
        least = {"uniform": 3, "within": 3, "cluster-boundary": 2, "between": 1}[rule]
        self._first = np.flatnonzero(sizes[self._cluster] >= least)

    def _check(self, images: int, sizes: npt.NDArray[np.integer]) -> None:
        """Refuse what the rule cannot be kept with."""
        if images < 3:
            raise TwoalikeError(f"triplets need at least 3 images, found {images}. Give more.")
        if self.rule == "uniform":
            return
        if len(sizes) < 3:
            raise TwoalikeError(
                f"triplets by the rule {self.rule} need at least 3 clusters that hold images, "
                f"found {len(sizes)}. Ask for more clusters, or take the rule uniform."
            )
        least = {"within": 3, "cluster-boundary": 2, "between": 1}[self.rule]
        if sizes.max() < least:
            raise TwoalikeError(
                f"triplets by the rule {self.rule} need a cluster of at least {least} images, the "
                f"largest of {len(sizes)} has {sizes.max()}. Ask for fewer clusters."
            )

    def triplets(self, start: int, stop: int) -> Indices:
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

    def batch(self, step: int, batch: int, world: int = 1, rank: int = 0) -> Indices:
        """Triplets of one of ``world`` processes at step 0, 1, ..., shape (batch, 3).

        A step's ``batch * world`` triplets are the same for any number of processes.
        """
        start = (step * world + rank) * batch
        return self.triplets(start, start + batch)

    def _beside(self, draw: npt.NDArray[np.float64], *taken: Indices) -> Indices:
        """Draw another image of the cluster that all those taken are of."""
        cluster = self._cluster[taken[0]]
        place = self._start[cluster] + _below(draw, self._size[cluster] - len(taken))
        for other in np.sort(np.stack(taken), axis=0):
            place += place >= other
        return np.asarray(place)

    def _outside(self, draw: npt.NDArray[np.float64], *taken: Indices) -> Indices:
        """Draw an image from outside the clusters of those taken, which are of different ones."""
        # Images stand by cluster, so that the cluster that begins lower is stepped over first.
        clusters = np.sort(np.stack([self._cluster[place] for place in taken]), axis=0)
        place = _below(draw, len(self._images) - self._size[clusters].sum(axis=0))
        for cluster in clusters:
            place += np.where(place >= self._start[cluster], self._size[cluster], 0)
        return place


def _below(draw: npt.NDArray[np.float64], most: int | npt.NDArray[np.integer]) -> Indices:
    """Turn uniform numbers in [0, 1) into integers from 0 to ``most`` - 1."""
    return np.floor(draw * most).astype(np.int64)
