"""A table: its columns in order, what identifies a row, and the checks across columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from twoalike.study import Booleans, TwoalikeError
from twoalike.tables._column import Column

if TYPE_CHECKING:
    import pandas as pd

type Check = Callable[["pd.DataFrame"], Iterator["Fault"]]
"""A rule across cells: from a typed table to the faults, those of earlier rows first."""


@dataclass(frozen=True)
class Fault:
    """A cell or row that a table does not allow.

    Attributes
    ----------
    row
        Counted from 0.
    expected, found
        For the message; ``found`` is empty where ``expected`` alone says it.
    column
        Name; empty for the row as a whole.
    """

    row: int
    expected: str
    found: str = ""
    column: str = ""

    @property
    def message(self) -> str:
        """What was expected, and what was found instead."""
        found = f", found {self.found}" if self.found else ""
        return f"expected {self.expected}{found}"

    def error(self, where: object, remedy: str = "") -> TwoalikeError:
        """Error that names file, row (from 1) and column."""
        column = f", column {self.column!r}" if self.column else ""
        place = f"{where}, row {self.row + 1}{column}"
        return TwoalikeError(where=place, expected=self.expected, found=self.found, remedy=remedy)


def faults(
    wrong: Booleans, expected: str, column: str = "", values: Sequence[object] | None = None
) -> Iterator[Fault]:
    """Faults of the rows where ``wrong``, shape (n,), is true.

    Parameters
    ----------
    values
        What was found in each row; left out of the message if not given.
    """
    for row in wrong.nonzero()[0].tolist():
        yield Fault(row, expected, "" if values is None else repr(values[row]), column)


@dataclass(frozen=True)
class Table:
    """A table, declared once.

    Attributes
    ----------
    name
        What the table is one of, such as ``choices``; of raw tables the ending of the file name.
    columns
        In the order of the file.
    rows
        What a row is one of, such as ``judgments``, for messages.
    keys
        Columns that together identify a row: no two rows may agree in all of them.
    items
        Columns of object ids. In a data frame they share one list of categories, which is the
        order of objects and may name objects that no row has.
    checks
        Across columns and rows, called once every cell by itself is allowed.
    """

    name: str
    columns: tuple[Column, ...]
    rows: str = "rows"
    keys: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def subset(self, names: Sequence[str]) -> "Table":
        """Make a table of some of its columns, without keys and checks."""
        kept = tuple(self[name] for name in names)
        items = tuple(name for name in names if name in self.items)
        return Table(self.name, kept, self.rows, items=items)

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

    def sidecar(self) -> dict[str, Any]:
        """Entries of the BIDS sidecar, by column."""
        return {column.name: column.sidecar() for column in self.columns}

    def dictionary(self) -> str:
        """Markdown table of the columns, as ``data/README.md`` and the reference show it."""
        lines = ["| column | values | meaning |", "|---|---|---|"]
        lines += [f"| `{one.name}` | {one.values()} | {one.description} |" for one in self.columns]
        return "\n".join(lines) + "\n"

    def broken_rule(self, frame: "pd.DataFrame") -> Fault | None:
        """First row that agrees with an earlier one in the keys or breaks a check."""
        first = [next(check(frame), None) for check in (self._rows_differ, *self.checks)]
        return min(filter(None, first), key=lambda fault: fault.row, default=None)

    def _rows_differ(self, frame: "pd.DataFrame") -> Iterator[Fault]:
        if self.keys:
            *others, last = self.keys
            one = f"{', '.join(others)} and {last}" if others else last
            twice = frame.duplicated(list(self.keys)).to_numpy()
            for row in twice.nonzero()[0].tolist():
                yield Fault(row, f"one row for each {one}", f"{frame[last].iloc[row]!r} again")
