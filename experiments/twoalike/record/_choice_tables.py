"""The raw tables of tasks with one row a trial: choices and ratings of pairs.

Writer, reader, sidecar and the column dictionary of ``data/README.md`` all come from here. BIDS
validators enforce what a sidecar says, so a value that the writer knows and the sidecar does not
would make the data set invalid.

Columns of timed presentation, and of a session that a scanner's trigger starts, are there only in
sessions that ask for them.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from twoalike.design import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    TRIAL_LIST,
)
from twoalike.tables import MOST_SHOWN, PLACES, SEEN_BEFORE, Column, Table

OFF = 0.5
"""Frames that a duration may differ from its plan before it is flagged."""
_TIMED, _MASKED = "timing.presentation_ms", "timing.mask"
TRIAL = TRIAL_LIST["trial_index"]


def text(
    name: str, about: str, missing: str = "", levels: Mapping[str, str] | None = None, **more: Any
) -> Column:
    """Column of words: any, or one of ``levels``."""
    return Column(name, "string", about, missing=missing, levels=levels or {}, **more)


def flag(name: str, about: str, missing: str = "") -> Column:
    """Column of yes or no."""
    return Column(name, "boolean", about, missing=missing)


def count(name: str, about: str, missing: str = "", minimum: int = 0, **more: Any) -> Column:
    """Column of a whole number from 0, or another one, on."""
    return Column(name, "integer", about, missing=missing, minimum=minimum, **more)


def seconds(name: str, about: str, missing: str = "", when: str = "") -> Column:
    """Column of a time from 0 on."""
    return Column(name, "number", about, units="s", minimum=0, missing=missing, when=when)


PILOT = flag("pilot", "Whether this was a pilot or dry run.")
CLOCKS = {
    "pyglet": "time at which the window received the event; rounded up to a screen frame",
    "browser": "time at which the browser received the event, by its clock; onsets are animation "
    "frames",
}
"""Where times come from, of people."""


def timed_columns(n_items: int = 3) -> tuple[Column, ...]:
    """Columns of a task that shows ``n_items`` images at most.

    Examples
    --------
    >>> [column.name for column in timed_columns(1)][:3]
    ['presentation_planned', 'image_onset_1', 'image_duration_1']
    """

    def shown(what: str, k: int, missing: str, when: str, noun: str) -> tuple[Column, ...]:
        first = f"First frame that showed {noun}, since the start of the run."
        lasted = f"From the first frame that showed {noun} to the first one without it."
        made = partial(seconds, missing=missing, when=when)
        return made(f"{what}_onset_{k}", first), made(f"{what}_duration_{k}", lasted)

    images, masks = list[Column](), list[Column]()
    for k in range(1, n_items + 1):
        noun, absent = f"stimulus_{k}", "no mask was shown for it"
        images += shown("image", k, "this object was not shown", _TIMED, noun)
        about = f"Mask of {noun}: a picture of mask_folder, or scrambled."
        masks.append(text(f"mask_{k}", about, absent, when=_MASKED))
        masks += shown("mask", k, absent, _MASKED, f"the mask of {noun}")
    planned = "How long each image was to be shown: whole frames at the refresh rate in the"
    return (
        seconds("presentation_planned", f"{planned} manifest.", "never", _TIMED),
        *images,
        seconds("mask_planned", "How long each mask was to be shown, likewise.", "never", _MASKED),
        *masks,
        text(
            "timing_flag",
            "What lasted more than half a frame longer or shorter than planned; no trial is ever "
            "deleted.",
            "nothing",
            {
                "image": "an image",
                "mask": "a mask",
                "interval": "the time between two images",
                "several": "more than one kind of these",
            },
            when=_TIMED,
        ),
    )


_TRIGGERED = (
    "The scanner's trigger that the session, or the block, waited for, since the start of the run."
)
_FROM_TRIGGER = "First frame that showed the triplet, since that trigger: t = 0 is the trigger."
SCANNER_COLUMNS = (
    seconds("trigger_time", _TRIGGERED, "never", "scanner.start"),
    seconds("onset_from_trigger", _FROM_TRIGGER, "never", "scanner.start"),
)
_METHODS = {
    "keyboard": "a key",
    "mouse": "a click on the image",
    "touch": "a touch on the image",
    "none": "no choice",
}


def _response(
    name: str, about: str, listed: Table, expected: str, answer: str = "choice"
) -> Column:
    """Make the column of the number of a chosen object, of those that a list may expect."""
    levels = listed[expected].levels
    missing = f"no {answer} before the time limit"
    return Column(name, "integer", about, levels=levels, missing=missing)


def _given(
    key: str = "Name of the key pressed.",
    method: str = "How the choice was given.",
    answer: str = "choice",
) -> tuple[Column, ...]:
    """How a choice was given."""
    return (
        text("response_key", key, f"no key (mouse, or no {answer})"),
        text("response_method", method, levels=_METHODS),
    )


def _circumstances(
    shown: str, until: str, answer: str = "choice", dropped: str = "", out: str = ""
) -> tuple[Column, ...]:
    """List times of a trial, and what to know of them; ``shown`` is what its first frame showed."""
    return (
        seconds("response_time", f"From the first frame that showed {shown} to {until}.", answer),
        text(
            "rt_source",
            "Where the response time comes from.",
            levels=CLOCKS
            | {"simulated": "response-time model of a simulated observer, not a person"},
        ),
        text(
            "rt_flag",
            "Why to look at the response time with care; no trial is ever deleted.",
            "nothing to remark",
            {
                "fast": "shorter than the protocol's flag_fast_s",
                "slow": "longer than the protocol's flag_slow_s",
                "interrupted": "the trial was shown a second time after Esc",
            },
        ),
        seconds(
            "onset",
            f"First frame that showed {shown}, since the start of the run; after a resume the "
            "time goes on from the last trial recorded before.",
        ),
        flag("timed_out", f"Whether the time limit passed without {out or 'a choice'}."),
        count(
            "n_early_presses",
            "Presses that came before the shortest time allowed and were ignored.",
        ),
        count(
            "dropped_frames",
            f"Screen frames that came late while {shown} was shown{dropped}.",
            "refresh rate of the screen not known",
        ),
    )


def _choice_table(
    listed: Table, given: tuple[Column, ...], shown: str, right: str, until: str = "the choice"
) -> Table:
    """Raw table: what the list says, then the answer, its circumstances, and what was right."""
    first = [name.startswith("expected") for name in listed.names].index(True)
    repeat = listed.names.index("repeat_of")
    timed = "; where its presentation is timed, from its first frame to the last one of images and"
    columns = (
        *listed.columns[:first],
        *given,
        *_circumstances(shown, until, "no choice", f"{timed} masks"),
        *listed.columns[first:repeat],
        flag("correct", f"Whether {right}.", "no right answer, or no choice"),
        *listed.columns[repeat:],
        *timed_columns(sum(name.startswith("stimulus_") for name in listed.names)),
        *SCANNER_COLUMNS,
        PILOT,
        SEEN_BEFORE,
    )
    return Table("beh", columns)


_POSITIONS = TRIAL_LIST[PLACES[0]].levels
TRIPLETS = _choice_table(
    TRIAL_LIST,
    (
        _response(
            "response",
            "The object chosen as the odd one: 1, 2, 3 for stimulus_1, _2, _3.",
            TRIAL_LIST,
            "expected_odd",
        ),
        text("odd_stimulus", "Id of the chosen object, a check on response.", "no choice"),
        text("response_position", "Where the chosen object stood.", "no choice", _POSITIONS),
        *_given(),
    ),
    "the triplet",
    "response is expected_odd",
)
"""``*_task-oddoneout_*_beh.tsv``: one row a trial shown to its end."""
ANCHORED = _choice_table(
    ANCHORED_LIST,
    (
        _response(
            "response",
            "The candidate chosen as more like the reference: 2, 3 for stimulus_2, _3.",
            ANCHORED_LIST,
            "expected_response",
        ),
        text("chosen_stimulus", "Id of the chosen object, a check on response.", "no choice"),
        text(
            "response_position",
            "Where the chosen object stood.",
            "no choice",
            {side: ANCHORED_LIST[PLACES[0]].levels[side] for side in ("left", "right")},
        ),
        *_given(),
    ),
    "the triplet",
    "response is expected_response",
)
"""``*_task-anchoredchoice_*_beh.tsv``: one row a trial shown to its end."""
ODD_OF_MANY = _choice_table(
    ODD_OF_MANY_LIST,
    (
        _response(
            "response",
            "The object chosen as the odd one: 1 to 6 for stimulus_1 to _6.",
            ODD_OF_MANY_LIST,
            "expected_odd",
        ),
        TRIPLETS["odd_stimulus"],
        count(
            "response_position",
            "Place of the chosen object on the screen, as position_1 to _6.",
            "no choice",
            1,
            maximum=MOST_SHOWN,
        ),
        *_given(),
    ),
    "the images",
    "response is expected_odd",
)
"""``*_task-oddoneofmany_*_beh.tsv``: one row a trial shown to its end."""
_PAIR = "object of the pair chosen as most alike: 1 to 6 for stimulus_1 to _6; response_1 is the"
ALIKE_PAIRS = _choice_table(
    ALIKE_PAIR_LIST,
    (
        *(
            _response(name, f"{one} {_PAIR} smaller number.", ALIKE_PAIR_LIST, "expected_1", "pair")
            for name, one in (("response_1", "One"), ("response_2", "The other"))
        ),
        *(
            text(f"alike_{k}", f"Id of object response_{k}, a check on it.", "no pair")
            for k in "12"
        ),
        Column(
            "first_response",
            "integer",
            "The object of the pair that was chosen first.",
            levels=ALIKE_PAIR_LIST["expected_1"].levels,
            missing="no pair",
        ),
        seconds(
            "first_response_time",
            "From the first frame that showed the images to the choice of that object.",
            "no pair",
        ),
        count("n_taken_back", "Times that an object was chosen and taken back."),
        *_given(
            "Name of the key pressed for the second object.",
            "How the second object of the pair was chosen.",
            "pair",
        ),
    ),
    "the images",
    "response_1 and response_2 are expected_1 and expected_2",
    "the choice of the second object",
)
"""``*_task-mostalikepair_*_beh.tsv``: one row a trial shown to its end."""

RATINGS = Table(
    "beh",
    (
        *PAIR_LIST.columns[: PAIR_LIST.names.index("expected_rating")],
        Column(
            "response",
            "number",
            "How alike the two are, higher is more alike: 1 to scale_points, or the place on a "
            "slider, from 0 to 1.",
            minimum=0,
            missing="no answer before the time limit",
        ),
        count("scale_points", "Number of points of the Likert scale.", "a slider", 2, maximum=11),
        Column(
            "start_value",
            "number",
            "Where the slider stood at the start.",
            minimum=0,
            maximum=1,
            missing="no slider, or one that stood nowhere",
        ),
        count(
            "n_adjustments",
            "Times the answer was set or changed: by a press, a drag, or a step of a key or of the "
            "wheel.",
        ),
        text(
            "response_method",
            "How the answer was last set; of a slider left at its start, how that was confirmed.",
            levels={
                "keyboard": "a key",
                "mouse": "a click or a drag",
                "touch": "a touch of the screen",
                "wheel": "the wheel of the mouse",
                "none": "no answer",
            },
        ),
        *_circumstances("the pair", "the end of the answer", "no answer", out="an answer"),
        PAIR_LIST["expected_rating"],
        flag(
            "correct",
            "Whether response is in the half of the scale that expected_rating names.",
            "no right answer, or no answer",
        ),
        *PAIR_LIST.columns[PAIR_LIST.names.index("repeat_of") :],
        PILOT,
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
