"""The trial list of a multi-arrangement session: one row an item of a trial.

Any tool may write such a list; reading it checks everything a session relies on. Where the
sets are chosen during the session (lift the weakest), the list holds practice and attention
checks only.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design._lift import SMALLEST_SET
from twoalike.study import MISSING, TwoalikeError, write_json
from twoalike.tables import read_tsv, write_tsv

ARRANGEMENT_TYPES = ("practice", "main", "catch")
ARRANGEMENT_COLUMNS = ("trial_index", "trial_type", "stimulus", "scheduler")
"""Columns of a list, in file order."""

_WHOLE = re.compile(r"[1-9]\d*")


@dataclass(frozen=True)
class ListedArrangement:
    """One trial of a list.

    Attributes
    ----------
    trial_type
        practice, main or catch.
    stimuli
        Ids of the items, in the order to seat them.
    scheduler
        How they were chosen.
    """

    trial_type: str
    stimuli: tuple[str, ...]
    scheduler: str


def arrangement_table(trials: Collection[ListedArrangement]) -> pd.DataFrame:
    """Table of a list, as :func:`read_arrangement_list` returns it."""
    rows = [
        (number, trial.trial_type, name, trial.scheduler)
        for number, trial in enumerate(trials, start=1)
        for name in trial.stimuli
    ]
    return _typed(pd.DataFrame(rows, columns=list(ARRANGEMENT_COLUMNS)))


def listed_arrangements(table: pd.DataFrame) -> tuple[ListedArrangement, ...]:
    """Trials of a table, in order.

    Examples
    --------
    >>> trial = ListedArrangement("main", ("a", "b", "c"), "list")
    >>> listed_arrangements(arrangement_table([trial])) == (trial,)
    True
    """
    return tuple(
        ListedArrangement(
            str(rows["trial_type"].iloc[0]),
            tuple(rows["stimulus"].tolist()),
            str(rows["scheduler"].iloc[0]),
        )
        for _, rows in table.groupby("trial_index", sort=True)
    )


def write_arrangement_list(path: Path, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Write a list, and ``meta`` as JSON beside it, each all or nothing.

    Parameters
    ----------
    path
        File to write (.tsv); the description gets the ending ``.json``.
    table
        As :func:`read_arrangement_list` returns it, with at least one trial.
    meta
        What :func:`twoalike.study.provenance` says of it.
    """
    # The list comes last: where it stands, its description does too.
    write_json(path.with_suffix(".json"), dict(meta))
    write_tsv(path, table[list(ARRANGEMENT_COLUMNS)])


def read_arrangement_list(path: Path, ids: Collection[str]) -> pd.DataFrame:
    """Read a list and check it.

    Parameters
    ----------
    path
        Tab-separated; the rows of a trial stand together.
    ids
        Objects that may be shown.

    Returns
    -------
    One row an item: ``trial_index`` (int64: 1, 2, ...), ``trial_type`` (practice, main, catch;
    practice comes first), ``stimulus`` (object id), ``scheduler`` (how the set was chosen).

    Raises
    ------
    TwoalikeError
        If the file is missing or malformed, a value is wrong, or a trial has fewer than three
        items or one twice; the message names file, line and column.
    """
    table = read_tsv(path, "a list of arrangement trials", ARRANGEMENT_COLUMNS)
    table = table[list(ARRANGEMENT_COLUMNS)]
    known = frozenset(ids)
    rows = [
        {str(column): str(cell) for column, cell in row.items()} for row in table.to_dict("records")
    ]
    for index, row in enumerate(rows):
        expected = {
            "trial_index": (_WHOLE.fullmatch(row["trial_index"]), "a whole number from 1"),
            "trial_type": (
                row["trial_type"] in ARRANGEMENT_TYPES,
                f"one of {', '.join(ARRANGEMENT_TYPES)}",
            ),
            "stimulus": (row["stimulus"] in known, "an object of the design"),
            "scheduler": (row["scheduler"] != MISSING, "how the items were chosen"),
        }
        for column, (fine, what) in expected.items():
            if not fine:
                _refuse(path, index, column, row[column], what)
    _check_trials(path, rows)
    return _typed(table)


def _check_trials(path: Path, rows: list[dict[str, str]]) -> None:
    """Check what the rows of a trial must be to each other and to the trials before."""
    first, seen = 0, set[str]()
    for index, row in enumerate(rows):
        if index == 0 or row["trial_index"] != rows[index - 1]["trial_index"]:
            _check_start(path, index, first, rows)
            first, seen = index, set()
        for column in ("trial_type", "scheduler"):
            if row[column] != rows[first][column]:
                wanted = f"{rows[first][column]!r} as in the first row of the trial"
                _refuse(path, index, column, row[column], wanted)
        if row["stimulus"] in seen:
            _refuse(path, index, "stimulus", row["stimulus"], "each object once in a trial")
        seen.add(row["stimulus"])
    _check_size(path, len(rows) - 1, len(rows) - first)


def _check_start(path: Path, index: int, first: int, rows: list[dict[str, str]]) -> None:
    """Check the first row of a trial against the trial before, which began at ``first``."""
    row, before = rows[index], rows[index - 1] if index else None
    last = int(before["trial_index"]) if before else 0
    if int(row["trial_index"]) != last + 1:
        wanted = f"{last} or {last + 1} (trials count up)" if before else "1 (trials count up)"
        _refuse(path, index, "trial_index", row["trial_index"], wanted)
    if before:
        _check_size(path, index - 1, index - first)
        if row["trial_type"] == "practice" != before["trial_type"]:
            _refuse(path, index, "trial_type", "practice", "practice before all other trials")


def _check_size(path: Path, last: int, size: int) -> None:
    if size < SMALLEST_SET:
        wanted = f"at least {SMALLEST_SET} rows in the trial that ends here"
        _refuse(path, last, "trial_index", str(size), wanted)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(ARRANGEMENT_COLUMNS, "str") | {"trial_index": "int64"}
    return table.astype(kinds).reset_index(drop=True)


def _refuse(path: Path, index: int, column: str, found: str, expected: str) -> None:
    # Line 1 is the header.
    raise TwoalikeError(
        f"{path}: line {index + 2}, column {column!r}: expected {expected}, found {found!r}."
    )
