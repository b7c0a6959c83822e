"""The raw tables of arranging and sorting, the list of participants, and the table of answers.

Positions of arrangements are in arena units: the centre of the arena is the origin, its diameter
is 1, y points up. They and the times are raw; distances and dissimilarities are derived later.
"""

from collections.abc import Iterator

import pandas as pd

from twoalike.design import ARRANGEMENT_LIST, SORTING_LIST
from twoalike.record._choice_tables import CLOCKS, PILOT, TRIAL, count, flag, seconds, text
from twoalike.study import TwoalikeError, parse_json
from twoalike.tables import PARTICIPANT_ID, SEEN_BEFORE, Column, Fault, Table

OLDEST_AGE = 89
"""Higher ages are stored as this, since a very high age can identify a person (BIDS)."""


def _coordinate(name: str, about: str, missing: str = "") -> Column:
    return Column(name, "number", about, units="arena diameters", decimals=6, missing=missing)


def _evidence(name: str, which: str) -> Column:
    about, missing = f"{which} before the trial.", "no evidence is counted in this trial"
    return Column(name, "number", about, decimals=6, minimum=0, missing=missing)


def _pixels(name: str, about: str) -> Column:
    return Column(name, "number", about, units="px")


def _moves(moved: str, move: str) -> tuple[Column, ...]:
    """How often an image was moved, when, and how often it was looked at."""
    return (
        count("n_moves", f"Times the image was {moved}."),
        seconds(
            "first_move_time", f"Start of the first {move}, since the trial's onset.", "never moved"
        ),
        seconds(
            "last_move_time", f"End of the last {move}, since the trial's onset.", "never moved"
        ),
        count("n_inspections", "Times the image was looked at large."),
    )


def _times(until: str, done: str, timeout: str) -> tuple[Column, ...]:
    """When the trial was, and how it ended; the same in all rows of a trial."""
    return (
        seconds(
            "onset",
            "First frame that showed the trial, since the start of the run; after a resume the "
            "time goes on from the last event recorded before. The same in all rows of a trial.",
        ),
        seconds("response_time", f"From the onset to the end of the {until} of a trial."),
        text("end_reason", "How the trial ended.", levels={"done": done, "timeout": timeout}),
        text(
            "end_method",
            "How the end was given.",
            levels={
                "keyboard": "a key",
                "mouse": "the button",
                "touch": "the button",
                "none": "time",
            },
        ),
        text(
            "rt_source",
            "Where the times come from.",
            levels=CLOCKS | {"simulated": "a simulated observer, not a person"},
        ),
    )


_N_ITEMS = count("n_items", "Images of the trial: rows it has.", minimum=2)
ARRANGEMENTS = Table(
    "beh",
    (
        TRIAL,
        ARRANGEMENT_LIST["trial_type"],
        _N_ITEMS,
        ARRANGEMENT_LIST["stimulus"],
        _coordinate("x", "Final place of the image's centre, to the right of the arena's centre."),
        _coordinate("y", "Final place of the image's centre, above the arena's centre."),
        flag("inside", "Whether the image's centre lay inside the arena at the end."),
        count(
            "seat_index",
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
        *_moves("dragged", "drag"),
        *_times(
            "trial. The same in all rows",
            "the participant said so, all images inside",
            "the time limit passed; images outside count as not placed",
        ),
        ARRANGEMENT_LIST["scheduler"],
        _evidence("min_evidence_before", "Smallest evidence weight of a pair"),
        _evidence("mean_evidence_before", "Mean evidence weight of the pairs"),
        _pixels("arena_radius_px", "Radius of the arena."),
        _pixels("item_size_px", "Side of the square each image was fitted into."),
        PILOT,
        SEEN_BEFORE,
    ),
)
"""``*_task-multiarrangement_*_beh.tsv``: one row an image of a trial."""
_WHEN = (
    seconds("onset", "When it began, since the start of the run."),
    seconds("duration", "How long it took: of a drag, how long the button was down."),
)
_ANEW = "the trial was shown; a second one of the same trial starts it anew"
_LARGE = "an image was looked at large"
_STIMULUS = text("stimulus", "Id of the object it happened to.", "to all of them")
_POINTER = text(
    "pointer",
    "What moved it.",
    "no one; of a drag: the page, which put the image back after a reload",
    {"mouse": "the mouse", "touch": "a finger", "keyboard": "a key"},
)
ARRANGEMENT_EVENTS = Table(
    "events",
    (
        *_WHEN,
        text(
            "trial_type",
            "What happened.",
            levels={
                "trial_start": _ANEW,
                "seat": "where an image was when the trial began",
                "drag": "an image was taken, moved and let go",
                "inspect": _LARGE,
                "reset": "all images went back to their seats",
                "done": "the trial ended",
            },
        ),
        TRIAL,
        _STIMULUS,
        *(
            _coordinate(f"{axis}_start", "Where the image was before.", "not a drag")
            for axis in "xy"
        ),
        *(_coordinate(axis, "Where the image was then.", "not a place") for axis in "xy"),
        flag("inside", "Whether the image's centre lay inside the arena then.", "not a place"),
        _POINTER,
    ),
)
"""``*_task-multiarrangement_*_events.tsv``: replays every trial."""
_LEFT_OUT = "not in a pile: the time limit passed"
SORTINGS = Table(
    "beh",
    (
        *(SORTING_LIST[name] for name in ("trial_index", "trial_type")),
        _N_ITEMS,
        SORTING_LIST["stimulus"],
        count(
            "pile",
            "Pile of the image at the end; piles are numbered from 1 in the order in which their "
            "places were first used.",
            _LEFT_OUT,
            1,
        ),
        text(
            "pile_name",
            "Name that the participant gave the pile.",
            "none was given or asked for, or left out of a published copy",
            own_words=True,
        ),
        count(
            "place",
            "Place of the pile on the screen, counted from 1 in the order of reading.",
            _LEFT_OUT,
            1,
        ),
        *_moves("put somewhere else", "move"),
        *_times(
            "sorting; names of piles come after it. The same in all rows",
            "the participant said so, all images in piles",
            "the time limit passed",
        ),
        *(SORTING_LIST[name] for name in ("repeat_of", "sampler")),
        _pixels("item_size_px", "Largest side of an image in the trial."),
        PILOT,
        SEEN_BEFORE,
    ),
)
"""``*_task-freesorting_*_beh.tsv``: one row an image of a trial."""
_WAS = "Place of the pile where the image was"
_NO_PLACE = "among the images not sorted, or no move"
SORTING_EVENTS = Table(
    "events",
    (
        *_WHEN,
        text(
            "trial_type",
            "What happened.",
            levels={
                "trial_start": _ANEW,
                "drag": "an image was taken, moved and let go in another place",
                "inspect": _LARGE,
                "reset": "all images went back to those not sorted",
                "done": "the sorting ended",
                "name": "a pile was given a name",
            },
        ),
        TRIAL,
        _STIMULUS,
        count("place_start", f"{_WAS} before.", _NO_PLACE, 1),
        count("place", f"{_WAS} then, or that was named.", _NO_PLACE, 1),
        _POINTER,
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
GROUP = text(
    "group",
    "Group of the participant, of those in study.toml, from the first session on.",
    "in none",
)
TASK_ORDER = text(
    "task_order",
    "Tasks of a sitting in the order of the participant, separated by commas.",
    "no sitting of several tasks",
)
CONDITION_ORDER = text(
    "condition_order",
    "Conditions within a session in the order of the participant, separated by commas.",
    "no session with conditions",
)
OBJECT_SET = count(
    "object_set", "Number of the set of objects that the participant sees.", "all objects", 1
)
ASSIGNED = (GROUP, TASK_ORDER, CONDITION_ORDER, OBJECT_SET)
"""Columns of ``participants.tsv`` that a study with such settings fills."""


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


ANSWERS = Table(
    "answers",
    (
        text(
            "measure",
            "When it was asked.",
            levels={
                "consent": "before everything else",
                "form": "before the instruction",
                "blocks": "after a block of trials, whose number ends the id (_block2)",
                "debrief": "after the last trial",
            },
        ),
        text("question", "Id of the question."),
        text(
            "answer",
            "The answer; line breaks and tabs are stored as spaces, unless kind says otherwise.",
            "the question was left open",
        ),
        text("text", "The question as it was asked.", "it had no words"),
        text(
            "kind",
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
        text("options", "The options to choose from, as a JSON list.", "none"),
    ),
    checks=(_options_are_lists,),
)
"""The answers of one participant in one session of a task; rows are only ever added."""
