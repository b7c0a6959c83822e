"""Reading features from the formats that others keep them in.

==================  ==========================================================================
``.npz``            arrays ``ids`` and ``features``: what ``twoalike features`` writes
``.npy``            one array; the ids are in a list of their own
``.parquet``        one row an object: a column of ids (called ``id``, ``ids`` or ``object``, or
                    the only one of strings), and numeric columns or one column of lists
``.h5``, ``.hdf5``  datasets ``features`` (or ``values``) and ``ids``, at the root
a folder            shards of ``.npz``: what ``twoalike features`` writes in parts
==================  ==========================================================================

Features in a folder, and large ones in ``.npz`` and ``.npy``, stay in their files
(:class:`MappedRows`); they are read once to check them, block by block.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.features._table import (
    PLAN,
    FeatureTable,
    MappedRows,
    Rows,
    StoredRows,
    feature_shard,
    read_parts,
    stored_rows,
)
from twoalike.study import (
    DAMAGED_HDF5,
    TwoalikeError,
    array_bytes,
    check_hdf5,
    load_arrays,
    load_parquet,
    parse_json_table,
    read_ids,
    require_file,
    shortened,
    whole_parts,
)

ID_NAMES = ("id", "ids", "object")
INDEX = "__index_level_"
"""How pandas begins the name of an index that has none."""
VALUES = ("features", "values")
_SHAPE = "numbers of shape (objects, features)"
_NUMBERS = ("integer", "floating")
_STRINGS = ("string", "large_string", "string_view")
_LISTS = ("list", "large_list", "fixed_size_list")
"""Kinds of Arrow's types."""

SMALLEST_MAPPED = 2**28
"""Bytes from which the features of a single file are mapped: smaller ones are faster in memory."""

type Content = npt.NDArray[Any] | MappedRows
"""What a file holds, unchecked."""
type Named = tuple[list[str] | None, npt.NDArray[Any]]
"""Ids of m objects, or None where the file holds none; features, shape (m, p)."""


def read_features(
    path: str | Path, objects: Sequence[str] | str | Path | None = None
) -> FeatureTable:
    """Read features from a file of any of these kinds, or a folder of shards.

    Parameters
    ----------
    path
        The file or folder; any other ending is read as ``.npz`` or ``.npy``.
    objects
        Object ids in the order of the rows, or a file with one a line, where the file holds none:
        a file's own ids come first.

    Returns
    -------
    Features of m objects, shape (m, p), float32.
    """
    path = Path(path)
    if path.is_dir():
        return _from_shards(path)
    require_file(path, "features (.npz, .npy, .parquet or .h5)")
    kind = path.suffix.lower()
    meta: dict[str, Any] = {}
    values: Content
    if kind == ".parquet":
        ids, values = _from_parquet(path, named=objects is None)
    elif kind in {".h5", ".hdf5"}:
        ids, values = _from_hdf5(path)
    else:
        ids, values, meta = _from_numpy(path, smallest=SMALLEST_MAPPED)
    if ids is None:
        if objects is None:
            raise TwoalikeError(
                "this file has no object ids", where=path, remedy="Give them as `objects=...`."
            )
        ids = read_ids(objects) if isinstance(objects, str | Path) else list(objects)
    return _table(path, ids, values, meta)


def as_features(
    features: FeatureTable | str | Path, objects: str | Path | None = None
) -> FeatureTable:
    """Read features by :func:`read_features`, if they are not a table already."""
    return features if isinstance(features, FeatureTable) else read_features(features, objects)


def _table(path: Path, ids: Sequence[str], values: Content, meta: dict[str, Any]) -> FeatureTable:
    rows = _checked(path, ids, values)
    if "parts" in meta:
        meta = meta | {"parts": read_parts(meta["parts"], rows.shape[1], path)}
    return FeatureTable(tuple(ids), rows, meta)


def _from_shards(folder: Path) -> FeatureTable:
    paths, plan = whole_parts(folder, PLAN, "features", feature_shard)
    ids: list[str] = []
    values: list[Content] = []
    unreadable: list[str] = []
    for path in paths:
        own, rows, meta = _from_numpy(path, smallest=0)
        if own is None:
            raise TwoalikeError(where=path, expected="arrays 'ids' and 'features'", found="one")
        _check_rows(path, own, rows)
        ids += own
        values.append(rows)
        unreadable += meta.get("unreadable", ())
    if len(widths := {part.shape[1] for part in values}) > 1:
        raise TwoalikeError(
            f"its shards hold different numbers of features ({sorted(widths)})",
            where=folder,
            remedy="Remove it and compute them again.",
        )
    # What cannot be mapped, such as a compressed shard, is in memory.
    parts = [
        one for part in values for one in (part.parts if isinstance(part, MappedRows) else [part])
    ]
    meta = plan | ({"unreadable": unreadable} if unreadable else {})
    return _table(folder, ids, MappedRows(parts), meta)


def _from_numpy(path: Path, smallest: int) -> tuple[list[str] | None, Content, dict[str, Any]]:
    """Ids, features and meta.

    Features that take ``smallest`` bytes or more are mapped, if they can be.
    """
    mapped = {
        name: MappedRows([rows])
        for name, rows in stored_rows(path).items()
        if name in (None, "features") and rows.offset is not None
        if rows.dtype.kind in "fiu" and 0 not in rows.shape
        if array_bytes(rows.shape, rows.dtype) >= smallest
    }
    if None in mapped:
        return None, mapped[None], {}
    loaded = load_arrays(path, "features", leave_out={name for name in mapped if name})
    if not isinstance(loaded, dict):
        return None, loaded, {}
    found: dict[Any, Any] = loaded | mapped
    if {"ids", "features"} - found.keys():
        raise TwoalikeError(
            where=path,
            expected="arrays 'ids' and 'features'",
            found=", ".join(found) or "none",
        )
    meta = parse_json_table(str(loaded["meta"]), f"{path}: meta") if "meta" in loaded else {}
    ids = loaded["ids"]
    if ids.ndim != 1 or ids.dtype.kind not in "USiu":
        shape = f"ids of type {ids.dtype} and shape {ids.shape}"
        raise TwoalikeError(where=path, expected="one id an object, as text", found=shape)
    if ids.dtype.kind == "S":
        ids = np.char.decode(ids, "utf-8", "backslashreplace")
    return list(map(str, ids)), found["features"], meta


def _from_hdf5(path: Path) -> Named:
    import h5py

    try:
        check_hdf5(path)
        with h5py.File(path, "r") as file:
            found = [name for name in VALUES if isinstance(file.get(name), h5py.Dataset)]
            if len(found) != 1:
                raise TwoalikeError(
                    where=path,
                    expected="one dataset of features (features or values) and one of ids",
                    found=", ".join(file) or "none",
                )
            values = file[found[0]]
            if values.dtype.kind not in "fiu" or values.ndim != 2:
                shape = f"{values.dtype} of shape {values.shape}"
                raise TwoalikeError(where=path, expected=f"{found[0]} as {_SHAPE}", found=shape)
            ids = _hdf5_ids(path, file["ids"]) if "ids" in file else None
            return ids, np.asarray(values[:])
    except DAMAGED_HDF5 as error:
        raise TwoalikeError(f"cannot be read as HDF5 ({shortened(error)})", where=path) from error


def _hdf5_ids(path: Path, node: Any) -> list[str]:
    import h5py

    if isinstance(node, h5py.Dataset) and node.ndim == 1:
        if h5py.check_string_dtype(node.dtype):
            return [str(name) for name in node.asstr("utf-8")[:]]
        if node.dtype.kind in "iu":
            return [str(name) for name in node[:]]
    raise TwoalikeError(where=path, expected="ids as a list of strings", found=node)


def _from_parquet(path: Path, *, named: bool) -> Named:
    """Read a file of columns; ``named``: whether it must hold ids."""
    table = load_parquet(path, "features (parquet)")
    key = _id_column(path, table, named)
    ids = None if key is None else _parquet_ids(path, table.column(key), key)
    left_out = {name for name in table.column_names if name.startswith(INDEX)} | {key}
    columns = [name for name in table.column_names if name not in left_out]
    if len(columns) == 1 and _is(table.schema.field(columns[0]).type, *_LISTS):
        return ids, _from_lists(path, table.column(columns[0]), columns[0])
    values = np.empty((len(table), len(columns)), dtype=np.float32)
    for place, name in enumerate(columns):
        kind = table.schema.field(name).type
        if not _is(kind, *_NUMBERS):
            raise TwoalikeError(
                where=path,
                expected="ids and numbers, or ids and one column of lists",
                found=f"column {name!r} of {kind}",
                remedy="Leave it out.",
            )
        with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
            values[:, place] = table.column(name).to_numpy()
    return ids, values


def _id_column(path: Path, table: Any, named: bool) -> str | None:
    """Name of the column of ids; None if there is none and ``named`` does not ask for one."""
    found = [name for name in ID_NAMES if name in table.column_names]
    strings = found or [field.name for field in table.schema if _is(field.type, *_STRINGS)]
    if len(strings) == 1 or not (strings or named):
        return strings[0] if strings else None
    other = "" if strings else ", or give the ids as `objects=...`"
    raise TwoalikeError(
        where=path,
        expected=f"one column of ids ({', '.join(ID_NAMES)}, or the only one of strings)",
        found=", ".join(strings) or "none",
        remedy=f"Rename it to id{other}.",
    )


def _parquet_ids(path: Path, column: Any, name: str) -> list[str]:
    ids = column.to_pylist()
    if not _is(column.type, *_STRINGS, "integer") or None in ids:
        gap = f"none in row {ids.index(None) + 1}" if None in ids else column.type
        expected = f"object ids as strings in column {name!r}"
        raise TwoalikeError(where=path, expected=expected, found=gap)
    return [str(one) for one in ids]


def _from_lists(path: Path, column: Any, name: str) -> npt.NDArray[Any]:
    import pyarrow.compute as pc

    lengths = pc.list_value_length(column).fill_null(-1).to_numpy()
    if not _is(column.type.value_type, *_NUMBERS) or len(set(lengths.tolist())) > 1:
        expected = f"lists of as many numbers in each row of {name!r}"
        found = f"{column.type} of {lengths.min()} to {lengths.max()}"
        raise TwoalikeError(where=path, expected=expected, found=found)
    flat = [np.asarray(chunk.flatten().to_numpy(zero_copy_only=False)) for chunk in column.chunks]
    values = np.concatenate(flat) if flat else np.empty(0, dtype=np.float32)
    return values.reshape(len(lengths), -1 if len(values) else 0)


def _is(kind: Any, *names: str) -> bool:
    """Whether a type of Arrow, or that of a dictionary's values, is of one of these kinds."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(getattr(pa.types, f"is_{name}")(kind) for name in names)


def _checked(path: Path, ids: Sequence[str], values: Content) -> Rows:
    """Features as finite float32, one row an id, shape (m, p)."""
    _check_rows(path, ids, values)
    twice = np.flatnonzero(pd.Index(ids).duplicated())
    if len(twice):
        raise TwoalikeError(
            f"object id {ids[twice[0]]!r} is listed twice (second at row {twice[0] + 1})",
            where=path,
            remedy="Keep one of them.",
        )
    if isinstance(values, MappedRows):
        odd = _odd_rows(values)
    else:
        with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
            values = values.astype(np.float32, copy=False)
        odd = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(odd):
        raise TwoalikeError(
            f"features hold NaN or infinite values in {len(odd)} of {len(ids)} rows, first that "
            f"of {ids[odd[0]]!r}",
            where=path,
            remedy="Compute them again.",
        )
    return values


def _check_rows(path: Path, ids: Sequence[str], values: Content) -> None:
    """Refuse what are no features, or not of as many objects as there are ids."""
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        found = f"{values.dtype} of shape {values.shape}"
        raise TwoalikeError(where=path, expected=f"features as {_SHAPE}", found=found)
    if 0 in values.shape:
        found = f"shape {values.shape}"
        raise TwoalikeError(where=path, expected="features of objects", found=found)
    if len(ids) != len(values):
        raise TwoalikeError(
            f"{len(values)} rows of features for {len(ids)} object ids",
            where=path,
            remedy="Give the ids the features were computed with.",
        )


def _odd_rows(values: MappedRows) -> npt.NDArray[np.int64]:
    """Rows with NaN or infinite values; damage is found on the way, as when an archive is read."""
    blocks = (
        block
        for part in values.parts
        for block in (part.blocks() if isinstance(part, StoredRows) else [part])
    )
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        finite = [np.isfinite(one.astype(np.float32, copy=False)).all(axis=1) for one in blocks]
    return np.flatnonzero(~np.concatenate(finite))
