"""Which objects a design shows, and what their categories allow: attention checks above all.

A check shows two individuals of one kind and one object of a far kind: the pair shares the finest
category, the odd one differs from it in the coarsest. Anyone who looks at the images gets it right,
whatever else they find alike.
"""

from collections.abc import Mapping, Sequence
from math import comb

import numpy as np
import pandas as pd

from twoalike.design._triplets import Sets
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    MISSING,
    AnchoredConfig,
    ArrangementConfig,
    DesignConfig,
    ExclusionConfig,
    FreeSortingConfig,
    ManyConfig,
    MostAlikePairConfig,
    OddOneOfManyConfig,
    PairRatingConfig,
    TwoalikeError,
    counted,
)
from twoalike.tables import choice_columns


def catch_triplets(
    levels: pd.DataFrame,
    n: int,
    used: set[tuple[int, ...]],
    rng: np.random.Generator,
    size: int = 3,
) -> tuple[Sets, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Draw ``n`` attention checks that are not in ``used``, and add them to it.

    Returns the triplets, shape (n, 3), and the place 0, 1, 2 of the odd one in each row; or sets of
    k = ``size`` objects, k - 1 of them alike.
    """
    if n == 0:
        return np.empty((0, size), dtype=np.int64), np.empty(0, dtype=np.int64)
    groups = [(near, far) for near, far in kinds(levels) if len(near) > size - 2]
    pairs = np.array([comb(len(near), size - 1) for near, _ in groups], dtype=np.int64)
    total = sum(comb(len(near), size - 1) * len(far) for near, far in groups)
    if total < n:
        alike = "two" if size == 3 else str(size - 1)
        raise ValueError(
            f"asked for {n} attention checks, the categories allow {total}: each needs {alike} "
            "objects of one finest category and one of another coarsest category."
        )
    rows: list[tuple[int, ...]] = []
    odd: list[int] = []
    tried: set[tuple[int, ...]] = set()
    while len(rows) < n:
        if len(tried) == total:
            raise ValueError(f"asked for {n} attention checks, only {len(rows)} are not used yet.")
        near, far = groups[rng.choice(len(groups), p=pairs / pairs.sum())]
        pair = rng.choice(near, size=size - 1, replace=False).tolist()
        stranger = int(rng.choice(far))
        row = tuple(sorted((*pair, stranger)))
        tried.add(row)
        if row not in used:
            used.add(row)
            rows.append(row)
            odd.append(row.index(stranger))
    return np.array(rows, dtype=np.int64), np.array(odd, dtype=np.int64)


def allows_checks(levels: pd.DataFrame) -> bool:
    """Whether the categories allow attention checks of three images.

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


def shown_objects(
    stimuli: StimulusSet,
    config: DesignConfig
    | AnchoredConfig
    | ManyConfig
    | ArrangementConfig
    | PairRatingConfig
    | FreeSortingConfig,
) -> tuple[str, ...]:
    """Objects that ``config.exclude`` leaves, in manifest order."""
    names = {
        AnchoredConfig: "anchored",
        OddOneOfManyConfig: "odd_one_of_many",
        MostAlikePairConfig: "most_alike_pair",
        ArrangementConfig: "arrangement",
        PairRatingConfig: "pair_rating",
        FreeSortingConfig: "free_sorting",
    }
    return tuple(shown_table(stimuli, config.exclude, names.get(type(config), "design"))["id"])


def shown_table(
    stimuli: StimulusSet, exclude: Mapping[str, Sequence[str]], name: str = "design"
) -> pd.DataFrame:
    """Rows of the manifest that ``exclude`` leaves, numbered from 0.

    Messages call the settings ``name``, their table in ``study.toml``.
    """
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    columns = ("id", *stimuli.levels)
    for column, values in exclude.items():
        if column not in columns:
            raise TwoalikeError(
                f"{name}.exclude: no column {column!r} in the manifest of {stimuli.folder}; "
                f"expected one of {', '.join(columns)}."
            )
        unknown = sorted(set(values) - set(table[column]))
        if unknown:
            raise TwoalikeError(
                f"{name}.exclude: {column} {unknown[0]!r} is not in the manifest of "
                f"{stimuli.folder}. Check the spelling."
            )
        keep &= ~table[column].isin(values)
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"{name}: {len(shown)} of {len(table)} objects are left after {name}.exclude; a "
            "trial needs three."
        )
    return shown


def excluded(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Give the reason why an analysis leaves a session out, by the declared rule, or None.

    Parameters
    ----------
    trials
        Raw table of one session of choices or ratings, as text or with types: columns
        ``trial_type``, ``response`` (a number; ``n/a`` or missing) and ``expected_odd`` or
        ``expected_response`` (the same), or ``expected_rating`` and ``correct``.
    rule
        Lowest accuracy in attention checks, and most trials without a response. A check without
        a response is not answered right; one exactly at the limit is kept.

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
    response = pd.to_numeric(trials["response"], errors="coerce").astype("float64")
    checks = trials["trial_type"] == "catch"
    if "expected_rating" in trials:
        was_right = trials["correct"].astype(str).str.lower() == "true"
    else:
        answer = trials[choice_columns(trials.columns)[1]]
        was_right = response == pd.to_numeric(answer, errors="coerce").astype("float64")
    right = int((checks & was_right).sum())
    # Compared as counts: 0.9 * 10 checks are 9 and not a little more.
    if right < round(rule.catch_accuracy * int(checks.sum()), 9):
        return (
            f"attention checks: {right} of {int(checks.sum())} right, "
            f"{rule.catch_accuracy * 100:g} % expected"
        )
    missed = int(response.isna().sum())
    if missed > rule.missed:
        return f"no response in {counted(missed, 'trial')}, {rule.missed} allowed"
    return None


def excluded_pairs(trials: pd.DataFrame, rule: ExclusionConfig) -> str | None:
    """Give the reason why an analysis leaves a session of the most-alike-pair task out, or None.

    Parameters
    ----------
    trials
        Raw table of one session: columns ``trial_type``, ``response_1``, ``response_2``,
        ``expected_1`` and ``expected_2``.
    rule
        As for :func:`excluded`.

    Examples
    --------
    >>> answers = {"response_1": ["1"], "response_2": ["3"]}
    >>> right = {"expected_1": ["1"], "expected_2": ["2"]}
    >>> trials = pd.DataFrame({"trial_type": ["catch"], **answers, **right})
    >>> excluded_pairs(trials, ExclusionConfig())
    'attention checks: 0 of 1 right, 90 % expected'
    """
    response, expected = (
        10 * pd.to_numeric(trials[f"{name}_1"], errors="coerce").astype("float64")
        + pd.to_numeric(trials[f"{name}_2"], errors="coerce").astype("float64")
        for name in ("response", "expected")
    )
    pairs = {"trial_type": trials["trial_type"], "response": response, "expected_odd": expected}
    return excluded(pd.DataFrame(pairs), rule)
