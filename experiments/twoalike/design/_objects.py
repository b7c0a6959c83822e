"""Which objects a design shows, and what their categories allow: attention checks above all.

A check shows two individuals of one kind and one object of a far kind: the pair shares the finest
category, the odd one differs from it in the coarsest. Anyone who looks at the images gets it right,
whatever else they find alike.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import comb

import numpy as np
import pandas as pd

from twoalike.design._levels import object_classes
from twoalike.design._object_sets import check_set_size
from twoalike.design._part import in_condition
from twoalike.design._triplets import Triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    MISSING,
    AnchoredConfig,
    ArrangementConfig,
    DesignConfig,
    ExclusionConfig,
    FreeSortingConfig,
    PairRatingConfig,
    Study,
    TwoalikeError,
    counted,
)
from twoalike.tables import choice_columns


def catch_triplets(
    levels: pd.DataFrame, n: int, used: set[tuple[int, ...]], rng: np.random.Generator
) -> tuple[Triplets, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Draw ``n`` attention checks that are not in ``used``, and add them to it.

    Returns the triplets, shape (n, 3), and the place 0, 1, 2 of the odd one in each row.
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
    | ArrangementConfig
    | PairRatingConfig
    | FreeSortingConfig,
) -> tuple[str, ...]:
    """Objects that ``config.exclude`` leaves, in manifest order.

    Raises
    ------
    TwoalikeError
        If a column or a value to exclude does not exist, or fewer than three objects are left.
    """
    names = {
        AnchoredConfig: "anchored",
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


def check_categories(study: Study, stimuli: StimulusSet) -> list[str]:
    """Report where settings ask for categories that the stimuli do not have, one line each.

    Otherwise a study of images in one folder, with attention checks or the levels design, would
    pass every check and be refused when its first participant sits down.
    """

    def check_design() -> None:
        shown = shown_table(stimuli, config.exclude)
        if config.sampler == "levels":
            rng = np.random.default_rng([study.config.seed, 2])
            object_classes(shown, stimuli.levels, config, study.root, rng)
        # An own list brings its checks along.
        asked = {"practice_checks": config.practice_checks, "catch": config.catch}
        for key, number in asked.items() if config.sampler != "list" else ():
            _require_kinds("design", key, number, allows_checks(shown[list(stimuli.levels)]))

    def check_anchored() -> None:
        shown = shown_table(stimuli, anchored.exclude, "anchored")
        asked = {"practice_checks": anchored.practice_checks, "catch": anchored.catch}
        for key, number in asked.items() if anchored.sampler != "list" else ():
            _require_kinds("anchored", key, number, allows_checks(shown[list(stimuli.levels)]))

    def check_arrangement() -> None:
        shown = shown_table(stimuli, arrangement.exclude, "arrangement")
        if arrangement.scheduler != "list":
            allowed = allows_checks(shown[list(stimuli.levels)])
            _require_kinds("arrangement", "catch", arrangement.catch, allowed)

    config, anchored, arrangement = (
        study.config.design,
        study.config.anchored,
        study.config.arrangement,
    )

    def check_pairs() -> None:
        shown_objects(stimuli, study.config.pair_rating)

    def check_sortings() -> None:
        shown_objects(stimuli, study.config.free_sorting)

    names = [condition.name for condition in study.config.conditions]
    of_conditions: list[Callable[[], object]] = [
        partial(in_condition, study, stimuli, name) for name in names
    ]
    of_conditions.append(partial(check_set_size, study, stimuli))
    of_tasks = (check_design, check_anchored, check_arrangement, check_pairs, check_sortings)
    checks = (*of_tasks, *of_conditions)
    return [fault for check in checks if (fault := _fault(check))]


def _require_kinds(table: str, key: str, number: int, allowed: bool) -> None:
    if number and not allowed:
        raise TwoalikeError(
            f"{table}.{key}: asked for {number}, the categories of the images allow none: each "
            "needs two objects of one finest category and one of another coarsest category. Set "
            "it to 0, or sort the images into folders and make the study anew."
        )


def _fault(check: Callable[[], object]) -> str:
    try:
        check()
    except TwoalikeError as error:
        return str(error)
    return ""


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
