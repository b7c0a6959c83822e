"""Two-dimensional arrays in files: what is too large for memory, or shared by processes.

``numpy.savez`` stores arrays without compression, so that rows can be read where they are in the
archive, as rows of a ``.npy`` file can. A file is mapped for as long as its rows are read, so that
any number of files can be used; the operating system keeps one copy for all processes.
"""

from collections.abc import Generator, Sequence
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
