"""Reading raw tables back, typed by the columns that wrote them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from twoalike.record._dataset import RunName
from twoalike.registry import Task, find_task
from twoalike.study import MISSING, TwoalikeError, require_file
from twoalike.tables import Table, parse_text

_NULLABLE = {"string": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean"}


@dataclass(frozen=True)
class RawProblem:
    """What is wrong with a file: where, and what was expected."""

    file: Path
    message: str
    row: int | None = None
    """Row, counted from 1; None for the file as a whole."""
    column: str = ""
    """Name of the column; empty for the row as a whole."""
    resumable: bool = False
    """Whether it is written again when the session goes on, or the study is validated."""

    def __str__(self) -> str:
        place = [str(self.file)]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column!r}")
        return f"{', '.join(place)}: {self.message}"


def problem_of(path: Path, error: TwoalikeError) -> RawProblem:
    """Report an error about a file as its problem."""
    return RawProblem(path, str(error).removeprefix(str(path)).lstrip(":, "))


@dataclass(frozen=True)
class RawRun:
    """One raw table."""

    name: RunName
    """Participant, session, task and run, from the file name."""
    rows: pd.DataFrame
    """The trials (an image a row where a trial has many): nullable types (string, Int64, Float64,
    boolean), missing values NA."""
    torn: str = ""
    """Text after the last line end, which is not in rows."""


def task_of(path: Path, name: RunName) -> Task:
    """Task that a file belongs to."""
    try:
        return find_task(name.task)
    except TwoalikeError as error:
        raise TwoalikeError(
            where=path,
            expected=f"a {error.where}: {error.expected}",
            found=error.found,
            remedy="Install the package that brings it, move the file away, or restore its name.",
        ) from error


def _raw_lines(path: Path) -> list[str]:
    """Lines of a raw table; the last one is torn unless it is empty."""
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"not UTF-8 text (byte {error.start})", where=path, remedy="Restore the file."
        ) from error


def scan_rows(path: Path, table: Table) -> tuple[list[list[str]], str, list[RawProblem]]:
    """Split a raw table into whole rows of cells, the torn rest, and problems of its form.

    Rows get ``n/a`` in the conditional columns that the file lacks.
    """
    *lines, torn = _raw_lines(require_file(path, "a raw table"))
    header = lines[0] if lines else torn
    names = list(table.with_columns_of(header).names)
    places = [names.index(name) if name in names else None for name in table.names]
    if (found := header.split("\t")) != names:
        odd = next((name for name in names if name not in found), None)
        what = f"has no column {odd!r}" if odd else "has other columns, or in another order"
        raise TwoalikeError(f"{path}: header {what}; expected {', '.join(names)}.")
    rows, problems = [], []
    for number, line in enumerate(lines[1:], start=1):
        cells = line.split("\t")
        if len(cells) == len(names):
            rows.append([MISSING if at is None else cells[at] for at in places])
        else:
            message = f"has {len(cells)} cells, expected {len(names)}"
            problems.append(RawProblem(path, message, number))
    return rows, torn, problems


def parse_cells(
    path: Path, cells: list[list[str]], table: Table
) -> tuple[pd.DataFrame, list[RawProblem]]:
    """Parse the cells of a raw table to values (None: missing or not allowed) and problems."""
    text = {name: [row[place] for row in cells] for place, name in enumerate(table.names)}
    values, faults = parse_text(table, text)
    problems = [RawProblem(path, one.message, one.row + 1, one.column) for one in faults]
    return values, problems


def read_run(path: str | Path) -> RawRun:
    """Read one raw table.

    A torn last line, as other tools may leave it, is passed over.
    """
    path = Path(path)
    name = RunName.parse(path)
    rows, torn = _read_typed(path, task_of(path, name).trials)
    return RawRun(name, rows, torn)


def read_events(root: str | Path, name: RunName) -> pd.DataFrame:
    """Read what happened within the trials of a run."""
    path = name.events(Path(root))
    table = task_of(path, name).events
    if table is None:
        raise TwoalikeError(f"the task {name.task} keeps no table of events", where=path)
    return _read_typed(path, table)[0]


def _read_typed(path: Path, table: Table) -> tuple[pd.DataFrame, str]:
    cells, torn, problems = scan_rows(path, table)
    values, wrong = parse_cells(path, cells, table)
    for problem in [*problems, *wrong]:
        raise TwoalikeError(f"{problem}. List all problems: twoalike validate")
    return values.astype({one.name: _NULLABLE[one.kind] for one in table.columns}), torn


def whole_rows(path: Path, table: Table) -> list[dict[str, str]]:
    """Read the rows of a raw table as text."""
    cells, _, problems = scan_rows(path, table)
    for problem in problems:
        raise TwoalikeError(str(problem), remedy="Run: twoalike validate")
    return [dict(zip(table.names, row, strict=True)) for row in cells]
