"""Attention checks, which anyone who looks at the images gets right; whom they exclude.

Odd one of k: all but one are of one category, and the odd one is of a far kind, which differs in
the coarsest category. Where the finest categories are too small for three images or more, the
checks are made of coarser ones. Most alike pair: two individuals of one kind; the others are of far
kinds, each of another one. Anchored choice: the reference's kind against a far one. Ratings: two
identical images, or two of far kinds.
"""

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._dealing import chosen
from twoalike.design._form import Used
from twoalike.study import MISSING, ExclusionConfig, Floats, Integers, counted

type Checks = Callable[
    [pd.DataFrame, int, Used, np.random.Generator, int], tuple[pd.DataFrame, np.ndarray]
]
"""``(levels, n, used, rng, size)``: n checks of ``size`` objects that are not in ``used``, added to
it, as chosen trials; and their right answers as the trial list has them, shape (n, 1 or 2)."""

_TRIES = 200
"""Attempts to draw a check before none is taken to be left."""


def kinds(levels: pd.DataFrame) -> list[tuple[list[int], list[int]]]:
    """Find the indices of each finest category's objects, and of all objects far from them."""
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


def far_groups(levels: pd.DataFrame, size: int) -> list[tuple[list[int], list[int]]]:
    """:func:`kinds` of the finest level, or of the finest whose categories have size - 1 objects.

    Only checks of more than three images are made of coarser kinds.
    """
    for depth in range(levels.shape[1], 0 if size > 3 else levels.shape[1] - 1, -1):
        groups = [group for group in kinds(levels.iloc[:, :depth]) if len(group[0]) > size - 2]
        if groups:
            return groups
    return []


def _cells(values: Sequence[Any], width: int) -> Integers:
    return np.array(values, dtype=np.int64).reshape(-1, width)


def odd_one_checks(
    levels: pd.DataFrame, n: int, used: Used, rng: np.random.Generator, size: int
) -> tuple[pd.DataFrame, Integers]:
    """Draw checks of the odd one of ``size``; the right answer is its number."""
    groups = far_groups(levels, size) if n else []
    ways = np.array([comb(len(near), size - 1) for near, _ in groups], dtype=np.int64)
    total = sum(comb(len(near), size - 1) * len(far) for near, far in groups)
    if total < n:
        raise ValueError(
            f"asked for {n} attention checks, the categories allow {total}: each needs "
            f"{_needs(size)}."
        )
    rows: list[tuple[int, ...]] = []
    odd: list[int] = []
    tried: Used = set()
    while len(rows) < n:
        if len(tried) == total:
            raise ValueError(f"asked for {n} attention checks, only {len(rows)} are not used yet.")
        near, far = groups[rng.choice(len(groups), p=ways / ways.sum())]
        alike = rng.choice(near, size=size - 1, replace=False).tolist()
        stranger = int(rng.choice(far))
        row = tuple(sorted((*alike, stranger)))
        tried.add(row)
        if row not in used:
            used.add(row)
            rows.append(row)
            odd.append(row.index(stranger) + 1)
    return chosen(_cells(rows, size), "random"), _cells(odd, 1)


def anchored_checks(
    levels: pd.DataFrame, n: int, used: Used, rng: np.random.Generator, size: int
) -> tuple[pd.DataFrame, Integers]:
    """Draw checks whose reference and one candidate are alike; the right answer is that one."""
    rows: list[tuple[int, ...]] = []
    right: list[int] = []
    tried: Used = set()
    while len(rows) < n:
        try:
            sets, odd = odd_one_checks(levels, 1, tried, rng, size)
        except ValueError as error:
            raise ValueError(
                f"asked for {n} attention checks, the categories and the main trials allow "
                f"{len(rows)}: each needs {_needs(size)}, and is no main trial."
            ) from error
        items = sets.iloc[0, :size].tolist()
        stranger = items.pop(int(odd[0, 0]) - 1)
        for reference, twin in rng.permutation([items, items[::-1]]).tolist():
            question = (reference, *sorted((twin, stranger)))
            if question not in used:
                used.add(question)
                rows.append(question)
                right.append(question.index(twin, 1) + 1)
                break
    return chosen(_cells(rows, size), "random"), _cells(right, 1)


def alike_pair_checks(
    levels: pd.DataFrame, n: int, used: Used, rng: np.random.Generator, size: int
) -> tuple[pd.DataFrame, Integers]:
    """Draw checks of the most alike pair of ``size``; the right answer are its numbers."""
    groups = [group for group in _pairs_and_others(levels) if len(group[1]) >= size - 2]
    rows: list[tuple[int, ...]] = []
    right: list[list[int]] = []
    for _ in range(_TRIES * n if groups else 0):
        if len(rows) == n:
            break
        near, others = groups[rng.integers(len(groups))]
        pair = rng.choice(near, size=2, replace=False).tolist()
        picked = rng.permutation(len(others))[: size - 2].tolist()
        row = tuple(sorted((*pair, *(int(rng.choice(others[at])) for at in picked))))
        if row not in used:
            used.add(row)
            rows.append(row)
            right.append(sorted(row.index(item) + 1 for item in pair))
    if len(rows) < n:
        raise ValueError(
            f"asked for {n} attention checks, the categories allow {len(rows)}: each needs two "
            f"objects of one finest category and {size - 2} of different ones in other coarsest "
            "categories."
        )
    return chosen(_cells(rows, size), "random"), _cells(right, 2)


def _pairs_and_others(levels: pd.DataFrame) -> list[tuple[list[int], list[list[int]]]]:
    """Objects of each finest category that has two; the far ones, by their finest category."""
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


def rating_checks(
    levels: pd.DataFrame, n: int, used: Used, rng: np.random.Generator, size: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Two identical images (right: high) and two of far categories (low), in turn.

    Where there are no categories, or no far pair is left, all are identical.
    """
    far = {
        tuple(sorted((item, other)))
        for near, others in (kinds(levels) if n else [])
        for item in near
        for other in rng.permutation(others)[: n + len(used)].tolist()
    } - used
    strangers = rng.permutation(_cells(sorted(far), 2))[: n // 2]
    n_same, m = n - len(strangers), len(levels)
    rounds = [rng.permutation(m) for _ in range(1 + n_same // m)]
    twins = np.concatenate(rounds)[:n_same].astype(np.int64)
    pairs = np.concatenate([np.column_stack([twins, twins]), strangers])
    how = np.array(["identical"] * n_same + ["categories"] * len(strangers), dtype=object)
    order = rng.permutation(n)
    right = np.where(how == "identical", "high", "low")[order].reshape(-1, 1)
    return chosen(pairs[order], how[order].tolist()), right


def allows_checks(levels: pd.DataFrame, size: int = 3) -> bool:
    """Whether the categories allow attention checks of ``size`` images, one of them odd.

    Examples
    --------
    >>> allows_checks(pd.DataFrame({"kind": ["cat", "cat", "car"]}))
    True
    >>> allows_checks(pd.DataFrame({"kind": ["cat", "dog", "car"]}))
    False
    """
    return bool(far_groups(levels, size))


def _needs(size: int) -> str:
    alike = "two objects of one finest" if size == 3 else f"{size - 1} objects of one"
    return f"{alike} category and one of another coarsest category"


def excluded(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Give the reason why an analysis leaves a session out, by the declared rule, or None.

    ``trials`` is the raw table of a session of choices or ratings, as text or with types. A check
    without a response is not answered right; an accuracy exactly at the limit is kept.

    Examples
    --------
    >>> trials = pd.DataFrame({
    ...     "trial_type": ["catch"] * 16,
    ...     "expected_odd": ["1"] * 16,
    ...     "response": ["1"] * 14 + ["2", "n/a"],
    ... })
    >>> excluded(trials, ExclusionConfig())
    'attention checks: 14 of 16 right, 90 % expected'
    >>> excluded(trials[1:], ExclusionConfig(catch_accuracy=0.8)) is None
    True
    """
    given = [name for name in ("response", "response_1", "response_2") if name in trials]
    responses = _numbers(trials, given)
    if "expected_rating" in trials:
        right = trials["correct"].astype(str).str.lower().to_numpy() == "true"
    else:
        answers = [str(name) for name in trials if str(name).startswith("expected_")]
        right = (responses == _numbers(trials, answers)).all(axis=1)
    checks = (trials["trial_type"] == "catch").to_numpy()
    n_right, n_checks = int((checks & right).sum()), int(checks.sum())
    # Compared as counts: 0.9 * 10 checks are 9 and not a little more.
    if n_right < round(rule.catch_accuracy * n_checks, 9):
        expected = f"{rule.catch_accuracy * 100:g} % expected"
        return f"attention checks: {n_right} of {n_checks} right, {expected}"
    missed = int(np.isnan(responses).any(axis=1).sum())
    if missed > rule.missed:
        return f"no response in {counted(missed, 'trial')}, {rule.missed} allowed"
    return None


def _numbers(trials: pd.DataFrame, names: Sequence[str]) -> Floats:
    """Cells of some columns as numbers, NaN where there is none, shape (n, len(names))."""
    columns = [pd.to_numeric(trials[name], errors="coerce").astype("float64") for name in names]
    return np.column_stack(columns)
