"""Choices among three to six images: the raw tables, from those of the odd-one-out task, and rules.

The rules go beyond those of the columns.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from twoalike.design import ALIKE_PAIR_LIST, ODD_OF_MANY_LIST
from twoalike.record._rules import (
    ROUNDING_S,
    Findings,
    TrialRow,
    check_cells,
    check_given,
    check_limit,
    check_listed_rows,
)
from twoalike.record._tables import TRIPLETS
from twoalike.record._timed_columns import SCANNER_COLUMNS, check_timing, timed_columns
from twoalike.tables import MANY_PLACES, MANY_STIMULI, MOST_SHOWN, Column, Table

_NUMBERS = ODD_OF_MANY_LIST["expected_odd"].levels
_OF_ODD = (
    replace(
        TRIPLETS["response"],
        description="The object chosen as the odd one: 1 to 6 for stimulus_1 to _6.",
        levels=_NUMBERS,
    ),
    TRIPLETS["odd_stimulus"],
    Column(
        "response_position",
        "integer",
        "Place of the chosen object on the screen, as position_1 to _6.",
        minimum=1,
        maximum=MOST_SHOWN,
        missing="no choice",
    ),
    TRIPLETS["response_key"],
    TRIPLETS["response_method"],
)


def _response(number: int, which: str) -> Column:
    return replace(
        TRIPLETS["response"],
        name=f"response_{number}",
        description=f"{which} object of the pair chosen as most alike: 1 to 6 for stimulus_1 to "
        "_6; response_1 is the smaller number.",
        levels=_NUMBERS,
        missing="no pair before the time limit",
    )


def _alike(number: int) -> Column:
    return replace(
        TRIPLETS["odd_stimulus"],
        name=f"alike_{number}",
        description=f"Id of object response_{number}, a check on it.",
        missing="no pair",
    )


_OF_PAIR = (
    _response(1, "One"),
    _response(2, "The other"),
    _alike(1),
    _alike(2),
    Column(
        "first_response",
        "integer",
        "The object of the pair that was chosen first.",
        levels=_NUMBERS,
        missing="no pair",
    ),
    replace(
        TRIPLETS["response_time"],
        name="first_response_time",
        description="From the first frame that showed the images to the choice of that object.",
        missing="no pair",
    ),
    Column("n_taken_back", "integer", "Times that an object was chosen and taken back.", minimum=0),
    replace(
        TRIPLETS["response_key"],
        description="Name of the key pressed for the second object.",
        missing="no key (mouse, or no pair)",
    ),
    replace(
        TRIPLETS["response_method"], description="How the second object of the pair was chosen."
    ),
)


def _table(listed: Table, given: tuple[Column, ...], response_time: str, correct: str) -> Table:
    """Raw table: what the list says, then the answer, its circumstances, and what was right."""
    names = listed.names
    start = names.index("position_6") + 1
    end = names.index("repeat_of")
    times = ("rt_source", "rt_flag", "onset", "timed_out", "n_early_presses", "dropped_frames")
    columns = (
        *listed.columns[:start],
        *given,
        replace(TRIPLETS["response_time"], description=response_time),
        *(replace(TRIPLETS[name], description=_of_images(name)) for name in times),
        *listed.columns[start:end],
        replace(TRIPLETS["correct"], description=correct),
        *listed.columns[end:],
        *timed_columns(MOST_SHOWN),
        *SCANNER_COLUMNS,
        *TRIPLETS.columns[-2:],
    )
    return Table("beh", columns)


def _of_images(name: str) -> str:
    return TRIPLETS[name].description.replace("the triplet", "the images")


ODD_OF_MANY = _table(
    ODD_OF_MANY_LIST,
    _OF_ODD,
    "From the first frame that showed the images to the choice.",
    TRIPLETS["correct"].description,
)
"""``*_task-oddoneofmany_*_beh.tsv``: one row a trial shown to its end."""
ALIKE_PAIRS = _table(
    ALIKE_PAIR_LIST,
    _OF_PAIR,
    "From the first frame that showed the images to the choice of the second object.",
    "Whether response_1 and response_2 are expected_1 and expected_2.",
)
"""``*_task-mostalikepair_*_beh.tsv``: one row a trial shown to its end."""


_DESIGNED = ("trial_type", "set_id", "n_items", *MANY_STIMULI, *MANY_PLACES)
"""Columns in which a trial agrees with its trial list."""


def _check_answer(row: TrialRow, _: Mapping[str, Any]) -> Findings:
    yield from (_check_pair if "response_1" in row else _check_odd)(row)


def _check_set(row: TrialRow, manifest: Mapping[str, Any]) -> Findings:
    n = row["n_items"]
    for columns in (MANY_STIMULI, MANY_PLACES):
        for at, column in enumerate(columns):
            if (row[column] is None) != (at >= n):
                yield column, f"is {row[column]}, but n_items is {n}"
                return
    names = [row[column] for column in MANY_STIMULI[:n]]
    if len(set(names)) < n:
        yield MANY_STIMULI[0], "an object appears twice in the trial"
    places = [row[column] for column in MANY_PLACES[:n]]
    if sorted(places) != list(range(1, n + 1)):
        yield MANY_PLACES[0], f"the places are {', '.join(map(str, places))}, expected 1 to {n}"
    for column, name in zip(MANY_STIMULI, names, strict=False):
        if name not in manifest["stimuli"]:
            yield column, f"object {name!r} is not among the run's stimuli"


def _check_odd(row: TrialRow) -> Findings:
    response, n = row["response"], row["n_items"]
    yield from check_given(row, response is not None, f"response {response or 'n/a'}")
    if response is not None and response > n:
        yield "response", f"is {response}, but n_items is {n}"
        return
    chosen = place = correct = None
    if response is not None:
        chosen, place = row[MANY_STIMULI[response - 1]], row[MANY_PLACES[response - 1]]
        if row["expected_odd"] is not None:
            correct = response == row["expected_odd"]
    expected = {"odd_stimulus": chosen, "response_position": place, "correct": correct}
    yield from check_cells(row, expected, str(response or "n/a"))


def _check_pair(row: TrialRow) -> Findings:
    one, other, n = row["response_1"], row["response_2"], row["n_items"]
    if (one is None) != (other is None):
        yield "response_2", f"is {other or 'n/a'}, but response_1 is {one or 'n/a'}"
        return
    said = f"{one} and {other}" if one else "n/a"
    yield from check_given(row, one is not None, f"response {said}")
    if one is not None and not one < other <= n:
        yield "response_2", f"responses {said} are no ascending pair of the {n} images"
        return
    pair = [None if number is None else row[MANY_STIMULI[number - 1]] for number in (one, other)]
    correct = None
    if one is not None and row["expected_1"] is not None:
        correct = (one, other) == (row["expected_1"], row["expected_2"])
    expected = {"alike_1": pair[0], "alike_2": pair[1], "correct": correct}
    yield from check_cells(row, expected, said)
    first, taken = row["first_response"], row["first_response_time"]
    if first not in (one, other):
        yield "first_response", f"is {first or 'n/a'}, but the response is {said}"
    if (taken is None) != (one is None):
        yield "first_response_time", f"is {taken}, but the response is {said}"
    elif taken is not None and taken > (row["response_time"] or 0.0) + ROUNDING_S:
        yield "first_response_time", f"is {taken}, after the second choice"


check_many_rows = partial(
    check_listed_rows,
    checks=(check_limit, _check_set, check_timing, _check_answer),
    designed=_DESIGNED,
)
"""Find what is wrong with rows of odd-one-of-many or most-alike-pair."""
