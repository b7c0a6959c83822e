"""Reading features from the formats that others keep them in.

==================  ==========================================================================
``.npz``            arrays ``ids`` and ``features``: what ``twoalike features`` writes
``.npy``            one array; the ids are in a list of their own
``.parquet``        one row an object: a column of ids and numeric columns, or one column of lists
``.h5``, ``.hdf5``  datasets ``features`` (or ``values``) and ``ids``
a folder            shards of ``.npz``: what ``twoalike features --shard`` writes
==================  ==========================================================================
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twoalike.features._hdf5 import read_hdf5
from twoalike.features._parquet import read_parquet
from twoalike.features._table import PLAN, FeatureTable, feature_shard
from twoalike.study import (
    TwoalikeError,
    load_arrays,
    parse_json_table,
    read_ids,
    require_file,
    whole_parts,
)


def read_features(path: Path, objects: Path | None = None) -> FeatureTable:
    """Read features from a file of any of these kinds, or a folder of shards.

    Parameters
    ----------
    path
        The file or folder; any other ending is read as ``.npz`` or ``.npy``.
    objects
        Object ids in the order of the rows, one a line, where the file holds none: a file's own
        ids come first.

    Returns
    -------
    Features of m objects, shape (m, p), float32.

    Raises
    ------
    TwoalikeError
        If a file is missing, damaged or holds a pickle, has no ids or one of them twice, holds
        NaN or infinite values, or its parts do not fit together.
    """
    if path.is_dir():
        return _from_shards(path)
    require_file(path, "features (.npz, .npy, .parquet or .h5)")
    kind = path.suffix.lower()
    meta: dict[str, Any] = {}
    if kind == ".parquet":
        ids, values = read_parquet(path, named=objects is None)
    elif kind in {".h5", ".hdf5"}:
        ids, values = read_hdf5(path)
    else:
        ids, values, meta = _from_numpy(path)
    if ids is None and objects is None:
        raise TwoalikeError(f"{path}: this file has no object ids; name their list with --objects.")
    names = ids if objects is None or ids is not None else read_ids(objects)
    return FeatureTable(tuple(names or ()), _checked(path, names or (), values), meta)


def _from_shards(folder: Path) -> FeatureTable:
    """All shards of a folder, one below the other."""
    paths, plan = whole_parts(folder, PLAN, "features", feature_shard)
    tables = [read_features(path) for path in paths]
    widths = {table.values.shape[1] for table in tables}
    if len(widths) > 1:
        raise TwoalikeError(
            f"{folder}: its shards hold different numbers of features ({sorted(widths)}). Remove "
            "it and compute them again."
        )
    ids = [name for table in tables for name in table.ids]
    values = np.concatenate([table.values for table in tables])
    unreadable = [name for table in tables for name in table.meta.get("unreadable", ())]
    meta = plan | ({"unreadable": unreadable} if unreadable else {})
    return FeatureTable(tuple(ids), _checked(folder, ids, values), meta)


def _from_numpy(path: Path) -> tuple[list[str] | None, npt.NDArray[Any], dict[str, Any]]:
    loaded = load_arrays(path, "features")
    if not isinstance(loaded, dict):
        return None, loaded, {}
    if {"ids", "features"} - loaded.keys():
        raise TwoalikeError(
            f"{path}: expected arrays 'ids' and 'features', found {', '.join(loaded) or 'none'}."
        )
    meta = parse_json_table(str(loaded["meta"]), f"{path}: meta") if "meta" in loaded else {}
    if loaded["ids"].ndim != 1:
        raise TwoalikeError(
            f"{path}: expected one id an object, found ids of shape {loaded['ids'].shape}."
        )
    return [str(name) for name in loaded["ids"]], loaded["features"], meta


def _checked(path: Path, ids: Sequence[str], values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise TwoalikeError(
            f"{path}: expected features as numbers of shape (objects, features), found "
            f"{values.dtype} of shape {values.shape}."
        )
    if 0 in values.shape:
        raise TwoalikeError(f"{path}: expected features of objects, found shape {values.shape}.")
    if len(ids) != len(values):
        raise TwoalikeError(
            f"{path}: {len(values)} rows of features for {len(ids)} object ids. Give the ids the "
            "features were computed with."
        )
    seen: set[str] = set()
    for row, name in enumerate(ids, start=1):
        if name in seen:
            raise TwoalikeError(
                f"{path}: object id {name!r} stands twice (second at row {row}). Keep one of them."
            )
        seen.add(name)
    with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
        result = values.astype(np.float32, copy=False)
    odd = np.flatnonzero(~np.isfinite(result).all(axis=1))
    if len(odd):
        raise TwoalikeError(
            f"{path}: features hold NaN or infinite values in {len(odd)} of {len(ids)} rows, "
            f"first that of {ids[odd[0]]!r}. Compute them again."
        )
    return result
