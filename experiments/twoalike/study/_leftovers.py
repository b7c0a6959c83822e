"""Leftovers of killed processes: the names of unfinished files, and their removal.

An output appears by rename, so a killed process leaves a hidden file or folder beside it, and
perhaps the old folder that it had set aside. The names identify the process that made them: by a
hash of the computer's name and by its process number, since several computers may share a disk.
"""

import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


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


@dataclass(frozen=True)
class Leftover:
    """An unfinished file or folder, or a folder set aside while its successor was put in place.

    Attributes
    ----------
    path
        Where it is.
    output
        Path that was to be written.
    is_aside
        Whether it is the output as it was before.
    computer, process
        Process that made it; None if the name does not contain it.
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


def part_name(output: Path) -> str:
    """Name of an unfinished file; it keeps the ending, by which many writers choose the format."""
    return f".{output.stem}.{COMPUTER}-{os.getpid()}.part{output.suffix}"


def part_prefix(output: Path) -> str:
    """Beginning of the name of an unfinished folder; random letters follow."""
    return f".{output.name}.{COMPUTER}-{os.getpid()}.part."


def aside_name(output: Path) -> str:
    """Name of the old folder while the new one is put in its place."""
    return f".{output.name}.{COMPUTER}-{os.getpid()}.old"


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
    """Remove leftovers of this output, or restore it if a killed process had set it aside.

    Raises
    ------
    OSError
        If it cannot be put back.
    """
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
