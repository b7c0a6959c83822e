"""Words, columns and tables that several stages share."""

from collections.abc import Container

from twoalike.tables._table import Column, Table

ODD_ONE_OUT = "oddoneout"
"""BIDS label of the odd-one-out task."""
ANCHORED_CHOICE = "anchoredchoice"
"""BIDS label of the anchored-choice task."""
ODD_ONE_OF_MANY = "oddoneofmany"
"""BIDS label of the odd-one-of-many task."""
MOST_ALIKE_PAIR = "mostalikepair"
"""BIDS label of the most-alike-pair task."""
MULTI_ARRANGEMENT = "multiarrangement"
"""BIDS label of the multi-arrangement task."""
PAIR_RATING = "pairrating"
"""BIDS label of the pair-rating task."""
FREE_SORTING = "freesorting"
"""BIDS label of the free-sorting task."""

POSITIONS = ("left", "middle", "right")
"""Places of the three images on the screen."""
STIMULI = ("stimulus_1", "stimulus_2", "stimulus_3")
"""Columns of the objects of a triplet, in the order of the design."""
PLACES = ("position_1", "position_2", "position_3")
"""Columns of the places where they are shown."""
MOST_SHOWN = 6
"""Most images of a trial of odd-one-of-many and most-alike-pair; the fewest are three."""
MANY_STIMULI = tuple(f"stimulus_{number}" for number in range(1, MOST_SHOWN + 1))
"""Columns of the objects of a trial with up to six images, in the order of the design."""
MANY_PLACES = tuple(f"position_{number}" for number in range(1, MOST_SHOWN + 1))
"""Columns of the places where they are shown, numbered in reading order."""
REFERENCE = "middle"
"""Place of the reference of an anchored choice: between the candidates, above them or in line."""
TRIAL_TYPES = {
    "practice": "to learn the task; not for analysis",
    "main": "a judgment",
    "catch": "attention check with one obviously odd object",
    "repeat": "a main trial shown a second time",
}
"""Why a trial is shown."""

CHOICE_COLUMNS = (("odd_stimulus", "expected_odd"), ("chosen_stimulus", "expected_response"))
"""Columns of the chosen object and of the right answer: of odd-one-out and of anchored choices."""


def choice_columns(columns: Container[str]) -> tuple[str, str]:
    """Which of :data:`CHOICE_COLUMNS` a raw table or a trial list has.

    Examples
    --------
    >>> choice_columns(("response", "odd_stimulus", "expected_odd"))
    ('odd_stimulus', 'expected_odd')
    """
    odd, anchored = CHOICE_COLUMNS
    return anchored if any(name in columns for name in anchored) else odd


JUDGED = ("main", "repeat")
"""Types of trials that are judgments: fitted and scored. Practice and attention checks are not."""
LEVELS = {
    "coarse": "objects of three categories",
    "fine": "objects of one category",
    "boundary": "two objects of one category, and one of another",
}
"""Levels of abstraction of a triplet, by the categories of its objects."""

OBJECT_ID = Column("id", "string", "Id of the object.")
LABELS = Table("labels", (OBJECT_ID,), rows="objects", keys=("id",))
"""Labels of objects; the columns after the id are levels of categories."""
PARTICIPANT_ID = Column(
    "participant_id", "string", "Code of the participant, with sub- in front.", identifier=True
)
SESSION_ID = Column("session_id", "string", "Session, with ses- in front.", identifier=True)
SEEN_BEFORE = Column(
    "seen_before",
    "boolean",
    "Whether the trial had been on the screen before, and was broken off.",
    missing="recorded by version 0.1",
    added=True,
)
"""Last column of every raw table of trials; the writer fills it in."""
