"""The columns of the odd-one-out task's raw table, defined once.

The writer, the reader, the sidecar and the column dictionary of ``data/README.md`` all come
from here. BIDS validators enforce what a sidecar says, so a value that the writer knows and
the sidecar does not would make the data set invalid.
"""

from twoalike.design import POSITIONS
from twoalike.tables import SEEN_BEFORE, Column


def _stimulus(number: int) -> Column:
    return Column(
        name=f"stimulus_{number}",
        kind="string",
        description=f"Id of object {number} of the triplet, in the order of the design.",
    )


def _position(number: int) -> Column:
    return Column(
        name=f"position_{number}",
        kind="string",
        description=f"Where stimulus_{number} was shown.",
        levels={place: f"{place} of the three" for place in POSITIONS},
    )


_ITEM = {str(number): f"stimulus_{number}" for number in (1, 2, 3)}

TRIPLET_COLUMNS: tuple[Column, ...] = (
    Column(
        name="trial_index",
        kind="integer",
        description="Number of the trial in the run, in the order shown.",
        minimum=1,
    ),
    Column(
        name="block_index", kind="integer", description="Block the trial belongs to.", minimum=1
    ),
    Column(
        name="trial_type",
        kind="string",
        description="Why the trial was shown.",
        levels={
            "practice": "to learn the task; not for analysis",
            "main": "a judgment",
            "catch": "attention check with one obviously odd object",
            "repeat": "a main trial shown a second time",
        },
    ),
    Column(name="triplet_id", kind="string", description="Id of the triplet in the design."),
    *map(_stimulus, (1, 2, 3)),
    *map(_position, (1, 2, 3)),
    Column(
        name="response",
        kind="integer",
        description="The object chosen as the odd one: 1, 2, 3 for stimulus_1, _2, _3.",
        levels=_ITEM,
        missing="no choice before the time limit",
    ),
    Column(
        name="odd_stimulus",
        kind="string",
        description="Id of the chosen object, a check on response.",
        missing="no choice",
    ),
    Column(
        name="response_position",
        kind="string",
        description="Where the chosen object stood.",
        levels={place: f"{place} of the three" for place in POSITIONS},
        missing="no choice",
    ),
    Column(
        name="response_key",
        kind="string",
        description="Name of the key pressed.",
        missing="no key (mouse, or no choice)",
    ),
    Column(
        name="response_method",
        kind="string",
        description="How the choice was given.",
        levels={
            "keyboard": "a key",
            "mouse": "a click on the image",
            "touch": "a touch on the image",
            "none": "no choice",
        },
    ),
    Column(
        name="response_time",
        kind="number",
        description="From the first frame that showed the triplet to the choice.",
        units="s",
        minimum=0,
        missing="no choice",
    ),
    Column(
        name="rt_source",
        kind="string",
        description="Where the response time comes from.",
        levels={
            "pyglet": "time at which the window received the event; rounded up to a screen frame",
            "simulated": "response-time model of a simulated observer, not a person",
        },
    ),
    Column(
        name="rt_flag",
        kind="string",
        description="Why to look at the response time with care; no trial is ever deleted.",
        levels={
            "fast": "shorter than the protocol's flag_fast_s",
            "slow": "longer than the protocol's flag_slow_s",
            "interrupted": "the trial was shown a second time after Esc",
        },
        missing="nothing to remark",
    ),
    Column(
        name="onset",
        kind="number",
        description="First frame that showed the triplet, since the start of the run; after "
        "a resume the time goes on from the last trial recorded before.",
        units="s",
        minimum=0,
    ),
    Column(
        name="timed_out",
        kind="boolean",
        description="Whether the time limit passed without a choice.",
    ),
    Column(
        name="n_early_presses",
        kind="integer",
        description="Presses that came before the shortest time allowed and were ignored.",
        minimum=0,
    ),
    Column(
        name="dropped_frames",
        kind="integer",
        description="Screen frames that came late while the triplet was shown.",
        minimum=0,
        missing="refresh rate of the screen not known",
    ),
    Column(
        name="expected_odd",
        kind="integer",
        description="The right answer of a trial that has one (attention checks).",
        levels=_ITEM,
        missing="a matter of judgment",
    ),
    Column(
        name="correct",
        kind="boolean",
        description="Whether response is expected_odd.",
        missing="no right answer, or no choice",
    ),
    Column(
        name="repeat_of",
        kind="integer",
        description="trial_index of the first showing of a repeated trial.",
        minimum=1,
        missing="not a repeat",
    ),
    Column(
        name="sampler",
        kind="string",
        description="How the design chose the triplet (random, coverage, adaptive, list, ...).",
    ),
    Column(
        name="sampler_score",
        kind="number",
        description="Score that made the sampler choose it, such as the expected information.",
        decimals=6,
        missing="the sampler has none",
    ),
    Column(
        name="condition",
        kind="string",
        description="Condition of the design, such as a level of abstraction.",
        missing="none",
    ),
    Column(
        name="pilot",
        kind="boolean",
        description="Whether this was a pilot or dry run.",
    ),
    SEEN_BEFORE,
)
"""Columns of ``*_task-oddoneout_*_beh.tsv``, one row a trial shown to its end."""
