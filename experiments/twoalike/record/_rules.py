"""Rules of the built-in tasks on their raw rows, beyond those that the columns declare."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._read import RawProblem
from twoalike.record._timed_columns import check_timing
from twoalike.study import MISSING, counted
from twoalike.tables import PLACES, POSITIONS, REFERENCE, STIMULI, choice_columns

type TrialRow = dict[str, Any]
"""Values of one row by column; None where one is missing."""
type NumberedRows = Sequence[tuple[int, TrialRow]]
"""Rows with their numbers in the file; those with a problem are left out."""
type Findings = Iterator[tuple[str, str]]
"""Problems of one row: column and message."""
type RowCheck = Callable[[TrialRow, Mapping[str, Any]], Findings]
"""A check of one row of a run with a manifest."""

DESIGNED = ("trial_type", "triplet_id", *STIMULI, *PLACES)
"""Columns in which a trial agrees with its trial list."""
ROUNDING_S = 2e-4
"""Times are rounded to .1 ms, each on its own."""
_SAME_IN_TRIAL = (
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
"""Columns with one value in all rows of a trial of arrangement."""
_RADIUS = 0.5
_ROUNDING = 2e-6
"""Places are rounded to a millionth of the arena."""


def check_limit(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    """Check that no answer took longer than the time limit."""
    limit = manifest["config"].get("timing", {}).get("response_limit_s") or float("inf")
    if (taken := row["response_time"]) is not None and taken > limit + ROUNDING_S:
        yield "response_time", f"{taken} s is longer than the limit of {limit} s"


def _check_triplet(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    places = [row[column] for column in PLACES]
    if sorted(places) != sorted(POSITIONS):
        yield "position_1", f"the three places are {', '.join(places)}"
    if "chosen_stimulus" in row and places[0] != REFERENCE:
        yield PLACES[0], f"is {places[0]}, the reference is in the {REFERENCE}"
    if len({row[column] for column in STIMULI}) < 3:
        yield "stimulus_1", "an object appears twice in the triplet"
    for column in STIMULI:
        if row[column] not in manifest["stimuli"]:
            yield column, f"object {row[column]!r} is not among the run's stimuli"


def _check_response(row: TrialRow, _: Mapping[str, Any]) -> Findings:
    response = row["response"]
    yield from check_given(row, response is not None, f"response {response or 'n/a'}")
    chosen_stimulus, right_answer = choice_columns(row)
    chosen = place = correct = None
    if response is not None:
        chosen, place = row[STIMULI[response - 1]], row[PLACES[response - 1]]
        if row[right_answer] is not None:
            correct = response == row[right_answer]
    expected = {chosen_stimulus: chosen, "response_position": place, "correct": correct}
    yield from check_cells(row, expected, str(response or "n/a"))


def check_given(row: TrialRow, given: bool, what: str) -> Findings:
    """Check that there is a time where there is an answer, and that time ran out otherwise."""
    if row["timed_out"] == given:
        yield "timed_out", f"is {str(row['timed_out']).lower()} although there is {what}"
    if (row["response_time"] is not None) != given:
        yield "response_time", f"is {row['response_time']}, but there is {what}"


def check_cells(row: TrialRow, expected: Mapping[str, object], said: str) -> Findings:
    """Check cells that follow from the answer."""
    for column, value in expected.items():
        if row[column] != value:
            yield column, f"is {row[column]}, but the response is {said}: expected {value}"


def check_each(
    path: Path,
    rows: NumberedRows,
    manifest: Mapping[str, Any],
    *checks: RowCheck,
) -> Iterator[RawProblem]:
    """Check rows one by one."""
    for number, row in rows:
        for check in checks:
            for column, message in check(row, manifest):
                yield RawProblem(path, message, number, column)


def check_order(path: Path, rows: NumberedRows) -> Iterator[RawProblem]:
    """Check that trials are numbered from 1 and do not overlap in time."""
    seen: dict[int, int] = {}
    end, before, last = 0.0, 0, 0
    for number, row in rows:
        index, expected = row["trial_index"], last + number - before
        if index in seen:
            message = f"trial {index} is already in row {seen[index]}"
            yield RawProblem(path, message, number, "trial_index")
        elif index != expected:
            yield RawProblem(path, _wrong_number(expected, index), number, "trial_index")
        seen.setdefault(index, number)
        before, last = number, index
        if row["onset"] < end - ROUNDING_S:
            message = f"{row['onset']} s lies before the end of the trial above ({end:.4f} s)"
            yield RawProblem(path, message, number, "onset")
        end = row["onset"] + (row["response_time"] or 0.0)


def _wrong_number(expected: int, found: int) -> str:
    """Say how a trial's number is wrong; those after it count on from there."""
    if found == expected + 1:
        return f"trial {expected} is missing"
    if found > expected:
        return f"trials {expected} to {found - 1} are missing"
    return f"expected {expected}, found {found}"


def check_design(
    path: Path,
    rows: NumberedRows,
    shown: Sequence[Mapping[str, str]],
    columns: Sequence[str],
) -> Iterator[RawProblem]:
    """Check that trials are those of the list, found by their number: rows may be missing.

    ``columns`` are those in which they agree.
    """
    for number, row in rows:
        index = row["trial_index"]
        if index > len(shown):
            has = counted(len(shown), "trial")
            yield RawProblem(path, f"the trial list has only {has}", number)
            return
        for column in columns:
            value = MISSING if row[column] is None else str(row[column])
            if value != (planned := shown[index - 1][column]):
                message = f"is {value}, the trial list says {planned}"
                yield RawProblem(path, message, number, column)


def check_listed_rows(
    path: Path,
    rows: NumberedRows,
    manifest: Mapping[str, Any],
    shown: Sequence[Mapping[str, str]] | None,
    events: pd.DataFrame | None = None,
    *,
    checks: Sequence[RowCheck],
    designed: Sequence[str] = DESIGNED,
) -> Iterator[RawProblem]:
    """Find what is wrong with rows of a task with a row for each trial of its list.

    Parameters
    ----------
    rows
        Each with its number in the file, from 1; those with a problem are left out.
    manifest
        Of the run.
    shown
        Its trial list, as text; None where there is none.
    events
        What happened within the trials; these tasks keep no such table.
    checks
        What is checked of each row.
    designed
        Columns in which a trial agrees with its trial list.
    """
    yield from check_each(path, rows, manifest, *checks)
    yield from check_order(path, rows)
    if shown is not None:
        yield from check_design(path, rows, shown, designed)


check_triplet_rows = partial(
    check_listed_rows, checks=(check_limit, _check_triplet, _check_response, check_timing)
)
"""Find what is wrong with rows of the odd-one-out or the anchored-choice task."""


def check_arrangement_rows(
    path: Path,
    rows: NumberedRows,
    manifest: Mapping[str, Any],
    shown: Sequence[Mapping[str, str]] | None = None,
    events: pd.DataFrame | None = None,
) -> Iterator[RawProblem]:
    """Find what is wrong with rows of the multi-arrangement task, as :func:`check_listed_rows`."""
    yield from check_each(path, rows, manifest, _check_item)
    yield from check_trial_order(path, rows)
    for _, group in groupby(rows, key=lambda item: item[1]["trial_index"]):
        unique = ("stimulus", "seat_index")
        yield from check_item_trial(path, list(group), unique=unique, same=_SAME_IN_TRIAL)
    if events is not None:
        yield from _check_places(path, rows, events)


def check_trial_order(path: Path, rows: NumberedRows) -> Iterator[RawProblem]:
    """Check that trials of several rows are numbered from 1 and do not overlap in time."""
    end, expected = 0.0, 1
    for index, group in groupby(rows, key=lambda item: item[1]["trial_index"]):
        number, first = next(group)
        if index != expected:
            yield RawProblem(path, _wrong_number(expected, index), number, "trial_index")
        expected = index + 1
        if first["onset"] < end - ROUNDING_S:
            message = f"{first['onset']} s lies before the end of the trial above ({end:.4f} s)"
            yield RawProblem(path, message, number, "onset")
        end = first["onset"] + first["response_time"]


def _check_item(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    if row["stimulus"] not in manifest["stimuli"]:
        yield "stimulus", f"object {row['stimulus']!r} is not among the run's stimuli"
    distance = float(row["x"] ** 2 + row["y"] ** 2) ** 0.5
    if (distance <= _RADIUS) != row["inside"] and abs(distance - _RADIUS) > _ROUNDING:
        yield "inside", f"is {str(row['inside']).lower()}, but the centre is {distance:.4f} away"
    yield from check_moves(row)


def check_moves(row: TrialRow) -> Findings:
    """Check that the times of an image's moves fit their number and the trial."""
    moved = row["n_moves"] > 0
    for column in ("first_move_time", "last_move_time"):
        if (row[column] is not None) != moved:
            yield column, f"is {row[column]}, but n_moves is {row['n_moves']}"
    if moved and row["last_move_time"] is not None:
        if row["last_move_time"] > row["response_time"] + ROUNDING_S:
            yield "last_move_time", f"{row['last_move_time']} s is after the trial's end"
        if (row["first_move_time"] or 0.0) > row["last_move_time"] + ROUNDING_S:
            yield "first_move_time", f"{row['first_move_time']} s is after the last move"


def check_item_trial(
    path: Path, trial: NumberedRows, *, unique: Sequence[str], same: Sequence[str]
) -> Iterator[RawProblem]:
    """Check the rows of one trial: their number, what differs between them, and what may not."""
    number, first = trial[0]
    if len(trial) != first["n_items"]:
        message = f"is {first['n_items']}, but the trial has {len(trial)} rows"
        yield RawProblem(path, message, number, "n_items")
    for column in unique:
        seen: set[object] = set()
        for at, row in trial:
            if row[column] in seen:
                yield RawProblem(path, f"{row[column]} appears twice in the trial", at, column)
            seen.add(row[column])
    for at, row in trial[1:]:
        for column in same:
            if row[column] != first[column]:
                message = f"is {row[column]}, in the trial's first row {first[column]}"
                yield RawProblem(path, message, at, column)
    if first["end_reason"] == "timeout" and first["end_method"] != "none":
        yield RawProblem(path, "is given although time ran out", number, "end_method")


def _check_places(path: Path, rows: NumberedRows, events: pd.DataFrame) -> Iterator[RawProblem]:
    """Check that the events lead to the final places of every trial."""
    what, resets = events["trial_type"], events["trial_type"].eq("reset")
    n_before = resets.groupby(events["trial_index"]).cumsum()
    stays = n_before == n_before.groupby(events["trial_index"]).transform("max")
    places_them = events[what.eq("seat") | (what.eq("drag") & stays)]
    last = places_them.groupby(["trial_index", "stimulus"])
    places = {key: (float(x), float(y)) for key, x, y in last[["x", "y"]].last().itertuples()}
    for number, row in rows:
        place = places.get((row["trial_index"], row["stimulus"]))
        if place is None:
            message = f"no event says where {row['stimulus']!r} of trial {row['trial_index']} was"
            yield RawProblem(path, message, number, "stimulus")
        elif max(abs(place[0] - row["x"]), abs(place[1] - row["y"])) > _ROUNDING:
            message = f"is at {row['x']}, {row['y']}, the last event says {place[0]}, {place[1]}"
            yield RawProblem(path, message, number, "x")
