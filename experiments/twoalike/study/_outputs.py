"""Outputs that appear whole, by rename, and the leftovers of killed processes.

A reader, or a run that is killed half-way, sees the old file or the new one, never a part of
either. A killed process leaves a hidden file or folder beside its output, and perhaps the old
folder that it had set aside. Their names identify the process that made them: by a hash of the
computer's name and by the process number, since several computers may share a disk.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.study._child import trust
from twoalike.study._disk import sync_folder, sync_path, sync_tree
from twoalike.study._errors import TwoalikeError


def _computer() -> str:
    """Hash shared by all processes that this one can look up by number."""
    try:
        numbered_in = os.readlink("/proc/self/ns/pid")  # a container has its own numbers
    except OSError:  # not Linux
        numbered_in = ""
    # A hash, since the computer's name may identify its user.
    return hashlib.sha256(f"{platform.node()} {numbered_in}".encode()).hexdigest()[:6]


COMPUTER = _computer()
LONG_S = 24 * 3600.0
"""Seconds without a change after which a leftover of another computer counts as stale."""
_MADE = re.compile(
    r"\.(?P<name>.+?)(\.((?P<computer>[0-9a-f]{6})-)?(?P<process>\d+))?\.(?P<kind>part|old)"
    r"(?P<rest>\.[^.]*)?"
)
"""Names without a hash, and unfinished folders without a process number, are of version 0.1."""


def _own_mark() -> str:
    return f"{COMPUTER}-{os.getpid()}"


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
    """Turn errors of the system about an output into one line.

    Raises
    ------
    TwoalikeError
        If the disk is full, or the folder cannot be written to.
    """
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
    """Check that a folder may be made; only one that holds ``mark`` is ever replaced.

    Raises
    ------
    TwoalikeError
        If it holds anything else, or its like and may not be replaced.
    """
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
    """Check before long work that a file can be written in its place.

    Raises
    ------
    TwoalikeError
        If there is a folder, or the folder above cannot be made or written to.
    """
    path = Path(path)
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Choose another.")
    with _parent_of(path), writing(path), tempfile.TemporaryFile(dir=path.parent) as probe:
        probe.write(b"x")


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block succeeds.

    A file that was at ``path`` before stays as it was if the block raises.

    Raises
    ------
    TwoalikeError
        If the folder cannot be written to or the disk is full.
    """
    path = Path(path)
    # The name keeps the ending, by which many writers choose the format.
    temporary = path.with_name(f".{path.stem}.{_own_mark()}.part{path.suffix}")
    with _parent_of(path), writing(path):
        clear_leftovers(path)
        try:
            yield temporary
            sync_path(temporary)
            temporary.replace(path)
            sync_folder(path.parent)
            trust(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces the folder ``path`` when the block succeeds.

    Two renames cannot be one step on every system: the old folder is set aside first, and put
    back if the second rename fails, or by the next call if the process is killed between them.

    Raises
    ------
    TwoalikeError
        If there is a file in its place, the folder above cannot be written to or the disk is full.
    """
    path = Path(path)
    if path.is_file():
        raise TwoalikeError(f"{path}: expected a folder to write, found a file. Choose another.")
    aside = path.with_name(f".{path.name}.{_own_mark()}.old")
    with _parent_of(path), writing(path):
        clear_leftovers(path)
        prefix = f".{path.name}.{_own_mark()}.part."
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


@dataclass(frozen=True)
class Leftover:
    """An unfinished file or folder, or the old ``output`` that was set aside (``is_aside``).

    ``computer`` and ``process``, which made it, are None where the name does not contain them.
    """

    path: Path
    output: Path
    is_aside: bool
    computer: str | None
    process: int | None

    @property
    def is_stale(self) -> bool:
        """Whether the process that made it has ended; assumed after a day without a change."""
        if self.computer == COMPUTER and self.process is not None and os.name == "posix":
            return not _is_running(self.process)
        return time.time() - _last_change(self.path) > LONG_S

    def __str__(self) -> str:
        if self.is_aside and not self.output.exists():
            return (
                f"{self.path}: this is {self.output.name}, set aside by a process that was killed "
                "while it replaced it. The next run of the same command puts it back, or rename it."
            )
        return (
            f"{self.path}: left by a process that was killed while it wrote {self.output.name}. "
            "The next run of the same command removes it."
        )


def find_leftovers(root: Path) -> list[Leftover]:
    """Stale leftovers anywhere in a folder, by path."""
    found: list[Leftover] = []
    for folder, folders, files in os.walk(root):
        names = [*folders, *files]
        here = [one for name in names if (one := _parsed(Path(folder, name))) is not None]
        folders[:] = sorted(set(folders) - {one.path.name for one in here})
        found += [one for one in here if one.is_stale]
    return sorted(found, key=lambda one: one.path)


def clear_leftovers(output: Path) -> None:
    """Remove leftovers of this output, or restore it if a killed process had set it aside."""
    found = [one for one in _of_output(output) if one.is_stale]
    for one in sorted(found, key=lambda one: _last_change(one.path), reverse=True):
        if one.is_aside and not output.exists():
            one.path.rename(output)
        elif one.path.is_dir():
            shutil.rmtree(one.path, ignore_errors=True)  # if that fails, it is listed again
        else:
            one.path.unlink(missing_ok=True)


def _of_output(output: Path) -> Iterator[Leftover]:
    begins = f".{output.stem}."
    try:
        with os.scandir(output.parent) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(begins)]
    except PermissionError:  # a folder may accept files and yet not be listed, as on SMB
        return
    for name in names:
        one = _parsed(output.with_name(name))
        if one is not None and one.output == output:
            yield one


def _parsed(path: Path) -> Leftover | None:
    """Parse a name; None if it is not that of a leftover."""
    match = _MADE.fullmatch(path.name)
    if match is None:
        return None
    is_aside, rest, is_folder = match["kind"] == "old", match["rest"] or "", path.is_dir()
    process = None if match["process"] is None else int(match["process"])
    # Names of files always contain the process; folders set aside have no ending.
    if (process is None and (is_aside or not is_folder)) or (is_aside and (rest or not is_folder)):
        return None
    if is_folder and not is_aside and not rest:
        return None
    output = path.with_name(match["name"] + ("" if is_folder else rest))
    return Leftover(path, output, is_aside, match["computer"], process)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or not a possible number
        return True
    return True


def _last_change(path: Path) -> float:
    """Time of the last change of a file, or of anything in a folder, in seconds."""
    times = [_changed(path)]
    for folder, folders, files in os.walk(path):
        times += [_changed(Path(folder, name)) for name in [*folders, *files]]
    return max(times)


def _changed(path: Path) -> float:
    """Time of the last change, renames included (ctime); 0 if the file is gone."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0.0
    return max(found.st_mtime, found.st_ctime)
