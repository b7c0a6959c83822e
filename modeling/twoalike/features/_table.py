"""Feature tables, how they are written, and the aligned vector that some hold.

The vector is an affine map of a network's pooled features to named parts:

    v = W f + b = [features ; human]

``features`` are the network's own, from an origin and at a scale, whitened or not; ``human`` are
positions in the human space, at a weight called the balance. The map is one linear layer on the
network, so that whatever loads the network gives the vector. Its similarity is the cosine of the
vector as it is, since the origin is part of the map.

Features that are too large for memory, or shared by processes, stay in their files.
``numpy.savez`` stores arrays without compression, so that rows can be read where they are in the
archive, as rows of a ``.npy`` file can. A file is mapped for as long as its rows are read, so that
any number of files can be used; the operating system keeps one copy for all processes.
"""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.study import (
    DAMAGED,
    Integers,
    TwoalikeError,
    array_bytes,
    array_header,
    atomic_path,
    check_ending,
    shortened,
)

ROWS = 8192
"""Rows per block where all rows are read in turn."""
_LOCAL_HEADER = 30
"""Bytes of a local header of a zip archive before the name."""


@dataclass(frozen=True)
class StoredRows:
    """An array of a file, unread."""

    path: Path
    name: str | None  # in an archive; None: the only array of a .npy
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    by_columns: bool  # as it is stored: it is read as a whole then
    offset: int | None  # of its first byte in the file; None: compressed, or by columns
    crc: int | None  # in an archive
    # Size and time of change of the file: another file is not read in its place
    state: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def open(self) -> npt.NDArray[Any]:
        """Map the rows."""
        try:
            if _state(self.path) == self.state and self.offset is not None:
                return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
            found = "another file of that name"
        except OSError as error:
            found = shortened(error)
        raise TwoalikeError(
            where=self.path,
            expected="the features that were there when the command began",
            found=found,
            remedy="Give the command again.",
        )

    def blocks(self, rows: int = ROWS) -> Generator[npt.NDArray[Any]]:
        """Read all rows block by block, the last one shorter; an archive checks them by its CRC."""
        if self.by_columns:
            found = np.load(self.path, allow_pickle=False)
            whole = found if self.name is None else found[self.name]
            yield from (whole[start : start + rows] for start in range(0, len(self), rows))
            return
        a_row = self.shape[1] * self.dtype.itemsize
        try:
            with ExitStack() as stack:
                file: IO[bytes]
                if self.name is None:
                    file = stack.enter_context(self.path.open("rb"))
                else:
                    archive = stack.enter_context(ZipFile(self.path))
                    file = stack.enter_context(archive.open(f"{self.name}.npy"))
                array_header(file)
                while content := file.read(rows * a_row):
                    yield np.frombuffer(content, self.dtype).reshape(-1, self.shape[1])
        except DAMAGED as error:
            raise _unreadable(self.path, error) from error


def stored_rows(path: Path) -> dict[str | None, StoredRows]:
    """Find the two-dimensional arrays of a .npz by name, or that of a .npy, None, unread.

    Arrays of Python objects are left out: to open these may run any program.
    """
    found: dict[str | None, StoredRows] = {}
    try:
        with path.open("rb") as raw:
            if raw.read(2) != b"PK":
                raw.seek(0)
                if (one := _stored(path, None, raw, path.stat().st_size, 0, None)) is not None:
                    found[None] = one
                return found
            with ZipFile(path) as archive:
                for entry in archive.infolist():
                    start = None
                    if entry.compress_type == ZIP_STORED:
                        raw.seek(entry.header_offset)
                        local = raw.read(_LOCAL_HEADER)
                        lengths = (int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
                        start = entry.header_offset + _LOCAL_HEADER + sum(lengths)
                    name = entry.filename.removesuffix(".npy")
                    with archive.open(entry) as file:
                        one = _stored(path, name, file, entry.file_size, start, entry.CRC)
                        if one is not None:
                            found[name] = one
    except DAMAGED as error:
        raise _unreadable(path, error) from error
    return found


def _stored(
    path: Path, name: str | None, file: IO[bytes], size: int, start: int | None, crc: int | None
) -> StoredRows | None:
    """Describe an array of ``size`` bytes, its header included, that begins at ``start``."""
    shape, by_columns, dtype = array_header(file)
    header = file.tell()
    if len(shape) != 2 or dtype.hasobject:
        return None
    if array_bytes(shape, dtype) > size - header:
        raise ValueError(f"its header declares {dtype} of shape {shape}, the array ends before")
    offset = None if start is None or by_columns else start + header
    both = shape[0], shape[1]
    return StoredRows(path, name, both, dtype, by_columns, offset, crc, _state(path))


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: Exception) -> TwoalikeError:
    return TwoalikeError(
        f"cannot be read as .npz or .npy ({shortened(error)})",
        where=path,
        remedy="The file is damaged or of another kind; features may be .parquet or .h5 as well.",
    )


class MappedRows:
    """Features of m objects in files, shape (m, p), indexed like an array by row.

    A row, a slice or an array of rows (or of booleans) gives float32 in memory, whatever type is
    stored; ``numpy.asarray`` gives all rows. ``parts`` are the rows of each file, or an array in
    memory, one below the other; all have the same width.
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, parts: Sequence[StoredRows | npt.NDArray[Any]]) -> None:
        self.parts = tuple(parts)
        self._ends = np.cumsum([len(part) for part in parts])
        self._rows = np.arange(self._ends[-1])
        self.shape = (len(self._rows), self.parts[0].shape[1])

    def __repr__(self) -> str:
        m, p = self.shape
        return f"<MappedRows: {p} features of {m} objects in {len(self.parts)} parts>"

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("features in files are read into a new array")
        return np.asarray(self[:].astype(dtype or np.float32, copy=False))

    def __getitem__(self, rows: Any) -> npt.NDArray[np.float32]:
        wanted = np.asarray(self._rows[rows])
        if wanted.ndim > 1:
            raise IndexError("expected a row, a slice, or one-dimensional row numbers")
        flat = wanted.reshape(-1)
        result = np.empty((len(flat), self.shape[1]), np.float32)
        part_of = np.searchsorted(self._ends, flat, side="right")
        for number in np.unique(part_of).tolist():
            own, stored = np.flatnonzero(part_of == number), self.parts[number]
            inside = flat[own] - (self._ends[number] - len(stored))
            values = stored.open() if isinstance(stored, StoredRows) else stored
            with np.errstate(over="ignore"):  # infinite features were refused when checked
                result[own] = values[inside]
        return result.reshape(*wanted.shape, self.shape[1])

    @property
    def checksums(self) -> list[list[Any]] | None:
        """Shape, type and CRC-32 of each part; None if a part has none."""
        found = []
        for part in self.parts:
            if not isinstance(part, StoredRows) or part.crc is None:
                return None
            found.append([*part.shape, part.dtype.str, part.crc])
        return found


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


def write_features(path: Path, table: FeatureTable) -> None:
    """Write a feature table as ``.npz``, all or nothing."""
    check_ending(path, [".npz"], "a table of features")
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
