"""Sampling of images and triplets as a function of seed, number and process alone.

No state is stored, so a stopped run resumes exactly, and each of several processes knows its share
without communication. Batches of a training run contain each image once per epoch
(:class:`BatchStream`). Triplets to be labelled are those of :mod:`twoalike.distill._triplets`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, counted

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
    """Batches of image indices: all images once per epoch, none twice in a batch."""

    n: int  # number of images
    batch: int  # images per process and batch
    seed: int  # determines all batches
    world: int = 1  # number of processes, and number of this process
    rank: int = 0
    # What the indices refer to; a batch of triplets may be a single one, of three images
    of: Literal["images", "labelled triplets"] = "images"

    def __post_init__(self) -> None:
        if self.batch * self.world > self.n:
            each = f" in each of {self.world} processes" if self.world > 1 else ""
            fewer, least = self.n // self.world, 3 if self.of == "images" else 1
            raise TwoalikeError(
                f"a batch of {self.batch} {self.of}{each} needs more than "
                f"{counted(self.n, self.of.removesuffix('s'))} for training",
                remedy=f"Set `batch={fewer}` or give more {self.of}."
                if fewer >= least
                else f"Give more {self.of}.",
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
    """All triplets of a batch in order, or ``most`` different ones at random, shape (n, 3).

    Examples
    --------
    >>> batch_triplets(4, 100, np.random.default_rng(0)).tolist()
    [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    """
    total = comb(batch, 3)
    if total <= most:
        return _numbered(np.arange(total), batch)
    return _numbered(rng.choice(total, most, replace=False, shuffle=False), batch)


def _numbered(numbers: npt.NDArray[np.int64], batch: int) -> npt.NDArray[np.int64]:
    """Triplets by their places in the order of all, shape (n, 3).

    Counted from the end and with items counted from the end too, the triplet i < j < k is number
    C(i, 1) + C(j, 2) + C(k, 3), the combinatorial number system.
    """
    items, left = [], comb(batch, 3) - 1 - numbers
    for size in (3, 2, 1):
        below = np.array([comb(item, size) for item in range(batch)])
        item = np.searchsorted(below, left, side="right") - 1
        left = left - below[item]
        items.append(batch - 1 - item)
    return np.stack(items, axis=1)
