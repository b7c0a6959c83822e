"""Triplets, or larger sets: drawn so that every object is shown equally often, and dealt out.

Drawing triplets independently would show some objects twice as often as others in a session
of a few hundred trials, and those shown least would be known least.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Self

import numpy as np

from twoalike.study import Integers, TwoalikeError

type Triplets = Integers
"""Object indices, shape (n, 3), ascending in each row."""
type Sets = Integers
"""Object indices, shape (n, k), ascending in each row."""


def balanced_triplets(m: int, n: int, rng: np.random.Generator, size: int = 3) -> Sets:
    """Draw ``n`` distinct triplets of ``m`` objects, each object within one of equally often.

    ``size`` asks for larger sets than triplets.

    Such a set exists for every n (Baranyai 1975, almost regular hypergraphs).
    """
    available = comb(m, size)
    if n > available:
        raise ValueError(f"asked for {n} distinct triplets, {m} objects have {available}.")
    if 2 * n <= available:
        return _deal(m, n, rng, size)
    # Where most triplets are wanted, it is the few left out that are easy to balance.
    left_out = {tuple(row) for row in _deal(m, available - n, rng, size).tolist()}
    kept = [row for row in combinations(range(m), size) if row not in left_out]
    return rng.permutation(np.array(kept, dtype=np.int64).reshape(-1, size))


def _deal(m: int, n: int, rng: np.random.Generator, size: int) -> Sets:
    """Deal equally many cards of each object into hands of ``size``; swap until all is right."""
    times = np.full(m, size * n // m)
    times[rng.permutation(m)[: size * n % m]] += 1
    hands = rng.permutation(np.repeat(np.arange(m), times)).reshape(n, size)
    seen: dict[tuple[int, ...], int] = {}
    for hand in hands:
        _count(seen, hand, +1)
    while bad := [row for row in range(n) if not _right(seen, hands[row])]:
        for row in bad:
            _swap(hands, row, seen, rng)
    return np.sort(hands, axis=1).astype(np.int64)


def _key(hand: Integers) -> tuple[int, ...]:
    return tuple(sorted(int(item) for item in hand))


def _count(seen: dict[tuple[int, ...], int], hand: Integers, change: int) -> None:
    seen[_key(hand)] = seen.get(_key(hand), 0) + change


def _right(seen: dict[tuple[int, ...], int], hand: Integers) -> bool:
    key = _key(hand)
    return len(set(key)) == len(hand) and seen[key] == 1


def _swap(
    hands: Integers, row: int, seen: dict[tuple[int, ...], int], rng: np.random.Generator
) -> None:
    """Swap a card of hand ``row`` with a random one, unless that spoils more than it mends."""
    if _right(seen, hands[row]):
        return
    n, size = hands.shape
    other, mine, theirs = (int(rng.integers(most)) for most in (n, size, size))
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
    m: int, n: int, used: set[tuple[int, ...]], rng: np.random.Generator, size: int = 3
) -> Sets:
    """Draw ``n`` distinct triplets, or larger sets, that are not in ``used``; add them to it."""
    if n > comb(m, size) - len(used):
        raise ValueError(f"asked for {n} further triplets, {comb(m, size) - len(used)} are left.")
    rows: list[tuple[int, ...]] = []
    while len(rows) < n:
        row = _key(rng.choice(m, size=size, replace=False))
        if row not in used:
            used.add(row)
            rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(-1, size)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Triplets, shape (n, 3), or larger sets, in the order shown.

    With each: sampler, score and condition.

    Scores are NaN and conditions None where there are none.
    """

    triplets: Sets
    samplers: tuple[str, ...]
    scores: np.ndarray
    conditions: tuple[str | None, ...]

    @classmethod
    def of(
        cls,
        triplets: Sets,
        sampler: str | Sequence[str],
        conditions: Sequence[str | None] | None = None,
        scores: np.ndarray | None = None,
    ) -> Self:
        """Triplets of one sampler, or with the name of a sampler each."""
        n = len(triplets)
        return cls(
            triplets if triplets.ndim == 2 else triplets.reshape(-1, 3),
            (sampler,) * n if isinstance(sampler, str) else tuple(sampler),
            np.full(n, np.nan) if scores is None else scores,
            (None,) * n if conditions is None else tuple(conditions),
        )

    def __len__(self) -> int:
        return len(self.triplets)

    def take(self, order: np.ndarray) -> Self:
        """Pick those at the places of ``order``, in that order."""
        return type(self)(
            self.triplets[order],
            tuple(self.samplers[at] for at in order),
            self.scores[order],
            tuple(self.conditions[at] for at in order),
        )

    def joined(self, other: "Chosen") -> Self:
        """Append the others."""
        return type(self)(
            np.concatenate([self.triplets, other.triplets]),
            self.samplers + other.samplers,
            np.concatenate([self.scores, other.scores]),
            self.conditions + other.conditions,
        )


TRIES = 40
"""Exchanges tried for each triplet."""
MOST_TRIES = 400_000


def deal(
    triplets: Sets, kinds: Sequence[object], lists: int, m: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Deal triplets, shape (n, 3), or larger sets, to lists; give each list's places among them.

    Each of the n ``kinds`` is dealt evenly, each object is about equally often in each list, and no
    list has a triplet twice; one may be listed up to ``lists`` times.
    """
    owner = _first_deal(triplets, kinds, lists, rng)
    if lists > 1:
        _exchange(triplets, kinds, owner, lists, m, rng)
    return [np.flatnonzero(owner == number) for number in range(lists)]


def deal_covering(
    cover: Sets,
    n: int,
    sessions: int,
    m: int,
    rng: np.random.Generator,
    fill: Callable[[Sets, int, int, np.random.Generator], Sets],
) -> list[Chosen]:
    """Deal trials that show each pair to sessions of ``n`` trials; random ones fill these up.

    ``fill`` draws them, with the arguments ``(taken, m, n, rng)``.
    """
    chosen = []
    for at in deal(cover, ["coverage"] * len(cover), sessions, m, rng):
        more = fill(cover[at], m, n - len(at), rng)
        both = Chosen.of(cover[at], "coverage").joined(Chosen.of(more, "random"))
        chosen.append(both.take(rng.permutation(len(both))))
    return chosen


def _first_deal(
    triplets: Sets, kinds: Sequence[object], lists: int, rng: np.random.Generator
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
    triplets: Sets,
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


def refuse_few_sessions(
    table: str, what: str, needed: int, per_session: int, sessions: int, *, least: int = 0
) -> None:
    """Refuse fewer sessions than it takes to show ``what``, and fewer than ``least``."""
    least = max(-(-needed // per_session), least)
    if sessions < least:
        raise TwoalikeError(
            f"{table}: to show {what} takes {needed} trials, so {least} sessions of {per_session} "
            f"trials, found {sessions}. Design so many in one call (`participants=...`, "
            f"`sessions=...`), or raise the number of trials in [{table}]."
        )
