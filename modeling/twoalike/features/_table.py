"""Feature tables in memory and on disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import TwoalikeError, atomic_path, read_ids, require_file


@dataclass(frozen=True)
class FeatureTable:
    """One row of features an object.

    Attributes
    ----------
    ids
        Object ids, m of them, unique.
    values
        Features, shape (m, p), float32, finite.
    meta
        Provenance; for a backbone's features its name and a hash of its weights.
    """

    ids: tuple[str, ...]
    values: npt.NDArray[np.float32]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def select(self, ids: Sequence[str], where: str = "the features") -> npt.NDArray[np.float32]:
        """Rows of the given objects, in their order, shape (len(ids), p).

        Raises
        ------
        TwoalikeError
            If an object has no features.
        """
        rows = pd.Index(self.ids).get_indexer(pd.Index(list(ids)))
        missing = [name for name, row in zip(ids, rows, strict=True) if row < 0]
        if missing:
            raise TwoalikeError(
                f"{where}: no features for {len(missing)} of {len(ids)} objects, first "
                f"{missing[0]!r}. Compute features for all objects."
            )
        return self.values[rows]


def _checked(path: Path, ids: Sequence[str], values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise TwoalikeError(
            f"{path}: expected features as numbers of shape (objects, features), found "
            f"{values.dtype} of shape {values.shape}."
        )
    if len(ids) != len(values):
        raise TwoalikeError(
            f"{path}: {len(values)} rows of features for {len(ids)} object ids. Give the ids the "
            "features were computed with."
        )
    if len(set(ids)) != len(ids):
        raise TwoalikeError(f"{path}: an object id stands twice; ids must be unique.")
    result = values.astype(np.float32)
    if not np.isfinite(result).all():
        raise TwoalikeError(f"{path}: features hold NaN or infinite values.")
    return result


def _from_npz(
    path: Path, loaded: np.lib.npyio.NpzFile
) -> tuple[list[str], npt.NDArray[Any], dict[str, Any]]:
    if {"ids", "features"} - set(loaded.files):
        raise TwoalikeError(
            f"{path}: expected arrays 'ids' and 'features', found "
            f"{', '.join(loaded.files) or 'none'}."
        )
    meta = json.loads(str(loaded["meta"])) if "meta" in loaded.files else {}
    return [str(name) for name in loaded["ids"]], loaded["features"], meta


def read_features(path: Path, objects: Path | None = None) -> FeatureTable:
    """Read ``.npz`` (arrays ``ids`` and ``features``), or ``.npy`` with a list of object ids.

    Raises
    ------
    TwoalikeError
        If a file is missing, damaged, holds a pickle, or its arrays do not fit together.
    """
    require_file(path, "features (.npz or .npy)")
    try:
        # Opened here: numpy leaves its own handle open when a zip file is damaged.
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.lib.npyio.NpzFile):
                ids, values, meta = _from_npz(path, loaded)
            elif objects is None:
                raise TwoalikeError(
                    f"{path}: a .npy file has no object ids; name their list with --objects."
                )
            else:
                ids, values, meta = read_ids(objects), loaded, {}
    except (ValueError, OSError, EOFError, BadZipFile, KeyError) as error:
        raise TwoalikeError(f"{path}: cannot be read as features ({error}).") from error
    return FeatureTable(tuple(ids), _checked(path, ids, values), meta)


def write_features(path: Path, table: FeatureTable) -> None:
    """Write a feature table as ``.npz``, all or nothing."""
    if path.suffix != ".npz":
        raise TwoalikeError(f"{path}: features are written as .npz; choose that ending.")
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            ids=np.array(table.ids, dtype=np.str_),
            features=table.values,
            meta=np.array(json.dumps(dict(table.meta))),
        )
