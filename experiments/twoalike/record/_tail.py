"""Appending lines that survive a kill, and mending the one that a power cut can tear.

A line goes to the operating system in one write, so a killed process leaves all of it or
nothing; only the machine itself going down can leave a part.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twoalike.record._whole import n_partial_rows
from twoalike.study import TwoalikeError, sync_file
from twoalike.tables import Table

_FLAGS = os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)


@contextmanager
def appending(path: Path) -> Iterator[None]:
    """Report errors of the system during appending in one line.

    Raises
    ------
    TwoalikeError
        If the disk is full or gone.
    """
    try:
        yield
    except OSError as error:
        raise TwoalikeError(
            f"{path}: cannot write ({error.strerror or error}). Trials so far are safe: free "
            "space, then continue with --resume."
        ) from error


def append_line(handle: int, path: Path, line: str, *, sync: bool) -> None:
    """Append ``line`` (with its line end) in one write; with ``sync``, to the disk itself.

    Raises
    ------
    TwoalikeError
        If the disk is full or gone; then no part of the line stays.
    """
    content = line.encode("utf-8", "surrogateescape")
    length = os.fstat(handle).st_size
    with appending(path):
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
    """Handle for :func:`append_line`; ``os.close`` it.

    Parameters
    ----------
    create, new
        Whether to make the file if it is missing; whether it has to be missing.

    Raises
    ------
    TwoalikeError
        If the file cannot be opened.
    """
    flags = _FLAGS | (os.O_CREAT if create else 0) | (os.O_EXCL if new else 0)
    try:
        return os.open(path, flags, 0o666)
    except OSError as error:
        raise TwoalikeError(f"{path}: cannot open to append ({error.strerror}).") from error


def torn_line(path: Path) -> str:
    """Text after the last line end; empty in a whole file."""
    content = path.read_bytes()
    return content[content.rfind(b"\n") + 1 :].decode("utf-8", "surrogateescape")


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
