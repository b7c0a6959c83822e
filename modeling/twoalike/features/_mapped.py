"""Rows of features in files, memory-mapped: what is too large for memory, or shared by processes.

``numpy.savez`` stores arrays without compression, so that rows can be read where they are in the
archive, as rows of a ``.npy`` file can. All processes of a machine that map a file share one copy
of it in the operating system's cache. Pages that a process has touched count as its own memory
nevertheless; after a gigabyte they are given back, and read from the cache when needed again.
"""

import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study import DAMAGED, TwoalikeError, array_bytes, array_header, shortened

ROWS = 8192
"""Rows per block where all rows are read in turn."""
_OPEN = 256
"""Files that are mapped at once: each takes a file descriptor."""
_RESIDENT = 2**30
"""Bytes that may be touched before the mappings are given back."""
_AROUND = 2**16
"""Bytes that the operating system maps around a row that is read."""
_LOCAL_HEADER = 30
"""Bytes of a local header of a zip archive before the name."""


@dataclass(frozen=True)
class StoredRows:
    """Where the rows of an array lie in a file.

    Attributes
    ----------
    path, offset
        File, and number of the array's first byte in it.
    rows, width, dtype
        Shape (rows, width) and type of the array.
    header, crc
        In an archive, CRC-32 of what comes before the rows and of all together; None: no archive.
    size, changed_ns
        Size and time of change of the file: another file is not read in its place.
    """

    path: Path
    offset: int
    rows: int
    width: int
    dtype: np.dtype[Any]
    header: int
    crc: int | None
    size: int
    changed_ns: int

    def open(self) -> npt.NDArray[np.uint8]:
        """Map the rows as bytes: within an archive numbers are not aligned."""
        try:
            now = self.path.stat()
            if (now.st_size, now.st_mtime_ns) == (self.size, self.changed_ns):
                shape = (self.rows, self.width * self.dtype.itemsize)
                return np.memmap(self.path, np.uint8, "r", self.offset, shape)
            found = "another file of that name"
        except OSError as error:
            found = shortened(error)
        raise TwoalikeError(
            where=self.path,
            expected="the features that were there when the command began",
            found=found,
            remedy="Give the command again.",
        )


def find_rows(path: Path, name: str = "features") -> StoredRows | None:
    """Find the rows of an array that can be mapped: two-dimensional numbers, not compressed."""
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _in_archive(path, name)
            file.seek(0)
            return _stored(path, file, 0, path.stat().st_size, None)
    except DAMAGED as error:
        raise TwoalikeError(
            f"cannot be read as features ({shortened(error)})",
            where=path,
            remedy="Give .npz, .npy, .parquet or .h5.",
        ) from error


def _in_archive(path: Path, name: str) -> StoredRows | None:
    with ZipFile(path) as archive, path.open("rb") as file:
        entry = next((e for e in archive.infolist() if e.filename == f"{name}.npy"), None)
        if entry is None or entry.compress_type != ZIP_STORED:
            return None
        file.seek(entry.header_offset)
        local = file.read(_LOCAL_HEADER)
        lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        start = entry.header_offset + _LOCAL_HEADER + lengths
        return _stored(path, file, start, start + entry.file_size, entry.CRC)


def _stored(
    path: Path, file: IO[bytes], start: int, end: int, crc: int | None
) -> StoredRows | None:
    """Rows of the array that begins and ends at these bytes of a file."""
    file.seek(start)
    shape, by_columns, dtype = array_header(file)
    offset = file.tell()
    if len(shape) != 2 or by_columns or dtype.kind not in "fiu" or 0 in shape:
        return None
    if array_bytes(shape, dtype) > end - offset:
        raise ValueError(f"its header declares {dtype} of shape {shape}, the array ends before")
    file.seek(start)
    header = zlib.crc32(file.read(offset - start))
    status = path.stat()
    return StoredRows(path, offset, *shape, dtype, header, crc, status.st_size, status.st_mtime_ns)


class MappedRows:
    """Features of m objects in files, shape (m, p), indexed like an array by row.

    A row, a slice or an array of rows (or of booleans) gives float32 in memory, whatever type is
    stored; ``numpy.asarray`` gives all rows.

    Parameters
    ----------
    parts
        Rows of each file, or an array in memory, one below the other; all have the same width.
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(self, parts: Sequence[StoredRows | npt.NDArray[Any]]) -> None:
        self.parts = tuple(parts)
        lengths = [part.rows if isinstance(part, StoredRows) else len(part) for part in parts]
        self._ends = np.cumsum(lengths)
        first = self.parts[0]
        width = first.width if isinstance(first, StoredRows) else first.shape[1]
        self.shape = (int(self._ends[-1]), width)
        self._open: OrderedDict[int, npt.NDArray[np.uint8]] = OrderedDict()
        self._touched = 0

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
        if isinstance(rows, int | np.integer):
            return self._gathered(np.array([rows], np.int64)).reshape(-1)
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self._between(start, max(stop, start))
            return self[np.arange(start, stop, step)]
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise IndexError(f"{rows.shape} booleans for {len(self)} rows")
            rows = np.flatnonzero(rows)
        if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
            raise IndexError("expected a row, a slice, or one-dimensional row numbers")
        return self._gathered(rows.astype(np.int64))

    @property
    def checksums(self) -> list[list[Any]] | None:
        """Shape, type and CRC-32 of each part; None if a part has none."""
        found = []
        for part in self.parts:
            if not isinstance(part, StoredRows) or part.crc is None:
                return None
            found.append([part.rows, part.width, part.dtype.str, part.crc])
        return found

    def blocks(self, part: int, rows: int = ROWS) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield the bytes of a part in files, block by block, shape (rows, bytes)."""
        stored = self.parts[part]
        assert isinstance(stored, StoredRows)
        for start in range(0, stored.rows, rows):
            yield self._bytes(part)[start : start + rows]
            self._count(rows * stored.width * stored.dtype.itemsize)

    def _between(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Rows from start to stop, without an index of each."""
        result = np.empty((stop - start, self.shape[1]), np.float32)
        begins = self._ends - np.diff(self._ends, prepend=0)
        for part in np.flatnonzero((begins < stop) & (self._ends > start)):
            low, high = max(start, begins[part]), min(stop, self._ends[part])
            for first in range(low, high, ROWS):
                last = min(first + ROWS, high)
                inside = slice(first - begins[part], last - begins[part])
                self._read(int(part), inside, result[first - start : last - start])
        return result

    def _gathered(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows of these numbers, read in the order of the files."""
        rows = np.where(rows < 0, rows + len(self), rows)
        if len(rows) and not (0 <= rows.min() and rows.max() < len(self)):
            raise IndexError(f"rows from {rows.min()} to {rows.max()} of {len(self)}")
        result = np.empty((len(rows), self.shape[1]), np.float32)
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        cuts = np.searchsorted(ordered, self._ends)
        begins = self._ends - np.diff(self._ends, prepend=0)
        before = np.concatenate([[0], cuts[:-1]])
        for part in np.flatnonzero(cuts > before):
            own = slice(before[part], cuts[part])
            read = np.empty((cuts[part] - before[part], self.shape[1]), np.float32)
            self._read(int(part), ordered[own] - begins[part], read)
            result[order[own]] = read
        return result

    def _read(self, part: int, rows: Any, result: npt.NDArray[np.float32]) -> None:
        stored = self.parts[part]
        with np.errstate(over="ignore"):  # infinite features were refused when they were checked
            if not isinstance(stored, StoredRows):
                result[:] = stored[rows]
                return
            own = self._bytes(part)[rows]
            result[:] = own.view(stored.dtype)
            each = own.shape[1] if isinstance(rows, slice) else max(own.shape[1], _AROUND)
            self._count(len(own) * each)

    def _bytes(self, part: int) -> npt.NDArray[np.uint8]:
        """Map a part if it is not, shape (rows, bytes)."""
        if part not in self._open:
            stored = self.parts[part]
            assert isinstance(stored, StoredRows)
            while len(self._open) >= _OPEN:
                self._open.popitem(last=False)
            self._open[part] = stored.open()
        self._open.move_to_end(part)
        return self._open[part]

    def _count(self, size: int) -> None:
        """Give the mappings back once enough bytes have been touched."""
        self._touched += size
        if self._touched > _RESIDENT:
            self._open.clear()
            self._touched = 0
