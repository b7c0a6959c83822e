"""Cells of delimited text: columns by number or name, objects, response times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from twoalike.study import Floats, Integers, TwoalikeError

type ColumnName = int | str
"""A column: its number from 1, or its name in the header."""
type TimeUnit = Literal["s", "ms"]

_NO_NUMBER = ("", "n/a", "na", "nan", "none", "null")
_SECONDS = {"s": 1.0, "ms": 1e-3}
_PLAUSIBLE_S = (0.1, 100.0)
"""Bounds of the median response time: seconds taken for milliseconds, or the reverse, are beyond
them by a factor of ten or more."""


@dataclass(frozen=True)
class Sheet:
    """Cells of delimited text.

    Attributes
    ----------
    cells
        Strings, rows without the header, columns from 0.
    header
        Names of the columns; None where the file has none.
    """

    path: Path
    cells: pd.DataFrame
    header: tuple[str, ...] | None = None

    def where(self, row: int, column: ColumnName | None = None) -> str:
        """Name a row (from 0 here; from 1 in the file, the header counted) and a column."""
        number = row + (1 if self.header is None else 2)
        return f"{self.path}: row {number}" + ("" if column is None else f", column {column}")

    def text(self, column: ColumnName) -> "pd.Series[str]":
        """Cells of a column, which may be empty."""
        if isinstance(column, str):
            names = self.header or ()
            if names.count(column) != 1:
                raise TwoalikeError(
                    where=self.path, expected=f"one column {column!r}", found=f"{', '.join(names)}"
                )
            place = names.index(column)
        elif not 1 <= column <= self.cells.shape[1]:
            raise TwoalikeError(
                where=self.path,
                expected=f"column {column}",
                found=f"{self.cells.shape[1]} columns (numbered from 1)",
            )
        else:
            place = column - 1
        return self.cells.iloc[:, place].fillna("").str.strip()

    def filled(self, column: ColumnName) -> "pd.Series[str]":
        """Cells of a column of which none may be empty."""
        values = self.text(column)
        empty = np.flatnonzero(values == "")
        if len(empty):
            raise TwoalikeError("the cell is empty", where=self.where(int(empty[0]), column))
        return values


def object_cells(sheet: Sheet, columns: Sequence[ColumnName], ids: Sequence[str]) -> Integers:
    """Objects in the cells of the given columns, as indices into ``ids``, (n, len(columns)).

    Cells are ids; where not all of them are, and all are whole numbers, they are indices.
    """
    cells = [sheet.filled(column) for column in columns]
    known = pd.Index(list(ids))
    found = np.stack([known.get_indexer(pd.Index(values)) for values in cells], axis=1)
    as_index = not (found >= 0).all() and all(
        values.str.fullmatch(r"[0-9]{1,18}").all() for values in cells
    )
    if as_index:
        found = np.stack([values.to_numpy().astype(np.int64) for values in cells], axis=1)
    bad = np.argwhere((found < 0) | (found >= len(ids)))
    if len(bad):
        row, place = bad[0]
        expected = f"an index from 0 to {len(ids) - 1}" if as_index else "an object id"
        raise TwoalikeError(
            f"{cells[place].iloc[row]!r} is not one of the {len(ids)} objects (expected "
            f"{expected})",
            where=sheet.where(int(row), columns[place]),
        )
    return found.astype(np.int64)


def check_distinct(triplets: Integers, sheet: Sheet) -> None:
    """Check that each row has three different objects."""
    first, second, third = triplets.T
    twice = np.flatnonzero((first == second) | (first == third) | (second == third))
    if len(twice):
        raise TwoalikeError(
            "an object is listed twice; a triplet has three different ones",
            where=sheet.where(int(twice[0])),
        )


def places_of(chosen: Integers, triplets: Integers, sheet: Sheet, column: ColumnName) -> Integers:
    """Place in 0..2 of the chosen objects, shape (n,), in their triplets, shape (n, 3)."""
    hits = triplets == chosen[:, None]
    bad = np.flatnonzero(~hits.any(axis=1))
    if len(bad):
        row = int(bad[0])
        raise TwoalikeError(
            f"the chosen item {sheet.text(column).iloc[row]!r} is not one of the row's items",
            where=sheet.where(row, column),
        )
    return np.asarray(hits.argmax(axis=1), dtype=np.int64)


def seconds(
    sheet: Sheet, column: ColumnName, unit: TimeUnit | None, missing: float | None = None
) -> Floats:
    """Response times in seconds, NaN where missing, shape (n,).

    Parameters
    ----------
    missing
        Number that stands for a missing time, besides an empty cell and ``n/a``.
    """
    if unit not in _SECONDS:
        raise TwoalikeError(
            where="`response_time_unit=...`",
            expected="s or ms, the unit of the response times",
            found="none" if unit is None else repr(unit),
        )
    values = sheet.text(column)
    found = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    absent = values.str.lower().isin(_NO_NUMBER).to_numpy() | (found == missing)
    bad = np.flatnonzero(~absent & ~((found >= 0) & np.isfinite(found)))
    if len(bad):
        raise TwoalikeError(
            where=sheet.where(int(bad[0]), column),
            expected="a response time from 0 on, or nothing",
            found=repr(values.iloc[bad[0]]),
        )
    found = np.where(absent, np.nan, found * _SECONDS[unit])
    low, high = _PLAUSIBLE_S
    middle = float(np.median(found[~absent])) if not absent.all() else low
    if not low <= middle <= high:
        other = "ms" if unit == "s" else "s"
        raise TwoalikeError(
            where=f"{sheet.path}: column {column}",
            expected=f"response times with a median from {low:g} to {high:g} s",
            found=f"{middle:g} s",
            remedy=f"If the unit is {other}, say `response_time_unit={other!r}`.",
        )
    return np.asarray(found)
