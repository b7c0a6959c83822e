"""The raw tables of all tasks, the list of participants, and the table of answers.

``tables.toml`` declares their columns; writer, reader, sidecar and the column dictionary of
``data/README.md`` all come from it. BIDS validators enforce what a sidecar says, so a value that
the writer knows and the sidecar does not would make the data set invalid.

Columns of timed presentation, and of a session that a scanner's trigger starts, are there only in
sessions that ask for them. Positions of arrangements are in arena units: the centre of the arena is
the origin, its diameter is 1, y points up. They and the times are raw; distances and
dissimilarities are derived later.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from twoalike.design import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ARRANGEMENT_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    SORTING_LIST,
    TRIAL_LIST,
)
from twoalike.study import TwoalikeError, declared, parse_json
from twoalike.tables import PARTICIPANT_ID, SEEN_BEFORE, Column, Fault, Table

OFF = 0.5
"""Frames that a duration may differ from its plan before it is flagged."""
OLDEST_AGE = 89
"""Higher ages are stored as this, since a very high age can identify a person (BIDS)."""
_DECLARED = declared("twoalike.record", "tables.toml")
README: str = _DECLARED["readme"]
"""Page in the data set, of a study's title."""


def _column(section: str, name: str, listed: Table = TRIAL_LIST, **words: Any) -> Column:
    about = _DECLARED[section][name.removesuffix(f"_{words.get('k')}")]
    return Column.of(name, about, {one.name: one.levels for one in listed.columns}, **words)


def timed_columns(n_items: int = 3) -> tuple[Column, ...]:
    """Columns of a task that shows ``n_items`` images at most."""

    def of_each(*names: str) -> list[Column]:
        numbers = range(1, n_items + 1)
        return [_column("shared", f"{name}_{k}", k=k) for k in numbers for name in names]

    return (
        _column("shared", "presentation_planned"),
        *of_each("image_onset", "image_duration"),
        _column("shared", "mask_planned"),
        *of_each("mask", "mask_onset", "mask_duration"),
        _column("shared", "timing_flag"),
    )


def _table(label: str, listed: Table = TRIAL_LIST, also: str = "shared", **more: Any) -> Table:
    """Table that a section declares; columns it does not describe are those of others."""
    names = listed.names
    expected = [name for name in names if name.startswith("expected_")]
    first = names.index(expected[0]) if expected else 0
    last = first + len(expected)
    n_items = sum(name.startswith("stimulus_") for name in names)
    parts: dict[str, Any] = {
        "list": listed.columns[:first],
        "expected": listed.columns[first:last],
        "rest": listed.columns[last:],
        "timed": timed_columns(n_items),
        "scanner": [_column("shared", name) for name in ("trigger_time", "onset_from_trigger")],
    }
    own = _DECLARED[label]
    words = _DECLARED["words"] | own.get("words", {}) | {"oldest": OLDEST_AGE}
    known = {column.name: column for column in (PARTICIPANT_ID, SEEN_BEFORE)}
    columns: list[Column] = []
    for name in own["columns"].split():
        section = next((one for one in (label, also) if name in _DECLARED[one]), "")
        if name in parts:
            columns += parts[name]
        elif section:
            columns.append(_column(section, name, listed, **words))
        elif name in names:
            columns.append(listed[name])
        else:
            columns.append(known.get(name) or _column("shared", name, listed, **words))
    return Table(more.pop("name", "beh"), tuple(columns), **more)


TRIPLETS = _table("oddoneout", TRIAL_LIST)
"""``*_task-oddoneout_*_beh.tsv``: one row a trial shown to its end."""
ANCHORED = _table("anchoredchoice", ANCHORED_LIST)
"""``*_task-anchoredchoice_*_beh.tsv``: one row a trial shown to its end."""
ODD_OF_MANY = _table("oddoneofmany", ODD_OF_MANY_LIST)
"""``*_task-oddoneofmany_*_beh.tsv``: one row a trial shown to its end."""
ALIKE_PAIRS = _table("mostalikepair", ALIKE_PAIR_LIST)
"""``*_task-mostalikepair_*_beh.tsv``: one row a trial shown to its end."""
RATINGS = _table("pairrating", PAIR_LIST)
"""``*_task-pairrating_*_beh.tsv``: one row a trial shown to its end."""
ARRANGEMENTS = _table("multiarrangement", ARRANGEMENT_LIST, "placing")
"""``*_task-multiarrangement_*_beh.tsv``: one row an image of a trial."""
ARRANGEMENT_EVENTS = _table("multiarrangement_events", ARRANGEMENT_LIST, "events", name="events")
"""``*_task-multiarrangement_*_events.tsv``: replays every trial."""
SORTINGS = _table("freesorting", SORTING_LIST, "placing")
"""``*_task-freesorting_*_beh.tsv``: one row an image of a trial."""
SORTING_EVENTS = _table("freesorting_events", SORTING_LIST, "events", name="events")
"""``*_task-freesorting_*_events.tsv``: replays every trial."""
PARTICIPANTS = _table("participants", name="participants", keys=("participant_id",))
"""``participants.tsv``; its owner may add columns."""
ASSIGNED = _table("assigned").columns
"""Columns of ``participants.tsv`` that a study with such settings fills."""
GROUP, TASK_ORDER, CONDITION_ORDER, OBJECT_SET, LANGUAGE = ASSIGNED


def parse_options(cell: str) -> tuple[str, ...]:
    """Options of a question from their cell."""
    try:
        options = parse_json(cell, "options", "")
    except TwoalikeError:
        options = None
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise ValueError(f"expected a JSON list of texts, found {cell}")
    return tuple(options)


def _options_are_lists(answers: pd.DataFrame) -> Iterator[Fault]:
    for row, cell in enumerate(answers["options"]):
        if isinstance(cell, str):
            try:
                parse_options(cell)
            except ValueError:
                yield Fault(row, "a JSON list of texts", cell, "options")


ANSWERS = _table("answers", name="answers", checks=(_options_are_lists,))
"""The answers of one participant in one session of a task; rows are only ever added."""


def rating_is_right(
    response: float | None, scale_points: int | None, expected: str | None
) -> bool | None:
    """Whether a rating is in the expected half of its scale; None without a rating or a half."""
    if response is None or expected is None:
        return None
    middle = 0.5 if scale_points is None else (1 + scale_points) / 2
    return response > middle if expected == "high" else response < middle
