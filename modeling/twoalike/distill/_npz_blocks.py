"""Arrays of an ``.npz`` by blocks of rows: ``np.load`` reads each whole, whatever its size."""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study import (
    DAMAGED,
    TwoalikeError,
    array_bytes,
    array_header,
    require_file,
    shortened,
)


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
                    array_header(file)
                    if place:  # a file that never jumps is checked against its CRC at the end
                        file.seek(file.tell() + place * n * self.dtype.itemsize)
                for start in range(0, n, rows):
                    count = min(rows, n - start)
                    parts = [self._read(file, count * width) for file in files]
                    yield np.stack([part.reshape(count, width) for part in parts], 1).reshape(
                        count, columns
                    )
        except DAMAGED as error:
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
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    shape, by_columns, dtype = array_header(file)
                    told = file.tell() + array_bytes(shape, dtype)
                if dtype.hasobject:
                    raise TwoalikeError(
                        f"{path}: array {name!r} is pickled, which could run any program when "
                        "opened. Save it as plain strings or numbers."
                    )
                if told > entry.file_size:
                    raise ValueError(f"{name} tells of shape {shape}, and ends before")
                if len(shape) == 2:
                    members[name] = Member(path, name, (shape[0], shape[1]), dtype, by_columns)
    except DAMAGED as error:
        raise _damaged(path, error) from error
    return members


def _damaged(path: Path, error: Exception) -> TwoalikeError:
    return TwoalikeError(
        f"{path}: cannot be read as .npz ({shortened(error)}). The file is damaged or of another "
        "kind; get it again."
    )
