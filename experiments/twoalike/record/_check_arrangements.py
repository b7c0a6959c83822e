"""Our own rules on the raw tables of the multi-arrangement task."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from twoalike.record._check_triplets import ROUNDING_S, wrong_number
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem, read_events
from twoalike.record._tail import torn_line
from twoalike.study import TwoalikeError

type Row = dict[str, Any]
"""One image of a trial; None where a value is missing."""

_OF_TRIAL = (
    "trial_type",
    "n_items",
    "onset",
    "response_time",
    "end_reason",
    "end_method",
    "scheduler",
    "min_evidence_before",
    "mean_evidence_before",
)
"""Columns that say the same in all rows of a trial."""
_RADIUS = 0.5
_ROUNDING = 2e-6


def check_arrangement_rows(
    path: Path, rows: Sequence[tuple[int, Row]], manifest: Mapping[str, Any]
) -> Iterator[RawProblem]:
    """Problems of the rows, each with its number in the file."""
    for number, row in rows:
        for column, message in _check_item(row, manifest):
            yield RawProblem(path, message, number, column)
    end, expected = 0.0, 1
    for index, group in groupby(rows, key=lambda item: item[1]["trial_index"]):
        trial = list(group)
        number, first = trial[0]
        if index != expected:
            yield RawProblem(path, wrong_number(expected, index), number, "trial_index")
        expected = index + 1
        if first["onset"] < end - ROUNDING_S:
            message = f"{first['onset']} s lies before the end of the trial above ({end:.4f} s)"
            yield RawProblem(path, message, number, "onset")
        end = first["onset"] + first["response_time"]
        yield from _check_trial(path, trial)


def _check_item(row: Row, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row["stimulus"] not in manifest["stimuli"]:
        yield "stimulus", f"object {row['stimulus']!r} is not among the run's stimuli"
    distance = float(row["x"] ** 2 + row["y"] ** 2) ** 0.5
    if (distance <= _RADIUS) != row["inside"] and abs(distance - _RADIUS) > _ROUNDING:
        yield "inside", f"is {str(row['inside']).lower()}, but the centre is {distance:.4f} away"
    moved = row["n_moves"] > 0
    for column in ("first_move_time", "last_move_time"):
        if (row[column] is not None) != moved:
            yield column, f"is {row[column]}, but n_moves is {row['n_moves']}"
    if moved and row["last_move_time"] is not None:
        if row["last_move_time"] > row["response_time"] + ROUNDING_S:
            yield "last_move_time", f"{row['last_move_time']} s is after the trial's end"
        if (row["first_move_time"] or 0.0) > row["last_move_time"] + ROUNDING_S:
            yield "first_move_time", f"{row['first_move_time']} s is after the last move"


def _check_trial(path: Path, trial: Sequence[tuple[int, Row]]) -> Iterator[RawProblem]:
    number, first = trial[0]
    if len(trial) != first["n_items"]:
        message = f"is {first['n_items']}, but the trial has {len(trial)} rows"
        yield RawProblem(path, message, number, "n_items")
    for column in ("stimulus", "seat_index"):
        seen: set[object] = set()
        for at, row in trial:
            if row[column] in seen:
                yield RawProblem(path, f"{row[column]} stands twice in the trial", at, column)
            seen.add(row[column])
    for at, row in trial[1:]:
        for column in _OF_TRIAL:
            if row[column] != first[column]:
                message = f"is {row[column]}, in the trial's first row {first[column]}"
                yield RawProblem(path, message, at, column)
    if first["end_reason"] == "timeout" and first["end_method"] != "none":
        yield RawProblem(path, "is given although time ran out", number, "end_method")


def how_to_mend(going_on: bool) -> str:
    """Say what to do about a torn end; a completed session cannot be resumed."""
    return "mend it with: twoalike run ... --resume" if going_on else "restore it from a backup"


def check_events(
    root: Path, name: RunName, rows: Sequence[tuple[int, Row]], going_on: bool
) -> Iterator[RawProblem]:
    """Check that the events are in order, and lead to the final places of every trial."""
    path = name.events(root)
    try:
        events = read_events(root, name)
    except TwoalikeError as error:
        yield RawProblem(path, str(error).removeprefix(f"{path}: "))
        return
    if torn_line(path):
        message = f"the last line is torn; {how_to_mend(going_on)}"
        yield RawProblem(path, message, resumable=going_on)
    # Written when they end: a look at one image may begin while another is held.
    ends = (events["onset"] + events["duration"]).astype(float)
    for number in events.index[ends.diff() < -ROUNDING_S]:
        yield RawProblem(path, "ended before the event above", int(number) + 1, "onset")
    last = events[events["trial_type"].isin(["seat", "drag"])].groupby(["trial_index", "stimulus"])
    places = {key: (float(x), float(y)) for key, x, y in last[["x", "y"]].last().itertuples()}
    for number, row in rows:
        place = places.get((row["trial_index"], row["stimulus"]))
        if place is None:
            message = f"no event says where {row['stimulus']!r} of trial {row['trial_index']} was"
            yield RawProblem(name.rows(root), message, number, "stimulus")
        elif max(abs(place[0] - row["x"]), abs(place[1] - row["y"])) > _ROUNDING:
            message = f"is at {row['x']}, {row['y']}, the last event says {place[0]}, {place[1]}"
            yield RawProblem(name.rows(root), message, number, "x")
