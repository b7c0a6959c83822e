"""Which images and triplets each step sees, as a function of seed, step and process alone.

Nothing has to be remembered, so a run that was stopped goes on exactly as if it had not been,
and each process of many knows its share without asking.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.teacher import sample_triplets

ORDER, TRIPLETS, NOISE, FLIP, HELD_OUT, SAMPLE, DRAW, HEAD = range(8)
"""Purposes of randomness: each gets numbers of its own."""


def seed_of(*entropy: int) -> int:
    """One number for generators that take no more, from several."""
    return int(np.random.SeedSequence(list(entropy)).generate_state(1)[0])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, n: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(n)


@dataclass(frozen=True)
class BatchStream:
    """Batches of image indices; all images once an epoch, none twice in a batch.

    Attributes
    ----------
    n
        Number of images.
    batch
        Images a process and batch.
    seed
        Fixes all batches.
    world, rank
        Number of processes, and which of them this is.
    """

    n: int
    batch: int
    seed: int
    world: int = 1
    rank: int = 0

    of: ClassVar[str] = "images"
    least: ClassVar[int] = 3

    def __post_init__(self) -> None:
        if self.batch * self.world > self.n:
            each = f" in each of {self.world} processes" if self.world > 1 else ""
            enough = max(self.n // self.world, self.least)
            raise TwoalikeError(
                f"a batch of {self.batch} {self.of}{each} needs more than the {self.n} {self.of} "
                f"to learn from. Ask for --batch {enough} or give more {self.of}."
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


@dataclass(frozen=True)
class RowStream(BatchStream):
    """The same of the rows of a table of labelled triplets."""

    of: ClassVar[str] = "labelled triplets"
    least: ClassVar[int] = 1


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
