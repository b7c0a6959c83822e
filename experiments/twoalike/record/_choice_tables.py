"""The raw tables of tasks with one row a trial: choices and ratings of pairs.

Writer, reader, sidecar and the column dictionary of ``data/README.md`` all come from here. BIDS
validators enforce what a sidecar says, so a value that the writer knows and the sidecar does not
would make the data set invalid.

Columns of timed presentation, and of a session that a scanner's trigger starts, are there only in
sessions that ask for them.
"""

from dataclasses import replace

from twoalike.design import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    TRIAL_LIST,
)
from twoalike.tables import MOST_SHOWN, PLACES, SEEN_BEFORE, STIMULI, Column, Table

OFF = 0.5
"""Frames that a duration may differ from its plan before it is flagged."""
_TIMED, _MASKED = "timing.presentation_ms", "timing.mask"
TRIAL = TRIAL_LIST["trial_index"]
PILOT = Column("pilot", "boolean", "Whether this was a pilot or dry run.")
WINDOW_TIME = "time at which the window received the event; rounded up to a screen frame"
BROWSER_TIME = (
    "time at which the browser received the event, by its clock; onsets are animation frames"
)


def seconds(name: str, description: str, missing: str = "", when: str = "") -> Column:
    """Column of a time from 0 on."""
    return Column(name, "number", description, units="s", minimum=0, missing=missing, when=when)


def _shown_for(what: str, number: int, missing: str, when: str, noun: str) -> tuple[Column, ...]:
    """Onset and duration of an image, or of its mask."""
    return (
        seconds(
            f"{what}_onset_{number}",
            f"First frame that showed {noun}, since the start of the run.",
            missing,
            when,
        ),
        seconds(
            f"{what}_duration_{number}",
            f"From the first frame that showed {noun} to the first one without it.",
            missing,
            when,
        ),
    )


def timed_columns(n_items: int = 3) -> tuple[Column, ...]:
    """Columns of a task that shows ``n_items`` images at most.

    Examples
    --------
    >>> [column.name for column in timed_columns(1)][:3]
    ['presentation_planned', 'image_onset_1', 'image_duration_1']
    """
    images, masks = list[Column](), list[Column]()
    for k in range(1, n_items + 1):
        absent, noun = "this object was not shown", f"stimulus_{k}"
        images += _shown_for("image", k, absent, _TIMED, noun)
        about = f"Mask of {noun}: a picture of mask_folder, or scrambled."
        absent = "no mask was shown for it"
        masks.append(Column(f"mask_{k}", "string", about, missing=absent, when=_MASKED))
        masks += _shown_for("mask", k, absent, _MASKED, f"the mask of {noun}")
    planned = "How long each image was to be shown: whole frames at the refresh rate in the"
    return (
        seconds("presentation_planned", f"{planned} manifest.", "never", _TIMED),
        *images,
        seconds("mask_planned", "How long each mask was to be shown, likewise.", "never", _MASKED),
        *masks,
        Column(
            "timing_flag",
            "string",
            "What lasted more than half a frame longer or shorter than planned; no trial is ever "
            "deleted.",
            levels={
                "image": "an image",
                "mask": "a mask",
                "interval": "the time between two images",
                "several": "more than one kind of these",
            },
            missing="nothing",
            when=_TIMED,
        ),
    )


SCANNER_COLUMNS = (
    seconds(
        "trigger_time",
        "The scanner's trigger that the session, or the block, waited for, since the start of the "
        "run.",
        "never",
        "scanner.start",
    ),
    seconds(
        "onset_from_trigger",
        "First frame that showed the triplet, since that trigger: t = 0 is the trigger.",
        "never",
        "scanner.start",
    ),
)

TRIPLETS = Table(
    "beh",
    (
        TRIAL,
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
        seconds(
            "response_time",
            "From the first frame that showed the triplet to the choice.",
            "no choice",
        ),
        Column(
            "rt_source",
            "string",
            "Where the response time comes from.",
            levels={
                "pyglet": WINDOW_TIME,
                "browser": BROWSER_TIME,
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
        seconds(
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
        PILOT,
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
