"""Dealing triplets out to the sessions that are to show them, so that each is balanced."""

from collections.abc import Sequence

import numpy as np

from twoalike.design._triplets import Triplets

TRIES = 40
"""Exchanges tried for each triplet."""
MOST_TRIES = 400_000


def deal(
    triplets: Triplets,
    kinds: Sequence[object],
    lists: int,
    m: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Deal triplets to lists: each kind evenly, each object about equally often in each list.

    Parameters
    ----------
    triplets
        Object indices, shape (n, 3); one may stand there several times, up to ``lists`` times.
    kinds
        What is dealt evenly (within one), n of them.
    lists
        Number of lists.
    m
        Number of objects.
    rng
        Source of randomness.

    Returns
    -------
    For each list the places of its triplets in ``triplets``. No list has a triplet twice.
    """
    owner = _first_deal(triplets, kinds, lists, rng)
    if lists > 1:
        _exchange(triplets, kinds, owner, lists, m, rng)
    return [np.flatnonzero(owner == number) for number in range(lists)]


def _first_deal(
    triplets: Triplets, kinds: Sequence[object], lists: int, rng: np.random.Generator
) -> np.ndarray:
    """Go round the lists, equal triplets one after another so that no list gets two of them."""
    shuffled = rng.permutation(len(triplets)).tolist()
    rows = [tuple(row) for row in triplets.tolist()]
    rank = {row: at for at, row in enumerate(dict.fromkeys(rows[at] for at in shuffled))}
    groups = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
    order = sorted(shuffled, key=lambda at: (groups[kinds[at]], rank[rows[at]]))
    owner = np.empty(len(triplets), dtype=np.int64)
    owner[order] = np.arange(len(order)) % lists
    return owner


def _exchange(
    triplets: Triplets,
    kinds: Sequence[object],
    owner: np.ndarray,
    lists: int,
    m: int,
    rng: np.random.Generator,
) -> None:
    """Let two lists exchange triplets of one kind where that evens out their objects."""
    n = len(triplets)
    rows = [tuple(row) for row in triplets.tolist()]
    hands = [_Hand(m) for _ in range(lists)]
    whose = owner.tolist()
    for row, number in zip(rows, whose, strict=True):
        hands[number].change(row, +1)
    for _ in range(min(TRIES * n, MOST_TRIES) // 1024 + 1):
        for first, second in rng.integers(n, size=(1024, 2)).tolist():
            mine, yours = hands[whose[first]], hands[whose[second]]
            give, take = rows[first], rows[second]
            if mine is yours or kinds[first] != kinds[second]:
                continue
            if give in yours.rows or take in mine.rows or mine.gain(give, take, yours) > 0:
                continue
            whose[first], whose[second] = whose[second], whose[first]
            for hand, old, new in ((mine, give, take), (yours, take, give)):
                hand.change(old, -1)
                hand.change(new, +1)
    owner[:] = whose


class _Hand:
    """The triplets of a list, and how often each object is among them."""

    def __init__(self, m: int) -> None:
        self.rows: set[tuple[int, ...]] = set()
        self.shown = [0] * m

    def change(self, row: tuple[int, ...], by: int) -> None:
        """Add (+1) or drop (-1) a triplet."""
        (self.rows.add if by > 0 else self.rows.remove)(row)
        for item in row:
            self.shown[item] += by

    def gain(self, give: tuple[int, ...], take: tuple[int, ...], other: "_Hand") -> int:
        """Half the change of all squared counts if ``give`` went to ``other`` for ``take``."""
        change = 0
        for item in give:
            if item not in take:
                change += other.shown[item] - self.shown[item] + 1
        for item in take:
            if item not in give:
                change += self.shown[item] - other.shown[item] + 1
        return change
