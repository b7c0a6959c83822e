"""Fixed sets of items that together show every pair, in about as few trials as possible.

Greedy sets first. Then one set after the other is taken out, and items are exchanged between
sets until the pairs it alone showed are shown again. Trials tie to each other through pairs
they share, so where two groups of trials share none, a set is added that does.
"""

import numpy as np

from twoalike.study import Booleans, Integers

EXCHANGES = 10_000
"""Exchanges of items to try, about a second; more gain little (benchmarks/arrangement.py)."""

type Sets = list[list[int]]


def schonheim_bound(m: int, size: int) -> int:
    """Fewest sets of ``size`` items that could show every pair of ``m`` items.

    References
    ----------
    Schönheim (1964), doi:10.2140/pjm.1964.14.1405

    Examples
    --------
    >>> schonheim_bound(100, 8)
    188
    """
    if size >= m:
        return 1
    per_item = -(-(m - 1) // (size - 1))
    return -(-m * per_item // size)


def covering_sets(
    m: int, size: int, rng: np.random.Generator, *, exchanges: int = EXCHANGES
) -> Sets:
    """Find sets of items in which every pair is together at least once.

    Parameters
    ----------
    size
        Items a set, at least 4, since sets of three cannot link two groups of trials without an
        item in common; one set of all items where there are no more.
    exchanges
        Exchanges of items to try, in search of fewer sets.

    Returns
    -------
    Sets of ascending indices. Each but the first shares a pair with one before it, so that
    all trials can be brought to one scale.
    """
    if size >= m:
        return [list(range(m))]
    member = _greedy(m, size, rng)
    best = _linked(member, size, rng)
    bound, left = schonheim_bound(m, size), exchanges
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


TENURE = (2, 10)
"""Steps an item stays after it was brought in: drawn from 2 to 9."""


def without_a_set(
    member: Booleans, exchanges: int, rng: np.random.Generator
) -> tuple[Booleans | None, int]:
    """Take out the set that shows fewest pairs alone, and cover anew.

    Tabu search: each step takes a pair that no set shows, and brings one of its items into a set
    with the other, in place of the item that costs least; an item just brought in stays for a few
    steps. ``member``, shape (sets, m), has which items are in which set. Returns the covering with
    one set less, or None where none was found, and the exchanges tried.
    """
    counts = _pair_counts(member)
    alone = [int((counts[np.ix_(row, row)] == 1).sum()) for row in member]
    fewer = np.delete(member, int(np.argmin(alone)), axis=0)
    counts = _pair_counts(fewer)
    stays = np.zeros(fewer.shape, dtype=np.int64)
    for step in range(exchanges):
        missing = np.flatnonzero(counts == 0)
        if len(missing) == 0:
            return fewer, step
        pair = divmod(int(rng.choice(missing)), counts.shape[1])
        _bring_together(pair, fewer, counts, stays, step, rng)
    return None, exchanges


def _pair_counts(member: Booleans) -> Integers:
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
