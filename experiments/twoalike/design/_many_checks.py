"""Attention checks of choices among k images, which anyone who looks at them gets right.

Odd one of k: all but one are of one category, and the odd one is of a far kind. Where the finest
categories are too small for k - 1 images, the checks are made of coarser ones. Most alike pair: two
individuals of one kind; the others are of far kinds, each of another one.
"""

import numpy as np
import pandas as pd

from twoalike.design._objects import catch_triplets, kinds
from twoalike.design._triplets import Sets
from twoalike.study import MISSING, Integers

_TRIES = 200
"""Attempts to draw a check before none is taken to be left."""


def odd_one_sets(
    levels: pd.DataFrame, n: int, used: set[tuple[int, ...]], rng: np.random.Generator, size: int
) -> tuple[Sets, Integers]:
    """Draw ``n`` checks of the odd one of ``size`` that are not in ``used``, and add them to it.

    Gives sets, shape (n, size), ascending in each row, and the odd one's place, shape (n, 1).
    """
    depth = _deepest(levels, size)
    sets, odd = catch_triplets(levels.iloc[:, :depth], n, used, rng, size)
    return sets, odd.reshape(-1, 1)


def _deepest(levels: pd.DataFrame, size: int) -> int:
    """Count the levels down to the finest whose categories have size - 1 objects."""
    depths = range(levels.shape[1], 0, -1)
    enough = (
        depth
        for depth in depths
        if any(len(near) > size - 2 for near, _ in kinds(levels.iloc[:, :depth]))
    )
    return next(enough, levels.shape[1])


def alike_pair_sets(
    levels: pd.DataFrame, n: int, used: set[tuple[int, ...]], rng: np.random.Generator, size: int
) -> tuple[Sets, Integers]:
    """Draw ``n`` checks of the most alike pair of ``size``; all as :func:`odd_one_sets`.

    Gives the sets, and the places of the pair in each, shape (n, 2).
    """
    groups = [group for group in _pairs_and_others(levels) if len(group[1]) >= size - 2]
    rows: list[tuple[int, ...]] = []
    right: list[list[int]] = []
    for _ in range(_TRIES * n if groups else 0):
        if len(rows) == n:
            break
        near, others = groups[rng.integers(len(groups))]
        pair = rng.choice(near, size=2, replace=False).tolist()
        chosen = rng.permutation(len(others))[: size - 2].tolist()
        rest = [int(rng.choice(others[at])) for at in chosen]
        row = tuple(sorted((*pair, *rest)))
        if row not in used:
            used.add(row)
            rows.append(row)
            right.append(sorted(row.index(item) for item in pair))
    if len(rows) < n:
        raise ValueError(
            f"asked for {n} attention checks, the categories allow {len(rows)}: each needs two "
            f"objects of one finest category and {size - 2} of different ones in other coarsest "
            "categories."
        )
    return (
        np.array(rows, dtype=np.int64).reshape(-1, size),
        np.array(right, dtype=np.int64).reshape(-1, 2),
    )


def _pairs_and_others(levels: pd.DataFrame) -> list[tuple[list[int], list[list[int]]]]:
    """Objects of each finest category that has two; the far ones, by their finest category."""
    if levels.shape[1] == 0:
        return []
    path = list(zip(*(levels[name] for name in levels), strict=True))
    found = []
    for near, far in kinds(levels):
        others: dict[tuple[str, ...], list[int]] = {}
        for item in far:
            if path[item][-1] != MISSING:
                others.setdefault(path[item], []).append(item)
        if len(near) > 1:
            found.append((near, list(others.values())))
    return found


def allows_odd_one(levels: pd.DataFrame, size: int) -> bool:
    """Whether the categories allow a check of the odd one of ``size`` images."""
    return any(
        len(near) > size - 2 and len(far) > 0
        for near, far in kinds(levels.iloc[:, : _deepest(levels, size)])
    )


def allows_alike_pair(levels: pd.DataFrame, size: int) -> bool:
    """Whether the categories allow a check of the most alike pair of ``size`` images."""
    return any(len(others) >= size - 2 for _, others in _pairs_and_others(levels))
