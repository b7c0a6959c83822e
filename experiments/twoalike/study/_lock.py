"""One process at a time, for a participant or an output.

The operating system holds the lock, not the file: it is released when the process ends, also
when it is killed, so no stale lock ever has to be removed by hand. Where a file system has no
locks, that is reported once and work continues: a lab with one process at a time needs none.
"""

import errno
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twoalike.study._errors import TwoalikeError
from twoalike.study._filesystem import NOT_OFFERED, report_not_offered

_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
"""Error numbers of a lock that another process holds."""


def _try_lock(handle: int) -> bool:
    """Take the lock; return whether it was free.

    Raises
    ------
    OSError
        If the system cannot lock the file.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return False
    return True


def _lock(handle: int, path: Path, busy: str, patience_s: float) -> None:
    """Take the lock within ``patience_s``; continue without one if the file system has none."""
    deadline = time.monotonic() + patience_s
    try:
        while not _try_lock(handle):
            if time.monotonic() >= deadline:
                raise TwoalikeError(busy)
            time.sleep(0.02)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise TwoalikeError(
                f"{path}: cannot lock ({error.strerror}). Check the disk, or move the study to "
                "another one."
            ) from error
        report_not_offered(
            "file locks",
            path.parent,
            "Nothing keeps two processes from writing the same data: run one at a time.",
        )


@contextmanager
def hold_lock(path: Path, busy: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of ``path`` while the block runs.

    Parameters
    ----------
    path
        Lock file, made if missing and left behind: removing it would race with the next one.
    busy
        Message if another process holds it.
    patience_s
        How long to wait for the other process.

    Raises
    ------
    TwoalikeError
        If another process holds the lock, or the file cannot be made or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise TwoalikeError(
            f"{path}: cannot write ({error.strerror}). Check who may write to the study."
        ) from error
    try:
        _lock(handle, path, busy, patience_s)
        yield
    finally:
        os.close(handle)


def is_first_process() -> bool:
    """Whether this is the first, or the only one, of the processes that work on one thing.

    torchrun numbers them in RANK, SLURM in SLURM_PROCID.
    """
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


@contextmanager
def hold_output(out: Path) -> Iterator[None]:
    """Keep other processes of this computer from making the same output while the block runs.

    Of several that work together the first one holds it for all.

    Parameters
    ----------
    out
        File or folder to be made. The lock lies among the temporary files, not beside it.

    Raises
    ------
    TwoalikeError
        If another process makes it, or no temporary file can be made.
    """
    if not is_first_process():
        yield
        return
    user = getattr(os, "getuid", int)()
    digest = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:20]
    try:
        lock = Path(tempfile.gettempdir()) / f"twoalike-{user}-{digest}.lock"
    except FileNotFoundError as error:
        raise TwoalikeError(f"{out}: cannot write ({error.strerror}). Free space.") from error
    busy = f"{out}: another process is making it. Wait for it, or choose another output."
    with hold_lock(lock, busy):
        yield
