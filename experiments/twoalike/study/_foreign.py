"""Files of foreign formats, checked before they are trusted: numpy, HDF5, Parquet, MATLAB.

Their libraries allocate whatever a header declares, follow links to other files, or end the process
at a wrong byte. HDF5, Parquet and MATLAB are therefore read by a child process first
(:mod:`twoalike.study._child`). numpy's format is so plain that comparing the header with the bytes
that follow it is enough, and its files are read often.
"""

import io
import lzma
import tokenize
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study._child import read_in_child
from twoalike.study._errors import TwoalikeError
from twoalike.study._reading import require_file
from twoalike.study._words import shortened

type Array = npt.NDArray[Any]

DAMAGED = (
    *(ValueError, OSError, EOFError, KeyError, OverflowError, RecursionError, MemoryError),
    *(BadZipFile, zlib.error, lzma.LZMAError),
    # A compression that Python's zipfile lacks, or a password.
    *(NotImplementedError, RuntimeError),
    # numpy parses headers as Python literals.
    *(tokenize.TokenError, SyntaxError),
)
"""What reading a damaged archive or header raises."""
DAMAGED_HDF5 = (
    *(OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, MemoryError),
    *(NotImplementedError, IndexError),
)
"""What h5py, and netCDF on top of it, raise on damage."""
PROVENANCE = b"twoalike"
"""Key of the metadata of our Parquet tables with their provenance, as JSON."""
SMALL = 2**30
"""Bytes that any file may unfold to; larger ones only if the file is not mostly padding."""
FOLD = 200
"""How many times its size a larger file may unfold to: measured values shrink by ten at most."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers of numpy's header by its version; later versions are of structured types only."""
_PART = 2**26
"""Bytes of an HDF5 dataset that are read at once."""
_VALUE_BYTES = 8
"""Bytes of a Parquet value in memory, at most; repeated texts are kept once."""
_MAT_HEADER, _MAT_HEADER_BYTES = b"MATLAB 5.0 MAT-file, written by twoalike", 116


def check_unfolded(path: Path, size: int) -> None:
    """Refuse a file whose content would take ``size`` bytes, before memory is allocated for it.

    Raises
    ------
    TwoalikeError
        If that is more than a gigabyte and more than 200 times the size of the file.
    """
    if size > max(SMALL, FOLD * path.stat().st_size):
        raise TwoalikeError(
            f"would unfold from {path.stat().st_size:,} bytes to {size:,}",
            where=path,
            remedy="It is damaged or meant to fill the memory; get it again.",
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
    """Bytes of an array; a Python integer, since headers may declare any size."""
    size = dtype.itemsize
    for n in shape:
        size *= int(n)
    return size


def load_arrays(path: str | Path, what: str) -> Array | dict[str, Array]:
    """Read numpy's ``.npy`` (one array) or ``.npz`` (arrays by name), whatever the file is called.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, holds a pickle, or declares more than it holds; the
        message says ``what`` was expected.
    """
    path = require_file(path, what)
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
    """Read an array from a file of ``size`` bytes."""
    shape, _, dtype = array_header(file)
    # numpy itself refuses pickled objects.
    if not dtype.hasobject and array_bytes(shape, dtype) > size - file.tell():
        raise ValueError(f"its header declares {dtype} of shape {shape}, the file ends before")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def check_hdf5(path: Path) -> None:
    """Check, in a child process, that the whole of an HDF5 or netCDF-4 file can be read.

    Raises
    ------
    TwoalikeError
        If a part of it lies in another file, or its datasets would fill the memory.
    Exception
        One of :data:`DAMAGED_HDF5`, if it cannot be read, or not in time.
    """
    read_in_child(f"{__name__}:_read_hdf5", path)


def _read_hdf5(path: Path) -> None:
    import h5py

    size, links = 0, dict[str, Any]()
    with h5py.File(path, "r") as file:
        # Collected only: h5py cannot pass on exceptions from within this walk.
        file.visititems_links(links.__setitem__)
        for name, link in links.items():
            node = file[name] if isinstance(link, h5py.HardLink) else None
            is_data = isinstance(node, h5py.Dataset)
            if node is None or (is_data and (node.is_virtual or node.external)):
                raise TwoalikeError(
                    f"{path}: {name!r} lies elsewhere and is only linked. Copy it into the file."
                )
            size += node.nbytes if is_data else 0
        check_unfolded(path, size)
        for node in (file, *(file[name] for name in links)):
            try:
                _read_hdf5_node(node)
            # Readers report damage in the parts that they need; only the limits matter here.
            except DAMAGED_HDF5 as error:
                if "alloc" in str(error).lower():  # libhdf5's message when memory is short
                    raise MemoryError from error


def _read_hdf5_node(node: Any) -> None:
    """Read attributes, and a dataset part by part."""
    import h5py

    for name in node.attrs:
        node.attrs[name]
    if not isinstance(node, h5py.Dataset):
        return
    if not node.shape:
        node[()]
        return
    rows = max(1, _PART * node.shape[0] // max(node.nbytes, 1))
    for start in range(0, node.shape[0], rows):
        node[start : start + rows]


def load_parquet(
    path: str | Path,
    what: str,
    *,
    dictionaries: Collection[str] = (),
    remedy: str = "The file is damaged or of another kind.",
) -> Any:
    """Read a Parquet file as an Arrow table.

    Columns named in ``dictionaries`` are read as dictionaries of strings where they exist.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, a column is listed twice, or its metadata declare an
        implausible size.
    """
    import pyarrow as pa

    path = require_file(path, what)
    try:
        read_in_child(f"{__name__}:_read_checked_parquet", path, list(dictionaries))
        return _read_parquet(path, dictionaries)
    # Damaged metadata of pandas and Arrow, which lie in the file, raise errors of Python.
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise TwoalikeError(
            f"{path}: cannot be read as parquet ({shortened(error)}). {remedy}"
        ) from error


def _read_checked_parquet(path: Path, dictionaries: Collection[str]) -> None:
    """Read a file whose metadata may be damaged; pyarrow crashes on some of them."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
    values = sum(g.column(k).num_values for g in groups for k in range(g.num_columns))
    check_unfolded(path, _VALUE_BYTES * values)
    _read_parquet(path, dictionaries)


def _read_parquet(path: Path, dictionaries: Collection[str]) -> Any:
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise TwoalikeError(f"{path}: column {twice[0]!r} appears twice. Rename one of them.")
    present = [name for name in dictionaries if name in names]
    table = pq.read_table(path, read_dictionary=present, partitioning=None)
    table.validate(full=True)  # texts that are not UTF-8, indices outside of a dictionary
    return table


def load_mat(path: str | Path, what: str) -> dict[str, Any]:
    """Read the variables of a MATLAB file (versions 4, 6 and 7, all but ``-v7.3``).

    Values are as :func:`scipy.io.loadmat` gives them: arrays, arrays of objects for cells, records
    for structs.

    Raises
    ------
    TwoalikeError
        If the file is missing or damaged, or of version 7.3.
    """
    path = require_file(path, what)
    try:
        read_in_child(f"{__name__}:_read_mat", path)
        return _read_mat(path)
    except TwoalikeError:
        raise
    # scipy has no family of errors for damage: whatever its parser meets comes through.
    except Exception as error:
        raise TwoalikeError(
            f"{path}: cannot be read as a MATLAB file ({shortened(error)})."
        ) from error


def _read_mat(path: Path) -> dict[str, Any]:
    from scipy.io import loadmat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # functions and other values that only MATLAB has
        # Scipy warns of these and continues, with one of two values or a text in place of a value.
        warnings.filterwarnings("error", "(Duplicate|Unreadable) variable")
        try:
            found = loadmat(path, spmatrix=False)
        except NotImplementedError as error:
            raise TwoalikeError(
                where=path,
                expected="a MATLAB file as -v7 or -v6 write it",
                found="one of another version",
                remedy="Save it again with -v7.",
            ) from error
    return {name: value for name, value in found.items() if not name.startswith("__")}


def mat_bytes(content: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Bytes of a MATLAB file (version 5) with these variables, the same for the same content."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, dict(content), do_compression=compressed)
    # scipy writes the time of day and the system into the header.
    return _MAT_HEADER.ljust(_MAT_HEADER_BYTES) + file.getvalue()[_MAT_HEADER_BYTES:]
