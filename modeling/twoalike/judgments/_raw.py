"""Raw rows of the odd-one-out task (BIDS ``_beh.tsv``) as a table of choices.

The raw row says which stimulus is which (``stimulus_1..3``, sorted), where each was shown
(``position_1..3``) and which was called odd (``response``, an index into ``stimulus_1..3``).
A choice wants the items in the order shown and the place of the chosen one in that order.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._raw_table import (
    codes,
    known_order,
    numbers,
    raw_tables,
    read_raw_table,
    refuse,
    whole_numbers,
    whose,
    words,
)
from twoalike.judgments._schema import ITEMS, LEVELS, TRIAL_TYPES, choices_table
from twoalike.study import MISSING, TwoalikeError

TASK = "oddoneout"
POSITIONS = ("left", "middle", "right")
NEEDED = (
    "trial_index",
    "trial_type",
    *(f"stimulus_{k}" for k in (1, 2, 3)),
    *(f"position_{k}" for k in (1, 2, 3)),
    "response",
    "odd_stimulus",
    "response_time",
)


def read_raw(
    raw: Path,
    objects: Sequence[str] | None = None,
    unusable: Callable[[pd.DataFrame], str | None] | None = None,
) -> pd.DataFrame:
    """Read all odd-one-out trials of a BIDS data set.

    Trials without a choice (timed out) are left out; ``table.attrs["n_without_choice"]`` counts
    them. Practice and catch trials are kept, with their ``trial_type``. A last line that a
    power cut tore is passed over; ``table.attrs["n_torn"]`` counts those.

    Parameters
    ----------
    raw
        Root of the data set (``data/raw`` of a study).
    objects
        All object ids in the order to keep, for instance the stimulus manifest's; only those
        judged are listed in the table. None: order of first appearance.
    unusable
        Rule by which a session is left out, such as :func:`twoalike.design.excluded`: from its
        raw rows, as text, to the reason; None keeps it. ``table.attrs["excluded"]`` lists
        participant, session and reason of those left out.

    Raises
    ------
    TwoalikeError
        If there is no trial, the rule leaves out all sessions, a column is missing, or a value
        does not fit; the message names the file, the row and the column.
    """
    files = raw_tables(raw, TASK)
    if not files:
        raise TwoalikeError(
            f"{raw}: expected odd-one-out sessions (sub-*/ses-*/beh/*_task-{TASK}*_beh.tsv), "
            "found none. Run one with: twoalike run"
        )
    excluded = {} if unusable is None else _excluded(files, unusable)
    kept = [path for path in files if path not in excluded]
    if not kept:
        raise TwoalikeError(
            f"{raw}: the exclusion rule of study.toml leaves out all {len(files)} sessions, the "
            f"first for {next(iter(excluded.values()))}. Look at the data, or at [exclusion]."
        )
    parts = [_read_session(path) for path in kept]
    rows = pd.concat([table for table, _, _ in parts], ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{raw}: {len(kept)} sessions, but no trial has a response.")
    seen = pd.unique(pd.concat([rows[item] for item in ITEMS], ignore_index=True))
    columns = {str(name): rows[name].to_numpy() for name in rows.columns}
    ids = known_order([str(name) for name in seen], objects, raw)
    table = choices_table(columns, ids, str(raw))
    table.attrs["n_without_choice"] = sum(dropped for _, dropped, _ in parts)
    table.attrs["n_torn"] = sum(torn for _, _, torn in parts)
    table.attrs["excluded"] = [(*whose(path), reason) for path, reason in excluded.items()]
    return table


def _excluded(
    files: Sequence[Path], unusable: Callable[[pd.DataFrame], str | None]
) -> dict[Path, str]:
    """Sessions that a rule leaves out, with the reason."""
    reasons = {}
    for path in files:
        rows = read_raw_table(path, NEEDED)[0]
        if "expected_odd" not in rows.columns:  # made by another tool, which had no checks
            rows = rows.assign(expected_odd=MISSING)
        reason = unusable(rows)
        if reason is not None:
            reasons[path] = reason
    return reasons


def _read_session(path: Path) -> tuple[pd.DataFrame, int, bool]:
    """Choices of one session, how many of its trials have none, whether a row is torn."""
    participant, session = whose(path)
    raw, torn = read_raw_table(path, NEEDED)
    answered = (raw["response"] != MISSING).to_numpy()
    shown, place = _as_shown(raw, answered, path)
    rows = raw[answered]
    table = pd.DataFrame(
        {
            "participant": participant,
            "session": session,
            "trial": whole_numbers(rows["trial_index"], path),
            **{item: shown[answered, k] for k, item in enumerate(ITEMS)},
            "chosen": place[answered] + 1,
            "response_time": numbers(rows["response_time"], path),
            "trial_type": words(rows["trial_type"], TRIAL_TYPES, path),
            "level": _level(rows),
        }
    )
    return table, int((~answered).sum()), torn


def _as_shown(
    raw: pd.DataFrame, answered: npt.NDArray[np.bool_], path: Path
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Stimuli from left to right, shape (n, 3), and the place of the chosen one, shape (n,)."""
    stimuli = raw[[f"stimulus_{k}" for k in (1, 2, 3)]].to_numpy(dtype=object)
    columns = [raw[f"position_{k}"] for k in (1, 2, 3)]
    position = np.stack([codes(values, POSITIONS) for values in columns], axis=1)
    bad = np.flatnonzero((np.sort(position, axis=1) != [0, 1, 2]).any(axis=1))
    if len(bad):
        expected = "left, middle and right, each once"
        refuse(path, bad[0], "position_1", expected, columns[0].iloc[bad[0]])
    order = np.argsort(position, axis=1)
    response = codes(raw["response"], ("1", "2", "3"))
    bad = np.flatnonzero(answered & (response < 0))
    if len(bad):
        refuse(path, bad[0], "response", "1, 2, 3 or n/a", raw["response"].iloc[bad[0]])
    rows = np.arange(len(raw))
    odd = stimuli[rows, response]
    bad = np.flatnonzero(answered & (odd != raw["odd_stimulus"].to_numpy(dtype=object)))
    if len(bad):
        expected = f"{odd[bad[0]]!r} as response {response[bad[0]] + 1} says"
        refuse(path, bad[0], "odd_stimulus", expected, raw["odd_stimulus"].iloc[bad[0]])
    shown = np.take_along_axis(stimuli, order, axis=1)
    return shown, position[rows, response].astype(np.int64)


def _level(rows: pd.DataFrame) -> "pd.Series[str]":
    """Level of a trial, where its condition names one."""
    if "condition" not in rows.columns:
        return pd.Series(None, index=rows.index, dtype=object)
    return rows["condition"].astype(object).where(rows["condition"].isin(LEVELS), None)
