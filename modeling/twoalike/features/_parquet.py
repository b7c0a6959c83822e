"""Features from parquet: one row an object.

A column of ids is one that is called ``id``, ``ids`` or ``object``, or the only one of strings.
The features are all other columns, numbers each, or one column of lists that are equally long.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, load_parquet

ID_NAMES = ("id", "ids", "object")
INDEX = "__index_level_"
"""How pandas begins the name of an index that has none."""


def read_parquet(path: Path, *, named: bool) -> tuple[list[str] | None, npt.NDArray[Any]]:
    """Read ids and features of m objects.

    Parameters
    ----------
    path
        The file.
    named
        Whether ids must stand in the file.

    Returns
    -------
    Ids, or None where the file holds none; features, shape (m, p).

    Raises
    ------
    TwoalikeError
        If the file is damaged, or its columns are not ids and features.
    """
    import pyarrow as pa

    table = load_parquet(path, "features (parquet)")
    key = _id_column(path, table, named)
    ids = None if key is None else _ids(path, table.column(key), key)
    left_out = {name for name in table.column_names if name.startswith(INDEX)} | {key}
    columns = [name for name in table.column_names if name not in left_out]
    lists = [name for name in columns if _is_list(table.schema.field(name).type)]
    if lists and len(columns) == 1:
        return ids, _from_lists(path, table.column(lists[0]), lists[0])
    for name in columns:
        kind = table.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise TwoalikeError(
                f"{path}: expected ids and numbers, or ids and one column of lists, found column "
                f"{name!r} of {kind}. Leave it out."
            )
    values = np.empty((len(table), len(columns)), dtype=np.float32)
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        for place, name in enumerate(columns):
            values[:, place] = table.column(name).to_numpy()
    return ids, values


def _id_column(path: Path, table: Any, named: bool) -> str | None:
    """Name of the column of ids; None if there is none and ``named`` does not ask for one."""
    found = [name for name in ID_NAMES if name in table.column_names]
    strings = found or [field.name for field in table.schema if _is_string(field.type)]
    if len(strings) == 1:
        return strings[0]
    if strings or named:
        known = ", ".join(ID_NAMES)
        raise TwoalikeError(
            f"{path}: expected one column of ids ({known}, or the only one of strings), found "
            f"{', '.join(strings) or 'none'}. Rename it to id"
            f"{'' if strings else ', or name a list of ids with --objects'}."
        )
    return None


def _ids(path: Path, column: Any, name: str) -> list[str]:
    import pyarrow as pa

    if not (_is_string(column.type) or pa.types.is_integer(column.type)):
        raise TwoalikeError(
            f"{path}: expected object ids as strings in column {name!r}, found {column.type}."
        )
    ids = column.to_pylist()
    if None in ids:
        raise TwoalikeError(
            f"{path}: column {name!r}, row {ids.index(None) + 1}: expected an object id, found "
            "none. Fill it, or leave the row out."
        )
    return [str(one) for one in ids]


def _from_lists(path: Path, column: Any, name: str) -> npt.NDArray[Any]:
    """Features from a column of lists, shape (m, p)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type.value_type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise TwoalikeError(f"{path}: expected lists of numbers in {name!r}, found {column.type}.")
    lengths = pc.list_value_length(column).fill_null(-1).to_numpy()
    odd = np.flatnonzero((lengths != lengths[:1]) | (lengths < 0))
    if len(odd):
        row = odd[0]
        found = "none" if lengths[row] < 0 else f"{lengths[row]} numbers"
        first = "a list" if row == 0 else f"{lengths[0]} numbers as in row 1"
        raise TwoalikeError(
            f"{path}: column {name!r}, row {row + 1}: expected {first}, found {found}."
        )
    flat = [np.asarray(chunk.flatten().to_numpy(zero_copy_only=False)) for chunk in column.chunks]
    values = np.concatenate(flat) if flat else np.empty(0, dtype=np.float32)
    return values.reshape(len(lengths), -1 if len(values) else 0)


def _is_list(kind: Any) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_string(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )
