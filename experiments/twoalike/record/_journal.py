"""The journal of a run: a line of JSON for everything that happened, and the only record of it.

A line has its number ``n``, the time ``at`` (s of the run's clock), ``what`` it is of, its content,
and ``chain``: the SHA-256 of the chain of the line before and of the line itself, which tells a
line that was edited, removed or added from one that was written. Tables, sidecars, answers and the
manifest follow from these lines (:mod:`twoalike.record._views`).

A line goes to the operating system in one write, so a killed process leaves all of it or nothing;
only the machine itself going down can leave a part, which the next opening cuts off. Lines that
count, such as those of trials and answers, are synced before anything else happens.

Sync clients, git and editors replace an open file by another one, and what is appended afterwards
goes into a file without a name. So the path is compared with the open file around every append:
device, inode, links and length. If they differ, the whole journal is written anew to its path; what
had been put there is kept beside it, unless it is the beginning of the journal.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from operator import methodcaller
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, sync_file, sync_folder, syncing_together

RESERVED = frozenset({"n", "at", "what", "chain"})
"""Keys of every line, which its content cannot have."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
_TEXT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=methodcaller("item"))
"""What follows from numbers of numpy is plain."""
_CHAIN = ', "chain": "'
_TAIL = len(_CHAIN) + 64 + len('"}')


@dataclass(frozen=True)
class Lines:
    """A journal as it is on the disk."""

    entries: tuple[dict[str, Any], ...]
    """Its lines up to the first that is not as it was written."""
    content: bytes
    """All whole lines."""
    torn: bytes = b""
    """What is behind the last line end: part of a line that a power cut tore."""
    broken: int = 0
    """Number of the first line that is not as it was written; 0 if all are."""


def read_journal(path: Path) -> Lines:
    """Read a journal and follow its chain; a missing file has no lines."""
    try:
        content = path.read_bytes().replace(b"\r\n", b"\n")  # editors of Windows are no harm
    except FileNotFoundError:
        return Lines((), b"")
    except OSError as error:
        raise TwoalikeError(
            where=path, expected="a journal", found=error.strerror or str(error)
        ) from error
    end = content.rfind(b"\n") + 1
    entries: list[dict[str, Any]] = []
    chain = ""
    for number, line in enumerate(content[:end].split(b"\n")[:-1], start=1):
        entry = _entry(line, chain)
        if entry is None or entry.get("n") != number:
            return Lines(tuple(entries), content[:end], content[end:], number)
        chain = entry["chain"]
        entries.append(entry)
    return Lines(tuple(entries), content[:end], content[end:])


def read_notes(path: Path) -> list[dict[str, Any]]:
    """Read what a journal notes besides trials, events and answers; none if it is missing."""
    return [entry for entry in read_journal(path).entries if entry["what"] == "note"]


def _entry(line: bytes, before: str) -> dict[str, Any] | None:
    try:
        text = line.decode()
        if _chained(text[:-_TAIL], before) != text:
            return None
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _chained(body: str, before: str) -> str:
    """Line of a journal, from its JSON without the last brace and the chain of the line before."""
    digest = hashlib.sha256(f"{before}{body}".encode()).hexdigest()
    return f'{body}{_CHAIN}{digest}"}}'


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TwoalikeError(
            f"cannot write ({error.strerror or error})",
            where=path,
            remedy="Trials so far are safe: free space, then continue with `resume=True`.",
        ) from error


class Journal:
    """An open journal to append to; ``warn`` is called if another program replaces its file."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path, self._warn = path, warn
        lines = read_journal(path)
        if lines.broken:
            raise TwoalikeError(f"{path}: {not_as_written(lines.broken)}.")
        self.entries = list(lines.entries)
        self.chain = str(self.entries[-1]["chain"]) if self.entries else ""
        self._content = bytearray(lines.content)
        self._handle = -1
        if lines.torn:
            self._open()
            with _writing(path):
                os.ftruncate(self._handle, len(self._content))
            self.append("torn_line", 0.0, text=lines.torn.decode("utf-8", "backslashreplace"))

    def append(self, what: str, at: float, *, sync: bool = False, **content: object) -> None:
        """Append a line in one write; with ``sync``, wait until it is on the disk."""
        entry = {"n": len(self.entries) + 1, "at": round(at, 4), "what": what, **content}
        body = _TEXT.encode(entry)[:-1]
        # Lone surrogates as JSON has them.
        body = body.encode("utf-8", "backslashreplace").decode()
        line = _chained(body, self.chain)
        chain = line[-_TAIL + len(_CHAIN) : -2]
        if syncing_together():  # what is staged came as JSON
            self._content += line.encode() + b"\n"
            self.entries.append({**entry, "chain": chain})
        else:
            self._write(line.encode() + b"\n", sync=sync)
            self.entries.append(json.loads(line))
        self.chain = chain

    def _write(self, line: bytes, *, sync: bool) -> None:
        self._open()
        if not self._in_place():
            self._restore()
        length = os.fstat(self._handle).st_size
        with _writing(self.path):
            try:
                written = os.write(self._handle, line)
                if written != len(line):
                    raise OSError(f"the disk is full: {written} of {len(line)} bytes fit")
                if sync:
                    sync_file(self._handle, self.path)
            except OSError:
                with suppress(OSError):  # a disk that refuses this too leaves a torn line
                    os.ftruncate(self._handle, length)
                raise
        self._content += line
        if sync and not self._in_place():
            self._restore()

    def _open(self) -> None:
        if self._handle >= 0:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, _FLAGS, 0o666)
            if not self._content:
                sync_folder(self.path.parent)
        except OSError as error:
            raise TwoalikeError(f"cannot write ({error.strerror})", where=self.path) from error

    def _in_place(self) -> bool:
        """Whether the file at the path is the open one, with the length it should have."""
        try:
            named = self.path.stat()
        except OSError:
            return False
        opened = os.fstat(self._handle)
        same = (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)
        return same and opened.st_nlink > 0 and opened.st_size == len(self._content)

    def _restore(self) -> None:
        """Write the whole journal to its path again; keep what another program had put there."""
        new = self.path.with_name(f".{self.path.name}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(self._content)
                file.flush()
                sync_file(file.fileno(), new)
            os.close(self._handle)
            self._handle = -1
            kept = self._put_aside()
            new.replace(self.path)
            sync_folder(self.path.parent)
            self._handle = os.open(self.path, _FLAGS, 0o666)
        except OSError as error:
            with suppress(OSError):
                new.unlink()
            raise TwoalikeError(
                f"was moved, deleted or replaced during the session, and cannot be written again "
                f"({error.strerror or error})",
                where=self.path,
            ) from error
        self._warn(
            f"{self.path}: was moved, deleted or replaced by another program. Nothing is lost: it "
            f"was written again{kept}. Let the session run to its end."
        )

    def _put_aside(self) -> str:
        """Rename what is at the path, unless it is the beginning of the journal; say so."""
        try:
            found = self.path.read_bytes()
        except FileNotFoundError:
            return ""
        except OSError:
            found = None
        if found is not None and self._content.startswith(found):
            return ""
        stem = self.path.name.removesuffix(".jsonl")
        names = (self.path.with_name(f"{stem}_found-{number}.jsonl") for number in count(1))
        aside = next(path for path in names if not path.exists())
        self.path.rename(aside)
        return f", and what had been put there is {aside}"

    def settle(self) -> None:
        """Make sure that the file holds all that was appended, whoever changed it meanwhile."""
        if not self.entries or syncing_together():
            return
        self._open()
        if not self._in_place() or self.path.read_bytes() != self._content:
            self._restore()
        with _writing(self.path):
            sync_file(self._handle, self.path)

    def close(self) -> None:
        """Close the file; lines of a :func:`twoalike.study.sync_together` are written now."""
        if syncing_together() and self._content:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(self._content)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def not_as_written(number: int) -> str:
    """Say that a line of a journal breaks its chain."""
    return (
        f"line {number} is not the one that was written: lines were edited, removed or added from "
        "there on. Restore the journal from a backup"
    )
