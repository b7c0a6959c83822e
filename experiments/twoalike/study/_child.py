"""Reading untrusted files in a child process, with limits on time and memory.

The libraries behind Parquet and HDF5 trust the metadata of a file: one changed bit can crash the
process, exhaust the memory, or make it run for ever. So a child process reads a file first; only if
it succeeds does this process read the file. The child is kept for the next file, since it takes a
second to start. Memory is limited on Linux only, time everywhere.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from twoalike.study._errors import TwoalikeError

SECONDS, BYTES_A_SECOND = 15.0, 5e6
"""Time allowed for any file, and the least speed for larger ones."""
ROOM, FOLD = 2**30, 200
"""Bytes of memory allowed for any file, and multiples of its size for larger ones."""
_IDLE_S, _START_S = 120, 120.0
_START = "from twoalike.study._child import _serve; _serve()"
_trusted: set[tuple[str, int, int, int]] = set()
"""Files that this process wrote, or that the child has read: path, inode, size, time."""


def read_in_child(place: str, path: Path, *arguments: Any) -> None:
    """Let a child process read a file, unless it already has or this process wrote the file.

    ``place`` names the function that reads, as ``module:name``; it is called with the path and the
    arguments, which must be JSON-ready, and its return value is dropped.
    """
    if not path.is_file() or _mark(path) in _trusted:
        return  # the reader reports a missing file
    size = path.stat().st_size
    request = {
        "place": place,
        "arguments": [str(path.resolve()), *arguments],
        "memory": ROOM + max(ROOM, FOLD * size),
        "seconds": SECONDS + size / BYTES_A_SECOND,
    }
    answer = _Child.current().ask(request)
    if "refused" in answer:
        raise TwoalikeError(answer["refused"].replace(str(path.resolve()), str(path)))
    if "damaged" in answer:
        raise OSError(answer["damaged"])
    trust(path)


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
