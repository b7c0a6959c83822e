"""Judgments and triplets in delimited text, as platforms and other projects export them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from twoalike.judgments._tables import (
    ITEMS,
    check_new_table,
    choices_table,
    object_ids,
    write_judgments,
)
from twoalike.study import Integers, TwoalikeError, provenance, read_delimited


def read_triplets(path: str | Path, ids: Sequence[str]) -> Integers:
    """Read triplets: three object ids or 0-based indices a line, further columns ignored.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces, without a header.
    ids
        Objects the triplets may name.

    Returns
    -------
    Indices into ``ids``, shape (n, 3).

    Raises
    ------
    TwoalikeError
        If the file is missing or empty, has fewer than three columns, names an unknown object
        or one object twice in a row; the message names row and column.
    """
    path = Path(path)
    rows = read_delimited(path, "triplets, three objects a line")
    triplets = _objects(rows, (1, 2, 3), ids, path)
    _check_distinct(triplets, path)
    return triplets


def import_triplets(
    path: str | Path,
    objects: Sequence[str] | str | Path,
    *,
    kind: Literal["odd-one-out", "anchored"] = "odd-one-out",
    item_columns: Sequence[int] = (1, 2, 3),
    chosen_column: int = 3,
    participant_column: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Read one judgment a line from delimited text.

    Parameters
    ----------
    path
        Text split at tabs, commas, semicolons or spaces, without a header.
    objects
        All object ids, or a file with one a line; items are ids or 0-based indices into them.
    kind
        ``odd-one-out``: the chosen item is the odd one. ``anchored``: the first item column
        is the reference, the chosen item the more similar of the others.
    item_columns
        The three columns of items, numbered from 1.
    chosen_column
        The column that holds the chosen item: one of the item columns, where the file puts the
        chosen item at a fixed place, or a further column that repeats one of the row's items.
    participant_column
        Column of participant labels; None: all rows are by ``unknown``.
    out, overwrite
        Table of choices to write (``.parquet``), and whether it may replace one.

    Returns
    -------
    Table of choices. The order shown is taken to be the order of the item columns.

    Raises
    ------
    TwoalikeError
        If the file is missing or empty, a column does not exist, an item is unknown or listed
        twice in a row; the message names row and column.
    """
    path, target, ids = Path(path), check_new_table(out, overwrite), object_ids(objects)
    if len(item_columns) != 3 or len(set(item_columns)) != 3:
        raise TwoalikeError(
            f"`item_columns=...`: expected three different columns, found {list(item_columns)}."
        )
    rows = read_delimited(path, "judgments, one a line")
    triplets = _objects(rows, item_columns, ids, path)
    _check_distinct(triplets, path)
    columns: dict[str, object] = {
        "kind": pd.Categorical([kind.replace("-", "_")]).repeat(len(rows)),
        "chosen": _chosen_places(rows, triplets, item_columns, chosen_column, ids, path) + 1,
    }
    if kind == "anchored" and np.any(columns["chosen"] == np.int64(1)):
        raise TwoalikeError(
            f"{path}: the chosen item is the reference (column {item_columns[0]}); name the column "
            "of the more similar item with `chosen_column=...`."
        )
    columns |= {item: triplets[:, place] for place, item in enumerate(ITEMS)}
    if participant_column is not None:
        labels = _column(rows, participant_column, path)
        columns["participant"] = labels
        columns["trial"] = labels.groupby(labels, sort=False).cumcount().to_numpy() + 1
    table = choices_table(columns, ids, str(path))
    if target is not None:
        inputs = {"judgments": path}
        if isinstance(objects, str | Path):
            inputs["objects"] = Path(objects)
        config = {
            "kind": kind,
            "item_columns": list(item_columns),
            "chosen_column": chosen_column,
            "participant_column": participant_column,
        }
        write_judgments(target, table, provenance("choices", inputs=inputs, config=config))
    return table


def _column(rows: pd.DataFrame, number: int, path: Path) -> "pd.Series[str]":
    """Column by its number from 1, with no cell empty."""
    if not 1 <= number <= rows.shape[1]:
        raise TwoalikeError(
            f"{path}: expected column {number}, found {rows.shape[1]} columns (numbered from 1)."
        )
    values = rows[number - 1].str.strip()
    empty = np.flatnonzero(values.isna() | (values == ""))
    if len(empty):
        raise TwoalikeError(f"{path}: row {empty[0] + 1}, column {number}: the cell is empty.")
    return values


def _objects(
    rows: pd.DataFrame, columns: Sequence[int], ids: Sequence[str], path: Path
) -> Integers:
    """Cells of the given columns as indices into ``ids``, shape (n, len(columns)).

    Cells are ids; where not all of them are, and all are whole numbers, they are indices.
    """
    cells = [_column(rows, number, path) for number in columns]
    known = pd.Index(list(ids))
    found = np.stack([known.get_indexer(pd.Index(values)) for values in cells], axis=1)
    as_index = not (found >= 0).all() and all(
        values.str.fullmatch(r"\d+").all() for values in cells
    )
    if as_index:
        found = np.stack([values.to_numpy().astype(np.int64) for values in cells], axis=1)
    bad = np.argwhere((found < 0) | (found >= len(ids)))
    if len(bad):
        row, place = bad[0]
        expected = f"an index from 0 to {len(ids) - 1}" if as_index else "an object id"
        raise TwoalikeError(
            f"{path}: row {row + 1}, column {columns[place]}: {cells[place].iloc[row]!r} is not "
            f"one of the {len(ids)} objects (expected {expected})."
        )
    return found.astype(np.int64)


def _check_distinct(triplets: Integers, path: Path) -> None:
    first, second, third = triplets.T
    twice = np.flatnonzero((first == second) | (first == third) | (second == third))
    if len(twice):
        raise TwoalikeError(
            f"{path}: row {twice[0] + 1}: an object is listed twice; a triplet has three different "
            "ones."
        )


def _chosen_places(
    rows: pd.DataFrame,
    triplets: Integers,
    item_columns: Sequence[int],
    chosen_column: int,
    objects: Sequence[str],
    path: Path,
) -> Integers:
    """Place of the chosen item in 0..2, shape (n,)."""
    if chosen_column in item_columns:
        return np.full(len(rows), list(item_columns).index(chosen_column), dtype=np.int64)
    chosen = _objects(rows, (chosen_column,), objects, path)
    hits = triplets == chosen
    bad = np.flatnonzero(~hits.any(axis=1))
    if len(bad):
        raise TwoalikeError(
            f"{path}: row {bad[0] + 1}, column {chosen_column}: the chosen item "
            f"{rows[chosen_column - 1].iloc[bad[0]]!r} is not one of the row's items."
        )
    return np.asarray(hits.argmax(axis=1), dtype=np.int64)
