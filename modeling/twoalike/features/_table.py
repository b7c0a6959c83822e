"""Feature tables in memory, and how they are written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import TwoalikeError, atomic_path

PLAN = "features.json"
"""What a folder of shards holds, and where it comes from."""


def feature_shard(folder: Path, number: int) -> Path:
    """File of one shard of a folder of features."""
    return folder / f"shard-{number:05d}.npz"


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
                f"{', '.join(map(repr, missing[:10]))}. Compute features for all objects."
            )
        return self.values[rows]


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
