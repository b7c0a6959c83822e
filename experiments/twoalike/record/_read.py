"""Reading raw tables back, typed by the columns that wrote them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._names import RunName
from twoalike.record._table import TASKS, TaskTables
from twoalike.record._whole import n_partial_rows
from twoalike.study import MISSING, TwoalikeError, require_file
from twoalike.tables import Table

_DTYPE = {"string": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean"}


@dataclass(frozen=True)
class RawProblem:
    """What is wrong with a file: where, and what was expected.

    Attributes
    ----------
    row
        Row, counted from 1; None for the file as a whole.
    column
        Name of the column; empty for the row as a whole.
    resumable
        Whether resuming the session (``--resume``) repairs it.
    """

    file: Path
    message: str
    row: int | None = None
    column: str = ""
    resumable: bool = False

    def __str__(self) -> str:
        place = [str(self.file)]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column}")
        return f"{', '.join(place)}: {self.message}"


@dataclass(frozen=True)
class RawRun:
    """One raw table.

    Attributes
    ----------
    name
        Participant, session, task and run, from the file name.
    rows
        The trials (an image a row where a trial has many): nullable types (string, Int64,
        Float64, boolean), missing values NA.
    torn
        What stands after the last line end: part of a trial that a power cut tore; not in rows.
    """

    name: RunName
    rows: pd.DataFrame
    torn: str = ""


def scan_rows(path: Path, table: Table) -> tuple[list[list[str]], str, list[RawProblem]]:
    """Split a raw table into cells and collect what is wrong with its form.

    Returns
    -------
    The rows that have as many cells as there are columns, the torn rest, the problems. Rows of
    version 0.1 get ``n/a`` in the columns that were added since.

    Raises
    ------
    TwoalikeError
        If the file is missing, empty, not UTF-8, or its header is not the one we write.
    """
    require_file(path, "a raw table")
    try:
        *lines, torn = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"{path}: not UTF-8 text (byte {error.start}). Restore the file."
        ) from error
    header = lines[0] if lines else torn
    names = list(table.with_columns_of(header).names)
    added = [MISSING] * (len(table.names) - len(names))
    if (found := header.split("\t")) != names:
        odd = next((name for name in names if name not in found), None)
        what = f"has no column {odd!r}" if odd else "has other columns, or in another order"
        raise TwoalikeError(f"{path}: header {what}; expected {', '.join(names)}.")
    rows, problems = [], []
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split("\t")
        if len(cells) == len(names):
            rows.append([*cells, *added])
        else:
            message = f"has {len(cells)} cells, expected {len(names)}"
            problems.append(RawProblem(path, message, number))
    return rows, torn, problems


def parse_rows(
    path: Path, rows: list[list[str]], table: Table
) -> tuple[list[dict[str, Any]], list[RawProblem]]:
    """Give cells their types.

    Returns
    -------
    One dictionary a row, None where a value is missing or not allowed; the problems met.
    """
    parsed: list[dict[str, Any]] = []
    problems = []
    for number, cells in enumerate(rows, start=1):
        row: dict[str, Any] = {}
        for column, text in zip(table.columns, cells, strict=True):
            try:
                row[column.name] = column.parse(text)
            except ValueError as error:
                row[column.name] = None
                problems.append(RawProblem(path, str(error), number, column.name))
        parsed.append(row)
    return parsed, problems


def read_run(path: Path) -> RawRun:
    """Read one raw table.

    A torn last line or trial (a power cut during the write) is passed over; ``--resume`` shows that
    trial again.

    Raises
    ------
    TwoalikeError
        If the file is missing, badly named, or a row or a value is not what the columns allow;
        the message names file, row and column.
    """
    name = RunName.parse(path)
    rows, torn = _read_typed(path, task_tables(path, name).trials)
    return RawRun(name, rows, torn)


def read_events(root: Path, name: RunName) -> pd.DataFrame:
    """Read what happened within the trials of a run; a torn last line is passed over.

    Raises
    ------
    TwoalikeError
        As :func:`read_run`, and if the task keeps no such table.
    """
    path = name.events(root)
    table = task_tables(path, name).events
    if table is None:
        raise TwoalikeError(f"{path}: the task {name.task} keeps no table of events.")
    return _read_typed(path, table)[0]


def task_tables(path: Path, name: RunName) -> TaskTables:
    """Tables of the task that a file belongs to.

    Raises
    ------
    TwoalikeError
        If there is no such task.
    """
    if name.task not in TASKS:
        raise TwoalikeError(
            f"{path}: expected a task of {', '.join(TASKS)}, found {name.task!r}. Move the file "
            "away, or restore its name."
        )
    return TASKS[name.task]


def _read_typed(path: Path, table: Table) -> tuple[pd.DataFrame, str]:
    cells, torn, problems = scan_rows(path, table)
    cells = cells[: len(cells) - n_partial_rows(cells, table)]
    rows, wrong = parse_rows(path, cells, table)
    for problem in [*problems, *wrong]:
        raise TwoalikeError(f"{problem}. List all problems: twoalike validate")
    content = pd.DataFrame(rows, columns=list(table.names), dtype=object)
    return content.astype({column.name: _DTYPE[column.kind] for column in table.columns}), torn
