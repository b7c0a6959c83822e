"""Attention checks: two individuals of one kind and one object from a far kind.

They need category levels: the pair shares the finest category, the odd one differs from it in
the coarsest. Anyone who looks at the images gets them right, whatever else they think alike.
"""

from math import comb

import numpy as np
import pandas as pd

from twoalike.design._triplets import Triplets
from twoalike.study import MISSING


def catch_triplets(
    levels: pd.DataFrame, n: int, used: set[tuple[int, ...]], rng: np.random.Generator
) -> tuple[Triplets, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Draw ``n`` attention checks that are not in ``used``, and add them to it.

    Parameters
    ----------
    levels
        Categories of the m objects, coarse to fine; ``n/a`` where an object has none.
    n
        How many.
    used
        Triplets (ascending indices) to keep clear of.

    Returns
    -------
    Triplets, shape (n, 3), and the place 0, 1, 2 of the odd one in each row.

    Raises
    ------
    ValueError
        If the categories do not allow so many; the message says why.
    """
    if n == 0:
        return np.empty((0, 3), dtype=np.int64), np.empty(0, dtype=np.int64)
    groups = [(near, far) for near, far in kinds(levels) if len(near) > 1]
    pairs = np.array([comb(len(near), 2) for near, _ in groups], dtype=np.int64)
    total = sum(comb(len(near), 2) * len(far) for near, far in groups)
    if total < n:
        raise ValueError(
            f"asked for {n} attention checks, the categories allow {total}: each needs two "
            "objects of one finest category and one of another coarsest category."
        )
    rows: list[tuple[int, ...]] = []
    odd: list[int] = []
    tried: set[tuple[int, ...]] = set()
    while len(rows) < n:
        if len(tried) == total:
            raise ValueError(f"asked for {n} attention checks, only {len(rows)} are not used yet.")
        near, far = groups[rng.choice(len(groups), p=pairs / pairs.sum())]
        pair = rng.choice(near, size=2, replace=False).tolist()
        stranger = int(rng.choice(far))
        row = tuple(sorted((*pair, stranger)))
        tried.add(row)
        if row not in used:
            used.add(row)
            rows.append(row)
            odd.append(row.index(stranger))
    return np.array(rows, dtype=np.int64), np.array(odd, dtype=np.int64)


def allows_checks(levels: pd.DataFrame) -> bool:
    """Whether the categories allow attention checks.

    Parameters
    ----------
    levels
        Categories of the objects, coarse to fine; ``n/a`` where an object has none.

    Examples
    --------
    >>> allows_checks(pd.DataFrame({"kind": ["cat", "cat", "car"]}))
    True
    >>> allows_checks(pd.DataFrame({"kind": ["cat", "dog", "car"]}))
    False
    """
    return any(len(near) > 1 and len(far) > 0 for near, far in kinds(levels))


def kinds(levels: pd.DataFrame) -> list[tuple[list[int], list[int]]]:
    """Find the objects of each finest category, and those far from them.

    Parameters
    ----------
    levels
        Categories of the m objects, coarse to fine; ``n/a`` where an object has none.

    Returns
    -------
    For each finest category with some object of another coarsest category: indices of its
    objects, and of all objects that differ from it in the coarsest category.
    """
    if levels.shape[1] == 0:
        return []
    coarse, fine = levels.iloc[:, 0].to_numpy(), levels.iloc[:, -1].to_numpy()
    named = coarse != MISSING
    far = {kind: np.flatnonzero(named & (coarse != kind)).tolist() for kind in set(coarse)}
    # The whole path makes a category: two folders may share the name of the finest level.
    path = pd.Series(list(zip(*(levels[name] for name in levels), strict=True)))
    found = []
    for _, group in path.groupby(path, sort=False):
        members = [int(index) for index in group.index if named[index] and fine[index] != MISSING]
        if members and far[coarse[members[0]]]:
            found.append((members, far[coarse[members[0]]]))
    return found
