"""The trial list of one session with triplets chosen at random.

Random triplets are the honest default: they favour no hypothesis, serve as a test set for any
model, and agree with the large public data sets.
"""

import hashlib
from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._catch import catch_triplets
from twoalike.design._list import COLUMNS, POSITIONS, typed
from twoalike.design._order import session_order
from twoalike.design._positions import balanced_places, catch_places, other_places
from twoalike.design._triplets import Triplets, balanced_triplets, fresh_triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError

TRIALS_PER_BLOCK = 60
"""Main trials of a block, about five minutes."""


def random_trial_list(
    stimuli: StimulusSet,
    config: DesignConfig,
    rng: np.random.Generator,
    *,
    trials_per_block: int = TRIALS_PER_BLOCK,
) -> pd.DataFrame:
    """Design a session of random triplets.

    No triplet comes twice but for the repeats. Over the main trials each object is shown
    within one of equally often, and within one of equally often at each place. Repeats come
    at least ten trials after the first showing, with every object at a new place.

    Parameters
    ----------
    stimuli
        The objects.
    config
        Numbers of trials, and objects to leave out.
    rng
        Source of randomness; see :func:`twoalike.design.session_rng`.
    trials_per_block
        Trials a block; practice trials are a block of their own.

    Returns
    -------
    Trial list, one row a trial in the order shown; columns as in
    :func:`twoalike.design.read_trial_list`.

    Raises
    ------
    TwoalikeError
        If the objects and their categories do not allow the trials asked for.
    """
    if trials_per_block < 1:
        raise ValueError(f"trials_per_block must be at least 1, found {trials_per_block}.")
    shown = _shown_table(stimuli, config)
    available = comb(len(shown), 3)
    if config.trials + config.practice > available:
        raise TwoalikeError(
            f"design: asked for {config.trials} main and {config.practice} practice trials, but "
            f"{len(shown)} objects have only {available} triplets. Lower design.trials or add "
            "stimuli."
        )
    if config.repeats > config.trials:
        raise TwoalikeError(
            f"design: asked for {config.repeats} repeats of {config.trials} main trials. Lower "
            "design.repeats."
        )
    rows = _rows(shown, stimuli.levels, config, rng)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["trial_index"] = np.arange(1, len(table) + 1)
    is_practice = (table["trial_type"] == "practice").to_numpy()
    after = np.arange(len(table)) - is_practice.sum()
    table["block_index"] = np.where(
        is_practice, 1, int(is_practice.any()) + 1 + after // trials_per_block
    )
    return typed(table)


def shown_objects(stimuli: StimulusSet, config: DesignConfig) -> tuple[str, ...]:
    """Objects that ``config.exclude`` leaves, in manifest order.

    Raises
    ------
    TwoalikeError
        If a column or a value to exclude does not exist, or fewer than three objects are left.
    """
    return tuple(_shown_table(stimuli, config)["id"])


def _shown_table(stimuli: StimulusSet, config: DesignConfig) -> pd.DataFrame:
    """Rows of the manifest that ``config.exclude`` leaves."""
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    columns = ("id", *stimuli.levels)
    for column, values in config.exclude.items():
        if column not in columns:
            raise TwoalikeError(
                f"design.exclude: no column {column!r} in the manifest of {stimuli.folder}; "
                f"expected one of {', '.join(columns)}."
            )
        unknown = sorted(set(values) - set(table[column]))
        if unknown:
            raise TwoalikeError(
                f"design.exclude: {column} {unknown[0]!r} is not in the manifest of "
                f"{stimuli.folder}. Check the spelling."
            )
        keep &= ~table[column].isin(values)
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"design: {len(shown)} of {len(table)} objects are left after design.exclude; a "
            "triplet needs three."
        )
    return shown


def _rows(
    shown: pd.DataFrame, levels: Sequence[str], config: DesignConfig, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rows of the session in order, all but the columns that count rows."""
    main = balanced_triplets(len(shown), config.trials, rng)
    used = {tuple(row) for row in main.tolist()}
    try:
        practice = fresh_triplets(len(shown), config.practice, used, rng)
        catch, odd = catch_triplets(shown[list(levels)], config.catch, used, rng)
        order = session_order(config.trials, config.catch, config.repeats, rng)
    except ValueError as error:
        raise TwoalikeError(f"design: {error} Change the numbers in [design].") from error
    ids = shown["id"].tolist()
    practice_rows = _lines(ids, "practice", practice, balanced_places(practice, len(ids), rng))
    places = balanced_places(main, len(ids), rng)
    main_rows = _lines(ids, "main", main, places)
    again_rows = _lines(ids, "repeat", main, other_places(places, rng))
    catch_rows = _lines(ids, "catch", catch, catch_places(odd, rng))
    for row, item in zip(catch_rows, odd, strict=True):
        row["expected_odd"] = int(item) + 1
    by_kind = {"main": main_rows, "catch": catch_rows, "repeat": again_rows}
    rows, first = practice_rows, {}
    for kind, index in order:
        row = by_kind[kind][index]
        if kind == "main":
            first[index] = len(rows) + 1
        if kind == "repeat":
            row["repeat_of"] = first[index]
        rows.append(row)
    return rows


def _lines(
    ids: Sequence[str], kind: str, triplets: Triplets, places: Triplets
) -> list[dict[str, Any]]:
    lines = []
    for triplet, place in zip(triplets.tolist(), places.tolist(), strict=True):
        names = [ids[item] for item in triplet]
        lines.append(
            {
                "trial_type": kind,
                "triplet_id": triplet_id(names),
                **{f"stimulus_{k + 1}": name for k, name in enumerate(names)},
                **{f"position_{k + 1}": POSITIONS[at] for k, at in enumerate(place)},
                "sampler": "random",
            }
        )
    return lines


def triplet_id(names: Sequence[str]) -> str:
    """Id of a triplet that depends on its objects only, not on their order or on the study.

    Examples
    --------
    >>> triplet_id(["a", "b", "c"]) == triplet_id(["c", "a", "b"])
    True
    """
    return "t" + hashlib.sha256("\t".join(sorted(names)).encode()).hexdigest()[:12]
