"""Outputs that appear whole, by rename; syncing and locks.

A reader, or a run that is killed half-way, sees the old file or the new one, never a part of
either. A killed process leaves a hidden file or folder beside its output, and perhaps the old
folder that it had set aside.

FUSE, SMB and NFS mounts may have no locks, and may refuse to sync files or folders. This is not a
disk error, and users cannot change it during a session: it is reported once, and work continues
without. Every other error means that data may not have been written.
"""

import errno
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from twoalike.study._errors import TwoalikeError

NOT_OFFERED = frozenset({errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
"""Error numbers of operations that a file system does not offer."""
_CLOSED_FOLDER = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR})
"""Error numbers of folders that accept files but cannot be opened, as on SMB."""
_UNSYNCED = (
    "A power cut may lose what was written last; a local disk is safer while people are run."
)
_reported: set[str] = set()
_AT_A_TIME = 16
"""Files that a folder is synced by at a time."""


def _report_not_offered(what: str, folder: Path, consequence: str) -> None:
    if what not in _reported:
        _reported.add(what)
        line = f"{folder}: this file system does not offer {what}. {consequence}"
        print(line, file=sys.stderr)  # noqa: T201


_together: ContextVar[bool] = ContextVar("_together", default=False)


@contextmanager
def sync_together() -> Iterator[None]:
    """Do not wait for the disk at each file of the block: :func:`sync_tree` does at its end.

    For many files that are of use together only, in a folder that nobody reads before.
    """
    token = _together.set(True)
    try:
        yield
    finally:
        _together.reset(token)


def syncing_together() -> bool:
    """Whether a block of :func:`sync_together` is running."""
    return _together.get()


def sync_file(handle: int, path: Path) -> None:
    """Wait until an open file is on the disk, if the file system offers that."""
    if _together.get():
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        _report_not_offered("syncing files", path.parent, _UNSYNCED)


def _sync_path(path: Path) -> None:
    if _together.get() or (os.name != "posix" and not os.access(path, os.W_OK)):
        return  # Windows flushes only what may be written
    with path.open("rb" if os.name == "posix" else "rb+") as file:
        sync_file(file.fileno(), path)


def sync_tree(root: Path) -> None:
    """Wait until everything in a folder is on the disk.

    Several files at a time: disks write what is asked for together in one go.
    """
    folders = [(Path(folder), names) for folder, _, names in os.walk(root, topdown=False)]
    paths = (folder / name for folder, names in folders for name in names)
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        for _ in pool.map(_sync_path, (path for path in paths if not path.is_symlink())):
            pass  # raises what a call has raised
    for folder, _ in folders:
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk: POSIX needs that for a rename to last."""
    if os.name != "posix" or _together.get():
        return
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_OFFERED | _CLOSED_FOLDER:
            raise
        _report_not_offered("syncing folders", folder, _UNSYNCED)
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def hold_lock(path: Path, busy: str, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of ``path`` while the block runs; wait ``patience_s`` for another process.

    The operating system holds the lock, not the file: it is released when the process ends, also
    when it is killed, so no stale lock ever has to be removed by hand. The file is left behind,
    since removing it would race with the next process. Where a file system has no locks, that is
    reported once and the block runs without.
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
        _report_not_offered(
            "file locks",
            path.parent,
            "Nothing keeps two processes from writing the same data: run one at a time.",
        )
    try:
        yield
    finally:
        lock.release()


def is_first_process() -> bool:
    """Whether this is the first process of those that torchrun or SLURM number, or the only one."""
    return os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"


@contextmanager
def hold_output(out: Path) -> Iterator[None]:
    """Keep other processes of this computer from making the same output while the block runs.

    Of several processes that work together the first holds it for all. The lock lies among the
    temporary files, not beside the output.
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


LONG_S = 24 * 3600.0
"""Seconds without a change after which something unfinished counts as left behind."""
_MADE = re.compile(r"\.(?P<name>.+)\.\d+\.(?P<kind>part|old)(\..*)?")
"""Names of what is unfinished, or set aside: with the number of the process."""


@contextmanager
def _parent_of(path: Path) -> Iterator[None]:
    """Make the folders above ``path``; those that stay empty are removed at the end."""
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TwoalikeError(
            f"{path.parent}: cannot make this folder ({error.strerror}). Choose another output."
        ) from error
    with writing(path):
        for folder in made:
            sync_folder(folder.parent)
    try:
        yield
    finally:
        with suppress(OSError):  # one that is not empty, and those above it
            for folder in made:
                folder.rmdir()


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn errors of the system about an output into one line."""
    try:
        yield
    except Exception as error:
        # safetensors does not write through Python, and has its own error.
        foreign = type(error).__name__ == "SafetensorError" and "I/O error" in str(error)
        of_output = isinstance(error, OSError) and not isinstance(error, BrokenPipeError)
        if not (of_output or foreign):
            raise
        reason = getattr(error, "strerror", None) or error
        raise TwoalikeError(
            f"{path}: cannot write ({reason}). Free space or choose another place."
        ) from error


def check_replaceable(folder: Path, mark: str, *, overwrite: bool) -> None:
    """Check that a folder may be made; only one that holds ``mark`` is ever replaced."""
    if not folder.exists():
        return
    if not (folder / mark).is_file():
        raise TwoalikeError(
            where=f"`out={folder}`",
            expected="a new folder",
            found=f"something without {mark}, which would be lost",
            remedy="Choose another name.",
        )
    if not overwrite:
        raise TwoalikeError(
            "there is such a folder already",
            where=f"`out={folder}`",
            remedy="Nothing was changed; choose another name, or replace it with `overwrite=True`.",
        )


def check_output(path: str | Path) -> None:
    """Check before long work that a file can be written in its place."""
    path = Path(path)
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Choose another.")
    with _parent_of(path), writing(path), tempfile.TemporaryFile(dir=path.parent) as probe:
        probe.write(b"x")


def check_ending(path: Path, endings: Sequence[str], what: str) -> None:
    """Check the ending of a file to write, before anything is computed."""
    if path.suffix not in endings:
        raise TwoalikeError(
            f"{path}: {what} is written as {' or '.join(endings)}; choose that ending."
        )
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Name a file.")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block succeeds.

    A file that was at ``path`` before stays as it was if the block raises.
    """
    path = Path(path)
    # The name keeps the ending, by which many writers choose the format.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    with _parent_of(path), writing(path):
        try:
            yield temporary
            _sync_path(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces the folder ``path`` when the block succeeds.

    Two renames cannot be one step on every system: the old folder is set aside first, and put
    back if the second rename fails, or by the next call if the process is killed between them.
    """
    path = Path(path)
    if path.is_file():
        raise TwoalikeError(f"{path}: expected a folder to write, found a file. Choose another.")
    aside = path.with_name(f".{path.name}.{os.getpid()}.old")
    with _parent_of(path), writing(path):
        before = sorted(path.parent.glob(f".{glob.escape(path.name)}.*.old"))
        if before and not path.exists():
            before[-1].rename(path)
        prefix = f".{path.name}.{os.getpid()}.part."
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
        try:
            temporary.chmod(0o755)
            yield temporary
            sync_tree(temporary)
            try:
                if path.exists():
                    path.rename(aside)
                temporary.rename(path)
            except BaseException:
                if aside.exists() and not path.exists():
                    aside.rename(path)
                raise
            sync_folder(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if path.exists():
                shutil.rmtree(aside, ignore_errors=True)


def write_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write readable UTF-8 JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )


def find_leftovers(root: Path) -> list[str]:
    """Describe what killed processes left anywhere in a folder: unchanged for a day, one line each.

    Another process, also of another computer on a shared disk, may still write what is newer.
    """
    found = []
    for path in sorted(root.rglob(".*")):
        match = _MADE.fullmatch(path.name)
        try:
            old = time.time() - path.lstat().st_mtime > LONG_S
        except FileNotFoundError:  # it has just got its name
            continue
        if match is not None and old:
            name = match["name"]
            found.append(
                f"{path}: left by a process that was killed while it wrote {name}. Remove it."
                if path.with_name(name).exists() or match["kind"] == "part"
                else f"{path}: this is {name}, set aside by a process that was killed while it "
                "replaced it. The next run of the same command puts it back, or rename it."
            )
    return found


type Access = Literal["owner", "group", "everyone"]
_DENIED: dict[str, int] = {"owner": 0o077, "group": 0o007}
"""Permissions removed from new files; ``everyone`` is not listed: the user's umask applies."""


@contextmanager
def readable_by(access: Access) -> Iterator[None]:
    """Create files and folders with these permissions while the block runs.

    owner: files 0600 and folders 0700; group: 0660 and 0770; everyone: as the user's umask says.
    """
    before = os.umask(_DENIED[access]) if access in _DENIED else None
    try:
        yield
    finally:
        if before is not None:
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
    return folder.is_dir() and bool(folder.stat().st_mode & denied & 0o011)


def _open_files(folder: Path, denied: int) -> Iterator[Path]:
    if _is_open(folder, denied):
        for path in sorted(folder.iterdir()):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                yield from _open_files(path, denied)
            elif stat.S_ISREG(mode) and mode & denied & 0o044:
                yield path
