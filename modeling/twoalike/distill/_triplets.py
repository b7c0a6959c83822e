"""Triplets of an image collection, numbered, by a rule about clusters of images.

================  ==============================================  ======================
rule              triplets                                        of AligNet's data
================  ==============================================  ======================
uniform           any three images
cluster-boundary  two images of one cluster, one of another       ``cluster_border``
within            three images of one cluster                     ``within_class``
between           three images of three clusters                  ``between_class``
================  ==============================================  ======================

The method is that of doi:10.1038/s41586-025-09631-6, where triplets are drawn at random. Random
draws reuse some pairs while others are never drawn, and leave images out; here clusters, and then
images, take turns. In each round (:mod:`twoalike.distill._rounds`) the s images of a part of a
cluster are arranged in a random circle. Its first s triplets of ``cluster-boundary`` are the pairs
of neighbours, the next s the pairs two steps apart, and so on: no pair occurs twice before all
have occurred. The image from outside lies a random number of steps further in the pool, the same
for a whole circle, so that all images of a pool are in turn the outside image.

A triplet follows from the settings and its number alone: no state is stored, a stopped run is
continued exactly, and each of several processes knows its share without communication.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import permutations
from typing import get_args

import numpy as np
import numpy.typing as npt

from twoalike.distill._rounds import (
    FEW,
    PARTS,
    Parts,
    Round,
    Rule,
    capacity,
    deal,
    shared_out,
    three_steps,
)
from twoalike.distill._sampling import SAMPLE
from twoalike.study import Floats, Integers, TwoalikeError

RULES: tuple[Rule, ...] = get_args(Rule.__value__)
LEAST: dict[Rule, int] = {"uniform": 3, "within": 3, "cluster-boundary": 2, "between": 1}
"""Images, the first of a triplet included, that its cluster needs to have."""
POOL = 192
"""Images of a pool: more of them meet more images, but take longer (benchmarks/labels.py)."""
DRAWS = 4
"""Random numbers reserved for a triplet: a counter step of Philox."""
ORDERS = np.array(list(permutations(range(3))))
BLOCK = 1024
"""Triplets that :meth:`TripletStream.blocks` keeps together, at least."""


class TripletStream:
    """Numbered triplets of images, by a rule about their clusters.

    All images come first, second and third about equally often, except those of clusters that are
    too small for the rule or have too few pairs: these are not repeated for evenness. The three are
    put into random order: the position of an image carries no information.

    Parameters
    ----------
    clusters
        Cluster of each image, any integers, shape (n,); ``uniform`` uses only their number.
    rule
        As listed in :mod:`twoalike.distill._triplets`.
    seed
        Determines all triplets; several numbers may be given.
    number
        Number of triplets that are wanted: the more, the more are of one pool. Others exist as
        well, but images are used evenly by these. None: as many as images.
    pool
        Images of a pool, about.

    Examples
    --------
    >>> stream = TripletStream(np.array([0, 0, 0, 1, 1, 2]), "between", seed=0)
    >>> stream.triplets(1000, 1002).tolist()
    [[5, 4, 2], [3, 5, 1]]
    """

    def __init__(
        self,
        clusters: Integers,
        rule: Rule,
        seed: int | Sequence[int],
        *,
        number: int | None = None,
        pool: int = POOL,
    ) -> None:
        if rule not in RULES:
            raise ValueError(f"rule {rule!r} is none of {', '.join(RULES)}")
        self.rule: Rule = rule
        entropy = [seed] if isinstance(seed, int) else list(seed)
        self._entropy = [*entropy, SAMPLE, RULES.index(rule)]
        self._key = np.random.SeedSequence(self._entropy).generate_state(2, np.uint64)
        # With all images in one cluster, three images of one cluster are any three.
        groups = np.zeros(len(clusters), np.int64) if rule == "uniform" else clusters
        _, own, self._size = np.unique(groups, return_inverse=True, return_counts=True)
        self._check(len(clusters), self._size)
        self._cluster = own.astype(np.int32)
        self._sorted = np.argsort(own, kind="stable")
        self._begin = np.cumsum(self._size) - self._size
        self._parts = Parts.of(self._size, max(pool // PARTS[rule], 1))
        most = capacity(rule, self._parts.size)
        self._given = shared_out(number or len(own), len(own), self._parts.size, most)
        self._a_round = int(self._given.sum())
        self._round = lru_cache(maxsize=1)(self._deal)

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
        found = np.empty((draws.shape[1], 3), np.int64)
        for number, low, high in self._spans(start, stop):
            at = number * self._a_round - start
            rows = slice(at + low, at + high)
            found[rows] = self._of_round(self._round(number), np.arange(low, high), draws[:, rows])
        return found

    def batch(self, step: int, batch: int, world: int = 1, rank: int = 0) -> npt.NDArray[np.int64]:
        """Triplets of one of ``world`` processes at step 0, 1, ..., shape (batch, 3).

        A step's ``batch * world`` triplets are the same for any number of processes.
        """
        start = (step * world + rank) * batch
        return self.triplets(start, start + batch)

    def blocks(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Numbers (start, stop) of blocks of triplets, each of one pool or, if small, of several.

        A block's triplets have few images, so that their similarities are best computed together.
        """
        if self._a_round < BLOCK:  # a few images: several rounds have the same ones
            step = -(-BLOCK // self._a_round) * self._a_round
            yield from ((first, min(first + step, stop)) for first in range(start, stop, step))
            return
        for number, low, high in self._spans(start, stop):
            ends = self._round(number).pool_ends
            pools = -(-BLOCK * len(ends) // self._a_round)
            cuts = ends[pools - 1 :: pools]
            inner = cuts[(cuts > low) & (cuts < high)]
            edges = (np.concatenate([[low], inner, [high]]) + number * self._a_round).tolist()
            yield from zip(edges, edges[1:], strict=False)

    def _spans(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Each round, and from which to which of its triplets."""
        while start < stop:
            number, low = divmod(start, self._a_round)
            high = min(low + stop - start, self._a_round)
            yield number, low, high
            start += high - low

    def _deal(self, number: int) -> Round:
        rng = np.random.default_rng([*self._entropy, number])
        return deal(self._cluster, self._parts, self._given, PARTS[self.rule], rng)

    def _of_round(self, dealt: Round, numbers: Integers, draws: Floats) -> npt.NDArray[np.int64]:
        """Triplets of a round by their numbers in it, shape (n, 3)."""
        part = np.searchsorted(dealt.ends, numbers, side="right")
        begin = np.concatenate([[0], dealt.ends])[part]
        size, start = dealt.size[part], dealt.start[part]
        turn, place = np.divmod(numbers - begin, size)
        first = start + _by_twos(place, size)
        if self.rule in {"uniform", "within"}:
            inside = self._of_part(turn, place, start, size)
            chosen = dealt.images[np.stack(inside, axis=1)]
        elif self.rule == "cluster-boundary":
            # Half a circle apart are half as many pairs.
            first = np.where(2 * (turn + 1) == size, start + place, first)
            second = start + (first - start + turn + 1) % size
            third, _ = self._shifted(dealt, first, part, turn)
            chosen = dealt.images[np.stack([first, second, third], axis=1)]
            self._move_outside(chosen, 2, [0], draws[0])
        else:
            second, third = self._shifted(dealt, first, part, turn)
            chosen = dealt.images[np.stack([first, second, third], axis=1)]
            self._move_outside(chosen, 1, [0], draws[0])
            self._move_outside(chosen, 2, [0, 1], draws[1])
        order = ORDERS[_below(draws[2], len(ORDERS))]
        return np.take_along_axis(chosen, order, axis=1)

    @staticmethod
    def _of_part(
        turn: Integers, place: Integers, start: Integers, size: Integers
    ) -> tuple[Integers, Integers, Integers]:
        """Places of three images of one part."""
        a, b = three_steps(turn, size)
        few = size < FEW
        first = np.where(few, 3 * place, _by_twos(place, size))
        a, b = np.where(few, 1, a), np.where(few, 2, b)
        return start + first, start + (first + a) % size, start + (first + b) % size

    def _shifted(
        self, dealt: Round, place: Integers, part: Integers, turn: Integers
    ) -> tuple[Integers, Integers]:
        """Places of two images further on in the pool, the second one beyond the first.

        They are of other clusters than the image at ``place`` and, for ``between``, of different
        ones, if the largest cluster of the pool leaves room for it.
        """
        pool = dealt.pool[part]
        begin, size, widest = (x[pool] for x in (dealt.pool_start, dealt.pool_size, dealt.widest))
        draw, other = dealt.shifts[pool, turn].T
        taken = (3 if self.rule == "between" else 2) * widest
        room = np.maximum(size - taken, 0)
        spent = _below(draw, room + 1)
        near = np.minimum(widest, size - widest) + spent
        far = near + widest + _below(other, room - spent + 1)
        return begin + (place - begin + near) % size, begin + (place - begin + far) % size

    def _move_outside(self, chosen: Integers, column: int, others: list[int], draw: Floats) -> None:
        """Replace images of a column that are of the clusters of other columns, which all differ.

        This happens in pools of which one cluster fills more than half (a third for ``between``).
        """
        theirs, own = self._cluster[chosen[:, others]], self._cluster[chosen[:, [column]]]
        rows = np.flatnonzero((theirs == own).any(axis=1))
        if not len(rows):
            return
        # Images are sorted by cluster: the cluster that begins first is skipped first.
        taken = np.sort(theirs[rows].T, axis=0)
        place = _below(draw[rows], len(self._sorted) - self._size[taken].sum(axis=0))
        for cluster in taken:
            begin = self._begin[cluster]
            place += np.where(place >= begin, self._size[cluster], 0)
        chosen[rows, column] = self._sorted[place]


def _by_twos(place: Integers, size: Integers) -> Integers:
    """Every second place of a circle, then the others: few neighbours use most images."""
    return np.asarray(2 * place % size + ((size % 2 == 0) & (2 * place >= size)))


def _below(draw: Floats, most: int | Integers) -> npt.NDArray[np.int64]:
    """Turn uniform numbers in [0, 1) into integers from 0 to ``most`` - 1."""
    return np.floor(draw * most).astype(np.int64)
