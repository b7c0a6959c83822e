"""The raw tables of the tasks."""

from collections.abc import Mapping
from dataclasses import dataclass

from twoalike.record._arrangement_columns import ARRANGEMENT_COLUMNS, EVENT_COLUMNS
from twoalike.record._triplet_columns import TRIPLET_COLUMNS
from twoalike.tables import MULTI_ARRANGEMENT, ODD_ONE_OUT, Table


@dataclass(frozen=True)
class TaskTables:
    """What a task records.

    Attributes
    ----------
    label
        Of BIDS file names: letters and digits only.
    name
        Of the command line and of sidecars.
    trials
        Table of trials.
    events
        Table of what happened within trials; None where the task keeps none.
    """

    label: str
    name: str
    description: str
    trials: Table
    events: Table | None = None


TRIPLETS = Table("beh", TRIPLET_COLUMNS)
ARRANGEMENTS, ARRANGEMENT_EVENTS = Table("beh", ARRANGEMENT_COLUMNS), Table("events", EVENT_COLUMNS)

TASKS: Mapping[str, TaskTables] = {
    tables.label: tables
    for tables in (
        TaskTables(
            ODD_ONE_OUT,
            "odd-one-out",
            "Of three images the participant picks the odd one out.",
            TRIPLETS,
        ),
        TaskTables(
            MULTI_ARRANGEMENT,
            "multi-arrangement",
            "The participant drags images into a circular arena, so that alike ones are close.",
            ARRANGEMENTS,
            ARRANGEMENT_EVENTS,
        ),
    )
}
"""The tasks, by their BIDS label."""
