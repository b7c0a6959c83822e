"""Who may read a study's data.

Only this module decides about permissions. Systems without them (Windows, some network drives) are
left alone. The umask sets them, so that no writer can forget to, library code included; it can only
remove permissions, and only from files as they are made.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from twoalike.study._errors import TwoalikeError

type Access = Literal["owner", "group", "everyone"]
_DENIED: dict[str, int] = {"owner": 0o077, "group": 0o007}
"""Permissions removed from new files; ``everyone`` is not listed: the user's umask applies."""


@contextmanager
def readable_by(access: Access) -> Iterator[None]:
    """Create files and folders with these permissions while the block runs.

    owner: files 0600 and folders 0700; group: 0660 and 0770; everyone: as the user's umask says.
    """
    if access not in _DENIED:
        yield
        return
    before = os.umask(_DENIED[access])
    try:
        yield
    finally:
        os.umask(before)


def usual_permissions(path: Path) -> None:
    """Give a new file the permissions that the umask leaves.

    safetensors, for one, makes files that nobody but their owner may read, whatever the umask.
    """
    if os.name != "posix":
        return
    # Of a file made for this, since the umask cannot be read without changing it.
    sample = path.with_name(f".{path.name}.{os.getpid()}.mode")
    try:
        sample.touch(exist_ok=False)
        path.chmod(stat.S_IMODE(sample.stat().st_mode))
    finally:
        sample.unlink(missing_ok=True)


def check_readable(folder: Path) -> None:
    """Refuse a folder of data that the user cannot read: it would look like one without data."""
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        raise TwoalikeError(
            f"{folder}: you may not read the data of this study. Ask their owner: for all users of "
            'the lab\'s group, access = "group" below [data] in study.toml, and once '
            f"chmod -R g+rwX {folder}"
        )


def readable_by_others(folder: Path, access: Access, within: Path) -> list[Path]:
    """List files below a folder that more people can read than ``access`` allows.

    Nothing is listed if a folder above, up to ``within``, is closed to them, or on systems
    without such permissions.
    """
    denied = _DENIED.get(access, 0)
    above = [parent for parent in folder.parents if parent.is_relative_to(within)]
    if os.name != "posix" or any(not _is_open(parent, denied) for parent in above):
        return []
    return list(_open_files(folder, denied))


def _is_open(folder: Path, denied: int) -> bool:
    """Whether people without access can reach the content of a folder."""
    return folder.is_dir() and bool(folder.stat().st_mode & denied & 0o011)


def _open_files(folder: Path, denied: int) -> Iterator[Path]:
    if _is_open(folder, denied):
        for path in sorted(folder.iterdir()):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                yield from _open_files(path, denied)
            elif stat.S_ISREG(mode) and mode & denied & 0o044:
                yield path
