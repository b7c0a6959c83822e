"""The raw tables of arranging and sorting, the list of participants, and the table of answers.

Positions of arrangements are in arena units: the centre of the arena is the origin, its diameter
is 1, y points up. They and the times are raw; distances and dissimilarities are derived later.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from twoalike.design import ARRANGEMENT_LIST, SORTING_LIST
from twoalike.record._choice_tables import BROWSER_TIME, PILOT, TRIAL, WINDOW_TIME, seconds
from twoalike.study import TwoalikeError, parse_json
from twoalike.tables import PARTICIPANT_ID, SEEN_BEFORE, Column, Fault, Table

OLDEST_AGE = 89
"""Higher ages are stored as this, since a very high age can identify a person (BIDS)."""


def _coordinate(name: str, description: str, missing: str = "") -> Column:
    return Column(name, "number", description, units="arena diameters", decimals=6, missing=missing)


def _evidence(name: str, which: str) -> Column:
    return Column(
        name,
        "number",
        f"{which} before the trial.",
        decimals=6,
        minimum=0,
        missing="no evidence is counted in this trial",
    )


ARRANGEMENTS = Table(
    "beh",
    (
        TRIAL,
        ARRANGEMENT_LIST["trial_type"],
        Column("n_items", "integer", "Images of the trial: rows it has.", minimum=2),
        ARRANGEMENT_LIST["stimulus"],
        _coordinate("x", "Final place of the image's centre, to the right of the arena's centre."),
        _coordinate("y", "Final place of the image's centre, above the arena's centre."),
        Column("inside", "boolean", "Whether the image's centre lay inside the arena at the end."),
        Column(
            "seat_index",
            "integer",
            "Seat the image started on, counted counter-clockwise from 1.",
            minimum=1,
        ),
        Column(
            "seat_angle",
            "number",
            "Direction of the seat from the centre, counter-clockwise from the right.",
            units="degrees",
            minimum=0,
        ),
        Column("n_moves", "integer", "Times the image was dragged.", minimum=0),
        seconds(
            "first_move_time", "Start of the first drag, since the trial's onset.", "never moved"
        ),
        seconds("last_move_time", "End of the last drag, since the trial's onset.", "never moved"),
        Column("n_inspections", "integer", "Times the image was looked at large.", minimum=0),
        seconds(
            "onset",
            "First frame that showed the trial, since the start of the run; after a resume the "
            "time goes on from the last event recorded before. The same in all rows of a trial.",
        ),
        seconds(
            "response_time",
            "From the onset to the end of the trial. The same in all rows of a trial.",
        ),
        Column(
            "end_reason",
            "string",
            "How the trial ended.",
            levels={
                "done": "the participant said so, all images inside",
                "timeout": "the time limit passed; images outside count as not placed",
            },
        ),
        Column(
            "end_method",
            "string",
            "How the end was given.",
            levels={
                "keyboard": "a key",
                "mouse": "the button",
                "touch": "the button",
                "none": "time",
            },
        ),
        Column(
            "rt_source",
            "string",
            "Where the times come from.",
            levels={
                "pyglet": WINDOW_TIME,
                "browser": BROWSER_TIME,
                "simulated": "a simulated observer, not a person",
            },
        ),
        ARRANGEMENT_LIST["scheduler"],
        _evidence("min_evidence_before", "Smallest evidence weight of a pair"),
        _evidence("mean_evidence_before", "Mean evidence weight of the pairs"),
        Column("arena_radius_px", "number", "Radius of the arena.", units="px"),
        Column(
            "item_size_px", "number", "Side of the square each image was fitted into.", units="px"
        ),
        PILOT,
        SEEN_BEFORE,
    ),
)
"""``*_task-multiarrangement_*_beh.tsv``: one row an image of a trial."""

ARRANGEMENT_EVENTS = Table(
    "events",
    (
        seconds("onset", "When it began, since the start of the run."),
        seconds("duration", "How long it took: of a drag, how long the button was down."),
        Column(
            "trial_type",
            "string",
            "What happened.",
            levels={
                "trial_start": "the trial was shown; a second one of the same trial starts it anew",
                "seat": "where an image was when the trial began",
                "drag": "an image was taken, moved and let go",
                "inspect": "an image was looked at large",
                "reset": "all images went back to their seats",
                "done": "the trial ended",
            },
        ),
        TRIAL,
        Column("stimulus", "string", "Id of the object it happened to.", missing="to all of them"),
        _coordinate("x_start", "Where the image was before.", "not a drag"),
        _coordinate("y_start", "Where the image was before.", "not a drag"),
        _coordinate("x", "Where the image was then.", "not a place"),
        _coordinate("y", "Where the image was then.", "not a place"),
        Column(
            "inside",
            "boolean",
            "Whether the image's centre lay inside the arena then.",
            missing="not a place",
        ),
        Column(
            "pointer",
            "string",
            "What moved it.",
            levels={"mouse": "the mouse", "touch": "a finger", "keyboard": "a key"},
            missing="no one; of a drag: the page, which put the image back after a reload",
        ),
    ),
)
"""``*_task-multiarrangement_*_events.tsv``: replays every trial."""

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
        PILOT,
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

PARTICIPANTS = Table(
    "participants",
    (
        PARTICIPANT_ID,
        Column(
            "simulated",
            "boolean",
            "Whether the answers came from a simulated observer.",
            levels={"true": "a simulated observer", "false": "a person"},
        ),
    ),
    keys=("participant_id",),
)
"""``participants.tsv``; its owner may add columns."""
GROUP = Column(
    "group",
    "string",
    "Group of the participant, of those in study.toml, from the first session on.",
    missing="in none",
)
"""Column of ``participants.tsv`` in a study with groups."""
TASK_ORDER = Column(
    "task_order",
    "string",
    "Tasks of a sitting in the order of the participant, separated by commas.",
    missing="no sitting of several tasks",
)
"""Column of ``participants.tsv`` in a study with sittings of several tasks."""
CONDITION_ORDER = Column(
    "condition_order",
    "string",
    "Conditions within a session in the order of the participant, separated by commas.",
    missing="no session with conditions",
)
"""Column of ``participants.tsv`` in a study with conditions within a session."""
OBJECT_SET = Column(
    "object_set",
    "integer",
    "Number of the set of objects that the participant sees.",
    minimum=1,
    missing="all objects",
)
"""Column of ``participants.tsv`` in a study whose participants see some of the objects."""
ASSIGNED = (GROUP, TASK_ORDER, CONDITION_ORDER, OBJECT_SET)
"""Columns of ``participants.tsv`` that a study with such settings fills."""


def parse_options(cell: str) -> tuple[str, ...]:
    """Options of a question from their cell."""
    try:
        options = parse_json(cell, "options", "")
    except TwoalikeError as error:
        raise ValueError(f"expected a JSON list of texts, found {cell}") from error
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


ANSWERS = Table(
    "answers",
    (
        Column(
            "measure",
            "string",
            "When it was asked.",
            levels={
                "consent": "before everything else",
                "form": "before the instruction",
                "blocks": "after a block of trials, whose number ends the id (_block2)",
                "debrief": "after the last trial",
            },
        ),
        Column("question", "string", "Id of the question."),
        Column(
            "answer",
            "string",
            "The answer; line breaks and tabs are stored as spaces, unless kind says otherwise.",
            missing="the question was left open",
        ),
        Column("text", "string", "The question as it was asked.", missing="it had no words"),
        Column(
            "kind",
            "string",
            "What was asked for.",
            levels={
                "choice": "one of the options",
                "choices": "any of the options, as a JSON list",
                "age": f"an age in whole years; above {OLDEST_AGE} stored as {OLDEST_AGE}",
                "number": "a whole number",
                "text": "free text",
                "long_text": "free text of several lines, as a JSON string",
            },
        ),
        Column("options", "string", "The options to choose from, as a JSON list.", missing="none"),
    ),
    checks=(_options_are_lists,),
)
"""The answers of one participant in one session of a task; rows are only ever added."""
