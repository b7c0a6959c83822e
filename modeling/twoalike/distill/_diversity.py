"""How many images and pairs the triplets of a collection have, and how often a pair recurs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.choice import PAIRS
from twoalike.study import Integers

AT_ONCE = 2**25
"""Pairs in memory: 256 MiB as numbers, twice that while they are collected."""
BLOCK = 2**18
"""Triplets that are sampled at once."""


@dataclass(frozen=True)
class Diversity:
    """What triplets have in common.

    Attributes
    ----------
    images, pairs
        Different images, and different pairs of images, in any of the triplets.
    largest_reuse
        Number of triplets that the most frequent pair is in.
    largest_reuse_in_cluster
        The same for pairs of images of one cluster; 0: there are none.
    """

    images: int
    pairs: int
    largest_reuse: int
    largest_reuse_in_cluster: int


def count_diversity(
    sample: Callable[[int, int], Integers],
    number: int,
    clusters: Integers,
    *,
    at_once: int = AT_ONCE,
) -> Diversity:
    """Count the images and pairs of triplets exactly, in bounded memory.

    Pairs are numbered, sorted and compared with their neighbours. If there are more than
    ``at_once``, they are divided by number and the triplets sampled again for each part: sampling
    takes less time than a temporary file.

    Parameters
    ----------
    sample
        Triplets from number ``start`` to ``stop``: image indices, shape (n, 3).
    number
        Number of triplets.
    clusters
        Cluster of each image, shape (m,).
    at_once
        Pairs that are sorted at once.
    """
    seen = np.zeros(len(clusters), bool)
    parts = -(-number * len(PAIRS) // at_once)
    pairs, largest, inside = 0, 0, 0
    for part in range(parts):
        found = []
        for start in range(0, number, BLOCK):
            triplets = sample(start, min(start + BLOCK, number))
            if part == 0:
                seen[triplets] = True
            codes = _pair_codes(triplets, clusters)
            found.append(codes if parts == 1 else codes[(codes >> 1) % parts == part])
        together = np.concatenate(found)
        del found
        together.sort()
        pairs += 1 + int(np.count_nonzero(together[1:] != together[:-1])) if len(together) else 0
        largest = max(largest, _longest_run(together))
        inside = max(inside, _longest_run(together[(together & 1) == 1]))
    return Diversity(int(seen.sum()), pairs, largest, inside)


def _pair_codes(triplets: Integers, clusters: Integers) -> npt.NDArray[np.int64]:
    """One number a pair, odd if its images are of one cluster, shape (3 n,)."""
    left, right = np.concatenate([triplets[:, pair] for pair in PAIRS]).T
    low, high = np.minimum(left, right), np.maximum(left, right)
    alike = clusters[left] == clusters[right]
    return np.asarray((low.astype(np.int64) * len(clusters) + high) * 2 + alike)


def _longest_run(values: npt.NDArray[np.int64]) -> int:
    """Length of the longest run of equal values in a sorted array.

    Examples
    --------
    >>> _longest_run(np.array([1, 2, 2, 2, 5, 5]))
    3
    """

    def exists(length: int) -> bool:
        return bool((values[length - 1 :] == values[: len(values) - length + 1]).any())

    low, high = 0, 1  # a run of low exists; one of high is tried
    while high <= len(values) and exists(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle <= len(values) and exists(middle) else (low, middle)
    return low
