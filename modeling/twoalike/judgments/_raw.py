"""Raw rows of the odd-one-out task (BIDS ``_beh.tsv``) as a table of choices.

The raw row says which stimulus is which (``stimulus_1..3``, sorted), where each was shown
(``position_1..3``) and which was called odd (``response``, an index into ``stimulus_1..3``).
A choice wants the items in the order shown and the place of the chosen one in that order.
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._schema import ITEMS, LEVELS, TRIAL_TYPES, choices_table
from twoalike.study import TwoalikeError

POSITIONS = ("left", "middle", "right")
TASK_FILE = re.compile(
    r"sub-(?P<participant>[0-9a-zA-Z+]+)(_ses-(?P<session>[0-9a-zA-Z+]+))?"
    r"_task-oddoneout(_run-[0-9]+)?_beh\.tsv"
)
NEEDED = (
    "trial_index",
    "trial_type",
    *(f"stimulus_{k}" for k in (1, 2, 3)),
    *(f"position_{k}" for k in (1, 2, 3)),
    "response",
    "odd_stimulus",
    "response_time",
)


def read_raw(raw: Path, objects: Sequence[str] | None = None) -> pd.DataFrame:
    """Read all odd-one-out trials of a BIDS data set.

    Trials without a choice (timed out) are left out; ``table.attrs["n_without_choice"]`` counts
    them. Practice and catch trials are kept, with their ``trial_type``.

    Parameters
    ----------
    raw
        Root of the data set (``data/raw`` of a study).
    objects
        All object ids in the order to keep, for instance the stimulus manifest's; only those
        judged are listed in the table. None: order of first appearance.

    Raises
    ------
    TwoalikeError
        If there is no trial, a column is missing, or a value does not fit; the message names
        the file, the row and the column.
    """
    files = sorted(
        path for path in raw.glob("sub-*/**/beh/*_beh.tsv") if TASK_FILE.fullmatch(path.name)
    )
    if not files:
        raise TwoalikeError(
            f"{raw}: expected odd-one-out sessions (sub-*/ses-*/beh/*_task-oddoneout*_beh.tsv), "
            "found none. Run one with: twoalike run"
        )
    parts = [_read_session(path) for path in files]
    rows = pd.concat([table for table, _ in parts], ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{raw}: {len(files)} sessions, but no trial has a response.")
    seen = pd.unique(pd.concat([rows[item] for item in ITEMS], ignore_index=True))
    if objects is not None:
        unknown = set(seen) - set(objects)
        if unknown:
            raise TwoalikeError(
                f"{raw}: stimulus {min(unknown)!r} was shown but is not one of the "
                f"{len(objects)} stimuli of the manifest."
            )
        seen = np.array([name for name in objects if name in set(seen)], dtype=object)
    columns = {str(name): rows[name].to_numpy() for name in rows.columns}
    table = choices_table(columns, [str(name) for name in seen], str(raw))
    table.attrs["n_without_choice"] = sum(dropped for _, dropped in parts)
    return table


def _read_session(path: Path) -> tuple[pd.DataFrame, int]:
    """Choices of one session, and how many of its trials have none."""
    match = TASK_FILE.fullmatch(path.name)
    assert match is not None  # read_raw lists matching names only
    try:
        # BIDS tables have no quoting: a quotation mark is part of a value.
        raw = pd.read_csv(
            path,
            sep="\t",
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
            quoting=csv.QUOTE_NONE,
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise TwoalikeError(f"{path}: cannot be read as a table ({reason}).") from error
    missing = [name for name in NEEDED if name not in raw.columns]
    if missing:
        raise TwoalikeError(f"{path}: column {missing[0]!r} is missing.")
    answered = (raw["response"] != "n/a").to_numpy()
    shown, place = _as_shown(raw, answered, path)
    rows = raw[answered]
    table = pd.DataFrame(
        {
            "participant": match["participant"],
            "session": match["session"],
            "trial": _numbers(rows["trial_index"], path).astype(np.int64),
            **{item: shown[answered, k] for k, item in enumerate(ITEMS)},
            "chosen": place[answered] + 1,
            "response_time": _numbers(rows["response_time"], path),
            "trial_type": _words(rows["trial_type"], TRIAL_TYPES, path),
            "level": _level(rows),
        }
    )
    return table, int((~answered).sum())


def _as_shown(
    raw: pd.DataFrame, answered: npt.NDArray[np.bool_], path: Path
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Stimuli from left to right, shape (n, 3), and the place of the chosen one, shape (n,)."""
    stimuli = raw[[f"stimulus_{k}" for k in (1, 2, 3)]].to_numpy(dtype=object)
    columns = [raw[f"position_{k}"] for k in (1, 2, 3)]
    codes = [pd.Index(POSITIONS).get_indexer(pd.Index(values)) for values in columns]
    position = np.stack(codes, axis=1)
    bad = np.flatnonzero((np.sort(position, axis=1) != [0, 1, 2]).any(axis=1))
    if len(bad):
        _refuse(path, bad[0], "position_1", "left, middle and right, each once", columns[0])
    order = np.argsort(position, axis=1)
    response = _code(raw["response"], ("1", "2", "3"))
    bad = np.flatnonzero(answered & (response < 0))
    if len(bad):
        _refuse(path, bad[0], "response", "1, 2, 3 or n/a", raw["response"])
    rows = np.arange(len(raw))
    odd = stimuli[rows, response]
    bad = np.flatnonzero(answered & (odd != raw["odd_stimulus"].to_numpy(dtype=object)))
    if len(bad):
        expected = f"{odd[bad[0]]!r} as response {response[bad[0]] + 1} says"
        _refuse(path, bad[0], "odd_stimulus", expected, raw["odd_stimulus"])
    shown = np.take_along_axis(stimuli, order, axis=1)
    return shown, position[rows, response].astype(np.int64)


def _code(values: "pd.Series[str]", valid: Sequence[str]) -> npt.NDArray[np.int64]:
    return pd.Index(list(valid)).get_indexer(pd.Index(values)).astype(np.int64)


def _refuse(path: Path, row: int, column: str, expected: str, values: "pd.Series[str]") -> None:
    raise TwoalikeError(
        f"{path}: row {row + 1}, column {column!r}: expected {expected}, "
        f"found {values.iloc[row]!r}."
    )


def _numbers(values: "pd.Series[str]", path: Path) -> npt.NDArray[np.float64]:
    """Numbers, NaN for n/a."""
    numbers = pd.to_numeric(values.where(values != "n/a"), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(np.isnan(numbers) & (values != "n/a").to_numpy())
    if len(bad):
        row = int(values.index[bad[0]])
        column = str(values.name)
        raise TwoalikeError(
            f"{path}: row {row + 1}, column {column!r}: expected a number, "
            f"found {values.iloc[bad[0]]!r}."
        )
    return numbers


def _words(values: "pd.Series[str]", valid: Sequence[str], path: Path) -> "pd.Series[str]":
    bad = np.flatnonzero(_code(values, valid) < 0)
    if len(bad):
        raise TwoalikeError(
            f"{path}: row {int(values.index[bad[0]]) + 1}, column {values.name!r}: expected one of "
            f"{', '.join(valid)}, found {values.iloc[bad[0]]!r}."
        )
    return values


def _level(rows: pd.DataFrame) -> "pd.Series[str]":
    """Level of a trial, where its condition names one."""
    if "condition" not in rows.columns:
        return pd.Series(None, index=rows.index, dtype=object)
    return rows["condition"].astype(object).where(rows["condition"].isin(LEVELS), None)
