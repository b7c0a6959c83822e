"""Dividing pairs into triangles by hill climbing.

References
----------
Stinson, D. R. (1985). Hill-climbing algorithms for the construction of combinatorial designs.
Annals of Discrete Mathematics, 26, 321-334. doi:10.1016/S0304-0208(08)73128-1
"""

from collections.abc import Iterator

import numpy as np

from twoalike.design._triplets import Triplets

STEPS_PER_TRIPLET = 400
"""Steps after which a climb is given up; the usual number is below ten."""


class Climb:
    """A growing set of distinct triangles, and the pairs that are still open.

    Parameters
    ----------
    m
        Number of objects.
    demand
        How many triangles are to hold each pair, shape (m, m), symmetric; each row's sum is
        even and the sum of all is a multiple of six.
    rng
        Source of randomness.
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
