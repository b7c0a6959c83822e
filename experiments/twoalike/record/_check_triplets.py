"""Our own rules on the raw table of the odd-one-out task."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from twoalike.design import PLACES, POSITIONS, STIMULI
from twoalike.record._read import RawProblem
from twoalike.study import counted

type Row = dict[str, Any]
"""One trial; None where a value is missing."""
type Found = Iterator[tuple[str, str]]
"""Problems of one trial: column and message."""

DESIGNED = ("trial_type", "triplet_id", *STIMULI, *PLACES)
ROUNDING_S = 2e-4
"""Times are rounded to .1 ms, each on its own."""


def _check_limit(row: Row, manifest: Mapping[str, Any]) -> Found:
    limit = manifest["config"].get("timing", {}).get("response_limit_s") or float("inf")
    if (taken := row["response_time"]) is not None and taken > limit + ROUNDING_S:
        yield "response_time", f"{taken} s is longer than the limit of {limit} s"


def _check_triplet(row: Row, manifest: Mapping[str, Any]) -> Found:
    places = [row[column] for column in PLACES]
    if sorted(places) != sorted(POSITIONS):
        yield "position_1", f"the three places are {', '.join(places)}"
    if len({row[column] for column in STIMULI}) < 3:
        yield "stimulus_1", "an object stands twice in the triplet"
    for column in STIMULI:
        if row[column] not in manifest["stimuli"]:
            yield column, f"object {row[column]!r} is not among the run's stimuli"


def _check_response(row: Row, _: Mapping[str, Any]) -> Found:
    response = row["response"]
    if row["timed_out"] != (response is None):
        state = "no response" if response is None else "a response"
        yield "timed_out", f"is {str(row['timed_out']).lower()} although there is {state}"
    chosen = place = correct = None
    if response is not None:
        chosen, place = row[STIMULI[response - 1]], row[PLACES[response - 1]]
        if row["expected_odd"] is not None:
            correct = response == row["expected_odd"]
    expected = {"odd_stimulus": chosen, "response_position": place, "correct": correct}
    for column, value in expected.items():
        if row[column] != value:
            yield column, f"is {row[column]}, but response is {response}: expected {value}"
    if (row["response_time"] is None) != (response is None):
        yield "response_time", f"is {row['response_time']}, but response is {response}"


_CHECKS: tuple[Callable[[Row, Mapping[str, Any]], Found], ...] = (
    _check_limit,
    _check_triplet,
    _check_response,
)


def _check_order(path: Path, rows: Sequence[tuple[int, Row]]) -> Iterator[RawProblem]:
    """Check that trials are numbered from 1 and do not overlap in time."""
    seen: dict[int, int] = {}
    end, before, last = 0.0, 0, 0
    for number, row in rows:
        index, expected = row["trial_index"], last + number - before
        if index in seen:
            message = f"trial {index} stands already in row {seen[index]}"
            yield RawProblem(path, message, number, "trial_index")
        elif index != expected:
            yield RawProblem(path, wrong_number(expected, index), number, "trial_index")
        seen.setdefault(index, number)
        before, last = number, index
        if row["onset"] < end - ROUNDING_S:
            message = f"{row['onset']} s lies before the end of the trial above ({end:.4f} s)"
            yield RawProblem(path, message, number, "onset")
        end = row["onset"] + (row["response_time"] or 0.0)


def wrong_number(expected: int, found: int) -> str:
    """Say how a trial's number is wrong; those after it count on from there."""
    if found == expected + 1:
        return f"trial {expected} is missing"
    if found > expected:
        return f"trials {expected} to {found - 1} are missing"
    return f"expected {expected}, found {found}"


def _check_design(
    path: Path, rows: Sequence[tuple[int, Row]], shown: Sequence[Mapping[str, str]]
) -> Iterator[RawProblem]:
    """Check that trials are those of the list, found by their number: rows may be missing."""
    for number, row in rows:
        index = row["trial_index"]
        if index > len(shown):
            has = counted(len(shown), "trial")
            yield RawProblem(path, f"the trial list has only {has}", number)
            return
        for column in DESIGNED:
            if row[column] != (planned := shown[index - 1][column]):
                message = f"is {row[column]}, the trial list says {planned}"
                yield RawProblem(path, message, number, column)


def check_triplet_rows(
    path: Path,
    rows: Sequence[tuple[int, Row]],
    manifest: Mapping[str, Any],
    shown: Sequence[Mapping[str, str]] | None,
) -> Iterator[RawProblem]:
    """Problems of the rows, each with its number in the file."""
    for number, row in rows:
        for check in _CHECKS:
            for column, message in check(row, manifest):
                yield RawProblem(path, message, number, column)
    yield from _check_order(path, rows)
    if shown is not None:
        yield from _check_design(path, rows, shown)
