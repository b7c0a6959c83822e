"""The raw tables of choices among three to six images, from those of the odd-one-out task."""

from dataclasses import replace

from twoalike.design import ALIKE_PAIR_LIST, ODD_OF_MANY_LIST
from twoalike.record._tables import TRIPLETS
from twoalike.record._timed_columns import SCANNER_COLUMNS, timed_columns
from twoalike.tables import MOST_SHOWN, Column, Table

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
