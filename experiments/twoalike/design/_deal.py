"""Trials shared out over lists: each kind evenly, each object about equally often in each list."""

from collections.abc import Sequence

import numpy as np

from twoalike.design._form import Sets

TRIES = 40
"""Exchanges tried for each trial."""
MOST_TRIES = 400_000


def deal(
    trials: Sets, kinds: Sequence[object], lists: int, m: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal trials, shape (n, k), to lists; give each list's places among them.

    Each of the n ``kinds`` is dealt evenly, each object is about equally often in each list, and no
    list has a trial twice; one may be listed up to ``lists`` times.
    """
    owner = _first_deal(trials, kinds, lists, rng)
    if lists > 1:
        _exchange(trials, kinds, owner, lists, m, rng)
    return [np.flatnonzero(owner == number) for number in range(lists)]


def _first_deal(
    trials: Sets, kinds: Sequence[object], lists: int, rng: np.random.Generator
) -> np.ndarray:
    """Deal round-robin, equal trials one after another so that no list gets two of them."""
    shuffled = rng.permutation(len(trials)).tolist()
    rows = [tuple(row) for row in trials.tolist()]
    rank = {row: at for at, row in enumerate(dict.fromkeys(rows[at] for at in shuffled))}
    groups = {kind: at for at, kind in enumerate(dict.fromkeys(kinds))}
    order = sorted(shuffled, key=lambda at: (groups[kinds[at]], rank[rows[at]]))
    owner = np.empty(len(trials), dtype=np.int64)
    owner[order] = np.arange(len(order)) % lists
    return owner


def _exchange(
    trials: Sets,
    kinds: Sequence[object],
    owner: np.ndarray,
    lists: int,
    m: int,
    rng: np.random.Generator,
) -> None:
    """Let two lists exchange trials of one kind where that evens out their objects."""
    n = len(trials)
    rows = [tuple(row) for row in trials.tolist()]
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
    """The trials of a list, and how often each object is among them."""

    def __init__(self, m: int) -> None:
        self.rows: set[tuple[int, ...]] = set()
        self.shown = [0] * m

    def change(self, row: tuple[int, ...], by: int) -> None:
        """Add (+1) or drop (-1) a trial."""
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
