"""The trial list: one row a trial, the file between the design and the session.

Any tool may write such a list; reading it checks everything a session relies on, so that a
slip shows before the participant sits down.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study import MISSING, TwoalikeError, write_json
from twoalike.tables import read_tsv, write_tsv

POSITIONS = ("left", "middle", "right")
"""Places on the screen."""
TRIAL_TYPES = ("practice", "main", "catch", "repeat")
STIMULI = ("stimulus_1", "stimulus_2", "stimulus_3")
"""Columns of the objects of a triplet."""
PLACES = ("position_1", "position_2", "position_3")
"""Columns that say where each is shown."""
COLUMNS = (
    "trial_index",
    "block_index",
    "trial_type",
    "triplet_id",
    *STIMULI,
    *PLACES,
    "expected_odd",
    "repeat_of",
    "sampler",
    "sampler_score",
    "condition",
)
"""Columns of a trial list, in file order."""

_WHOLE = re.compile(r"[1-9]\d*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """Columns in order with their types; ``n/a`` and None become missing values."""
    columns = table[list(COLUMNS)].copy()
    columns = columns.astype(object).where(columns.notna() & (columns != MISSING), None)
    whole = ["trial_index", "block_index"]
    maybe = ["expected_odd", "repeat_of"]
    text = [name for name in COLUMNS if name not in (*whole, *maybe, "sampler_score")]
    return columns.astype(
        dict.fromkeys(whole, "int64")
        | dict.fromkeys(maybe, "Int64")
        | {"sampler_score": "float64"}
        | dict.fromkeys(text, "str")
    )


def write_trial_list(path: Path, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Write a trial list, and ``meta`` as JSON beside it, each all or nothing.

    Parameters
    ----------
    path
        File to write (.tsv); the description gets the ending ``.json``.
    table
        As :func:`read_trial_list` returns it.
    meta
        What :func:`twoalike.study.provenance` says of it.
    """
    # The list comes last: where it stands, its description does too.
    write_json(path.with_suffix(".json"), dict(meta))
    write_tsv(path, table[list(COLUMNS)])


def read_trial_list(path: Path, ids: Collection[str]) -> pd.DataFrame:
    """Read a trial list and check it.

    Parameters
    ----------
    path
        Tab-separated, ``n/a`` for missing.
    ids
        Objects that may be shown.

    Returns
    -------
    One row a trial: ``trial_index`` (1, 2, ...) and ``block_index`` (int64; where it grows a
    break is due, but for the practice), ``trial_type`` (practice, main, catch, repeat),
    ``triplet_id``, ``stimulus_1`` to ``_3`` (object ids), ``position_1`` to ``_3`` (left,
    middle, right: where each is shown), ``expected_odd`` (Int64: 1 to 3, or missing),
    ``repeat_of`` (Int64: trial_index of the first showing, or missing), ``sampler``,
    ``sampler_score`` (float64, or NaN), ``condition`` (or missing).

    Raises
    ------
    TwoalikeError
        If the file is missing or malformed, or a value is wrong; the message names file, line
        and column.
    """
    table = read_tsv(path, "a trial list", COLUMNS)
    known = frozenset(ids)
    rows = [
        {str(column): str(cell) for column, cell in row.items()} for row in table.to_dict("records")
    ]
    for index, row in enumerate(rows):
        for column, check in _CELLS.items():
            if not check(row[column]):
                _refuse(path, index, column, row[column], _EXPECTED[column])
        for column in STIMULI:
            if row[column] not in known:
                _refuse(path, index, column, row[column], "an object of the stimulus set")
        _check_row(path, index, rows)
    return typed(table)


def _one_of(values: Sequence[str]) -> Callable[[str], bool]:
    return lambda cell: cell in values


def _check_row(path: Path, index: int, rows: list[dict[str, str]]) -> None:
    """Check what the cells of a row must be to each other and to the rows before."""
    row = rows[index]
    if int(row["trial_index"]) != index + 1:
        _refuse(path, index, "trial_index", row["trial_index"], f"{index + 1} (rows count up)")
    before = int(rows[index - 1]["block_index"]) if index else 1
    if int(row["block_index"]) < before:
        _refuse(path, index, "block_index", row["block_index"], f"{before} or more")
    for columns, what in ((STIMULI, "three different objects"), (PLACES, "three different places")):
        cells = [row[column] for column in columns]
        if len(set(cells)) < 3:
            column = next(c for k, c in enumerate(columns) if cells[k] in cells[:k])
            _refuse(path, index, column, row[column], what)
    if row["trial_type"] == "catch" and row["expected_odd"] == MISSING:
        _refuse(path, index, "expected_odd", MISSING, "1, 2 or 3 in a catch trial")
    if (row["trial_type"] == "repeat") != (row["repeat_of"] != MISSING):
        _refuse(path, index, "repeat_of", row["repeat_of"], "a trial_index in repeat trials only")
    if row["repeat_of"] != MISSING:
        first = int(row["repeat_of"])
        shown = {row[column] for column in STIMULI}
        if first > index or {rows[first - 1][column] for column in STIMULI} != shown:
            _refuse(path, index, "repeat_of", row["repeat_of"], "an earlier trial of these objects")


def _refuse(path: Path, index: int, column: str, found: str, expected: str) -> None:
    raise TwoalikeError(
        f"{path}: trial {index + 1}, column {column!r}: expected {expected}, found {found!r}."
    )


_CELLS: dict[str, Callable[[str], bool]] = {
    "trial_index": lambda cell: _WHOLE.fullmatch(cell) is not None,
    "block_index": lambda cell: _WHOLE.fullmatch(cell) is not None,
    "trial_type": _one_of(TRIAL_TYPES),
    **dict.fromkeys(PLACES, _one_of(POSITIONS)),
    "expected_odd": _one_of(("1", "2", "3", MISSING)),
    "repeat_of": lambda cell: cell == MISSING or _WHOLE.fullmatch(cell) is not None,
    "sampler_score": lambda cell: cell == MISSING or _NUMBER.fullmatch(cell) is not None,
}
_EXPECTED: dict[str, str] = {
    "trial_index": "a whole number from 1",
    "block_index": "a whole number from 1",
    "trial_type": f"one of {', '.join(TRIAL_TYPES)}",
    **dict.fromkeys(PLACES, f"one of {', '.join(POSITIONS)}"),
    "expected_odd": "1, 2, 3 or n/a",
    "repeat_of": "a trial_index or n/a",
    "sampler_score": "a number or n/a",
}
