"""Distinct random triplets that show every object equally often.

Drawing triplets independently would show some objects twice as often as others in a session
of a few hundred trials, and those shown least would be known least.
"""

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

Triplets = npt.NDArray[np.int64]
"""Object indices, shape (n, 3), ascending in each row."""


def balanced_triplets(m: int, n: int, rng: np.random.Generator) -> Triplets:
    """Draw ``n`` distinct triplets of ``m`` objects, each object within one of equally often.

    Such a set exists for every n (Baranyai 1975, almost regular hypergraphs).

    Raises
    ------
    ValueError
        If there are fewer than ``n`` triplets.

    Examples
    --------
    >>> triplets = balanced_triplets(6, 4, np.random.default_rng(0))
    >>> np.bincount(triplets.ravel())
    array([2, 2, 2, 2, 2, 2])
    """
    available = comb(m, 3)
    if n > available:
        raise ValueError(f"asked for {n} distinct triplets, {m} objects have {available}.")
    if 2 * n <= available:
        return _deal(m, n, rng)
    # Where most triplets are wanted, it is the few left out that are easy to balance.
    left_out = {tuple(row) for row in _deal(m, available - n, rng).tolist()}
    kept = [row for row in combinations(range(m), 3) if row not in left_out]
    return rng.permutation(np.array(kept, dtype=np.int64).reshape(-1, 3))


def _deal(m: int, n: int, rng: np.random.Generator) -> Triplets:
    """Deal equally many cards of each object into hands of three and swap until all is right."""
    times = np.full(m, 3 * n // m)
    times[rng.permutation(m)[: 3 * n % m]] += 1
    hands = rng.permutation(np.repeat(np.arange(m), times)).reshape(n, 3)
    seen: dict[tuple[int, ...], int] = {}
    for hand in hands:
        _count(seen, hand, +1)
    while bad := [row for row in range(n) if not _right(seen, hands[row])]:
        for row in bad:
            _swap(hands, row, seen, rng)
    return np.sort(hands, axis=1).astype(np.int64)


def _key(hand: npt.NDArray[np.integer]) -> tuple[int, ...]:
    return tuple(sorted(int(item) for item in hand))


def _count(seen: dict[tuple[int, ...], int], hand: npt.NDArray[np.integer], change: int) -> None:
    seen[_key(hand)] = seen.get(_key(hand), 0) + change


def _right(seen: dict[tuple[int, ...], int], hand: npt.NDArray[np.integer]) -> bool:
    key = _key(hand)
    return len(set(key)) == 3 and seen[key] == 1


def _swap(
    hands: npt.NDArray[np.integer],
    row: int,
    seen: dict[tuple[int, ...], int],
    rng: np.random.Generator,
) -> None:
    """Swap a card of hand ``row`` with a random one, unless that spoils more than it mends."""
    if _right(seen, hands[row]):
        return
    other, mine, theirs = (int(rng.integers(size)) for size in (len(hands), 3, 3))
    if other == row:
        return

    def exchange() -> None:
        for hand in (row, other):
            _count(seen, hands[hand], -1)
        hands[row, mine], hands[other, theirs] = hands[other, theirs], hands[row, mine]
        for hand in (row, other):
            _count(seen, hands[hand], +1)

    before = _right(seen, hands[row]) + _right(seen, hands[other])
    exchange()
    if _right(seen, hands[row]) + _right(seen, hands[other]) < before:
        exchange()


def fresh_triplets(
    m: int, n: int, used: set[tuple[int, ...]], rng: np.random.Generator
) -> Triplets:
    """Draw ``n`` distinct triplets that are not in ``used``, and add them to it.

    Raises
    ------
    ValueError
        If there are not so many left.
    """
    if n > comb(m, 3) - len(used):
        raise ValueError(f"asked for {n} further triplets, {comb(m, 3) - len(used)} are left.")
    rows: list[tuple[int, ...]] = []
    while len(rows) < n:
        row = _key(rng.choice(m, size=3, replace=False))
        if row not in used:
            used.add(row)
            rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, 3)
