"""A file that grows during a session, and that another program may move, delete or replace.

Sync clients, git and editors replace the open file by a new one. Rows appended afterwards would go
into a file without a name, and be lost when it is closed. The path is therefore compared with the
open file around every append: device, inode, links and length. If they differ, the whole content is
written to a rescue file beside it, and appending continues there. At the end the rescue file is
moved back if that overwrites nothing: if the file at the path is gone, or holds the beginning of
the content.
"""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from twoalike.record._tail import append_line, appending, open_to_append
from twoalike.study import TwoalikeError, atomic_path, sync_file, sync_folder


class AppendedFile:
    """An open file to append to, watched.

    Parameters
    ----------
    home
        Its path.
    rescue
        Path of the n-th rescue file, n from 1.
    on_loss
        Called with ``home`` and the path of the rescue file, as soon as that is written.
    create
        Whether to make the file if it is missing.

    Attributes
    ----------
    path
        Path of the file now; ``home`` unless that was lost.
    content
        The whole content, including what it held when it was opened.

    Raises
    ------
    TwoalikeError
        If it cannot be opened.
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

    def append(self, text: str, *, sync: bool = False) -> None:
        """Append ``text`` in one write; with ``sync``, wait until it is on the disk under a name.

        Raises
        ------
        TwoalikeError
            If the disk is full or gone.
        """
        if not self._in_place():
            self._start_rescue()
        append_line(self._handle, self.path, text, sync=sync)
        self.content += text.encode()
        if sync and not self._in_place():
            self._start_rescue()

    def sync(self) -> None:
        """Wait until all appended text is on the disk.

        Raises
        ------
        TwoalikeError
            If the disk is full or gone.
        """
        with appending(self.path):
            sync_file(self._handle, self.path)

    def return_home(self) -> bool:
        """Move the content back to ``home`` if that overwrites nothing; return whether it is there.

        Raises
        ------
        TwoalikeError
            If the disk is full or gone.
        """
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
                f"{self.home}: was moved, deleted or replaced during the session, and {path} "
                f"cannot be written in its place ({error.strerror})."
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
