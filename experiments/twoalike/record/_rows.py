"""Raw rows: read back, typed by the columns that wrote them, and checked by rules across columns.

Rows of a session follow from its journal; the rules are for what has none: rows that a page sent,
and copies for publication. They are the same for every task: what they ask of a row is read from
its columns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName, task_of
from twoalike.registry import Task
from twoalike.study import MISSING, TwoalikeError, read_text, require_file
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


def scan_rows(path: Path, table: Table) -> tuple[list[list[str]], str, list[RawProblem]]:
    """Split a raw table into whole rows of cells, the torn rest, and problems of its form.

    Rows get ``n/a`` in the conditional columns that the file lacks.
    """
    text = read_text(require_file(path, "a raw table"), remedy="Restore the file.")
    *lines, torn = text.split("\n")
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
    """Read one raw table; a torn last line, as other tools may leave it, is passed over."""
    path = Path(path)
    name = RunName.parse(path)
    return RawRun(name, _read_typed(path, task_of(path, name).trials))


def read_events(root: str | Path, name: RunName) -> pd.DataFrame:
    """Read what happened within the trials of a run."""
    path = name.events(Path(root))
    table = task_of(path, name).events
    if table is None:
        raise TwoalikeError(f"the task {name.task} keeps no table of events", where=path)
    return _read_typed(path, table)


def _read_typed(path: Path, table: Table) -> pd.DataFrame:
    cells, _, problems = scan_rows(path, table)
    values, wrong = parse_cells(path, cells, table)
    for problem in [*problems, *wrong]:
        raise TwoalikeError(f"{problem}. List all problems: twoalike validate")
    return values.astype({one.name: _NULLABLE[one.kind] for one in table.columns})


def whole_rows(path: Path, table: Table) -> list[dict[str, str]]:
    """Read the rows of a raw table as text."""
    cells, _, problems = scan_rows(path, table)
    for problem in problems:
        raise TwoalikeError(str(problem), remedy="Run: twoalike validate")
    return [dict(zip(table.names, row, strict=True)) for row in cells]


type TrialRow = dict[str, Any]
"""Values of one row by column; None where one is missing."""
type NumberedRows = Sequence[tuple[int, TrialRow]]
"""Rows with their numbers in the file; those with a problem are left out."""
type _Faults = Iterator[tuple[int, str, str]]
"""Row, column and message."""

_ROUNDING_S = 2e-4
"""Times are rounded to .1 ms, each on its own."""
_ROUNDING, _RADIUS = 2e-6, 0.5
"""Places are rounded to a millionth of the arena; its radius."""
_STIMULUS = re.compile(r"stimulus(_\d)?")
_CHOSEN = {
    **dict.fromkeys(("odd_stimulus", "chosen_stimulus"), "response"),
    **{f"alike_{k}": f"response_{k}" for k in (1, 2)},
}
"""Columns that repeat the object of a number, and the columns of the numbers."""
_SAME_IN_TRIAL = ("trial_type", "n_items", "onset", "response_time", "end_reason", "end_method")
"""Columns with one value in all rows of a trial."""


def check_rows(
    path: Path,
    rows: NumberedRows,
    task: Task,
    stimuli: Mapping[str, str],
    shown: Sequence[Mapping[str, str]] | None,
    events: pd.DataFrame | None,
) -> Iterator[RawProblem]:
    """Find what is wrong with the rows of a run.

    ``shown`` is its trial list, as text, and ``events`` what happened within the trials; None where
    there is none.
    """
    by_image = "stimulus" in task.trials.names
    faults = [_check_order(rows, by_image=by_image)]
    columns = [name for name in task.trials.names if _STIMULUS.fullmatch(name)]
    faults += [_check_row(number, row, columns, stimuli) for number, row in rows]
    if by_image:
        trials = groupby(rows, key=lambda item: item[1]["trial_index"])
        faults += [_check_trial(trial) for trial in [list(trial) for _, trial in trials]]
    if shown is not None:
        faults.append(_check_listed(rows, task, shown))
    if events is not None:
        faults.append(_check_places(rows, events))
    for number, column, message in chain.from_iterable(faults):
        yield RawProblem(path, message, number, column)


def _check_order(rows: NumberedRows, *, by_image: bool) -> _Faults:
    end, before, last = 0.0, 0, 0
    for number, row in rows:
        index = row["trial_index"]
        if by_image and index == last:
            continue
        if index != (expected := last + (1 if by_image else number - before)):
            message = f"expected {expected}, found {index}"
            if index > expected:  # those after it count on from there
                gone = f"trial {expected} is", f"trials {expected} to {index - 1} are"
                message = f"{gone[index > expected + 1]} missing"
            yield number, "trial_index", message
        before, last = number, index
        if row["onset"] < end - _ROUNDING_S:
            message = f"{row['onset']} s lies before the end of the trial above ({end:.4f} s)"
            yield number, "onset", message
        end = row["onset"] + (row["response_time"] or 0.0)


def _check_row(
    number: int, row: TrialRow, columns: Sequence[str], stimuli: Mapping[str, str]
) -> _Faults:
    shown = [one for one in columns if row.get(one) is not None]
    for column in shown:
        if row[column] not in stimuli:
            yield number, column, f"object {row[column]!r} is not among the run's stimuli"
    names = [row[column] for column in shown]
    if len(set(names)) < len(names) and not (row["trial_type"] == "catch" and len(names) == 2):
        yield number, shown[0], "an object appears twice in the trial"
    places = [row.get(column.replace("stimulus", "position")) for column in shown]
    if places != [None] and len(set(places)) < len(places):
        yield number, "position_1", f"the places are {', '.join(map(str, places))}"
    if "timed_out" in row and row["timed_out"] == (row["response_time"] is not None):
        said = f"is {str(row['timed_out']).lower()}, but the response time is"
        yield number, "timed_out", f"{said} {row['response_time'] or MISSING}"
    for column, of in _CHOSEN.items():
        if column in row:
            expected = None if row[of] is None else row.get(f"stimulus_{row[of]}")
            if row[column] != expected:
                said = f"is {row[column]}, but {of} is {MISSING if row[of] is None else row[of]}"
                yield number, column, f"{said}: expected {expected}"
    if "inside" in row:
        distance = float(row["x"] ** 2 + row["y"] ** 2) ** 0.5
        if (distance <= _RADIUS) != row["inside"] and abs(distance - _RADIUS) > _ROUNDING:
            said = f"is {str(row['inside']).lower()}"
            yield number, "inside", f"{said}, but the centre is {distance:.4f} away"


def _check_trial(trial: NumberedRows) -> _Faults:
    number, first = trial[0]
    if len(trial) != first["n_items"]:
        yield number, "n_items", f"is {first['n_items']}, but the trial has {len(trial)} rows"
    seen: set[str] = set()
    for at, row in trial:
        if row["stimulus"] in seen:
            yield at, "stimulus", f"{row['stimulus']} appears twice in the trial"
        seen.add(row["stimulus"])
        for column in (column for column in _SAME_IN_TRIAL if row[column] != first[column]):
            yield at, column, f"is {row[column]}, in the trial's first row {first[column]}"


def _check_listed(rows: NumberedRows, task: Task, shown: Sequence[Mapping[str, str]]) -> _Faults:
    listed = {(int(row["trial_index"]), row.get("stimulus")): row for row in shown}
    columns = [one for one in task.trial_list.columns if one.name in task.trials.names]
    for number, row in rows:
        planned = listed.get((row["trial_index"], row.get("stimulus")))
        if planned is None:
            message = f"trial {row['trial_index']} is not like this in the trial list"
            yield number, "trial_index", message
            continue
        for column in columns:
            if row[column.name] != column.parse(planned[column.name]):
                found = MISSING if row[column.name] is None else row[column.name]
                message = f"is {found}, the trial list says {planned[column.name]}"
                yield number, column.name, message


def _check_places(rows: NumberedRows, events: pd.DataFrame) -> _Faults:
    names = [name for name in ("x", "y", "place") if name in events]
    seats: dict[tuple[int, str], list[Any]] = {}
    places: dict[tuple[int, str], list[Any]] = {}
    for event in events.to_dict("records"):
        index, what = int(event["trial_index"]), event["trial_type"]
        key = (index, str(event["stimulus"]))
        place = [None if pd.isna(event[name]) else float(event[name]) for name in names]
        if what in ("trial_start", "reset"):
            places = {one: at for one, at in places.items() if one[0] != index}
            places |= {one: at for one, at in seats.items() if one[0] == index}
        elif what in ("seat", "drag"):
            places[key] = place
            if what == "seat":
                seats[key] = place
    for number, row in rows:
        found = [row[name] for name in names]
        last = places.get((row["trial_index"], row["stimulus"]), [None] * len(names))
        if any(
            (one is None) != (other is None) or abs((one or 0) - (other or 0)) > _ROUNDING
            for one, other in zip(last, found, strict=True)
        ):
            here, there = (", ".join(map(str, one)) for one in (found, last))
            yield number, names[0], f"is at {here}, the last event says {there}"
