"""The trial list: one row a trial, the file between the design and the session.

Any tool may write such a list; reading it checks everything a session relies on, so that a
slip shows before the participant sits down.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study import MISSING, write_json
from twoalike.tables import (
    MANY_STIMULI,
    PLACES,
    POSITIONS,
    REFERENCE,
    STIMULI,
    TRIAL_TYPES,
    Column,
    Fault,
    Table,
    choice_columns,
    faults,
    write_tsv,
)
from twoalike.tables import typed as with_types

ITEM_LEVELS = {str(number): f"stimulus_{number}" for number in (1, 2, 3)}
"""Values of a column that names one object of the triplet by its number."""
PLACE_LEVELS = {place: f"{place} of the three" for place in POSITIONS}


def count_up(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that trials are numbered 1, 2, ..."""
    for row, number in enumerate(trials["trial_index"]):
        if number != row + 1:
            yield Fault(row, f"{row + 1} (rows count up)", repr(str(number)), "trial_index")


def blocks_in_order(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that the number of the block only grows."""
    before = 1
    for row, block in enumerate(trials["block_index"]):
        if block < before:
            yield Fault(row, f"{before} or more", repr(str(block)), "block_index")
        before = block


def _three_different(trials: pd.DataFrame) -> Iterator[Fault]:
    for columns, what in ((STIMULI, "objects"), (PLACES, "places")):
        first, second, third = (trials[column] for column in columns)
        for column, twice in (
            (columns[1], second == first),
            (columns[2], (third == first) | (third == second)),
        ):
            expected = f"three different {what}"
            yield from faults(twice.to_numpy(), expected, column, trials[column].tolist())


def _checks_have_an_answer(trials: pd.DataFrame) -> Iterator[Fault]:
    expected = choice_columns(trials.columns)[1]
    wrong = (trials["trial_type"] == "catch") & trials[expected].isna()
    yield from faults(
        wrong.to_numpy(), "an answer in a catch trial", expected, [MISSING] * len(trials)
    )


def cells_of(trials: pd.DataFrame, columns: Sequence[str]) -> list[list[Any]]:
    """Cells of some columns by row, None where a value is missing."""
    found = trials[list(columns)].astype(object)
    return found.where(found.notna(), None).to_numpy().tolist()


def repeats_name_their_first(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that repeats name an earlier trial of the same objects."""
    columns = [name for name in MANY_STIMULI if name in trials.columns]
    shown = [set(row) - {None} for row in cells_of(trials, columns)]
    rows = zip(trials["trial_type"], trials["repeat_of"], strict=True)
    for row, (kind, repeat_of) in enumerate(rows):
        first = None if pd.isna(repeat_of) else int(repeat_of)
        found = repr(MISSING if first is None else str(first))
        if (kind == "repeat") != (first is not None):
            yield Fault(row, "a trial_index in repeat trials only", found, "repeat_of")
        elif first is not None and (first > row or shown[first - 1] != shown[row]):
            yield Fault(row, "an earlier trial of these objects", found, "repeat_of")


TRIAL_LIST = Table(
    "trial list",
    (
        Column(
            "trial_index",
            "integer",
            "Number of the trial in the run, in the order shown.",
            minimum=1,
        ),
        Column("block_index", "integer", "Block the trial belongs to.", minimum=1),
        Column("trial_type", "string", "Why the trial was shown.", levels=TRIAL_TYPES),
        Column("triplet_id", "string", "Id of the triplet in the design."),
        *(
            Column(
                name,
                "string",
                f"Id of object {name[-1]} of the triplet, in the order of the design.",
            )
            for name in STIMULI
        ),
        *(
            Column(name, "string", f"Where stimulus_{name[-1]} was shown.", levels=PLACE_LEVELS)
            for name in PLACES
        ),
        Column(
            "expected_odd",
            "integer",
            "The right answer of a trial that has one (attention checks).",
            levels=ITEM_LEVELS,
            missing="a matter of judgment",
        ),
        Column(
            "repeat_of",
            "integer",
            "trial_index of the first showing of a repeated trial.",
            minimum=1,
            missing="not a repeat",
        ),
        Column(
            "sampler",
            "string",
            "How the design chose the triplet (random, coverage, adaptive, list, ...).",
        ),
        Column(
            "sampler_score",
            "number",
            "Score that made the sampler choose it, such as the expected information.",
            decimals=6,
            missing="the sampler has none",
        ),
        Column(
            "condition",
            "string",
            "Condition of the design, such as a level of abstraction.",
            missing="none",
        ),
    ),
    rows="trials",
    items=STIMULI,
    checks=(
        count_up,
        blocks_in_order,
        _three_different,
        _checks_have_an_answer,
        repeats_name_their_first,
    ),
)
"""The trial list; the raw table of the trials has its columns as well."""


def _reference_between(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that the reference is at its place, and in a repeated trial the same as before."""
    place = trials[PLACES[0]]
    wrong = (place != REFERENCE).to_numpy()
    yield from faults(wrong, f"{REFERENCE!r}, the place of the reference", PLACES[0], list(place))
    shown = trials[STIMULI[0]].tolist()
    for row, first in enumerate(trials["repeat_of"]):
        if not pd.isna(first) and shown[int(first) - 1] != shown[row]:
            expected = f"{shown[int(first) - 1]!r}, the reference of trial {int(first)}"
            yield Fault(row, expected, repr(shown[row]), STIMULI[0])


ANCHORED_PLACES = {
    "left": "left candidate",
    REFERENCE: "the reference, between the candidates or above them",
    "right": "right candidate",
}
_OF_ANCHORED = {
    "trial_type": replace(
        TRIAL_LIST["trial_type"],
        levels=TRIAL_TYPES | {"catch": "attention check with an obvious answer"},
    ),
    "triplet_id": replace(
        TRIAL_LIST["triplet_id"], description="Id of the reference with its two candidates."
    ),
    STIMULI[0]: replace(TRIAL_LIST[STIMULI[0]], description="Id of the reference."),
    **{
        name: replace(TRIAL_LIST[name], description=f"Id of candidate {name}.")
        for name in STIMULI[1:]
    },
    **{name: replace(TRIAL_LIST[name], levels=ANCHORED_PLACES) for name in PLACES},
    "expected_odd": replace(
        TRIAL_LIST["expected_odd"],
        name="expected_response",
        levels={number: ITEM_LEVELS[number] for number in ("2", "3")},
    ),
    "sampler": replace(
        TRIAL_LIST["sampler"],
        description="How the design chose the trial (random, coverage, list, ...).",
    ),
}
"""Columns of the trial list that an anchored choice has in other words."""
ANCHORED_LIST = replace(
    TRIAL_LIST,
    columns=tuple(_OF_ANCHORED.get(column.name, column) for column in TRIAL_LIST.columns),
    checks=(*TRIAL_LIST.checks, _reference_between),
)
"""The trial list of the anchored-choice task: ``stimulus_1`` is the reference."""
COLUMNS = TRIAL_LIST.names
"""Columns of a trial list, in file order."""


def typed(table: pd.DataFrame, form: Table = TRIAL_LIST) -> pd.DataFrame:
    """Columns in order with their types; ``n/a`` and None become missing values."""
    values = {name: table[name].to_numpy(dtype=object, copy=True) for name in form.names}
    for cells in values.values():
        cells[pd.isna(cells)] = None  # first: pd.NA equals nothing, not even something else
        cells[cells == MISSING] = None
    return with_types(form, pd.DataFrame(values, index=table.index, dtype=object))


def write_list(path: Path, table: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Write a trial list of any task, and ``meta`` as JSON beside it, each all or nothing.

    Parameters
    ----------
    path
        File to write (.tsv); the description gets the ending ``.json``.
    table
        As the task's reader returns it, with at least one trial.
    meta
        Its :func:`twoalike.study.provenance`.
    """
    # The list comes last: where there is a list, there is its description.
    write_json(path.with_suffix(".json"), dict(meta))
    write_tsv(path, table)
