"""What a disk may not offer: syncing, locks, permissions.

FUSE, SMB and NFS mounts may have no locks, and may refuse to sync files or folders. This is not a
disk error, and users cannot change it during a session: it is reported once, and work continues
without. Every other error means that data may not have been written.
"""

import errno
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twoalike.study._errors import TwoalikeError

NOT_OFFERED = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
"""Error numbers of operations that a file system does not offer."""
_CLOSED_FOLDER = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR})
"""Error numbers of folders that accept files but cannot be opened, as on SMB."""
_reported: set[str] = set()


def report_not_offered(what: str, folder: Path, consequence: str) -> None:
    """Report on standard error, once per process, what a file system does not offer.

    ``consequence`` is what the user should know or do, as a whole sentence.
    """
    if what not in _reported:
        _reported.add(what)
        line = f"{folder}: this file system does not offer {what}. {consequence}"
        print(line, file=sys.stderr)  # noqa: T201


def _report_unsynced(what: str, folder: Path) -> None:
    report_not_offered(
        what,
        folder,
        "A power cut may lose what was written last; a local disk is safer while people are run.",
    )


def sync_file(handle: int, path: Path) -> None:
    """Wait until an open file is on the disk, if the file system offers that.

    Raises
    ------
    OSError
        If the disk is full or failing.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        _report_unsynced("syncing files", path.parent)


def sync_path(path: Path) -> None:
    """Wait until a closed file is on the disk, as :func:`sync_file`."""
    if os.name != "posix" and not os.access(path, os.W_OK):
        return  # Windows flushes only what may be written
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        sync_file(handle, path)
    finally:
        os.close(handle)


def sync_tree(root: Path) -> None:
    """Wait until everything in a folder is on the disk."""
    for folder, _, names in os.walk(root, topdown=False):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                sync_path(path)
        sync_folder(Path(folder))


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: POSIX needs that to make a rename durable.

    Raises
    ------
    OSError
        If the disk is full or failing.
    """
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in NOT_OFFERED | _CLOSED_FOLDER:
            raise
        return _report_unsynced("syncing folders", folder)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_OFFERED | _CLOSED_FOLDER:
            raise
        _report_unsynced("syncing folders", folder)
    finally:
        os.close(handle)


@contextmanager
def hold_lock(path: Path, busy: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of ``path`` while the block runs; wait ``patience_s`` for another process.

    The operating system holds the lock, not the file: it is released when the process ends, also
    when it is killed, so no stale lock ever has to be removed by hand. The file is left behind,
    since removing it would race with the next process. Where a file system has no locks, that is
    reported once and the block runs without.

    Raises
    ------
    TwoalikeError
        With the message ``busy`` if another process holds the lock, or if the file cannot be made
        or locked.
    """
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # with the permissions of the umask
    except OSError as error:
        raise TwoalikeError(
            f"{path}: cannot write ({error.strerror}). Check who may write to the study."
        ) from error
    # A marker in place of a lock, the library's own fallback, would survive a kill.
    lock = FileLock(path, timeout=patience_s, poll_interval=0.02, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise TwoalikeError(busy) from error
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
    try:
        yield
    finally:
        lock.release()


def is_first_process() -> bool:
    """Whether this is the first, or the only one, of the processes that work on one thing.

    torchrun numbers them in RANK, SLURM in SLURM_PROCID.
    """
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


@contextmanager
def hold_output(out: Path) -> Iterator[None]:
    """Keep other processes of this computer from making the same output while the block runs.

    Of several processes that work together the first holds it for all. The lock lies among the
    temporary files, not beside the output.

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
