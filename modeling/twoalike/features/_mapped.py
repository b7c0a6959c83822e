"""Rows of features in files, memory-mapped: what is too large for memory, or shared by processes.

``numpy.savez`` stores arrays without compression, so that rows can be read where they are in the
archive, as rows of a ``.npy`` file can. A file is mapped for as long as its rows are read, so that
any number of files can be used; the operating system keeps one copy for all processes.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study import DAMAGED, TwoalikeError, array_bytes, array_header, shortened

ROWS = 8192
"""Rows per block where all rows are read in turn."""
_LOCAL_HEADER = 30
"""Bytes of a local header of a zip archive before the name."""


@dataclass(frozen=True)
class StoredRows:
    """Where the rows of an array lie in a file."""

    path: Path  # file, and number of the array's first byte in it
    offset: int
    shape: tuple[int, int]  # of the array, two-dimensional
    dtype: np.dtype[Any]
    member: str | None  # in an archive, name of the array's file and its CRC-32; None: no archive
    crc: int | None
    # Size and time of change of the file: another file is not read in its place
    state: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def open(self) -> npt.NDArray[Any]:
        """Map the rows."""
        try:
            if _state(self.path) == self.state:
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

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Read all rows block by block; an archive checks them by their checksum."""
        a_row = self.shape[1] * self.dtype.itemsize
        try:
            with ExitStack() as stack:
                file: IO[bytes]
                if self.member is None:
                    file = stack.enter_context(self.path.open("rb"))
                else:
                    archive = stack.enter_context(ZipFile(self.path))
                    file = stack.enter_context(archive.open(self.member))
                array_header(file)
                while content := file.read(ROWS * a_row):
                    yield np.frombuffer(content, self.dtype).reshape(-1, self.shape[1])
        except DAMAGED as error:
            raise _unreadable(self.path, error) from error


def find_rows(path: Path, name: str = "features") -> StoredRows | None:
    """Find the rows of an array that can be mapped: two-dimensional numbers, not compressed."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return _stored(path, file, 0, path.stat().st_size)
            with ZipFile(path) as archive:
                entries = {entry.filename: entry for entry in archive.infolist()}
            entry = entries.get(f"{name}.npy")
            if entry is None or entry.compress_type != ZIP_STORED:
                return None
            file.seek(entry.header_offset)
            local = file.read(_LOCAL_HEADER)
            lengths = (int.from_bytes(local[start : start + 2], "little") for start in (26, 28))
            start = entry.header_offset + _LOCAL_HEADER + sum(lengths)
            return _stored(path, file, start, start + entry.file_size, entry.filename, entry.CRC)
    except DAMAGED as error:
        raise _unreadable(path, error) from error


def _stored(
    path: Path,
    file: IO[bytes],
    start: int,
    end: int,
    member: str | None = None,
    crc: int | None = None,
) -> StoredRows | None:
    """Rows of the array that begins and ends at these bytes of a file."""
    file.seek(start)
    shape, by_columns, dtype = array_header(file)
    offset = file.tell()
    if len(shape) != 2 or by_columns or dtype.kind not in "fiu" or 0 in shape:
        return None
    if array_bytes(shape, dtype) > end - offset:
        raise ValueError(f"its header declares {dtype} of shape {shape}, the array ends before")
    return StoredRows(path, offset, (shape[0], shape[1]), dtype, member, crc, _state(path))


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _unreadable(path: Path, error: Exception) -> TwoalikeError:
    return TwoalikeError(
        f"cannot be read as features ({shortened(error)})",
        where=path,
        remedy="Give .npz, .npy, .parquet or .h5.",
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
