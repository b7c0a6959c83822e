"""Arrays of an ``.npz`` by blocks of rows: ``np.load`` reads each whole, whatever its size."""

import zlib
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError, require_file

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers of numpy's header by its version; later versions are of structured types only."""


@dataclass(frozen=True)
class Member:
    """One array of an archive, not yet read.

    Attributes
    ----------
    path
        The archive.
    name
        Of the array, without ``.npy``.
    shape
        (n, columns).
    dtype
        Of its values; never object.
    by_columns
        Whether the file holds one column after the other.
    """

    path: Path
    name: str
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    by_columns: bool

    def blocks(self, rows: int) -> Generator[npt.NDArray[Any]]:
        """Yield the array in blocks of ``rows`` rows, the last one shorter.

        Raises
        ------
        TwoalikeError
            If the file is damaged, or ends before the array does.
        """
        n, columns = self.shape
        streams, width = (columns, 1) if self.by_columns else (1, columns)
        try:
            with ExitStack() as stack:
                archive = stack.enter_context(ZipFile(self.path))
                files = [
                    stack.enter_context(archive.open(f"{self.name}.npy")) for _ in range(streams)
                ]
                for place, file in enumerate(files):
                    _header(file)
                    if place:  # a file that never jumps is checked against its CRC at the end
                        file.seek(file.tell() + place * n * self.dtype.itemsize)
                for start in range(0, n, rows):
                    count = min(rows, n - start)
                    parts = [self._read(file, count * width) for file in files]
                    yield np.stack([part.reshape(count, width) for part in parts], 1).reshape(
                        count, columns
                    )
        except (BadZipFile, zlib.error, OSError, EOFError) as error:
            raise _damaged(self.path, error) from error

    def _read(self, file: IO[bytes], count: int) -> npt.NDArray[Any]:
        size = count * self.dtype.itemsize
        content = file.read(size)
        if len(content) < size:
            raise EOFError(f"{self.name} ends before its last row")
        return np.frombuffer(content, dtype=self.dtype)


def open_members(path: Path, what: str) -> dict[str, Member]:
    """Find the two-dimensional arrays of an archive, without reading them.

    Parameters
    ----------
    path
        An ``.npz``, compressed or not.
    what
        What the archive is expected to hold, for the error.

    Raises
    ------
    TwoalikeError
        If it is missing or damaged, or an array is pickled.
    """
    require_file(path, what)
    members: dict[str, Member] = {}
    try:
        with ZipFile(path) as archive:
            for entry in archive.namelist():
                name = entry.removesuffix(".npy")
                with archive.open(entry) as file:
                    shape, by_columns, dtype = _header(file)
                if dtype.hasobject:
                    raise TwoalikeError(
                        f"{path}: array {name!r} is pickled, which could run any program when "
                        "opened. Save it as plain strings or numbers."
                    )
                if len(shape) == 2:
                    members[name] = Member(path, name, (shape[0], shape[1]), dtype, by_columns)
    except (BadZipFile, zlib.error, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return members


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of an array that begins here."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"numpy format {version[0]}.{version[1]}")
    shape, by_columns, dtype = HEADERS[version](file)
    return shape, by_columns, dtype


def _damaged(path: Path, error: Exception) -> TwoalikeError:
    reason = " ".join(str(error).split())
    return TwoalikeError(
        f"{path}: cannot be read as .npz ({reason}). The file is damaged or of another kind; get "
        "it again."
    )
