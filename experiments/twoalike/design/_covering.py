"""Triplets that show every pair of objects, as few as there can be.

A triplet shows three pairs. Each object must meet the m - 1 others and a triplet shows it two
of them, which gives a lower bound on the number of triplets (Schoenheim 1964), one more in the
cases that Hanani found. Designs of that size exist (Fort & Hedlund 1958). What they have in
common: the pairs to be shown, and a known handful of pairs shown once more, fall apart into
triangles. Such a division is found by hill climbing (Stinson 1985,
doi:10.1016/S0304-0208(08)73128-1): a triangle of open pairs is taken, and where its third pair is
taken already, the triangle that has it gives way.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise, permutations

import numpy as np

from twoalike.design._form import Triplets

RESTARTS = 8
"""Climbs tried before a design a little larger is accepted; the first nearly always succeeds."""


def covering_bound(m: int, repeats: int = 1) -> int:
    """Fewest triplets that show each pair of ``m`` objects ``repeats`` times or more.

    References
    ----------
    Schoenheim (1964), doi:10.2140/pjm.1964.14.1405. Hanani (1975),
    doi:10.1016/0012-365X(75)90040-0.

    Examples
    --------
    >>> [covering_bound(m) for m in (10, 20, 24, 30, 48, 100)]
    [17, 67, 96, 150, 384, 1667]
    """
    meetings = -(-repeats * (m - 1) // 2)
    bound = -(-m * meetings // 3)
    exact = repeats * (m - 1) % 2 == 0
    return bound + int(exact and repeats * m * (m - 1) // 2 % 3 == 2)


def covering_triplets(m: int, repeats: int, rng: np.random.Generator) -> Triplets:
    """Triplets that show each pair of ``m`` objects ``repeats`` times or more.

    Parameters
    ----------
    repeats
        How often each pair is to be shown, 1 or more. Up to m - 2 times, no triplet is there
        twice; beyond, all triplets come once for each m - 2 times.

    Returns
    -------
    Shape (n, 3), ascending in each row, in random order. n is :func:`covering_bound`, or
    slightly above where m is tiny and ``repeats`` close to m - 2. Objects are shown within one
    of equally often where n is the bound.

    Examples
    --------
    >>> covering_triplets(7, 1, np.random.default_rng(0)).shape
    (7, 3)
    """
    whole, rest = divmod(repeats, m - 2)
    every = np.array(list(combinations(range(m), 3)) if whole else [], dtype=np.int64)
    parts: list[Triplets] = [every.reshape(-1, 3)] * whole
    if rest:
        parts.append(_cover(m, rest, rng))
    return rng.permutation(np.concatenate(parts))


def _cover(m: int, repeats: int, rng: np.random.Generator) -> Triplets:
    """Distinct triplets showing each pair ``repeats`` <= m - 2 times or more."""
    for _ in range(RESTARTS):
        climb = Climb(m, _demand(m, repeats, rng), rng)
        if climb.run():
            return climb.triplets()
    return _complete(m, repeats, climb.triplets())


def _demand(m: int, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """How often each pair is to be shown so that triangles work out, shape (m, m).

    Each object needs an even number of meetings, and all meetings a multiple of three.
    """
    demand = np.full((m, m), repeats)
    np.fill_diagonal(demand, 0)
    objects = rng.permutation(m).tolist()
    for first, second in _extra_pairs(objects, repeats):
        demand[first, second] += 1
        demand[second, first] += 1
    return demand


def _extra_pairs(objects: list[int], repeats: int) -> list[tuple[int, int]]:
    m = len(objects)
    total = repeats * m * (m - 1) // 2
    if repeats * (m - 1) % 2 == 0:
        a, b, c, d = (objects * 2)[:4]
        short = -total % 3
        # One pair more would leave two objects odd: a ring of four, or the same pair twice.
        return [[], [(a, b), (b, c), (c, d), (d, a)], [(a, b), (a, b)]][short]
    short = -(total + m // 2) % 3
    extra = []
    for star in range(short):  # four objects as a star have one pair more than as two pairs
        hub, *leaves = objects[4 * star : 4 * star + 4]
        extra += [(hub, leaf) for leaf in leaves]
    left = objects[4 * short :]
    return extra + list(pairwise(left))[::2]


def _complete(m: int, repeats: int, triplets: Triplets) -> Triplets:
    """Add triplets, each the one that shows the most pairs still wanting, until none wants."""
    taken = {tuple(row) for row in triplets.tolist()}
    wanting = np.full((m, m), repeats)
    np.fill_diagonal(wanting, 0)
    for row in taken:
        _show(wanting, row)
    while (wanting > 0).any():
        first, second = map(int, np.unravel_index(np.argmax(wanting), wanting.shape))
        gain = (wanting[first] > 0).astype(int) + (wanting[second] > 0)
        thirds = [int(k) for k in np.argsort(-gain, kind="stable") if k not in (first, second)]
        row = next(key for k in thirds if (key := tuple(sorted((first, second, k)))) not in taken)
        taken.add(row)
        _show(wanting, row)
    return np.array(sorted(taken), dtype=np.int64)


def _show(wanting: np.ndarray, row: tuple[int, ...]) -> None:
    """Count that a triplet shows its pairs once more, in place."""
    for first, second in permutations(row, 2):
        wanting[first, second] -= 1


STEPS_PER_TRIPLET = 400
"""Steps after which a climb is given up; the usual number is below ten."""


class Climb:
    """A growing set of distinct triangles, and the pairs that are still open.

    ``demand``, shape (m, m) and symmetric, has how many triangles are to hold each pair; each row's
    sum is even and the sum of all is a multiple of six.
    """

    def __init__(self, m: int, demand: np.ndarray, rng: np.random.Generator) -> None:
        self._open: list[list[int]] = demand.tolist()
        self._goal = int(demand.sum()) // 6
        self._taken: set[tuple[int, int, int]] = set()
        # For a pair, the third objects of the triangles that hold it, in both orders.
        self._thirds: list[dict[int, list[int]]] = [{} for _ in range(m)]
        self._friends = [_Bag(m, np.flatnonzero(row).tolist()) for row in demand]
        self._waiting = _Bag(m, np.flatnonzero(demand.sum(axis=1)).tolist())
        self._uniform = _uniform(rng)

    def triplets(self) -> Triplets:
        """Return the triangles, shape (n, 3), ascending in each row."""
        return np.array(sorted(self._taken), dtype=np.int64).reshape(-1, 3)

    def run(self) -> bool:
        """Climb; whether every pair found its triangles."""
        limit = STEPS_PER_TRIPLET * self._goal + 20_000
        for _ in range(limit):
            if len(self._taken) == self._goal:
                return True
            self._step()
        return False

    def _step(self) -> None:
        x = self._waiting.draw(self._uniform)
        friends = self._friends[x]
        if len(friends.items) == 1:
            # Only one pair, open twice: a triangle of x has to give way first.
            y = next(iter(self._thirds[x]))
            self._remove(x, y, self._thirds[x][y][0])
            return
        y, z = friends.draw(self._uniform), friends.draw(self._uniform)
        if y == z or _key(x, y, z) in self._taken:
            return
        if not self._open[y][z]:
            thirds = self._thirds[y][z]
            self._remove(y, z, thirds[int(next(self._uniform) * len(thirds))])
        self._add(x, y, z)

    def _add(self, x: int, y: int, z: int) -> None:
        self._taken.add(_key(x, y, z))
        for a, b, c in ((x, y, z), (x, z, y), (y, z, x)):
            for p, q in ((a, b), (b, a)):
                self._thirds[p].setdefault(q, []).append(c)
                self._open[p][q] -= 1
                if not self._open[p][q]:
                    self._friends[p].discard(q)
                    if not self._friends[p].items:
                        self._waiting.discard(p)

    def _remove(self, x: int, y: int, z: int) -> None:
        self._taken.remove(_key(x, y, z))
        for a, b, c in ((x, y, z), (x, z, y), (y, z, x)):
            for p, q in ((a, b), (b, a)):
                thirds = self._thirds[p][q]
                thirds.remove(c)
                if not thirds:
                    del self._thirds[p][q]
                self._open[p][q] += 1
                self._friends[p].add(q)
            self._waiting.add(a)
            self._waiting.add(b)


class _Bag:
    """A set of numbers below m to draw from at random in constant time."""

    def __init__(self, m: int, items: list[int]) -> None:
        self.items = items
        self._at = [-1] * m
        for at, item in enumerate(items):
            self._at[item] = at

    def draw(self, uniform: Iterator[float]) -> int:
        return self.items[int(next(uniform) * len(self.items))]

    def add(self, item: int) -> None:
        if self._at[item] < 0:
            self._at[item] = len(self.items)
            self.items.append(item)

    def discard(self, item: int) -> None:
        at, last = self._at[item], self.items[-1]
        self.items[at] = last
        self._at[last] = at
        self.items.pop()
        self._at[item] = -1


def _key(x: int, y: int, z: int) -> tuple[int, int, int]:
    a, b, c = sorted((x, y, z))
    return a, b, c


def _uniform(rng: np.random.Generator) -> Iterator[float]:
    """Endless uniform numbers in [0, 1); one by one they would cost ten times as much."""
    while True:
        yield from rng.random(4096).tolist()
