"""Trial lists of choices among three to six images: odd-one-of-many and most-alike-pair."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from twoalike.design._list import (
    TRIAL_LIST,
    blocks_in_order,
    cells_of,
    count_up,
    repeats_name_their_first,
)
from twoalike.study import MISSING
from twoalike.tables import (
    MANY_PLACES,
    MANY_STIMULI,
    MOST_SHOWN,
    TRIAL_TYPES,
    Column,
    Fault,
    Table,
)

MANY_LEVELS = {str(number): f"stimulus_{number}" for number in range(1, MOST_SHOWN + 1)}
"""Values of a column that names one object of the trial by its number."""
_FEWEST = 3


def _many(name: str) -> str:
    """Say what a missing object or place means; empty for those that every trial has."""
    return "the trial has fewer images" if int(name[-1]) > _FEWEST else ""


def _sets_are_whole(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that n_items different objects have the places from 1 to n_items."""
    shown, places = (cells_of(trials, columns) for columns in (MANY_STIMULI, MANY_PLACES))
    for row, n in enumerate(trials["n_items"].tolist()):
        for cells, columns in ((shown[row], MANY_STIMULI), (places[row], MANY_PLACES)):
            for at, name in enumerate(columns):
                if (cells[at] is None) != (at >= n):
                    found = repr(MISSING if cells[at] is None else str(cells[at]))
                    yield Fault(row, f"{n} images, as n_items says", found, name)
                    return
        if len(set(shown[row][:n])) < n:
            yield Fault(row, f"{n} different objects", "one twice", MANY_STIMULI[0])
        if sorted(places[row][:n]) != list(range(1, n + 1)):
            yield Fault(row, f"the places 1 to {n}, each once", "others", MANY_PLACES[0])


def _right_answers_are_shown(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that checks have a right answer, and right answers are among the images shown."""
    columns = [name for name in trials.columns if name.startswith("expected_")]
    rows = zip(trials["trial_type"], trials["n_items"], cells_of(trials, columns), strict=True)
    for row, (kind, n, answer) in enumerate(rows):
        there = [number for number in answer if number is not None]
        if kind == "catch" and not there:
            yield Fault(row, "an answer in a catch trial", repr(MISSING), columns[0])
        elif there and (len(there) < len(columns) or max(there) > n or there != sorted({*there})):
            expected = f"numbers of images from 1 to {n}, ascending, or n/a"
            yield Fault(row, expected, ", ".join(map(str, answer)), columns[0])


def _expected(name: str, what: str) -> Column:
    return replace(TRIAL_LIST["expected_odd"], name=name, description=what, levels=MANY_LEVELS)


def _form(answers: tuple[Column, ...], catch: str) -> Table:
    """Trial list of a task; ``answers`` name the right answer."""
    own = (
        *(TRIAL_LIST[name] for name in ("trial_index", "block_index")),
        replace(TRIAL_LIST["trial_type"], levels=TRIAL_TYPES | {"catch": catch}),
        Column("set_id", "string", "Id of the set of objects in the design."),
        Column("n_items", "integer", "Images of the trial.", minimum=_FEWEST, maximum=MOST_SHOWN),
        *(
            Column(
                name,
                "string",
                f"Id of object {name[-1]} of the trial, in the order of the design.",
                missing=_many(name),
            )
            for name in MANY_STIMULI
        ),
        *(
            Column(
                name,
                "integer",
                f"Place of stimulus_{name[-1]} on the screen: in reading order, in a ring "
                "clockwise from the top.",
                minimum=1,
                maximum=MOST_SHOWN,
                missing=_many(name),
            )
            for name in MANY_PLACES
        ),
        *answers,
        TRIAL_LIST["repeat_of"],
        replace(
            TRIAL_LIST["sampler"],
            description="How the design chose the set (random, coverage, list, ...).",
        ),
        *(TRIAL_LIST[name] for name in ("sampler_score", "condition")),
    )
    return Table(
        "trial list",
        own,
        rows="trials",
        items=MANY_STIMULI,
        checks=(
            count_up,
            blocks_in_order,
            _sets_are_whole,
            _right_answers_are_shown,
            repeats_name_their_first,
        ),
    )


ODD_OF_MANY_LIST = _form(
    (_expected("expected_odd", TRIAL_LIST["expected_odd"].description),), TRIAL_TYPES["catch"]
)
"""The trial list of the odd-one-of-many task."""
ALIKE_PAIR_LIST = _form(
    (
        _expected("expected_1", "One image of the right answer of a trial that has one."),
        _expected("expected_2", "The other image of the right answer."),
    ),
    "attention check with one obviously alike pair",
)
"""The trial list of the most-alike-pair task."""
