"""Trial lists of choices and ratings: one row a trial, the file between design and session.

Any tool may write such a list; reading it checks everything a session relies on, so that a
slip shows before the participant sits down.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study import MISSING, write_json
from twoalike.tables import (
    MANY_PLACES,
    MANY_STIMULI,
    MOST_SHOWN,
    PLACES,
    POSITIONS,
    REFERENCE,
    STIMULI,
    TRIAL_TYPES,
    Check,
    Column,
    Fault,
    Table,
    faults,
    write_tsv,
)
from twoalike.tables import typed as with_types

_LEVELS = {str(number): f"stimulus_{number}" for number in range(1, MOST_SHOWN + 1)}
"""Values of a column that names one object of the trial by its number."""
_FEWEST = 3
_NUMBERS = {2: "two", 3: "three"}


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


def _different(columns: Sequence[str], what: str, but: str = "") -> Check:
    """Check that columns differ in each row, in trials of all types ``but`` one."""

    def check(trials: pd.DataFrame) -> Iterator[Fault]:
        expected = f"{_NUMBERS[len(columns)]} different {what}"
        for at, column in enumerate(columns):
            twice = trials[list(columns[:at])].eq(trials[column], axis=0).any(axis=1)
            wrong = (twice & (trials["trial_type"] != but)).to_numpy()
            yield from faults(wrong, expected, column, trials[column].tolist())

    return check


def _answered(column: str) -> Check:
    """Check that attention checks have a right answer."""

    def check(trials: pd.DataFrame) -> Iterator[Fault]:
        wrong = ((trials["trial_type"] == "catch") & trials[column].isna()).to_numpy()
        yield from faults(wrong, "an answer in a catch trial", column, [MISSING] * len(trials))

    return check


def _cells_of(trials: pd.DataFrame, columns: Sequence[str]) -> list[list[Any]]:
    """Cells of some columns by row, None where a value is missing."""
    found = trials[list(columns)].astype(object)
    return found.where(found.notna(), None).to_numpy().tolist()


def repeats_name_their_first(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that repeats name an earlier trial of the same objects."""
    columns = [name for name in MANY_STIMULI if name in trials.columns]
    shown = [set(row) - {None} for row in _cells_of(trials, columns)]
    rows = zip(trials["trial_type"], trials["repeat_of"], strict=True)
    for row, (kind, repeat_of) in enumerate(rows):
        first = None if pd.isna(repeat_of) else int(repeat_of)
        found = repr(MISSING if first is None else str(first))
        if (kind == "repeat") != (first is not None):
            yield Fault(row, "a trial_index in repeat trials only", found, "repeat_of")
        elif first is not None and (first > row or shown[first - 1] != shown[row]):
            yield Fault(row, "an earlier trial of these objects", found, "repeat_of")


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


def _sets_are_whole(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that n_items different objects have the places from 1 to n_items."""
    shown, places = (_cells_of(trials, columns) for columns in (MANY_STIMULI, MANY_PLACES))
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
    """Check that right answers are among the images shown, the smaller number first."""
    columns = [name for name in trials.columns if name.startswith("expected_")]
    for row, (n, answer) in enumerate(
        zip(trials["n_items"], _cells_of(trials, columns), strict=True)
    ):
        there = [number for number in answer if number is not None]
        if there and (len(there) < len(columns) or max(there) > n or there != sorted({*there})):
            expected = f"numbers of images from 1 to {n}, ascending, or n/a"
            yield Fault(row, expected, ", ".join(map(str, answer)), columns[0])


_INDEX = Column(
    "trial_index", "integer", "Number of the trial in the run, in the order shown.", minimum=1
)
_BLOCK = Column("block_index", "integer", "Block the trial belongs to.", minimum=1)
REPEAT_OF = Column(
    "repeat_of",
    "integer",
    "trial_index of the first showing of a repeated trial.",
    minimum=1,
    missing="not a repeat",
)
_SCORE = Column(
    "sampler_score",
    "number",
    "Score that made the sampler choose it, such as the expected information.",
    decimals=6,
    missing="the sampler has none",
)
_CONDITION = Column(
    "condition",
    "string",
    "Condition of the design, such as a level of abstraction.",
    missing="none",
)
_ANSWER = "The right answer of a trial that has one (attention checks)."
_OBVIOUS = "attention check with an obvious answer"


def _form(
    shown: Sequence[Column],
    answers: Sequence[Column],
    sampler: str,
    checks: Sequence[Check],
    catch: str = "",
    more: Sequence[Column] = (_SCORE, _CONDITION),
) -> Table:
    """Trial list of a task: what is shown where, the right answer, and how it was chosen."""
    levels = TRIAL_TYPES | ({"catch": catch} if catch else {})
    own = (
        _INDEX,
        _BLOCK,
        Column("trial_type", "string", "Why the trial was shown.", levels=levels),
        *shown,
        *answers,
        REPEAT_OF,
        Column("sampler", "string", f"How the design chose {sampler}."),
        *more,
    )
    items = tuple(column.name for column in shown if column.name.startswith("stimulus_"))
    rules = (count_up, blocks_in_order, *checks, repeats_name_their_first)
    return Table("trial list", own, rows="trials", items=items, checks=rules)


def _expected(name: str, levels: Mapping[str, str], description: str = _ANSWER) -> Column:
    kind: Any = "integer" if "1" in levels or "2" in levels else "string"
    return Column(name, kind, description, levels=levels, missing="a matter of judgment")


def _levels(*numbers: int) -> dict[str, str]:
    return {str(number): _LEVELS[str(number)] for number in numbers}


def _placed(places: Mapping[str, str], n: int) -> list[Column]:
    return [
        Column(f"position_{k}", "string", f"Where stimulus_{k} was shown.", levels=places)
        for k in range(1, n + 1)
    ]


TRIAL_LIST = _form(
    [
        Column("triplet_id", "string", "Id of the triplet in the design."),
        *(
            Column(
                name,
                "string",
                f"Id of object {name[-1]} of the triplet, in the order of the design.",
            )
            for name in STIMULI
        ),
        *_placed({place: f"{place} of the three" for place in POSITIONS}, 3),
    ],
    [_expected("expected_odd", _levels(1, 2, 3))],
    "the triplet (random, coverage, adaptive, list, ...)",
    [
        _different(STIMULI, "objects"),
        _different(PLACES, "places"),
        _answered("expected_odd"),
    ],
)
"""The trial list of the odd-one-out task; the raw table of the trials has its columns as well."""
ANCHORED_LIST = _form(
    [
        Column("triplet_id", "string", "Id of the reference with its two candidates."),
        Column(STIMULI[0], "string", "Id of the reference."),
        *(Column(name, "string", f"Id of candidate {name}.") for name in STIMULI[1:]),
        *_placed(
            {
                "left": "left candidate",
                REFERENCE: "the reference, between the candidates or above them",
                "right": "right candidate",
            },
            3,
        ),
    ],
    [_expected("expected_response", _levels(2, 3))],
    "the trial (random, coverage, list, ...)",
    [
        _different(STIMULI, "objects"),
        _different(PLACES, "places"),
        _answered("expected_response"),
        _reference_between,
    ],
    _OBVIOUS,
)
"""The trial list of the anchored-choice task: ``stimulus_1`` is the reference."""


def _many_form(answers: Sequence[Column], catch: str = "") -> Table:
    """Trial list of a choice among three to six images."""

    def fewer(name: str) -> str:
        return "the trial has fewer images" if int(name[-1]) > _FEWEST else ""

    shown = [
        Column("set_id", "string", "Id of the set of objects in the design."),
        Column("n_items", "integer", "Images of the trial.", minimum=_FEWEST, maximum=MOST_SHOWN),
        *(
            Column(
                name,
                "string",
                f"Id of object {name[-1]} of the trial, in the order of the design.",
                missing=fewer(name),
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
                missing=fewer(name),
            )
            for name in MANY_PLACES
        ),
    ]
    checks = [_sets_are_whole, _answered(answers[0].name), _right_answers_are_shown]
    return _form(shown, answers, "the set (random, coverage, list, ...)", checks, catch)


ODD_OF_MANY_LIST = _many_form([_expected("expected_odd", _LEVELS)])
"""The trial list of the odd-one-of-many task."""
ALIKE_PAIR_LIST = _many_form(
    [
        _expected("expected_1", _LEVELS, "One image of the right answer of a trial that has one."),
        _expected("expected_2", _LEVELS, "The other image of the right answer."),
    ],
    "attention check with one obviously alike pair",
)
"""The trial list of the most-alike-pair task."""

PAIR, _PAIR_PLACES = STIMULI[:2], PLACES[:2]
PAIR_LIST = _form(
    [
        *(
            Column(name, "string", f"Id of object {name[-1]} of the pair, in the design's order.")
            for name in PAIR
        ),
        *_placed({side: f"{side} of the two" for side in ("left", "right")}, 2),
    ],
    [
        _expected(
            "expected_rating",
            {"high": "two identical images", "low": "two images of far categories"},
            "The half of the scale that is right in a trial that has a right answer.",
        )
    ],
    "the pair (random, coverage, adaptive, list; identical or categories in attention checks)",
    [
        _different(PAIR, "objects", but="catch"),
        _different(_PAIR_PLACES, "places"),
        _answered("expected_rating"),
    ],
    _OBVIOUS,
    more=(),
)
"""The trial list of the pair-rating task; the raw table has its columns as well."""


def typed(table: pd.DataFrame, form: Table = TRIAL_LIST) -> pd.DataFrame:
    """Columns in order with their types; ``n/a`` and None become missing values."""
    values = {name: table[name].to_numpy(dtype=object, copy=True) for name in form.names}
    for cells in values.values():
        cells[pd.isna(cells)] = None  # first: pd.NA equals nothing, not even something else
        cells[cells == MISSING] = None
    return with_types(form, pd.DataFrame(values, index=range(len(table)), dtype=object))


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
