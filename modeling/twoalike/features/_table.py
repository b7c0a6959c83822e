"""Feature tables, how they are written, and the aligned vector that some hold.

The vector is an affine map of a network's pooled features to named parts:

    v = W f + b = [features ; human]

``features`` are the network's own, from an origin and at a scale, whitened or not; ``human`` are
positions in the human space, at a weight called the balance. The map is one linear layer on the
network, so that whatever loads the network gives the vector. Its similarity is the cosine of the
vector as it is, since the origin is part of the map.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.features._stored import ROWS, MappedRows
from twoalike.study import Integers, TwoalikeError, atomic_path, shortened

FEATURES, HUMAN = "features", "human"
"""Names of the parts, in their order."""
type Parts = Mapping[str, tuple[int, int]]
"""First column of each part of a vector, and the column after its last."""
type Rows = npt.NDArray[np.float32] | MappedRows
"""Rows of float32, in memory or in files: an index by rows gives an array."""

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
        Features, shape (m, p), float32, finite. Those of a folder of shards, or of a large file,
        stay there (:class:`twoalike.features.MappedRows`) and are read by rows:
        ``values[rows]``; ``numpy.asarray(values)`` reads all.
    meta
        Provenance; for a backbone's features its name and a hash of its weights; for a student's
        vectors also their ``parts`` and ``similarity``.
    """

    ids: tuple[str, ...]
    values: Rows
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        of = f" by {self.meta['backbone']}" if self.meta.get("backbone") else ""
        return f"<FeatureTable: {self.values.shape[1]} features of {len(self.ids)} objects{of}>"

    def _repr_html_(self) -> str:
        from html import escape

        frame = pd.DataFrame(self.values[:5][:, :6], index=list(self.ids[:5]))
        table = frame.to_html(max_cols=6, header=False, float_format="{:.3g}".format, border=0)
        return f"<p>{escape(repr(self))}</p>{table}"

    @property
    def digest(self) -> str:
        """Hash of ids and values, which tells whether something was made from these features.

        For features in archives it is made of their CRC-32 checksums, which were compared with the
        values when they were read: they are not read again.
        """
        digest = hashlib.sha256("\n".join(self.ids).encode())
        if (checksums := getattr(self.values, "checksums", None)) is not None:
            digest.update(json.dumps(checksums).encode())
            return f"crc32:{digest.hexdigest()}"
        for start in range(0, len(self.ids), ROWS):
            block = self.values[start : start + ROWS]
            digest.update(np.ascontiguousarray(block, dtype="<f4"))
        return digest.hexdigest()

    def rows_of(self, ids: Sequence[str], where: str = "the features") -> npt.NDArray[np.intp]:
        """Rows of the given objects, as numbers, shape (len(ids),)."""
        rows = pd.Index(self.ids).get_indexer(pd.Index(list(ids)))
        missing = [name for name, row in zip(ids, rows, strict=True) if row < 0]
        if missing:
            raise TwoalikeError(
                f"{where}: no features for {len(missing)} of {len(ids)} objects, first "
                f"{', '.join(map(repr, missing[:10]))}. Compute features for all objects."
            )
        return np.asarray(rows)

    def select(self, ids: Sequence[str], where: str = "the features") -> npt.NDArray[np.float32]:
        """Features of the given objects, in their order, shape (len(ids), p)."""
        return self.values[self.rows_of(ids, where)]

    def shown(self, triplets: Integers) -> "tuple[FeatureTable, Integers]":
        """Keep the objects of triplets of rows, (n, 3); the same triplets as rows of these."""
        rows, places = np.unique(triplets, return_inverse=True)
        ids = tuple(self.ids[row] for row in rows)
        table = FeatureTable(ids, self.values[rows], self.meta)
        return table, places.reshape(triplets.shape)

    @property
    def parts(self) -> Parts:
        """Columns of the parts of a student's vectors; empty where features have no parts."""
        parts: Parts = self.meta.get("parts", {})
        return parts

    def part(self, name: str) -> "FeatureTable":
        """Table of one part of a student's vectors, such as ``human``, in memory."""
        start, end = self.parts[name]
        meta = {key: value for key, value in self.meta.items() if key != "parts"}
        blocks = range(0, len(self.ids), ROWS)
        rows = [self.values[first : first + ROWS][:, start:end] for first in blocks]
        return FeatureTable(self.ids, np.concatenate(rows), meta | {"part": name})


def check_features_path(path: Path) -> None:
    """Refuse a file with another ending than ``.npz``, before features are computed for it."""
    if path.suffix != ".npz":
        raise TwoalikeError(
            "features are written as .npz", where=path, remedy="Choose that ending."
        )


def write_features(path: Path, table: FeatureTable) -> None:
    """Write a feature table as ``.npz``, all or nothing."""
    check_features_path(path)
    arrays: dict[str, Any] = {
        "ids": np.array(table.ids, dtype=np.str_),
        "features": table.values,
        "meta": np.array(json.dumps(dict(table.meta))),
    }
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)


@dataclass(frozen=True, eq=False)
class AlignedVector:
    """A map of p features to a vector of q numbers.

    Attributes
    ----------
    weight
        W, shape (q, p).
    bias
        b, shape (q,).
    parts
        Columns of the vector by the name of the part.
    description
        How the map was chosen, for config.json.
    """

    weight: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    parts: Parts
    description: Mapping[str, Any]

    def __call__(self, features: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Vectors of n images, shape (n, q), by their features (n, p)."""
        return np.asarray(features @ self.weight.T + self.bias, np.float32)


def join_parts(
    features: tuple[npt.NDArray[Any], npt.NDArray[Any]],
    human: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None,
    description: Mapping[str, Any] | None = None,
) -> AlignedVector:
    """Put two affine maps of p features into one vector; each is a weight and a bias.

    ``features`` have the shapes (p, p) and (p,), ``human``, the balance included, (d, p) and (d,).
    """
    maps = {FEATURES: features} | ({HUMAN: human} if human is not None else {})
    ends = np.cumsum([len(bias) for _, bias in maps.values()]).tolist()
    return AlignedVector(
        np.concatenate([weight for weight, _ in maps.values()]).astype(np.float32),
        np.concatenate([bias for _, bias in maps.values()]).astype(np.float32),
        dict(zip(maps, zip([0, *ends], ends, strict=False), strict=True)),
        dict(description or {}),
    )


def read_parts(content: Any, width: int, where: object) -> Parts:
    """Check what a file says of the parts of vectors of ``width`` numbers."""
    try:
        parts = {name: (int(start), int(end)) for name, (start, end) in content.items()}
        if all(0 <= start < end <= width for start, end in parts.values()):
            return parts
    except (AttributeError, TypeError, ValueError, OverflowError):
        pass
    raise TwoalikeError(
        where=where,
        expected=f"parts of a vector of {width} numbers, each with its first and last column",
        found=repr(shortened(content, 60)),
        remedy="Make the file again.",
    )
