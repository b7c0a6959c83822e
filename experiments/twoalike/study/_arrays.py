"""Arrays in ``.npy`` and ``.npz`` files from anywhere: nothing pickled, nothing larger than told.

numpy believes a header: it makes room for whatever shape stands there. So headers are compared with
the bytes that follow them first.
"""

import lzma
import tokenize
import warnings
import zlib
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study._errors import TwoalikeError
from twoalike.study._files import require_file
from twoalike.study._words import shortened

DAMAGED = (
    *(ValueError, OSError, EOFError, KeyError, OverflowError, RecursionError, MemoryError),
    *(BadZipFile, zlib.error, lzma.LZMAError),
    # A way of packing that Python's zipfile has not, or a password.
    *(NotImplementedError, RuntimeError),
    # numpy takes headers for Python's literals.
    *(tokenize.TokenError, SyntaxError),
)
"""What reading a damaged archive or header raises."""
SMALL = 2**30
"""Bytes that any file may unfold to; more, only if it is not mostly air."""
AIR = 200
"""How many times its size a larger file may unfold to: measured values shrink by ten at most."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers of numpy's header by its version; later versions are of structured types only."""

type Array = npt.NDArray[Any]


def check_unfolded(path: Path, size: int) -> None:
    """Refuse a file that tells of far more than it can hold, before room is made for that.

    Parameters
    ----------
    path
        The file.
    size
        Bytes that its content would take in memory.

    Raises
    ------
    TwoalikeError
        If that is more than a gigabyte and more than 200 times the file.
    """
    if size > max(SMALL, AIR * path.stat().st_size):
        raise TwoalikeError(
            f"{path}: would unfold from {path.stat().st_size:,} bytes to {size:,}. It is damaged "
            "or meant to fill the memory; get it again."
        )


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of an array in numpy's format that begins here.

    Raises
    ------
    ValueError
        If there is none, or of a version for structured types; and others of :data:`DAMAGED`.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"numpy format {version[0]}.{version[1]}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the header is one of Python 2
        shape, by_columns, dtype = _HEADERS[version](file)
    if min(shape, default=0) < 0:
        raise ValueError(f"an array of shape {shape}")
    return shape, by_columns, dtype


def array_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Bytes of an array, of any size."""
    size = dtype.itemsize
    for n in shape:
        size *= int(n)
    return size


def load_arrays(path: Path, what: str) -> Array | dict[str, Array]:
    """Read an ``.npy`` or ``.npz`` whatever it is called.

    Parameters
    ----------
    path
        The file.
    what
        What it is expected to hold, for messages.

    Returns
    -------
    The one array of an ``.npy``, or those of an ``.npz`` by name.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, holds a pickle, or tells of more than it holds.
    """
    require_file(path, what)
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _archive(path)
            file.seek(0)
            return _array(file, path.stat().st_size)
    except DAMAGED as error:
        raise TwoalikeError(f"{path}: cannot be read as {what} ({shortened(error)}).") from error


def _archive(path: Path) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    with ZipFile(path) as archive:
        check_unfolded(path, sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            with archive.open(entry) as file:
                arrays[entry.filename.removesuffix(".npy")] = _array(file, entry.file_size)
    return arrays


def _array(file: IO[bytes], size: int) -> Array:
    """Read an array from a file of so many bytes."""
    shape, _, dtype = array_header(file)
    # What holds objects is refused by numpy, in its own words.
    if not dtype.hasobject and array_bytes(shape, dtype) > size - file.tell():
        raise ValueError(f"its header tells of {dtype} of shape {shape}, the file ends before")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))
