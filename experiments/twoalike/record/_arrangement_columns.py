"""The columns of the multi-arrangement task's two raw tables.

Positions are in arena units: the centre of the arena is the origin, its diameter is 1, y points
up. They and the times are raw; distances and dissimilarities are derived from them later.
"""

from twoalike.tables import SEEN_BEFORE, Column

_TRIAL = Column(
    name="trial_index",
    kind="integer",
    description="Number of the trial in the run, in the order shown.",
    minimum=1,
)
_PILOT = Column(name="pilot", kind="boolean", description="Whether this was a pilot or dry run.")


def _coordinate(name: str, description: str, missing: str = "") -> Column:
    return Column(
        name=name,
        kind="number",
        description=description,
        units="arena diameters",
        decimals=6,
        missing=missing,
    )


def _seconds(name: str, description: str, missing: str = "") -> Column:
    return Column(
        name=name, kind="number", description=description, units="s", minimum=0, missing=missing
    )


ARRANGEMENT_COLUMNS: tuple[Column, ...] = (
    _TRIAL,
    Column(
        name="trial_type",
        kind="string",
        description="Why the trial was shown.",
        levels={
            "practice": "to learn the task; not for analysis",
            "main": "a judgment",
            "catch": "attention check: images of one kind, and others far from it",
        },
    ),
    Column(
        name="n_items", kind="integer", description="Images of the trial: rows it has.", minimum=2
    ),
    Column(name="stimulus", kind="string", description="Id of the object placed."),
    _coordinate("x", "Final place of the image's centre, to the right of the arena's centre."),
    _coordinate("y", "Final place of the image's centre, above the arena's centre."),
    Column(
        name="inside",
        kind="boolean",
        description="Whether the image's centre lay inside the arena at the end.",
    ),
    Column(
        name="seat_index",
        kind="integer",
        description="Seat the image started on, counted counter-clockwise from 1.",
        minimum=1,
    ),
    Column(
        name="seat_angle",
        kind="number",
        description="Direction of the seat from the centre, counter-clockwise from the right.",
        units="degrees",
        minimum=0,
    ),
    Column(name="n_moves", kind="integer", description="Times the image was dragged.", minimum=0),
    _seconds("first_move_time", "Start of the first drag, since the trial's onset.", "never moved"),
    _seconds("last_move_time", "End of the last drag, since the trial's onset.", "never moved"),
    Column(
        name="n_inspections",
        kind="integer",
        description="Times the image was looked at large.",
        minimum=0,
    ),
    _seconds(
        "onset",
        "First frame that showed the trial, since the start of the run; after a resume the time "
        "goes on from the last event recorded before. The same in all rows of a trial.",
    ),
    _seconds(
        "response_time",
        "From the onset to the end of the trial. The same in all rows of a trial.",
    ),
    Column(
        name="end_reason",
        kind="string",
        description="How the trial ended.",
        levels={
            "done": "the participant said so, all images inside",
            "timeout": "the time limit passed; images outside count as not placed",
        },
    ),
    Column(
        name="end_method",
        kind="string",
        description="How the end was given.",
        levels={"keyboard": "a key", "mouse": "the button", "touch": "the button", "none": "time"},
    ),
    Column(
        name="rt_source",
        kind="string",
        description="Where the times come from.",
        levels={
            "pyglet": "time at which the window received the event; rounded up to a screen frame",
            "simulated": "a simulated observer, not a person",
        },
    ),
    Column(
        name="scheduler",
        kind="string",
        description="How the images of the trial were chosen (all, lift_weakest, covering, list).",
    ),
    Column(
        name="min_evidence_before",
        kind="number",
        description="Smallest evidence weight of a pair before the trial.",
        decimals=6,
        minimum=0,
        missing="no evidence is counted in this trial",
    ),
    Column(
        name="mean_evidence_before",
        kind="number",
        description="Mean evidence weight of the pairs before the trial.",
        decimals=6,
        minimum=0,
        missing="no evidence is counted in this trial",
    ),
    Column(name="arena_radius_px", kind="number", description="Radius of the arena.", units="px"),
    Column(
        name="item_size_px",
        kind="number",
        description="Side of the square each image was fitted into.",
        units="px",
    ),
    _PILOT,
    SEEN_BEFORE,
)
"""Columns of ``*_task-multiarrangement_*_beh.tsv``, one row an image of a trial."""

EVENT_COLUMNS: tuple[Column, ...] = (
    _seconds("onset", "When it began, since the start of the run."),
    _seconds("duration", "How long it took: of a drag, how long the button was down."),
    Column(
        name="trial_type",
        kind="string",
        description="What happened.",
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
    Column(
        name="stimulus",
        kind="string",
        description="Id of the object it happened to.",
        missing="to all of them",
    ),
    _coordinate("x_start", "Where the image was before.", "not a drag"),
    _coordinate("y_start", "Where the image was before.", "not a drag"),
    _coordinate("x", "Where the image was then.", "not a place"),
    _coordinate("y", "Where the image was then.", "not a place"),
    Column(
        name="inside",
        kind="boolean",
        description="Whether the image's centre lay inside the arena then.",
        missing="not a place",
    ),
    Column(
        name="pointer",
        kind="string",
        description="What moved it.",
        levels={"mouse": "the mouse", "touch": "a finger", "keyboard": "a key"},
        missing="nobody",
    ),
)
"""Columns of ``*_task-multiarrangement_*_events.tsv``: replays every trial."""
