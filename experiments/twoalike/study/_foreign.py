"""Files of foreign formats, checked before they are trusted: numpy, HDF5, Parquet, MATLAB, pickles.

Their libraries allocate whatever a header declares, follow links to other files, or end the process
at an invalid byte: one changed bit can crash it, exhaust the memory, or make it run for ever. So a
child process reads HDF5 and Parquet files first; only if it succeeds does this process read them.
MATLAB files are read by the child alone, which passes their arrays on in numpy's format, and so are
pickles of plain data, which it passes on as JSON. The child is kept for the next file, since it
takes a second to start. Memory is limited on Linux only, time everywhere. numpy's format is so
plain that comparing the header with the bytes that follow it is enough, and its files are
read often.
"""

import atexit
import io
import json
import lzma
import os
import signal
import subprocess
import sys
import threading
import tokenize
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from twoalike.study._errors import TwoalikeError
from twoalike.study._reading import parse_json, require_file
from twoalike.study._words import shortened

type Array = npt.NDArray[Any]

SECONDS, BYTES_A_SECOND = 15.0, 5e6
"""Time allowed for any file, and the least speed for larger ones."""
SMALL = 2**30
"""Bytes that any file may unfold to; larger ones only if the file is not mostly padding."""
FOLD = 200
"""How many times its size a larger file may unfold to: measured values shrink by ten at most."""
_ROOM = 2**30
"""Bytes of memory that the child may use beside the content of a file."""
_IDLE_S, _START_S = 120, 120.0
_START = "from twoalike.study._foreign import _serve; _serve()"
_trusted: set[tuple[str, int, int, int]] = set()
"""Files that this process wrote, or that the child has read: path, inode, size, time."""
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
_PART = 2**26
"""Bytes of an HDF5 dataset that are read at once."""
_VALUE_BYTES = 8
"""Bytes of a Parquet value in memory, at most; repeated texts are kept once."""
_MAT_HEADER, _MAT_HEADER_BYTES = b"MATLAB 5.0 MAT-file, written by twoalike", 116


def read_in_child(place: str, path: Path, *arguments: Any) -> None:
    """Let a child process read a file, unless it already has or this process wrote the file.

    ``place`` names the function that reads, as ``module:name``; it is called with the path and the
    arguments, which must be JSON-ready, and its return value is dropped. TwoalikeError comes from
    that function; OSError means that the child died, took too long or too much memory, or met
    anything else.
    """
    if not path.is_file() or _mark(path) in _trusted:
        return  # the reader reports a missing file
    _ask_child(place, path, *arguments)
    trust(path)


def _ask_child(place: str, path: Path, *arguments: Any) -> None:
    """Have the child read a file, even if it has been read before."""
    size = path.stat().st_size
    request = {
        "place": place,
        "arguments": [str(path.resolve()), *arguments],
        "memory": _ROOM + max(SMALL, FOLD * size),
        "seconds": SECONDS + size / BYTES_A_SECOND,
    }
    answer = _Child.current().ask(request)
    if "refused" in answer:
        raise TwoalikeError(answer["refused"].replace(str(path.resolve()), str(path)))
    if "damaged" in answer:
        raise OSError(answer["damaged"])


def trust(path: Path) -> None:
    """Mark a file as readable, as long as it does not change."""
    if path.is_file():
        _trusted.add(_mark(path))


def _mark(path: Path) -> tuple[str, int, int, int]:
    found = path.stat()
    return str(path.resolve()), found.st_ino, found.st_size, found.st_mtime_ns


class _Child:
    """A child process that reads files one after the other."""

    _now: "_Child | None" = None

    @classmethod
    def current(cls) -> "_Child":
        """Return the child of this process; start one if there is none."""
        child = cls._now
        # A forked process inherits the pipes of its parent, and must not use them.
        if child is None or child.owner != os.getpid() or child.process.poll() is not None:
            if child is not None and child.owner == os.getpid():
                child.close()
            child = cls._now = cls()
        return child

    def __init__(self) -> None:
        self.owner, self._is_ready, self._is_late = os.getpid(), False, False
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C reaches this process only, which then ends the child
            text=True,
        )
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> dict[str, str]:
        """Return the error by its kind, ``damaged`` or ``refused``; empty on success."""
        try:
            # The time for imports does not count towards the file's.
            self._is_ready = self._is_ready or bool(self._answer(_START_S))
            if not self._is_ready:
                return {"damaged": "the process that was to read it did not start"}
            answer = self._answer(request["seconds"], json.dumps(request) + "\n")
        except BaseException:
            self.close()  # its answer must not be taken for that to the next request
            raise
        if answer:
            return dict(json.loads(answer))
        status = self.process.wait()
        self.close()
        if self._is_late:
            return {"damaged": f"not read after {request['seconds']:.0f} seconds"}
        if status == -getattr(signal, "SIGALRM", 0):  # it had just ended itself, idle
            return _Child.current().ask(request)
        return {"damaged": f"reading it ended the process that tried, with status {status}"}

    def _answer(self, seconds: float, request: str = "") -> str:
        """Read a line from the child; empty if it died, or was killed because it took too long."""
        assert self.process.stdin is not None and self.process.stdout is not None
        timer = threading.Timer(seconds, self._end_late)
        timer.start()
        try:
            self.process.stdin.write(request)
            self.process.stdin.flush()
            return self.process.stdout.readline()
        except BrokenPipeError:
            return ""
        finally:
            timer.cancel()

    def _end_late(self) -> None:
        self._is_late = True
        self.process.kill()

    def close(self) -> None:
        """End it."""
        atexit.unregister(self.close)
        if self.owner != os.getpid():
            return
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:  # it died with a request unread
                    pass
        self.process.kill()
        self.process.wait()


def _serve() -> None:
    """Read files until there are no more requests: the main function of the child."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # no library may print in between
    answers.write("ready\n")
    answers.flush()
    while True:
        _limit_time(_IDLE_S)
        line = sys.stdin.readline()
        if not line:
            return
        answers.write(json.dumps(_read(json.loads(line))) + "\n")
        answers.flush()


def _read(request: dict[str, Any]) -> dict[str, str]:
    """Answer one request: empty on success, otherwise the error by its kind."""
    module, name = request["place"].split(":")
    path, *arguments = request["arguments"]
    try:
        read = getattr(import_module(module), name)
        # The parent limits the time; this limit is for a child whose parent was killed.
        _limit_time(int(request["seconds"]) + 5)
        _limit_memory(request["memory"])
        read(Path(path), *arguments)
    except MemoryError:
        return {"damaged": f"it takes more than {request['memory'] / 2**30:.0f} GiB of memory"}
    except TwoalikeError as error:
        return {"refused": str(error)}
    except Exception as error:
        return {"damaged": str(error) or type(error).__name__}
    finally:
        _limit_memory(None)
    return {}


def _limit_time(seconds: int) -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


def _limit_memory(more: int | None) -> None:
    """Limit the memory to what is in use now plus ``more`` bytes; None removes the limit."""
    if sys.platform != "linux":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = most
    if more is not None:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + more
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))


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
    """Check, in a child process, that the whole of an HDF5 or netCDF-4 file can be read."""
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
    table = pq.read_table(
        path, read_dictionary=present, partitioning=None, page_checksum_verification=True
    )
    table.validate(full=True)  # texts that are not UTF-8, indices outside of a dictionary
    return table


def _convert(module: str, kind: str, path: Path, copy: Path) -> None:
    """Have the child convert a file to one that is safe to read."""
    try:
        _ask_child(f"twoalike.study.{module}:convert", path, str(copy))
    except OSError as error:
        raise TwoalikeError(f"{path}: cannot be read as {kind} ({shortened(error)}).") from error


def load_mat(path: str | Path, what: str) -> dict[str, list[Array]]:
    """Read the variables of a MATLAB file (versions 4, 6 and 7, all but ``-v7.3``).

    Each variable's numbers and texts are listed in MATLAB's order: its own array, or those in its
    cells and struct fields.
    """
    path = require_file(path, what)
    with TemporaryDirectory(prefix="twoalike-") as folder:
        copy = Path(folder) / "arrays.npz"
        _convert("_mat", "a MATLAB file", path, copy)
        arrays = load_arrays(copy, f"the arrays of {path}")
    assert isinstance(arrays, dict)
    content: dict[str, list[Array]] = {str(name): [] for name in arrays["names"]}
    for number, variable in enumerate(arrays["variables"]):
        content[str(arrays["names"][variable])].append(arrays[f"array_{number}"])
    return content


def load_pickled_data(path: str | Path, what: str) -> Any:
    """Read a pickle that holds plain data only: dictionaries, lists, texts, numbers.

    No name in it is looked up, so nothing in it can run. Scalars of numpy are numbers, tuples are
    lists, keys are texts, and NaN is None.
    """
    path = require_file(path, what)
    with TemporaryDirectory(prefix="twoalike-") as folder:
        copy = Path(folder) / "content.json"
        _convert("_pickle", "a pickle of plain data", path, copy)
        return parse_json(copy.read_bytes(), path)


def mat_bytes(content: Mapping[str, Any], *, compressed: bool = False) -> bytes:
    """Bytes of a MATLAB file (version 5) with these variables, the same for the same content."""
    from scipy.io import savemat

    file = io.BytesIO()
    savemat(file, dict(content), do_compression=compressed)
    # scipy writes the time of day and the system into the header.
    return _MAT_HEADER.ljust(_MAT_HEADER_BYTES) + file.getvalue()[_MAT_HEADER_BYTES:]
