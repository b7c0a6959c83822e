"""Choices among more than three items in the files of others, such as rank-two-of-eight trials.

A row holds the items, and one or two chosen ones: an odd one, the most alike pair, or the one or
two candidates most like a reference, in order or not (the trials of PsiZ and of work that follows
Roads and Mozer 2019, doi:10.3758/s13428-019-01285-3). Rows may have different numbers of items.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.judgments._delimited import trial_types
from twoalike.judgments._sets import ITEMS, MORE_ITEMS
from twoalike.judgments._sheet import ColumnName, Sheet, TimeUnit, object_cells, seconds
from twoalike.judgments._tables import (
    CHOICES,
    check_new_table,
    choices_table,
    object_ids,
    read_judgments,
    write_imported,
)
from twoalike.study import Integers, TwoalikeError, load_parquet, read_delimited

type SetKindName = Literal["odd-one-out", "most-alike", "anchored", "anchored-pair"]
FIXED: Mapping[SetKindName, tuple[int, ...]] = {
    "odd-one-out": (-1,),
    "most-alike": (0, 1),
    "anchored": (1,),
    "anchored-pair": (1, 2),
}
"""Places of the chosen items among the item columns, where no column names them."""
_EMPTY = ("", "n/a", "na", "nan", "none", "null", "-1")
"""Cells of an item that a row does not have, in lower case."""
_PARQUET = ".parquet"


def import_sets(
    path: str | Path,
    objects: Sequence[str] | str | Path | None = None,
    *,
    kind: SetKindName | None = None,
    item_columns: Sequence[ColumnName] | None = None,
    chosen_columns: Sequence[ColumnName] | None = None,
    participant_column: ColumnName | None = None,
    response_time_column: ColumnName | None = None,
    response_time_unit: TimeUnit | None = None,
    catch_column: ColumnName | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read choices among three to nine items, one a row.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces, or Parquet. Without ``item_columns`` it
        has the columns of our own table (``item_1``, ..., ``chosen``, ``second``, ``kind``).
    objects
        All object ids, or a file with one a line; needed where items are 0-based indices. None:
        those shown, in order of appearance.
    kind
        What was asked. ``odd-one-out``: which is the odd one. ``most-alike``: which two are most
        alike. ``anchored``: which candidate is most like the reference, the first item column; with
        two chosen columns, which comes next as well. ``anchored-pair``: which two candidates are
        most like the reference, in no order.
    item_columns
        Columns of the items, by number from 1, or by name in the header. Later ones may be empty
        where a row has fewer items.
    chosen_columns
        The one or two columns of the chosen items: item columns, where the file puts these at a
        fixed place, or further columns that repeat an item of the row. None: the last item column
        is the odd one; the first two are the pair; the one or two after the reference are most like
        it.
    participant_column, response_time_column, response_time_unit, catch_column, out, overwrite
        As in :func:`import_triplets`.

    Returns
    -------
    Table of choices. The order shown is taken to be the order of the item columns.

    Raises
    ------
    TwoalikeError
        If the file is missing or empty, a column does not exist, an item is unknown or listed
        twice in a row, a chosen item is none of the row, or response times are implausible in their
        unit; the message names row and column.
    """
    path, target = Path(path), check_new_table(out, overwrite)
    options = (kind, chosen_columns, participant_column, response_time_column, catch_column)
    ids = None if objects is None else object_ids(objects)
    if item_columns is None:
        if any(one is not None for one in options):
            raise TwoalikeError(
                where="`item_columns=...`",
                expected="the columns of the items, as others are named",
                found="none",
            )
        table = _own_table(path, ids)
    else:
        asked: SetKindName = kind or "odd-one-out"
        sheet = _sheet(path, [*item_columns, *(chosen_columns or ()), *options[2:]])
        shown, ids = _items(sheet, item_columns, ids)
        columns: dict[str, Any] = {"kind": [asked.replace("-", "_")] * len(shown)}
        columns |= _answers(sheet, shown, ids, asked, item_columns, chosen_columns)
        if participant_column is not None:
            labels = sheet.filled(participant_column)
            columns["participant"] = labels
            columns["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
        if response_time_column is not None:
            columns["response_time"] = seconds(sheet, response_time_column, response_time_unit)
        if catch_column is not None:
            columns["trial_type"] = trial_types(sheet, catch_column)
        table = choices_table(columns, ids, str(path))
    config = {
        "kind": kind,
        "item_columns": None if item_columns is None else list(item_columns),
        "chosen_columns": None if chosen_columns is None else list(chosen_columns),
    }
    write_imported(target, table, "choices", {"judgments": path}, objects, config)
    return table


def read_sets(path: str | Path, ids: Sequence[str], size: int) -> Integers:
    """Read sets of items: so many object ids or 0-based indices a line, further columns ignored.

    Returns
    -------
    Indices into ``ids``, shape (n, size).

    Raises
    ------
    TwoalikeError
        If the file is missing or empty, has too few columns, names an unknown object or one object
        twice in a row; the message names the row.
    """
    path = Path(path)
    sheet = Sheet(path, read_delimited(path, f"sets of {size} objects, one a line"))
    items = object_cells(sheet, range(1, size + 1), ids)
    ordered = np.sort(items, axis=1)
    twice = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(twice):
        raise TwoalikeError(
            "an object is listed twice; the items of a set are different",
            where=sheet.where(int(twice[0])),
        )
    return items


def _own_table(path: Path, ids: Sequence[str] | None) -> pd.DataFrame:
    """Read a file that has the columns of our own table."""
    if path.suffix == _PARQUET:
        table = read_judgments(path)
        return table if ids is None else choices_table(dict(table), ids, str(path))
    sheet = _sheet(path, ["item_1"])
    columns: dict[str, Any] = {}
    for name in CHOICES.names:
        if name not in (sheet.header or ()):
            continue
        cells = sheet.text(name)
        absent = cells.str.lower().isin(_EMPTY)
        column = CHOICES[name]
        if column.kind == "string":
            columns[name] = cells.astype(object).where(~absent, None)
        else:
            columns[name] = pd.to_numeric(cells.mask(absent), errors="coerce")
            wrong = np.flatnonzero(columns[name].isna() & ~absent)
            if len(wrong):
                row = int(wrong[0])
                raise TwoalikeError(
                    where=sheet.where(row, name),
                    expected=column.allowed,
                    found=repr(cells.iloc[row]),
                )
    items = [item for item in (*ITEMS, *MORE_ITEMS) if item in columns]
    if ids is None:
        every = pd.concat([columns[item] for item in items], ignore_index=True)
        ids = list(pd.unique(every.dropna()))
    return choices_table(columns, ids, str(path))


def _sheet(path: Path, named: Sequence[ColumnName | None]) -> Sheet:
    """Read the cells; text has a header where a column is named, Parquet always has one."""
    if path.suffix == _PARQUET:
        frame = load_parquet(path, "choices (parquet)").to_pandas()
        cells = frame.astype(object).where(frame.notna(), "").astype(str)
        whole = frame.select_dtypes("float").columns  # whole numbers with missing ones between
        cells[whole] = cells[whole].replace(r"\.0$", "", regex=True)
        return Sheet(path, cells, tuple(map(str, frame.columns)))
    cells = read_delimited(path, "choices, one a line")
    if not any(isinstance(column, str) for column in named):
        return Sheet(path, cells)
    if len(cells) == 1:
        raise TwoalikeError(
            where=path, expected="a header and choices, one a line", found="one line"
        )
    return Sheet(path, cells.iloc[1:].reset_index(drop=True), tuple(cells.iloc[0].str.strip()))


def _items(
    sheet: Sheet, columns: Sequence[ColumnName], ids: Sequence[str] | None
) -> tuple[Integers, Sequence[str]]:
    """Objects of each row as indices, -1 where it has fewer, (n, k); and all object ids."""
    most = len(ITEMS) + len(MORE_ITEMS)
    if not len(ITEMS) <= len(set(columns)) == len(columns) <= most:
        raise TwoalikeError(
            where="`item_columns=...`",
            expected=f"three to {most} different columns",
            found=str(list(columns)),
        )
    cells = [sheet.text(column) for column in columns]
    absent = np.stack([values.str.lower().isin(_EMPTY) for values in cells], axis=1)
    flat = pd.concat(cells, ignore_index=True)[~absent.ravel(order="F")]
    numbers = bool(flat.str.fullmatch(r"[0-9]{1,9}").all())
    if ids is None:
        if numbers:
            raise TwoalikeError(
                where=sheet.path,
                expected="names of objects",
                found="numbers only",
                remedy="Name the list of objects with `objects=...`.",
            )
        ids = list(pd.unique(flat))
    known = pd.Index(list(ids))
    found = np.stack([known.get_indexer(pd.Index(values)) for values in cells], axis=1)
    if numbers and (found[~absent] < 0).any():
        found = np.full(absent.shape, -1)
        found[~absent] = pd.concat(cells, axis=1).to_numpy()[~absent].astype(np.int64)
    bad = np.argwhere(~absent & ((found < 0) | (found >= len(ids))))
    if len(bad):
        row, place = map(int, bad[0])
        raise TwoalikeError(
            f"{cells[place].iloc[row]!r} is not one of the {len(ids)} objects",
            where=sheet.where(row, columns[place]),
        )
    found[absent] = -1
    return found.astype(np.int64), ids


def _answers(
    sheet: Sheet,
    shown: Integers,
    ids: Sequence[str],
    kind: SetKindName,
    items: Sequence[ColumnName],
    chosen: Sequence[ColumnName] | None,
) -> dict[str, Any]:
    """Columns of items and of the chosen ones, by number from 1."""
    columns: dict[str, Any] = {
        name: shown[:, place]
        for place, name in zip(range(shown.shape[1]), (*ITEMS, *MORE_ITEMS), strict=False)
    }
    if chosen is None:
        last = (shown >= 0).sum(axis=1) - 1
        places = [last if at < 0 else np.full(len(shown), at) for at in FIXED[kind]]
    else:
        needed = {"odd-one-out": (1,), "anchored": (1, 2)}.get(kind, (2,))
        if len(chosen) not in needed:
            raise TwoalikeError(
                where="`chosen_columns=...`",
                expected=f"{' or '.join(map(str, needed))} for {kind}",
                found=str(list(chosen)),
            )
        places = [_place(sheet, shown, ids, items, column) for column in chosen]
    if kind in ("most-alike", "anchored-pair"):
        places = list(np.sort(np.stack(places), axis=0))
    columns["chosen"] = places[0] + 1
    if len(places) > 1:
        columns["second"] = places[1] + 1.0
    return columns


def _place(
    sheet: Sheet,
    shown: Integers,
    ids: Sequence[str],
    items: Sequence[ColumnName],
    column: ColumnName,
) -> Integers:
    """Place of a chosen item in each row, from 0, (n,)."""
    if column in items:
        return np.full(len(shown), list(items).index(column), dtype=np.int64)
    cells = sheet.filled(column)
    found = pd.Index(list(ids)).get_indexer(pd.Index(cells))
    if (found < 0).any() and cells.str.fullmatch(r"[0-9]{1,9}").all():
        found = cells.to_numpy().astype(np.int64)
    hits = (shown == found[:, None]) & (found >= 0)[:, None]
    bad = np.flatnonzero(~hits.any(axis=1))
    if len(bad):
        row = int(bad[0])
        raise TwoalikeError(
            f"the chosen item {cells.iloc[row]!r} is not one of the row's items",
            where=sheet.where(row, column),
        )
    return np.asarray(hits.argmax(axis=1), dtype=np.int64)
