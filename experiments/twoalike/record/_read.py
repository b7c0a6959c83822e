"""Reading raw tables back, typed by the columns that wrote them, and how far a run is."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName
from twoalike.registry import Task, find_task
from twoalike.study import MISSING, TwoalikeError, require_file
from twoalike.tables import Table, parse_text

_NULLABLE = {"string": "string", "integer": "Int64", "number": "Float64", "boolean": "boolean"}
_EDITED = "The file was edited: restore it, or start the next `session=...`."
_LONGEST_S = 1e7
"""Longer than any session: larger times are damage."""


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
    """Whether resuming the session repairs it."""

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
    """Text after the last line end: part of a trial that a power cut tore; not in rows."""


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


def torn_line(path: Path) -> str:
    """Text after the last line end; empty in a whole file."""
    content = path.read_bytes()
    return content[content.rfind(b"\n") + 1 :].decode("utf-8", "surrogateescape")


def n_partial_rows(rows: Sequence[Sequence[str]], table: Table) -> int:
    """Rows at the end that belong to a trial of which a power cut tore away some rows."""
    if not rows or not {"n_items", "stimulus"} <= set(table.names):
        return 0
    trial, items = table.names.index("trial_index"), table.names.index("n_items")
    last = rows[-1]
    count = 0
    for row in reversed(rows):
        if row[trial] != last[trial]:
            break
        count += 1
    return 0 if last[items] == str(count) else count


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

    A torn last line or trial (a power cut during the write) is passed over; resuming the session
    shows that trial again.

    Raises
    ------
    TwoalikeError
        If the file is missing, badly named, or a row or a value is not what the columns allow;
        the message names file, row and column.
    """
    path = Path(path)
    name = RunName.parse(path)
    rows, torn = _read_typed(path, task_of(path, name).trials)
    return RawRun(name, rows, torn)


def read_events(root: str | Path, name: RunName) -> pd.DataFrame:
    """Read what happened within the trials of a run; a torn last line is passed over.

    Raises
    ------
    TwoalikeError
        As :func:`read_run`, and if the task keeps no such table.
    """
    path = name.events(Path(root))
    table = task_of(path, name).events
    if table is None:
        raise TwoalikeError(f"the task {name.task} keeps no table of events", where=path)
    return _read_typed(path, table)[0]


def _read_typed(path: Path, table: Table) -> tuple[pd.DataFrame, str]:
    cells, torn, problems = scan_rows(path, table)
    cells = cells[: len(cells) - n_partial_rows(cells, table)]
    values, wrong = parse_cells(path, cells, table)
    for problem in [*problems, *wrong]:
        raise TwoalikeError(f"{problem}. List all problems: twoalike validate")
    return values.astype({one.name: _NULLABLE[one.kind] for one in table.columns}), torn


def whole_rows(path: Path, table: Table) -> list[dict[str, str]]:
    """Read the rows of a raw table as text, without an unfinished last line or trial.

    Raises
    ------
    TwoalikeError
        If the header is not the one that this version writes.
    """
    if path.is_dir():
        raise TwoalikeError(
            where=path, expected="a raw table", found="a folder", remedy="Restore the file."
        )
    first, *lines = _raw_lines(path)[:-1] or [""]
    table = table.with_columns_of(first)
    if first + "\n" != table.header():
        raise TwoalikeError(
            "its header is not this version's",
            where=path,
            remedy="Run: twoalike validate, and start the next `session=...`.",
        )
    cells = [line.split("\t") for line in lines]
    if any(len(row) != len(table.names) for row in cells):
        raise TwoalikeError(
            "a row has too few or too many cells", where=path, remedy="Run: twoalike validate"
        )
    cells = cells[: len(cells) - n_partial_rows(cells, table)]
    return [dict(zip(table.names, row, strict=True)) for row in cells]


def read_log(path: Path) -> list[dict[str, Any]]:
    """Entries of a log; lines torn by a power cut are skipped, a missing log is empty."""
    if not path.is_file():
        return []
    entries = []
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    begun: bool = False
    """Whether there is a raw table."""
    n_done: int = 0
    """Trials on the disk."""
    time_s: float = 0.0
    """Last run time in table, events or log; the clock of a resumed run continues from it."""


def run_progress(root: str | Path, name: RunName) -> Progress:
    """Read how far a run is, from the files on the disk.

    Raises
    ------
    TwoalikeError
        If its tables are not as the writer leaves them.
    """
    root = Path(root)
    path = name.rows(root)
    if not path.exists():
        return Progress()
    task, n_done, time_s = task_of(path, name), 0, 0.0
    for number, row in enumerate(whole_rows(path, task.trials), start=1):
        if (index := row.get("trial_index")) not in (str(n_done), str(n_done + 1)) or index == "0":
            raise TwoalikeError(
                f"row {number} has trial_index {index!r}, expected {n_done + 1}",
                where=path,
                remedy=_EDITED,
            )
        n_done = int(index)
        answered = row["response_time"] != MISSING
        taken = _seconds(path, number, row, "response_time") if answered else 0.0
        time_s = _seconds(path, number, row, "onset") + taken
    events = name.events(root)
    if task.events is not None and events.exists():
        for number, row in enumerate(whole_rows(events, task.events), start=1):
            onset, taken = (_seconds(events, number, row, name) for name in ("onset", "duration"))
            time_s = max(time_s, onset + taken)
    # Pages, breaks and an interrupted trial come after the last row.
    noted = [entry.get("time_s") for entry in read_log(name.log(root))]
    times = [time for time in noted if isinstance(time, int | float) and 0 <= time < _LONGEST_S]
    return Progress(True, n_done, max([time_s, *times]))


def _seconds(path: Path, number: int, row: Mapping[str, str], column: str) -> float:
    try:
        if math.isfinite(value := float(row[column])):
            return value
    except ValueError:
        pass  # reported below, together with infinity and NaN
    raise TwoalikeError(
        where=f"{path}, row {number}, column {column!r}",
        expected="a time in seconds",
        found=repr(row[column]),
        remedy=_EDITED,
    )
