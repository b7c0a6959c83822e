"""Fixed sets of items that together show every pair, in about as few trials as possible.

Greedy sets first, then rounds in which a few sets are taken out and what they covered is
covered anew. Trials tie to each other through pairs they share, so where two groups of trials
share none, a set is added that does.
"""

import numpy as np
import numpy.typing as npt

ROUNDS = 400
"""Rounds of improvement; at 100 items in sets of 8 they take seconds and later ones gain little."""
SMALLEST = 4
"""Sets of three cannot link two groups of trials that have no item in common."""

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


def covering_sets(m: int, size: int, rng: np.random.Generator, *, rounds: int = ROUNDS) -> Sets:
    """Find sets of items in which every pair is together at least once.

    Parameters
    ----------
    m
        Number of items.
    size
        Items a set, at least 4; one set of all items where there are no more.
    rng
        Source of randomness.
    rounds
        Rounds of improvement.

    Returns
    -------
    Sets of ascending indices. Each but the first shares a pair with one before it, so that
    all trials can be brought to one scale.

    Raises
    ------
    ValueError
        If ``size`` is below 4.
    """
    if size < SMALLEST:
        raise ValueError(f"expected sets of at least {SMALLEST} items, found {size}.")
    if size >= m:
        return [list(range(m))]
    sets = _cover([], m, size, rng)
    bound = schonheim_bound(m, size)
    for _ in range(rounds):
        if len(sets) <= bound:
            break
        kept = _without(sets, m, rng)
        tried = _cover(kept, m, size, rng)
        if len(tried) <= len(sets):
            sets = tried
    return [sorted(items) for items in _linked(sets, m, size, rng)]


def _counts(sets: Sets, m: int) -> npt.NDArray[np.int64]:
    """How many sets show each pair, shape (m, m)."""
    member = np.zeros((len(sets), m), dtype=np.int64)
    for row, items in enumerate(sets):
        member[row, items] = 1
    return member.T @ member


def _cover(kept: Sets, m: int, size: int, rng: np.random.Generator) -> Sets:
    """Add sets, each with as many new pairs as greed finds, until every pair is shown."""
    sets = [list(items) for items in kept]
    new = (_counts(sets, m) == 0).astype(np.float64)
    np.fill_diagonal(new, 0)
    while new.any():
        degree = new.sum(axis=1)
        items = [int(rng.choice(np.flatnonzero(degree == degree.max())))]
        gain = new[items[0]].copy()
        while len(items) < size:
            # New pairs within the set count; those still open elsewhere break the ties.
            score = gain + degree / (m * m) + rng.random(m) / (m * m)
            score[items] = -1
            items.append(int(score.argmax()))
            gain += new[items[-1]]
        new[np.ix_(items, items)] = 0
        sets.append(items)
    return sets


def _without(sets: Sets, m: int, rng: np.random.Generator) -> Sets:
    """Drop sets: those that share most pairs with others are the likelier to go."""
    counts = _counts(sets, m)
    spare = np.array([(counts[np.ix_(s, s)][np.triu_indices(len(s), 1)] > 1).mean() for s in sets])
    n = min(len(sets), int(rng.integers(2, max(3, len(sets) // 6) + 1)))
    weight = spare + 0.05
    gone = rng.choice(len(sets), size=n, replace=False, p=weight / weight.sum())
    return [items for at, items in enumerate(sets) if at not in set(gone.tolist())]


def _linked(sets: Sets, m: int, size: int, rng: np.random.Generator) -> Sets:
    """Order sets so that each shares a pair with an earlier one; add sets where none does."""
    waiting = [sets[at] for at in rng.permutation(len(sets))]
    ordered = [waiting.pop(0)]
    shown = _counts(ordered, m) > 0
    while waiting:
        at = next((k for k, items in enumerate(waiting) if _shares(shown, items)), None)
        items = waiting.pop(at) if at is not None else _link(shown, waiting[0], m, size, rng)
        ordered.append(items)
        shown[np.ix_(items, items)] = True
    return ordered


def _shares(shown: npt.NDArray[np.bool_], items: list[int]) -> bool:
    return bool(shown[np.ix_(items, items)][np.triu_indices(len(items), 1)].any())


def _link(
    shown: npt.NDArray[np.bool_], items: list[int], m: int, size: int, rng: np.random.Generator
) -> list[int]:
    """Make a set of a pair shown before, a pair of ``items``, and others at random."""
    first, second = np.nonzero(np.triu(shown, 1))
    at = rng.integers(len(first))
    chosen = list(dict.fromkeys([int(first[at]), int(second[at]), *items[:2]]))
    others = np.setdiff1d(np.arange(m), chosen)
    return [*chosen, *rng.permutation(others)[: size - len(chosen)].tolist()]
