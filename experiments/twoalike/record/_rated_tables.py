"""The raw tables of the tasks of ratings and of sorting, declared as tables."""

from dataclasses import replace

from twoalike.design import PAIR_LIST, SORTING_LIST
from twoalike.record._tables import ARRANGEMENT_EVENTS, ARRANGEMENTS, TRIPLETS
from twoalike.tables import SEEN_BEFORE, Column, Table

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
        TRIPLETS["pilot"],
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
