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

from twoalike.judgments._delimited import optional_columns, read_sheet
from twoalike.judgments._sets import ITEMS, MORE_ITEMS
from twoalike.judgments._sheet import (
    NOTHING,
    BadRows,
    ColumnName,
    ItemNumbers,
    Sheet,
    TimeUnit,
    check_distinct,
    check_order,
    find_copies,
    note_people,
    numbers_in,
    object_cells,
    places_of,
)
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
_PARQUET = ".parquet"


def import_sets(
    path: str | Path,
    objects: Sequence[str] | str | Path | None = None,
    *,
    kind: SetKindName | None = None,
    item_columns: Sequence[ColumnName] | None = None,
    chosen_columns: Sequence[ColumnName] | None = None,
    item_numbers: ItemNumbers | None = None,
    participant_column: ColumnName | None = None,
    response_time_column: ColumnName | None = None,
    response_time_unit: TimeUnit | None = None,
    catch_column: ColumnName | None = None,
    skip_bad: bool = False,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read choices among three to nine items, one per row.

    Columns are given by number, from 1, or by their names in the header. Without ``item_columns``,
    the file must have twoalike's own columns: item_1, item_2 and so on, chosen, second and kind.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces, or Parquet.
    objects
        All object ids, one per line; if left out, those that the file names.
    kind
        The question. ``odd-one-out``: which is the odd one. ``most-alike``: which two are most
        alike. ``anchored``: which is most like the reference (the first item column); with two
        chosen columns, also which comes second. ``anchored-pair``: which two are most like the
        reference, in no order.
    item_columns
        Columns of the items; the last ones may be empty in rows with fewer items.
    chosen_columns
        The one or two columns of the chosen items: item columns, or other columns that repeat an
        item. If left out, the last item is the odd one, the first two are the most alike, and the
        one or two after the reference are most like it.
    item_numbers, participant_column, response_time_column, response_time_unit
        As in :func:`import_triplets`.
    catch_column, skip_bad, out, overwrite
        As in :func:`import_triplets`.

    Returns
    -------
    Table of choices. The order shown is taken to be the order of the item columns.
    """
    path, target = Path(path), check_new_table(out, overwrite)
    more = (participant_column, response_time_column, response_time_unit, catch_column)
    options = (kind, chosen_columns, participant_column, response_time_column, catch_column)
    ids = None if objects is None else object_ids(objects)
    left_out: dict[str, int] = {}
    if item_columns is None:
        if any(one is not None for one in options):
            raise TwoalikeError(
                where="`item_columns=...`",
                expected="the columns of the items, as others are named",
                found="none",
            )
        table, left_out = _own_table(path, ids, skip_bad)
    else:
        asked: SetKindName = kind or "odd-one-out"
        sheet = _sheet(path, [*item_columns, *(chosen_columns or ()), *options[2:]], item_columns)
        bad = BadRows(len(sheet.cells), sheet.where)
        shown, ids, item_numbers = _items(sheet, item_columns, ids, item_numbers, bad)
        check_order(sheet, item_columns, chosen_columns, asked)
        if participant_column is None:
            used = [*item_columns, *(chosen_columns or ()), response_time_column, catch_column]
            note_people(sheet, used, "Name it with `participant_column={}`.")
        find_copies(sheet, item_columns, bad)
        columns = _answers(
            sheet, shown, ids, asked, item_columns, chosen_columns, item_numbers, bad
        )
        rows, left_out = bad.kept(skip_bad), bad.counts
        columns = {name: values[rows] for name, values in columns.items()}
        columns["kind"] = [asked.replace("-", "_")] * int(rows.sum())
        columns |= optional_columns(sheet.kept(rows), *more)
        table = choices_table(columns, ids, str(path))
    config = {
        "kind": kind,
        "item_columns": None if item_columns is None else list(item_columns),
        "chosen_columns": None if chosen_columns is None else list(chosen_columns),
        "item_numbers": item_numbers,
        "left_out": left_out,
    }
    write_imported(target, table, "choices", {"judgments": path}, objects, config)
    table.attrs["left_out"] = left_out
    return table


def read_sets(path: str | Path, ids: Sequence[str], size: int = 3) -> Integers:
    """Read sets of items: so many object ids or 0-based indices a line, further columns ignored.

    Returns indices into ``ids``, shape (n, size); the message of an error names row and column.
    """
    path = Path(path)
    sheet = Sheet(path, read_delimited(path, f"sets of {size} objects, one a line"))
    items = object_cells(sheet, range(1, size + 1), ids)
    bad = BadRows(len(items), sheet.where)
    check_distinct(items, bad)
    bad.kept(None)
    return items


def _own_table(
    path: Path, ids: Sequence[str] | None, skip_bad: bool
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a file that has the columns of our own table, and count the rows left out."""
    if path.suffix == _PARQUET:
        table = read_judgments(path)
        return (table if ids is None else choices_table(dict(table), ids, str(path))), {}
    sheet = _sheet(path, ["item_1"], ())
    names = sheet.header or ()
    items = [item for item in (*ITEMS, *MORE_ITEMS) if item in names]
    bad = BadRows(len(sheet.cells), sheet.where)
    shown, ids, _ = _items(sheet, items, ids, "ids", bad)
    if "participant" not in names:
        note_people(sheet, (), "Rename it to `participant`.")
    find_copies(sheet, items, bad)
    chosen = pd.to_numeric(sheet.text("chosen"), errors="coerce").to_numpy()
    empty = sheet.text("chosen").str.lower().isin(NOTHING).to_numpy()
    bad.add(empty, "no answer", "the cell is empty", "chosen")
    beyond = ~np.isnan(chosen) & (chosen > (shown >= 0).sum(axis=1))
    bad.add(beyond, "answer not among the items", "there is no such item", "chosen")
    rows = bad.kept(skip_bad)
    sheet = sheet.kept(rows)
    columns: dict[str, Any] = {}
    for name in (name for name in CHOICES.names if name in names):
        cells, column = sheet.text(name), CHOICES[name]
        absent = cells.str.lower().isin(NOTHING)
        if name in items:
            columns[name] = shown[rows, items.index(name)]
        elif column.kind == "string":
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
    return choices_table(columns, ids, str(path)), bad.counts


def _sheet(path: Path, named: Sequence[ColumnName | None], items: Sequence[ColumnName]) -> Sheet:
    """Read the cells; Parquet always has a header."""
    if path.suffix == _PARQUET:
        frame = load_parquet(path, "choices (parquet)").to_pandas()
        cells = frame.astype(object).where(frame.notna(), "").astype(str)
        whole = frame.select_dtypes("float").columns  # whole numbers with missing ones between
        cells[whole] = cells[whole].replace(r"\.0$", "", regex=True)
        return Sheet(path, cells, tuple(map(str, frame.columns)))
    return read_sheet(path, named, items, None)


def _items(
    sheet: Sheet,
    columns: Sequence[ColumnName],
    ids: Sequence[str] | None,
    asked: ItemNumbers | None,
    bad: BadRows,
) -> tuple[Integers, Sequence[str], ItemNumbers]:
    """Objects of each row as indices, -1 where it has fewer, (n, k); all ids; what numbers are."""
    most = len(ITEMS) + len(MORE_ITEMS)
    if not len(ITEMS) <= len(set(columns)) == len(columns) <= most:
        raise TwoalikeError(
            where="`item_columns=...`",
            expected=f"three to {most} different columns",
            found=str(list(columns)),
        )
    if ids is None:
        flat = pd.concat([sheet.text(column) for column in columns], ignore_index=True)
        flat = flat[~flat.str.lower().isin(NOTHING)]
        if asked is None and flat.str.fullmatch(r"[0-9]{1,9}").all():
            raise TwoalikeError(
                where=sheet.path,
                expected="names of objects",
                found="numbers only",
                remedy="Name the list of objects with `objects=...`.",
            )
        ids = list(pd.unique(flat))
    numbers = numbers_in(sheet, columns, ids, asked)
    shown = object_cells(sheet, columns, ids, numbers, bad, needed=len(ITEMS))
    check_distinct(shown, bad)
    return shown, ids, numbers


def _answers(
    sheet: Sheet,
    shown: Integers,
    ids: Sequence[str],
    kind: SetKindName,
    items: Sequence[ColumnName],
    chosen: Sequence[ColumnName] | None,
    numbers: ItemNumbers,
    bad: BadRows,
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
        places = [
            np.full(len(shown), list(items).index(column))
            if column in items
            else places_of(sheet, column, ids, numbers, shown, bad)
            for column in chosen
        ]
    if kind in ("most-alike", "anchored-pair"):
        places = list(np.sort(np.stack(places), axis=0))
    columns["chosen"] = places[0] + 1
    if len(places) > 1:
        columns["second"] = places[1] + 1.0
    return columns
