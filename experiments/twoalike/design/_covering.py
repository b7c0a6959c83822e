"""Trials that show every pair of objects, as few as there can be: triplets, questions, larger sets.

Each object must meet the m - 1 others and a set of k shows it k - 1 of them, which gives a lower
bound on the number of sets (Schoenheim 1964), of triplets one more in the cases that Hanani found.
Triplets reach it (Fort & Hedlund 1958): the pairs to be shown, and a known handful of pairs shown
once more, fall apart into triangles. Such a division is found by hill climbing (Stinson 1985,
doi:10.1016/S0304-0208(08)73128-1): a triangle of open pairs is taken, and where its third pair is
taken already, the triangle that has it gives way.

Larger sets come near it: greedy sets first; then one after the other is taken out, and items are
exchanged between sets until the pairs it alone showed are shown again. Arrangements tie to each
other through pairs they share, so where two groups of sets share none, a set is added that does.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise, permutations
from math import comb

import numpy as np

from twoalike.design._form import Sets, TrialForm, Triplets
from twoalike.study import Booleans, Integers

RESTARTS = 8
"""Climbs tried before a design a little larger is accepted; the first nearly always succeeds."""
STEPS_PER_TRIPLET = 400
"""Steps after which a climb is given up; the usual number is below ten."""
EXCHANGES = 10_000
"""Exchanges of items to try, about a second; more gain little (benchmarks/arrangement.py)."""
TENURE = (2, 10)
"""Steps an item stays after it was brought in: drawn from 2 to 9."""
_TRIES = 20
"""Times that a further covering is looked for which shares no set with those before."""
_PAIRINGS = 200
"""Times that the candidates of a reference are paired anew where a pair came twice."""


def covering_bound(m: int, repeats: int = 1, size: int = 3) -> int:
    """Fewest sets of ``size`` that show each pair of ``m`` objects ``repeats`` times or more.

    Schoenheim (1964), doi:10.2140/pjm.1964.14.1405; Hanani (1975),
    doi:10.1016/0012-365X(75)90040-0.

    Examples
    --------
    >>> [covering_bound(m) for m in (10, 20, 24, 30, 48, 100)], covering_bound(100, size=8)
    ([17, 67, 96, 150, 384, 1667], 188)
    """
    if size >= m:
        return repeats
    meetings = -(-repeats * (m - 1) // (size - 1))
    exact = size == 3 and repeats * (m - 1) % 2 == 0
    return -(-m * meetings // size) + int(exact and repeats * m * (m - 1) // 2 % 3 == 2)


def fewest_trials(form: TrialForm, m: int, repeats: int = 1) -> int:
    """Fewest trials that could show each pair of ``m`` objects so often.

    Examples
    --------
    >>> [fewest_trials(form, 20) for form in (TrialForm(4), TrialForm(3), TrialForm(3, True))]
    [35, 67, 95]
    """
    if form.anchored:  # a pair is a reference and a candidate
        return -(-repeats * comb(m, 2) // 2)
    return covering_bound(m, repeats, form.items)


def covering_trials(form: TrialForm, m: int, repeats: int, rng: np.random.Generator) -> Sets:
    """Find trials that show each pair of ``m`` objects ``repeats`` times or more.

    Of questions, one of the pair is the reference, each of the two about equally often. Shape
    (n, k), in the order of the form in each row, in random order. Only pairs, and triplets beyond
    m - 2 repeats, come more than once. Of sets of four and more, some may be there to tie groups of
    trials together (see :func:`covering_sets`).

    Examples
    --------
    >>> covering_trials(TrialForm(6), 6, 1, np.random.default_rng(0))
    array([[0, 1, 2, 3, 4, 5]])
    >>> covering_trials(TrialForm(3, anchored=True), 9, 1, np.random.default_rng(0)).shape
    (18, 3)
    """
    if form.anchored:
        return _covering_questions(m, repeats, rng)
    if form.items == 2:
        return np.tile(np.column_stack(np.triu_indices(m, 1)), (repeats, 1)).astype(np.int64)
    if form.items == 3:
        return covering_triplets(m, repeats, rng)
    found: set[tuple[int, ...]] = set()
    for _ in range(repeats):
        coverings = (
            {tuple(items) for items in covering_sets(m, form.items, rng)} for _ in range(_TRIES)
        )
        further = next((one for one in coverings if not one & found), None)
        if further is None:
            raise ValueError(
                f"each pair of {m} objects cannot be shown {repeats} times in {form.noun} without "
                "showing one twice."
            )
        found |= further
    return rng.permutation(np.array(sorted(found), dtype=np.int64))


def _covering_questions(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """Questions that show each pair, one of them the reference, ceil(repeats m (m - 1) / 4).

    Each pair is given a direction, from the reference to the candidate, so that every object is
    the reference of about as many pairs; the candidates of a reference are then paired at random.
    An odd number of candidates would leave one alone, so one pair is turned round between each two
    objects that have one: at most one object needs a candidate more.
    """
    towards = _directed(m, repeats, rng)
    odd = rng.permutation(np.flatnonzero(towards.sum(axis=1) % 2)).tolist()
    for one, other in zip(odd[::2], odd[1::2], strict=False):
        source, end = (one, other) if towards[one, other] else (other, one)
        towards[source, end] -= 1
        towards[end, source] += 1
    if len(odd) % 2:
        last = odd[-1]
        others = np.delete(np.arange(m), last)
        towards[last, others[np.argmin(towards[last, others] + rng.random(m - 1))]] += 1
    parts = [_paired(reference, towards[reference], rng) for reference in range(m)]
    return rng.permutation(np.concatenate(parts))


def _directed(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """How often each pair has each direction, shape (m, m): evenly, and evenly over objects."""
    towards = np.full((m, m), repeats // 2, dtype=np.int64)
    if repeats % 2:
        # Round a circle, each object points to the half of them that follow it.
        place = rng.permutation(m)
        ahead = (place[None, :] - place[:, None]) % m
        across = (2 * ahead == m) & (place[:, None] < m // 2)
        towards += (2 * ahead < m) | across
    np.fill_diagonal(towards, 0)
    return towards


def _paired(reference: int, counts: Integers, rng: np.random.Generator) -> Integers:
    """Pair the candidates of a reference, no two pairs the same, shape (n, 3)."""
    candidates = np.repeat(np.arange(len(counts)), counts)
    for _ in range(_PAIRINGS):
        pairs = np.sort(rng.permutation(candidates).reshape(-1, 2), axis=1)
        if (pairs[:, 0] < pairs[:, 1]).all() and len(np.unique(pairs, axis=0)) == len(pairs):
            return np.column_stack([np.full(len(pairs), reference), pairs])
    raise ValueError(
        f"pair_repeats asks for {len(candidates)} candidates of one reference among "
        f"{len(counts) - 1} objects, which cannot be paired without asking a question twice."
    )


def covering_triplets(m: int, repeats: int, rng: np.random.Generator) -> Triplets:
    """Triplets that show each pair ``repeats`` times or more, as :func:`covering_trials`.

    They are :func:`covering_bound`, or slightly more where m is tiny and ``repeats`` close to
    m - 2; objects are shown within one of equally often where they are the bound.
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
    for first, second in permutations(row, 2):
        wanting[first, second] -= 1


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


def covering_sets(
    m: int, size: int, rng: np.random.Generator, *, exchanges: int = EXCHANGES
) -> list[list[int]]:
    """Find sets of ``size`` ascending items in which every pair is together at least once.

    Each but the first shares a pair with one before it, so that all trials can be brought to one
    scale; sets of three could not link two groups of trials without an item in common. So many
    ``exchanges`` of items are tried in search of fewer sets.
    """
    if size >= m:
        return [list(range(m))]
    member = _greedy(m, size, rng)
    best = _linked(member, size, rng)
    bound, left = covering_bound(m, size=size), exchanges
    while len(member) > bound and left > 0:
        fewer, tried = without_a_set(member, left, rng)
        left -= tried
        if fewer is None:
            break
        member = fewer
        # A covering that shows each pair once has fewest sets, and needs most links.
        best = min(_linked(member, size, rng), best, key=len)
    return [np.flatnonzero(row).tolist() for row in best]


def _greedy(m: int, size: int, rng: np.random.Generator) -> Booleans:
    """Add sets, each with as many new pairs as greed finds; shape (sets, m): who is in which."""
    member = []
    new = 1.0 - np.eye(m)
    while new.any():
        degree = new.sum(axis=1)
        items = [int(rng.choice(np.flatnonzero(degree == degree.max())))]
        gain = new[items[0]].copy()
        while len(items) < size:
            # New pairs within the set count; those still open elsewhere break the ties.
            score = gain + (degree + rng.random(m)) / (m * m)
            score[items] = -1
            items.append(int(score.argmax()))
            gain += new[items[-1]]
        new[np.ix_(items, items)] = 0
        member.append(np.isin(np.arange(m), items))
    return np.array(member)


def _linked(member: Booleans, size: int, rng: np.random.Generator) -> Booleans:
    """Order sets so that each shares a pair with an earlier one; add sets where none does."""
    member = rng.permutation(member)
    count = member.astype(np.float64)
    shares = count @ count.T >= 2
    waiting = np.ones(len(member), dtype=bool)
    tied = np.zeros(len(member), dtype=bool)
    ordered: list[Booleans] = []
    while waiting.any():
        ready = np.flatnonzero(waiting & tied)
        if len(ready) or not ordered:
            at = int(ready[0]) if len(ready) else 0
            waiting[at] = False
            tied |= shares[at]
            ordered.append(member[at])
        else:
            before = ordered[rng.integers(len(ordered))]
            ordered.append(_link(before, member[waiting.argmax()], size, rng))
            tied |= count @ ordered[-1] >= 2
    return np.array(ordered)


def _link(before: Booleans, after: Booleans, size: int, rng: np.random.Generator) -> Booleans:
    """Make a set of two items of each of two sets, and others at random."""
    pairs = [rng.permutation(np.flatnonzero(row))[:2] for row in (before, after)]
    chosen = np.unique(np.concatenate(pairs))
    others = np.setdiff1d(np.arange(len(before)), chosen)
    items = [*chosen, *rng.permutation(others)[: size - len(chosen)]]
    return np.isin(np.arange(len(before)), items)


def without_a_set(
    member: Booleans, exchanges: int, rng: np.random.Generator
) -> tuple[Booleans | None, int]:
    """Take out the set that shows fewest pairs alone, and cover anew.

    Tabu search: each step takes a pair that no set shows, and brings one of its items into a set
    with the other, in place of the item that costs least; an item just brought in stays for a few
    steps. ``member``, shape (sets, m), has which items are in which set. Returns the covering with
    one set less, or None where none was found, and the exchanges tried.
    """
    counts = _together(member)
    alone = [int((counts[np.ix_(row, row)] == 1).sum()) for row in member]
    fewer = np.delete(member, int(np.argmin(alone)), axis=0)
    counts = _together(fewer)
    stays = np.zeros(fewer.shape, dtype=np.int64)
    for step in range(exchanges):
        missing = np.flatnonzero(counts == 0)
        if len(missing) == 0:
            return fewer, step
        pair = divmod(int(rng.choice(missing)), counts.shape[1])
        _bring_together(pair, fewer, counts, stays, step, rng)
    return None, exchanges


def _together(member: Booleans) -> Integers:
    """How many sets show each pair, shape (m, m); the diagonal counts as shown twice."""
    # Floating point, for that is what fast matrix products are made for.
    counts = np.rint(member.T.astype(np.float64) @ member.astype(np.float64)).astype(np.int64)
    np.fill_diagonal(counts, 2)
    return counts


def _bring_together(
    pair: tuple[int, int],
    member: Booleans,
    counts: Integers,
    stays: Integers,
    step: int,
    rng: np.random.Generator,
) -> None:
    """Bring the second item into the set with the first where that costs least; in place."""
    held, new = pair
    rows = np.flatnonzero(member[:, held])
    items = np.nonzero(member[rows])[1].reshape(len(rows), -1)
    lost = (counts[items[:, :, None], items[:, None, :]] == 1).sum(axis=2)
    open_with_new = counts[new][items] == 0
    gained = open_with_new.sum(axis=1, keepdims=True) - open_with_new
    cost = lost - gained + 0.5 * rng.random(lost.shape)
    cost[stays[rows[:, None], items] > step] += counts.size
    cost[items == held] = np.inf
    at, place = divmod(int(cost.argmin()), cost.shape[1])
    row, out = rows[at], items[at, place]
    rest = np.delete(items[at], place)
    for item, change in ((out, -1), (new, 1)):
        counts[item, rest] += change
        counts[rest, item] += change
    member[row, [out, new]] = False, True
    stays[row, new] = step + rng.integers(*TENURE)
