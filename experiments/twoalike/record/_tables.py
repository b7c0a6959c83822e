"""The raw tables of the built-in tasks, and the lists beside them, declared as tables.

Writer, reader, sidecar and the column dictionary of ``data/README.md`` all come from here. BIDS
validators enforce what a sidecar says, so a value that the writer knows and the sidecar does not
would make the data set invalid.

Positions of arrangements are in arena units: the centre of the arena is the origin, its diameter
is 1, y points up. They and the times are raw; distances and dissimilarities are derived later.
"""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from twoalike.design import ANCHORED_LIST, ARRANGEMENT_LIST, TRIAL_LIST
from twoalike.record._timed_columns import SCANNER_COLUMNS, timed_columns
from twoalike.study import TwoalikeError, parse_json
from twoalike.tables import PARTICIPANT_ID, PLACES, SEEN_BEFORE, STIMULI, Column, Fault, Table

OLDEST_AGE = 89
"""Higher ages are stored as this, since a very high age can identify a person (BIDS)."""

_TRIAL = TRIAL_LIST["trial_index"]
_PILOT = Column("pilot", "boolean", "Whether this was a pilot or dry run.")
_WINDOW_TIME = "time at which the window received the event; rounded up to a screen frame"
_BROWSER_TIME = (
    "time at which the browser received the event, by its clock; onsets are animation frames"
)


def _coordinate(name: str, description: str, missing: str = "") -> Column:
    return Column(name, "number", description, units="arena diameters", decimals=6, missing=missing)


def _seconds(name: str, description: str, missing: str = "") -> Column:
    return Column(name, "number", description, units="s", minimum=0, missing=missing)


def _evidence(name: str, which: str) -> Column:
    return Column(
        name,
        "number",
        f"{which} before the trial.",
        decimals=6,
        minimum=0,
        missing="no evidence is counted in this trial",
    )


TRIPLETS = Table(
    "beh",
    (
        _TRIAL,
        TRIAL_LIST["block_index"],
        TRIAL_LIST["trial_type"],
        TRIAL_LIST["triplet_id"],
        *(TRIAL_LIST[name] for name in (*STIMULI, *PLACES)),
        Column(
            "response",
            "integer",
            "The object chosen as the odd one: 1, 2, 3 for stimulus_1, _2, _3.",
            levels=TRIAL_LIST["expected_odd"].levels,
            missing="no choice before the time limit",
        ),
        Column(
            "odd_stimulus",
            "string",
            "Id of the chosen object, a check on response.",
            missing="no choice",
        ),
        Column(
            "response_position",
            "string",
            "Where the chosen object stood.",
            levels=TRIAL_LIST[PLACES[0]].levels,
            missing="no choice",
        ),
        Column(
            "response_key",
            "string",
            "Name of the key pressed.",
            missing="no key (mouse, or no choice)",
        ),
        Column(
            "response_method",
            "string",
            "How the choice was given.",
            levels={
                "keyboard": "a key",
                "mouse": "a click on the image",
                "touch": "a touch on the image",
                "none": "no choice",
            },
        ),
        _seconds(
            "response_time",
            "From the first frame that showed the triplet to the choice.",
            "no choice",
        ),
        Column(
            "rt_source",
            "string",
            "Where the response time comes from.",
            levels={
                "pyglet": _WINDOW_TIME,
                "browser": _BROWSER_TIME,
                "simulated": "response-time model of a simulated observer, not a person",
            },
        ),
        Column(
            "rt_flag",
            "string",
            "Why to look at the response time with care; no trial is ever deleted.",
            levels={
                "fast": "shorter than the protocol's flag_fast_s",
                "slow": "longer than the protocol's flag_slow_s",
                "interrupted": "the trial was shown a second time after Esc",
            },
            missing="nothing to remark",
        ),
        _seconds(
            "onset",
            "First frame that showed the triplet, since the start of the run; after a resume the "
            "time goes on from the last trial recorded before.",
        ),
        Column("timed_out", "boolean", "Whether the time limit passed without a choice."),
        Column(
            "n_early_presses",
            "integer",
            "Presses that came before the shortest time allowed and were ignored.",
            minimum=0,
        ),
        Column(
            "dropped_frames",
            "integer",
            "Screen frames that came late while the triplet was shown; where its presentation is "
            "timed, from its first frame to the last one of images and masks.",
            minimum=0,
            missing="refresh rate of the screen not known",
        ),
        TRIAL_LIST["expected_odd"],
        Column(
            "correct",
            "boolean",
            "Whether response is expected_odd.",
            missing="no right answer, or no choice",
        ),
        *(TRIAL_LIST[name] for name in ("repeat_of", "sampler", "sampler_score", "condition")),
        *timed_columns(),
        *SCANNER_COLUMNS,
        _PILOT,
        SEEN_BEFORE,
    ),
)
"""``*_task-oddoneout_*_beh.tsv``: one row a trial shown to its end."""

_OF_ANCHORED = {
    "response": replace(
        TRIPLETS["response"],
        description="The candidate chosen as more like the reference: 2, 3 for stimulus_2, _3.",
        levels=ANCHORED_LIST["expected_response"].levels,
    ),
    "odd_stimulus": replace(TRIPLETS["odd_stimulus"], name="chosen_stimulus"),
    "response_position": replace(
        TRIPLETS["response_position"],
        levels={place: ANCHORED_LIST[PLACES[0]].levels[place] for place in ("left", "right")},
    ),
    "expected_odd": ANCHORED_LIST["expected_response"],
    "correct": replace(TRIPLETS["correct"], description="Whether response is expected_response."),
}
ANCHORED = replace(
    TRIPLETS,
    columns=tuple(
        _OF_ANCHORED.get(column.name)
        or (ANCHORED_LIST[column.name] if column.name in ANCHORED_LIST.names else column)
        for column in TRIPLETS.columns
    ),
)
"""``*_task-anchoredchoice_*_beh.tsv``: one row a trial shown to its end."""

ARRANGEMENTS = Table(
    "beh",
    (
        _TRIAL,
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
        _seconds(
            "first_move_time", "Start of the first drag, since the trial's onset.", "never moved"
        ),
        _seconds("last_move_time", "End of the last drag, since the trial's onset.", "never moved"),
        Column("n_inspections", "integer", "Times the image was looked at large.", minimum=0),
        _seconds(
            "onset",
            "First frame that showed the trial, since the start of the run; after a resume the "
            "time goes on from the last event recorded before. The same in all rows of a trial.",
        ),
        _seconds(
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
                "pyglet": _WINDOW_TIME,
                "browser": _BROWSER_TIME,
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
        _PILOT,
        SEEN_BEFORE,
    ),
)
"""``*_task-multiarrangement_*_beh.tsv``: one row an image of a trial."""

ARRANGEMENT_EVENTS = Table(
    "events",
    (
        _seconds("onset", "When it began, since the start of the run."),
        _seconds("duration", "How long it took: of a drag, how long the button was down."),
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
        _TRIAL,
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
