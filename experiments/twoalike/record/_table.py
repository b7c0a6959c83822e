"""The raw tables of the tasks: which columns they have, how a row is written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from twoalike.record._arrangement_columns import ARRANGEMENT_COLUMNS, EVENT_COLUMNS
from twoalike.record._column import Column
from twoalike.record._triplet_columns import TRIPLET_COLUMNS
from twoalike.study import MISSING


@dataclass(frozen=True)
class Table:
    """A raw table: the ending of its file name and its columns in order."""

    suffix: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def header(self) -> str:
        """First line, with its line end."""
        return "\t".join(self.names) + "\n"

    def with_columns_of(self, header: str) -> "Table":
        """Leave out the columns that version 0.1 did not write, if ``header`` is of such a file."""
        old = replace(self, columns=tuple(one for one in self.columns if not one.added))
        return old if header.rstrip("\r\n") == old.header().rstrip("\n") else self

    def format_row(self, values: Mapping[str, object]) -> str:
        """One line, with its line end; columns added since version 0.1 may be left out.

        Raises
        ------
        ValueError
            If the names are not exactly those of the columns, or a value is not allowed.
        """
        added = {column.name for column in self.columns if column.added}
        if odd := (set(values) ^ set(self.names)) - added:
            raise ValueError(f"row differs in {sorted(odd)}")
        cells = []
        for column in self.columns:
            try:
                cells.append(column.format(values.get(column.name)))
            except ValueError as error:
                raise ValueError(f"column {column.name}: {error}") from error
        return "\t".join(cells) + "\n"

    def dictionary(self) -> str:
        """Markdown table of the columns, as ``data/README.md`` shows it."""
        lines = ["| column | values | meaning |", "|---|---|---|"]
        for column in self.columns:
            values = ", ".join(f"`{level}`" for level in column.levels) or column.kind
            if column.units:
                values += f", {column.units}"
            if column.missing:
                values += f", `{MISSING}` ({column.missing})"
            lines.append(f"| `{column.name}` | {values} | {column.description} |")
        return "\n".join(lines) + "\n"


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
            "oddoneout",
            "odd-one-out",
            "Of three images the participant picks the odd one out.",
            TRIPLETS,
        ),
        TaskTables(
            "multiarrangement",
            "multi-arrangement",
            "The participant drags images into a circular arena, so that alike ones are close.",
            ARRANGEMENTS,
            ARRANGEMENT_EVENTS,
        ),
    )
}
"""The tasks, by their BIDS label."""
