"""What the tidy tables have in common: typed columns, one list of objects, checks in one line.

Strings are categories, dictionary-encoded on disk. The columns of items share one list of
categories, which is the order of objects everywhere downstream.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class TableKind:
    """A kind of tidy table.

    Attributes
    ----------
    name
        What the table is one of: ``choices``.
    rows
        What a row is one of: ``judgments``.
    columns
        Names of the columns, in order.
    categories
        Columns of strings, the columns of items among them.
    items
        Columns of object ids.
    numbers
        Type of each other column.
    schema
        Makes the pandera schema (when first used, since pandera is slow to import).
    """

    name: str
    rows: str
    columns: tuple[str, ...]
    categories: tuple[str, ...]
    items: tuple[str, ...]
    numbers: Mapping[str, type[np.number[Any]]]
    schema: Callable[[], Any]


def check_columns(names: Sequence[object], kind: TableKind, where: str) -> None:
    """Check that all columns are there.

    Raises
    ------
    TwoalikeError
        Naming the first that is missing.
    """
    missing = [name for name in kind.columns if name not in names]
    if missing:
        raise TwoalikeError(
            f"{where}: column {missing[0]!r} is missing; a table of {kind.name} has "
            f"{', '.join(kind.columns)}, found {', '.join(map(str, names)) or 'none'}."
        )


def check_table(table: pd.DataFrame, kind: TableKind, where: str) -> pd.DataFrame:
    """Check a table against its schema; the complaint names the place, the row and the column.

    Raises
    ------
    TwoalikeError
        If a column is missing or of the wrong type, a value out of range, or no row left.
    """
    import pandera.errors

    check_columns(list(table.columns), kind, where)
    if not len(table):
        raise TwoalikeError(f"{where}: expected {kind.rows}, found an empty table.")
    try:
        return pd.DataFrame(kind.schema().validate(table))
    except pandera.errors.SchemaError as error:
        raise TwoalikeError(_complaint(error, kind, where)) from error


def _complaint(error: Any, kind: TableKind, where: str) -> str:
    """One line from pandera's first finding."""
    column = getattr(error.schema, "name", None)
    place = f"{where}: column {column!r}" if column else where
    cases = error.failure_cases
    if isinstance(cases, pd.DataFrame) and len(cases) and cases["index"].notna().any():
        first = cases.iloc[0]
        found = f", found {str(first['failure_case'])!r}" if column else ""
        expected = getattr(error.check, "error", None) or str(error.check)
        return f"{place}, row {int(first['index']) + 1}: expected {expected}{found}."
    reason = " ".join(str(error).split())
    return f"{place}: does not fit the table of {kind.name} ({reason})."


def build_table(
    values: Mapping[str, Any], objects: Sequence[str], kind: TableKind, where: str
) -> pd.DataFrame:
    """Table from arrays, checked; items are ids, or integers that index ``objects``.

    Raises
    ------
    TwoalikeError
        If an item is not among ``objects`` or a value breaks the schema.
    """
    ids = pd.Index(list(objects), dtype=object)
    table = {name: _column(name, values[name], ids, kind, where) for name in kind.columns}
    return check_table(pd.DataFrame(table), kind, where)


def _column(name: str, values: Any, objects: "pd.Index[str]", kind: TableKind, where: str) -> Any:
    if name in kind.items:
        return _items(name, values, objects, where)
    if name in kind.categories:
        return values if isinstance(values, pd.Categorical) else _in_order_of_appearance(values)
    return np.asarray(values).astype(kind.numbers[name])


def category(codes: Any, labels: Any) -> Any:
    """Categorical from codes; pandas' own annotations refuse plain lists of strings."""
    return pd.Categorical.from_codes(codes, pd.Index(labels, dtype=object))


def _in_order_of_appearance(values: Any) -> Any:
    codes, labels = pd.factorize(pd.Series(values, dtype=object))
    return category(codes, [str(label) for label in labels])


def _items(name: str, values: Any, objects: "pd.Index[str]", where: str) -> Any:
    array = np.asarray(values)
    codes = array if array.dtype.kind in "iu" else objects.get_indexer(pd.Index(values))
    bad = np.flatnonzero((codes < 0) | (codes >= len(objects)))
    if len(bad):
        raise TwoalikeError(
            f"{where}: column {name!r}, row {bad[0] + 1}: {str(values[bad[0]])!r} is not one of "
            f"the {len(objects)} objects."
        )
    return category(codes, objects)


def item_indices(
    table: pd.DataFrame, items: Sequence[str], ids: Sequence[str] | None = None
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Objects of n rows as indices.

    Parameters
    ----------
    table
        A tidy table.
    items
        Its k columns of object ids.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    Indices, shape (n, k); the ids they point into.

    Raises
    ------
    TwoalikeError
        If an object of a row is not among ``ids``.
    """
    own = [str(name) for name in table[items[0]].cat.categories]
    codes = np.stack([np.asarray(table[item].cat.codes, dtype=np.int64) for item in items], axis=1)
    if ids is None:
        return codes, tuple(own)
    place = np.asarray(pd.Index(list(ids)).get_indexer(pd.Index(own)), dtype=np.int64)
    found = place[codes]
    if (found < 0).any():
        row, column = np.argwhere(found < 0)[0]
        raise TwoalikeError(
            f"row {row + 1}: object {table[items[column]].iloc[row]!r} is not one of the "
            f"{len(ids)} objects of the model."
        )
    return found, tuple(map(str, ids))


def is_category(column: "pd.Series[Any]") -> bool:
    """Whether a column holds categories."""
    return isinstance(column.dtype, pd.CategoricalDtype)


def give_types(table: pd.DataFrame, objects: list[str] | None, kind: TableKind) -> None:
    """Give the columns their types, where the values allow it; the schema complains elsewhere.

    Parameters
    ----------
    objects
        Object ids in the order to keep; None: the order of first appearance.
    """
    for name in kind.categories:
        if not is_category(table[name]):
            table[name] = table[name].astype("category")
    if objects is None:
        seen: dict[str, None] = {}
        for item in kind.items:
            seen |= dict.fromkeys(table[item].cat.categories)
        objects = list(seen)
    for item in kind.items:
        table[item] = table[item].cat.set_categories(objects)
    for name, dtype in kind.numbers.items():
        numeric = np.asarray(pd.to_numeric(table[name], errors="coerce"), dtype=np.float64)
        missing = table[name].isna().to_numpy()
        if (np.isnan(numeric) == missing).all() and _fits(numeric, dtype):
            table[name] = numeric.astype(dtype)


def _fits(values: npt.NDArray[np.float64], dtype: type[np.number[Any]]) -> bool:
    if not issubclass(dtype, np.integer):
        return True
    # Compared with its limits as well: a number beyond them would become another one.
    limits = np.iinfo(dtype)
    inside = (values >= limits.min) & (values <= limits.max)
    return bool((inside & (np.floor(values) == values)).all())
