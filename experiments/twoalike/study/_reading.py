"""Reading files that anyone may have written or damaged: text, tables, JSON, numpy, HDF5, MATLAB.

Libraries of foreign formats allocate whatever a header declares and follow links to other files. So
what a file declares is compared with its size before anything is read, no pickle is opened, and
whatever a library raises at damage becomes one line.
"""

import hashlib
import io
import json
import lzma
import os
import re
import tokenize
import tomllib
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study._errors import TwoalikeError, shortened

if TYPE_CHECKING:
    import pandas as pd

type Array = npt.NDArray[Any]
type Floats = npt.NDArray[np.floating[Any]]
type Integers = npt.NDArray[np.integer[Any]]
type Booleans = npt.NDArray[np.bool_]

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a character that JSON writes as two; encoding shows whether the other is there."""


def require_file(path: str | Path, what: str) -> Path:
    """Path of a readable, non-empty file."""
    path = Path(path)
    found = remedy = ""
    if path.is_dir():
        found, remedy = "a folder", "Name the file itself."
    elif not path.is_file():
        found, remedy = "no such file", "Check the path."
    elif not os.access(path, os.R_OK):
        remedy = "Ask its owner for the right to."
        raise TwoalikeError("you may not read this file", where=path, remedy=remedy)
    elif path.stat().st_size == 0:
        found, remedy = "an empty file", "Make it again."
    if found:
        raise TwoalikeError(where=path, expected=what, found=found, remedy=remedy)
    return path


def declared(package: str, file: str) -> dict[str, Any]:
    """Content of a TOML file that is part of a package."""
    return tomllib.loads((files(package) / file).read_text(encoding="utf-8"))


def read_text(path: Path, remedy: str = "Save as UTF-8.") -> str:
    """Text of a file, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"not UTF-8 text (byte {error.start})", where=path, remedy=remedy
        ) from error


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_ids(path: str | Path) -> list[str]:
    """Read object ids, one a line, in their order."""
    path = require_file(path, "object ids, one a line")
    ids = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not ids:
        raise TwoalikeError(where=path, expected="object ids, one a line", found="none")
    seen: set[str] = set()
    for number, name in enumerate(ids, start=1):
        if name in seen:
            raise TwoalikeError(f"id {name!r} is listed twice (again as id {number})", where=path)
        seen.add(name)
    return ids


def read_delimited(path: str | Path, what: str) -> "pd.DataFrame":
    """Read a text table without a header, split at tabs, commas, semicolons or spaces, as strings.

    Columns are numbered from 0. Lines that are blank or remarks (``# ...``) are skipped.
    """
    import pandas as pd

    path = require_file(path, what)
    lines = read_text(path).splitlines(keepends=True)
    rows = [line for line in lines if line[0] != "#" or line[1:2].strip()]
    first = min((row for row in rows if row.strip()), key=lambda row: row[0] == "#", default=None)
    if first is None:
        raise TwoalikeError(where=path, expected=what, found="no rows")
    separator = next((mark for mark in "\t,;" if mark in first), r"\s+")
    width = len(re.split(separator, first.strip()))
    # An id may begin with #, as the code of a colour does; a remark has fewer cells or more.
    rows = [row for row in rows if row[0] != "#" or len(re.split(separator, row.strip())) == width]
    try:
        return pd.read_csv(
            io.StringIO("".join(rows)),
            sep=separator,
            header=None,
            dtype=str,
            skip_blank_lines=True,
            skipinitialspace=True,
            keep_default_na=False,
        )
    except (pd.errors.ParserError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise TwoalikeError(f"{path}: expected {what}, rows do not fit ({reason}).") from error


def parse_json(text: str | bytes, where: object, remedy: str = "The file is damaged.") -> Any:
    """Parse JSON; bytes are UTF-8."""
    try:
        content = json.loads(text)
        if _HALF.search(text if isinstance(text, str) else text.decode()):
            json.dumps(content, ensure_ascii=False).encode()
        return content
    # UnicodeError and JSONDecodeError are ValueErrors, and so is a number too long.
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise TwoalikeError(f"not valid JSON ({reason})", where=where, remedy=remedy) from error


def parse_json_table(
    text: str | bytes, where: object, remedy: str = "The file is damaged."
) -> dict[str, Any]:
    """Parse JSON that must hold keys and values."""
    content = parse_json(text, where, remedy)
    if not isinstance(content, dict):
        problem = f"not valid JSON (expected keys and values, found {type(content).__name__})"
        raise TwoalikeError(problem, where=where, remedy=remedy)
    return content


SMALL = 2**30
"""Bytes that any file may unfold to; larger ones only if the file is not mostly padding."""
FOLD = 200
"""How many times its size a larger file may unfold to: measured values shrink by ten at most."""
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
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
"""Readers of numpy's header by its version; later versions are of structured types only."""
_VALUE_BYTES = 8
"""Bytes of a Parquet value in memory, at most; repeated texts are kept once."""
_MAT_HEADER, _MAT_HEADER_BYTES = b"MATLAB 5.0 MAT-file, written by twoalike", 116


def check_unfolded(path: Path, size: int) -> None:
    """Refuse a file whose content would take ``size`` bytes, before memory is allocated for it."""
    if size > max(SMALL, FOLD * path.stat().st_size):
        raise TwoalikeError(
            f"would unfold from {path.stat().st_size:,} bytes to {size:,}",
            where=path,
            remedy="It is damaged or meant to fill the memory; get it again.",
        )


def array_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns come first, and type of an array in numpy's format."""
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


def load_arrays(
    path: str | Path, what: str, *, leave_out: Collection[str] = ()
) -> Array | dict[str, Array]:
    """Read numpy's ``.npy`` (one array) or ``.npz`` (arrays by name), whatever the file is called.

    Arrays of an archive named in ``leave_out`` are not read.
    """
    path = require_file(path, what)
    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return _archive(path, leave_out)
            file.seek(0)
            return _array(file, path.stat().st_size)
    except DAMAGED as error:
        raise TwoalikeError(f"{path}: cannot be read as {what} ({shortened(error)}).") from error


def _archive(path: Path, leave_out: Collection[str]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    with ZipFile(path) as archive:
        check_unfolded(path, sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name not in leave_out:
                with archive.open(entry) as file:
                    arrays[name] = _array(file, entry.file_size)
    return arrays


def _array(file: IO[bytes], size: int) -> Array:
    shape, _, dtype = array_header(file)
    # numpy itself refuses pickled objects.
    if not dtype.hasobject and array_bytes(shape, dtype) > size - file.tell():
        raise ValueError(f"its header declares {dtype} of shape {shape}, the file ends before")
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def check_hdf5(path: Path) -> None:
    """Check that an HDF5 or netCDF-4 file is whole in itself and would not fill the memory.

    On damage h5py raises one of :data:`DAMAGED_HDF5`.
    """
    import h5py

    if not path.is_file():
        return  # the reader reports a missing file
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


def load_parquet(
    path: str | Path,
    what: str,
    *,
    dictionaries: Collection[str] = (),
    remedy: str = "The file is damaged or of another kind.",
) -> Any:
    """Read a Parquet file as an Arrow table; ``dictionaries``: columns read as such, if present."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = require_file(path, what)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
            names = file.schema_arrow.names
        values = sum(g.column(k).num_values for g in groups for k in range(g.num_columns))
        check_unfolded(path, _VALUE_BYTES * values)
        if twice := [name for name, n in Counter(names).items() if n > 1]:
            raise TwoalikeError(f"{path}: column {twice[0]!r} appears twice. Rename one of them.")
        present = [name for name in dictionaries if name in names]
        table = pq.read_table(
            path, read_dictionary=present, partitioning=None, page_checksum_verification=True
        )
        table.validate(full=True)  # texts that are not UTF-8, indices outside of a dictionary
        return table
    # Damaged metadata of pandas and Arrow, which lie in the file, raise errors of Python.
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
        raise TwoalikeError(
            f"{path}: cannot be read as parquet ({shortened(error)}). {remedy}"
        ) from error


def load_mat(path: str | Path, what: str) -> dict[str, list[Array]]:
    """Read the variables of a MATLAB file (versions 4, 6 and 7, all but ``-v7.3``).

    Each variable's numbers and texts are listed in MATLAB's order: its own array, or those in its
    cells and struct fields.
    """
    from scipy.io import loadmat

    path = require_file(path, what)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # functions and other values that only MATLAB has
            # Scipy warns of these and continues, with one of two values or a text for a value.
            warnings.filterwarnings("error", "(Duplicate|Unreadable) variable")
            found = loadmat(path, spmatrix=False)
    except NotImplementedError as error:
        raise TwoalikeError(
            where=path, expected="MATLAB's -v7 or -v6", remedy="Save it again with -v7."
        ) from error
    except Exception as error:  # its parser raises whatever damage leads to
        raise TwoalikeError(
            f"{path}: cannot be read as a MATLAB file ({shortened(error)})."
        ) from error
    return {name: list(_arrays(value)) for name, value in found.items() if name[:2] != "__"}


def _arrays(value: Any) -> Iterator[Array]:
    """Numbers and texts in a value of MATLAB: itself, or those in its cells and struct fields."""
    pending = [value]  # no recursion: cells may be nested as deep as a file likes
    while pending:
        found = pending.pop()
        if not isinstance(found, np.ndarray):
            continue
        if found.dtype.names:
            records = found.ravel(order="F")
            pending += reversed([record[name] for record in records for name in found.dtype.names])
        elif found.dtype == object:
            pending += reversed(found.ravel(order="F").tolist())
        else:
            yield found


def mat_bytes(content: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Bytes of a MATLAB file (version 5) with these variables, the same for the same content."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, dict(content), do_compression=compressed)
    # scipy writes the time of day and the system into the header.
    return _MAT_HEADER.ljust(_MAT_HEADER_BYTES) + file.getvalue()[_MAT_HEADER_BYTES:]
