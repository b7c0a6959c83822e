"""Files that grow during a session, and lose nothing to kills, full disks or other programs.

A line goes to the operating system in one write, so a killed process leaves all of it or
nothing; only the machine itself going down can leave a part.

Sync clients, git and editors replace the open file by a new one. Rows appended afterwards would go
into a file without a name, and be lost when it is closed. The path is therefore compared with the
open file around every append: device, inode, links and length. If they differ, the whole content is
written to a rescue file beside it, and appending continues there. At the end the rescue file is
moved back if that overwrites nothing: if the file at the path is gone, or holds the beginning of
the content.

A rescue file that a killed session left behind is moved back when the session is resumed.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from twoalike.record._dataset import RunName
from twoalike.record._manifest import DISPLACED, read_manifest, table_hash, with_reason
from twoalike.record._read import n_partial_rows, run_progress, task_of, torn_line
from twoalike.study import (
    TwoalikeError,
    atomic_path,
    counted,
    sync_file,
    sync_folder,
    syncing_together,
    write_json,
)
from twoalike.tables import Table

_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


@contextmanager
def _appending(path: Path) -> Iterator[None]:
    """Report errors of the system during appending in one line."""
    try:
        yield
    except OSError as error:
        raise TwoalikeError(
            f"cannot write ({error.strerror or error})",
            where=path,
            remedy="Trials so far are safe: free space, then continue with `resume=True`.",
        ) from error


def append_line(handle: int, path: Path, line: str, *, sync: bool) -> None:
    """Append ``line`` (with its line end) in one write; with ``sync``, to the disk itself.

    If the disk is full or gone, no part of the line stays.
    """
    content = line.encode("utf-8", "surrogateescape")
    length = os.fstat(handle).st_size
    with _appending(path):
        try:
            written = os.write(handle, content)
            if written != len(content):
                raise OSError(f"the disk is full: {written} of {len(content)} bytes fit")
            if sync:
                sync_file(handle, path)
        except OSError:
            with suppress(OSError):  # a disk that refuses this too leaves a torn line
                os.ftruncate(handle, length)
            raise


def open_to_append(path: Path, *, create: bool = False, new: bool = False) -> int:
    """Open a file for :func:`append_line`; ``new``: the file has to be missing."""
    flags = _FLAGS | (os.O_CREAT if create else 0) | (os.O_EXCL if new else 0)
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise TwoalikeError(f"cannot open to append ({error.strerror})", where=path) from error


class AppendedFile:
    """An open file to append to, watched.

    ``home`` is its path, ``rescue`` gives that of the n-th rescue file (n from 1), and ``on_loss``
    is called with both as soon as a rescue file is written. ``path`` is where the file is now, and
    ``content`` the whole content, including what it held when it was opened.
    """

    def __init__(
        self,
        home: Path,
        rescue: Callable[[int], Path],
        on_loss: Callable[[Path, Path], None],
        *,
        create: bool = False,
    ) -> None:
        self.home = self.path = home
        self._rescue, self._on_loss = rescue, on_loss
        self._handle = open_to_append(home, create=create)
        self.content = bytearray(home.read_bytes())
        self._waiting: list[str] = []

    def append(self, text: str, *, sync: bool = False) -> None:
        """Append ``text`` in one write; with ``sync``, wait until it is on the disk.

        Text of a :func:`twoalike.study.sync_together` is written when the file is left.
        """
        if syncing_together():
            self._waiting.append(text)
        else:
            self._write(text, sync=sync)

    def _write(self, text: str, *, sync: bool) -> None:
        if not self._in_place():
            self._start_rescue()
        append_line(self._handle, self.path, text, sync=sync)
        self.content += text.encode()
        if sync and not self._in_place():
            self._start_rescue()

    def _write_waiting(self) -> None:
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._write(text, sync=False)

    def sync(self) -> None:
        """Wait until all appended text is on the disk."""
        with _appending(self.path):
            sync_file(self._handle, self.path)

    def return_home(self) -> bool:
        """Move the content back to ``home`` if that overwrites nothing; return whether it did."""
        self._write_waiting()
        if self.path == self.home:
            if self._in_place() and bytes_of(self.home) == bytes(self.content):
                return True
            self._start_rescue()
        if not put_back(self.home, bytes(self.content)):
            return False
        os.close(self._handle)
        self._handle, rescued = open_to_append(self.home), self.path
        self.path = self.home
        rescued.unlink(missing_ok=True)
        return self._in_place()

    def close(self) -> None:
        """Close the file."""
        self._write_waiting()
        os.close(self._handle)

    def _in_place(self) -> bool:
        """Whether the file at the path is the open one, with the length it should have."""
        try:
            named = self.path.stat()
        except OSError:
            return False
        opened = os.fstat(self._handle)
        same = (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
        return same and opened.st_nlink > 0 and opened.st_size == len(self.content)

    def _start_rescue(self) -> None:
        """Write the whole content to a rescue file, and append there from now on."""
        for number in count(1):
            path = self._rescue(number)
            if not path.exists():
                break
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = open_to_append(path, create=True, new=True)
            append_line(handle, path, self.content.decode("utf-8", "surrogateescape"), sync=True)
            sync_folder(path.parent)
        except OSError as error:
            raise TwoalikeError(
                f"was moved, deleted or replaced during the session, and {path} cannot be written "
                f"in its place ({error.strerror})",
                where=self.home,
            ) from error
        os.close(self._handle)
        self._handle, self.path = handle, path
        self._on_loss(self.home, path)


def put_back(home: Path, content: bytes) -> bool:
    """Write ``content`` to ``home`` unless that would overwrite anything else; return whether.

    A missing file, and one that holds the beginning of ``content``, may be replaced.
    """
    before = bytes_of(home)
    if before is None or not content.startswith(before):
        return False
    try:
        with atomic_path(home) as temporary:
            temporary.write_bytes(content)
    except TwoalikeError:  # the caller names the file that holds the content
        return False
    return True


def bytes_of(path: Path) -> bytes | None:
    """Content of a file; empty if there is none, None if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError:
        return None


def torn_tail(path: Path, table: Table) -> str:
    """Text at the end of a raw table that is no whole trial; empty in a whole file."""
    header, *lines = path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    if not lines:
        return ""
    table = table.with_columns_of(header)
    *whole, torn = lines
    cells = [line.split("\t") for line in whole]
    fit = all(len(row) == len(table.names) for row in cells)
    partial = n_partial_rows(cells, table) if fit else 0
    return "\n".join([*whole[len(whole) - partial :], torn])


def cut_tail(path: Path, tail: str) -> None:
    """Drop ``tail``, as :func:`torn_tail` gave it, from the end of a file."""
    with path.open("rb+") as file:
        length = len(tail.encode("utf-8", "surrogateescape"))
        file.truncate(file.seek(0, os.SEEK_END) - length)
        sync_file(file.fileno(), path)


def _files(root: Path, name: RunName) -> list[Path]:
    """Paths of the files of a run that are appended to, the log last."""
    task = task_of(name.rows(root), name)
    events = [name.events(root)] if task.events is not None else []
    return [*events, name.rows(root), name.log(root)]


def recover_run(root: Path, name: RunName) -> str | None:
    """Restore the rescue files of a run, unless that would overwrite anything.

    A file is restored if the one at its path is missing or holds the beginning of it. A session
    that had been run to its end is then marked as completed.

    Returns
    -------
    What was done, in one line; None if there was nothing to do.

    Raises
    ------
    TwoalikeError
        If the file at the path holds something else; then nothing is changed.
    """
    found = {home: paths for home in _files(root, name) if (paths := name.rescues(root, home))}
    manifest = name.manifest(root)
    if not manifest.exists():
        if found:
            first = next(iter(found.values()))[0]
            raise TwoalikeError(
                f"{first}: belongs to a session whose other files are not in {root}. Put the "
                "folder that was moved back in its place, then continue with `resume=True`."
            )
        return None
    contents = {
        home: max((p.read_bytes() for p in paths), key=len) for home, paths in found.items()
    }
    for home, content in contents.items():
        _check_extends(home, content, found[home][-1])
    for home, content in contents.items():
        if not (bytes_of(home) or b"").startswith(content) and not put_back(home, content):
            raise TwoalikeError(f"{home}: cannot be written; its rows are in {found[home][-1]}.")
        for path in found[home]:
            if home.read_bytes().startswith(path.read_bytes()):
                path.unlink()
    if found:
        _note(name.log(root), [home.name for home in found])
    completed = _complete(root, name)
    if not found and not completed:
        return None
    done = counted(run_progress(root, name).n_done, "trial")
    state = "; the session is completed" if completed else ""
    return f"{name.rows(root)}: is complete again, with {done}{state}"


def _note(log: Path, restored: list[str]) -> None:
    """Log which files were restored."""
    entry = json.dumps({"event": "tables_restored", "files": restored})
    handle = open_to_append(log, create=True)
    try:
        append_line(handle, log, ("\n" if torn_line(log) else "") + entry + "\n", sync=True)
    finally:
        os.close(handle)


def _check_extends(home: Path, content: bytes, rescue: Path) -> None:
    """Check that a rescue file and the file at the path do not contradict each other."""
    here = bytes_of(home)
    if here is None or not content.startswith(here) and not here.startswith(content):
        raise TwoalikeError(
            f"differs from what the session wrote, which is in {rescue}",
            where=home,
            remedy=f"Compare the two, keep the right one as {home.name} and move the other out of "
            "the study, then continue with `resume=True`.",
        )


def _complete(root: Path, name: RunName) -> bool:
    """Mark a session that was run to its end as completed once its table is whole."""
    path = name.manifest(root)
    manifest = read_manifest(path)
    if manifest["end_reason"] != DISPLACED:
        return False
    if table_hash(name.rows(root).read_bytes()) != manifest["segments"][-1]["rows_sha256"]:
        return False
    write_json(path, with_reason(manifest, "completed"))
    return True
