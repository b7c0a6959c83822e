"""Syncing to the disk, on file systems that offer it and on those that do not.

FUSE, SMB and NFS mounts may have no locks, and may refuse to sync files or folders. This is not a
disk error, and users cannot change it during a session: it is reported once, and work continues
without. Every other error means that data may not have been written.
"""

import errno
import os
import sys
from pathlib import Path

NOT_OFFERED = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
"""Error numbers of operations that a file system does not offer."""
_CLOSED_FOLDER = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR})
"""Error numbers of folders that accept files but cannot be opened, as on SMB."""
_reported: set[str] = set()


def report_not_offered(what: str, folder: Path, consequence: str) -> None:
    """Report on standard error, once per process, what a file system does not offer.

    Parameters
    ----------
    what
        The operation, such as ``file locks``.
    consequence
        What the user should know or do; a whole sentence.
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
