"""The tasks of ratings and of sorting: their raw tables, and the rules of the rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.design import PAIR_LIST, SORTING_LIST
from twoalike.record._read import RawProblem
from twoalike.record._rules import (
    Findings,
    NumberedRows,
    TrialRow,
    check_cells,
    check_each,
    check_given,
    check_item_trial,
    check_limit,
    check_listed_rows,
    check_moves,
    check_trial_order,
)
from twoalike.record._tables import ARRANGEMENT_EVENTS, ARRANGEMENTS, TRIPLETS
from twoalike.tables import SEEN_BEFORE, Column, Table

RATINGS = Table(
    "beh",
    (
        *(
            PAIR_LIST[name]
            for name in ("trial_index", "block_index", "trial_type", "stimulus_1", "stimulus_2")
        ),
        *(PAIR_LIST[name] for name in ("position_1", "position_2")),
        Column(
            "response",
            "number",
            "How alike the two are, higher is more alike: 1 to scale_points, or the place on a "
            "slider, from 0 to 1.",
            minimum=0,
            missing="no answer before the time limit",
        ),
        Column(
            "scale_points",
            "integer",
            "Number of points of the Likert scale.",
            minimum=2,
            maximum=11,
            missing="a slider",
        ),
        Column(
            "start_value",
            "number",
            "Where the slider stood at the start.",
            minimum=0,
            maximum=1,
            missing="no slider, or one that stood nowhere",
        ),
        Column(
            "n_adjustments",
            "integer",
            "Times the answer was set or changed: by a press, a drag, or a step of a key or of the "
            "wheel.",
            minimum=0,
        ),
        Column(
            "response_method",
            "string",
            "How the answer was last set; of a slider left at its start, how that was confirmed.",
            levels={
                "keyboard": "a key",
                "mouse": "a click or a drag",
                "touch": "a touch of the screen",
                "wheel": "the wheel of the mouse",
                "none": "no answer",
            },
        ),
        replace(
            TRIPLETS["response_time"],
            description="From the first frame that showed the pair to the end of the answer.",
            missing="no answer",
        ),
        TRIPLETS["rt_source"],
        TRIPLETS["rt_flag"],
        replace(
            TRIPLETS["onset"],
            description=TRIPLETS["onset"].description.replace("the triplet", "the pair"),
        ),
        replace(
            TRIPLETS["timed_out"], description="Whether the time limit passed without an answer."
        ),
        TRIPLETS["n_early_presses"],
        replace(
            TRIPLETS["dropped_frames"],
            description="Screen frames that came late while the pair was shown.",
        ),
        PAIR_LIST["expected_rating"],
        replace(
            TRIPLETS["correct"],
            description="Whether response is in the half of the scale that expected_rating names.",
            missing="no right answer, or no answer",
        ),
        PAIR_LIST["repeat_of"],
        PAIR_LIST["sampler"],
        TRIPLETS["pilot"],
        SEEN_BEFORE,
    ),
)
"""``*_task-pairrating_*_beh.tsv``: one row a trial shown to its end."""

_LEFT_OUT = "not in a pile: the time limit passed"
SORTINGS = Table(
    "beh",
    (
        *(SORTING_LIST[name] for name in ("trial_index", "trial_type")),
        ARRANGEMENTS["n_items"],
        SORTING_LIST["stimulus"],
        Column(
            "pile",
            "integer",
            "Pile of the image at the end; piles are numbered from 1 in the order in which their "
            "places were first used.",
            minimum=1,
            missing=_LEFT_OUT,
        ),
        Column(
            "pile_name",
            "string",
            "Name that the participant gave the pile.",
            missing="none was given or asked for, or left out of a published copy",
            own_words=True,
        ),
        Column(
            "place",
            "integer",
            "Place of the pile on the screen, counted from 1 in the order of reading.",
            minimum=1,
            missing=_LEFT_OUT,
        ),
        replace(ARRANGEMENTS["n_moves"], description="Times the image was put somewhere else."),
        replace(
            ARRANGEMENTS["first_move_time"],
            description="Start of the first move, since the trial's onset.",
        ),
        replace(
            ARRANGEMENTS["last_move_time"],
            description="End of the last move, since the trial's onset.",
        ),
        *(ARRANGEMENTS[name] for name in ("n_inspections", "onset")),
        replace(
            ARRANGEMENTS["response_time"],
            description="From the onset to the end of the sorting; names of piles come after it. "
            "The same in all rows of a trial.",
        ),
        replace(
            ARRANGEMENTS["end_reason"],
            levels={
                "done": "the participant said so, all images in piles",
                "timeout": "the time limit passed",
            },
        ),
        *(ARRANGEMENTS[name] for name in ("end_method", "rt_source")),
        *(SORTING_LIST[name] for name in ("repeat_of", "sampler")),
        Column("item_size_px", "number", "Largest side of an image in the trial.", units="px"),
        TRIPLETS["pilot"],
        SEEN_BEFORE,
    ),
)
"""``*_task-freesorting_*_beh.tsv``: one row an image of a trial."""

_NO_PLACE = "among the images not sorted, or no move"
SORTING_EVENTS = Table(
    "events",
    (
        ARRANGEMENT_EVENTS["onset"],
        ARRANGEMENT_EVENTS["duration"],
        replace(
            ARRANGEMENT_EVENTS["trial_type"],
            levels={
                "trial_start": "the trial was shown; a second one of the same trial starts it anew",
                "drag": "an image was taken, moved and let go in another place",
                "inspect": "an image was looked at large",
                "reset": "all images went back to those not sorted",
                "done": "the sorting ended",
                "name": "a pile was given a name",
            },
        ),
        ARRANGEMENT_EVENTS["trial_index"],
        ARRANGEMENT_EVENTS["stimulus"],
        Column(
            "place_start",
            "integer",
            "Place of the pile where the image was before.",
            minimum=1,
            missing=_NO_PLACE,
        ),
        Column(
            "place",
            "integer",
            "Place of the pile where the image was then, or that was named.",
            minimum=1,
            missing=_NO_PLACE,
        ),
        ARRANGEMENT_EVENTS["pointer"],
    ),
)
"""``*_task-freesorting_*_events.tsv``: replays every trial."""


PAIR_DESIGNED = (
    "trial_type",
    "stimulus_1",
    "stimulus_2",
    "position_1",
    "position_2",
    "expected_rating",
)
"""Columns in which a rating agrees with its trial list."""
_SAME_IN_SORTING = ("trial_type", "n_items", "onset", "response_time", "end_reason", "end_method")
"""Columns with one value in all rows of a trial of sorting."""


def _check_pair(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    if row["position_1"] == row["position_2"]:
        yield "position_2", f"both objects are at the {row['position_1']}"
    if row["stimulus_1"] == row["stimulus_2"] and row["trial_type"] != "catch":
        yield "stimulus_2", "is stimulus_1, in a trial that is no attention check"
    for column in ("stimulus_1", "stimulus_2"):
        if row[column] not in manifest["stimuli"]:
            yield column, f"object {row[column]!r} is not among the run's stimuli"


def _check_rating(row: TrialRow, _: Mapping[str, Any]) -> Findings:
    response, points = row["response"], row["scale_points"]
    said = "n/a" if response is None else str(response)
    yield from check_given(row, response is not None, f"response {said}")
    if (row["response_method"] == "none") != (response is None):
        yield "response_method", f"is {row['response_method']}, but the response is {said}"
    if response is not None:
        allowed = 0 <= response <= 1 if points is None else response in range(1, points + 1)
        if not allowed:
            scale = "a slider from 0 to 1" if points is None else f"a scale of 1 to {points}"
            yield "response", f"{response} is not on {scale}"
    right = rating_is_right(response, points, row["expected_rating"])
    yield from check_cells(row, {"correct": right}, said)


check_rating_rows = partial(
    check_listed_rows, checks=(check_limit, _check_pair, _check_rating), designed=PAIR_DESIGNED
)
"""Find what is wrong with rows of the pair-rating task."""


def rating_is_right(
    response: float | None, scale_points: int | None, expected: str | None
) -> bool | None:
    """Whether a rating is in the expected half of its scale; None without a rating or a half.

    Examples
    --------
    >>> rating_is_right(7, 7, "high"), rating_is_right(0.5, None, "low")
    (True, False)
    """
    if response is None or expected is None:
        return None
    middle = 0.5 if scale_points is None else (1 + scale_points) / 2
    return response > middle if expected == "high" else response < middle


def check_sorting_rows(
    path: Path,
    rows: NumberedRows,
    manifest: Mapping[str, Any],
    shown: Sequence[Mapping[str, str]] | None = None,
    events: pd.DataFrame | None = None,
) -> Iterator[RawProblem]:
    """Find what is wrong with rows of the free-sorting task, as :func:`check_listed_rows`."""
    yield from check_each(path, rows, manifest, _check_sorted)
    yield from check_trial_order(path, rows)
    for _, group in groupby(rows, key=lambda item: item[1]["trial_index"]):
        trial = list(group)
        yield from check_item_trial(path, trial, unique=("stimulus",), same=_SAME_IN_SORTING)
        yield from _check_piles(path, trial)
    if shown is not None:
        yield from _check_listed(path, rows, shown)
    if events is not None:
        yield from _check_last_moves(path, rows, events)


def _check_sorted(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    if row["stimulus"] not in manifest["stimuli"]:
        yield "stimulus", f"object {row['stimulus']!r} is not among the run's stimuli"
    if (row["pile"] is None) != (row["place"] is None):
        yield "place", f"is {row['place']}, but pile is {row['pile']}"
    if row["pile"] is None and row["end_reason"] == "done":
        yield "pile", "is missing although the trial was finished"
    if row["pile"] is not None and not row["n_moves"]:
        yield "n_moves", f"is 0, but the image is in pile {row['pile']}"
    yield from check_moves(row)


def _check_piles(path: Path, trial: NumberedRows) -> Iterator[RawProblem]:
    """Check that a pile has one place and one name, and that piles are numbered from 1."""
    first: dict[int, TrialRow] = {}
    for number, row in trial:
        if row["pile"] is None:
            continue
        same = first.setdefault(row["pile"], row)
        for column in ("place", "pile_name"):
            if row[column] != same[column]:
                message = f"is {row[column]}, elsewhere in pile {row['pile']} {same[column]}"
                yield RawProblem(path, message, number, column)
    if len({row["place"] for row in first.values()}) < len(first):
        yield RawProblem(path, "two piles have the same place", trial[0][0], "place")
    if first and sorted(first) != list(range(1, len(first) + 1)):
        message = f"expected numbers from 1 to {len(first)}, found {sorted(first)}"
        yield RawProblem(path, message, trial[0][0], "pile")


def _check_listed(
    path: Path, rows: NumberedRows, shown: Sequence[Mapping[str, str]]
) -> Iterator[RawProblem]:
    """Check that each trial shows what the list says, image by image."""
    listed = {(int(row["trial_index"]), row["stimulus"]): row for row in shown}
    for number, row in rows:
        planned = listed.get((row["trial_index"], row["stimulus"]))
        if planned is None:
            message = f"{row['stimulus']!r} is not in trial {row['trial_index']} of the trial list"
            yield RawProblem(path, message, number, "stimulus")
        elif row["trial_type"] != planned["trial_type"]:
            message = f"is {row['trial_type']}, the trial list says {planned['trial_type']}"
            yield RawProblem(path, message, number, "trial_type")


def _check_last_moves(path: Path, rows: NumberedRows, events: pd.DataFrame) -> Iterator[RawProblem]:
    """Check that the events lead to the final place of every image."""
    places: dict[tuple[int, str], int | None] = {}
    for event in events.to_dict("records"):
        index = int(event["trial_index"])
        if event["trial_type"] in ("trial_start", "reset"):
            places = {key: place for key, place in places.items() if key[0] != index}
        elif event["trial_type"] == "drag":
            place = event["place"]
            places[index, str(event["stimulus"])] = None if pd.isna(place) else int(place)
    for number, row in rows:
        last = places.get((row["trial_index"], row["stimulus"]))
        if last != row["place"]:
            message = f"is {row['place']}, the last event says {last}"
            yield RawProblem(path, message, number, "place")
