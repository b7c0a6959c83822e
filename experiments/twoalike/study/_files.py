"""Reading with clear complaints, writing all or nothing.

Outputs appear by rename: a reader, or a run that is killed half-way, sees the old file or the
new one and never a part of either.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.study._child import trust
from twoalike.study._errors import TwoalikeError
from twoalike.study._filesystem import sync_folder, sync_path, sync_tree
from twoalike.study._leftovers import aside_name, clear_leftovers, part_name, part_prefix


def require_file(path: Path, what: str) -> Path:
    """Return ``path`` if it is a readable, non-empty file.

    Raises
    ------
    TwoalikeError
        If it is missing, a folder, closed to you or empty; the message names ``what`` was
        expected there.
    """
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected {what}, found a folder. Name the file itself.")
    if not path.is_file():
        raise TwoalikeError(f"{path}: expected {what}, found no such file. Check the path.")
    if not os.access(path, os.R_OK):
        raise TwoalikeError(f"{path}: you may not read this file. Ask its owner for the right to.")
    if path.stat().st_size == 0:
        raise TwoalikeError(f"{path}: expected {what}, found an empty file. Make it again.")
    return path


def read_text(path: Path, remedy: str = "Save as UTF-8.") -> str:
    """Text of a file; a mark of byte order at its start is no part of it.

    Parameters
    ----------
    path
        The file.
    remedy
        What to do with another encoding, for the message.

    Raises
    ------
    TwoalikeError
        If it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TwoalikeError(f"{path}: not UTF-8 text (byte {error.start}). {remedy}") from error


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    """Turn what the system says of an output into one line.

    Raises
    ------
    TwoalikeError
        If the block meets a full disk, or a folder that takes no writing.
    """
    try:
        yield
    except Exception as error:
        # safetensors writes without Python's help, and has an error of its own.
        foreign = type(error).__name__ == "SafetensorError" and "I/O error" in str(error)
        of_output = isinstance(error, OSError) and not isinstance(error, BrokenPipeError)
        if not (of_output or foreign):
            raise
        reason = getattr(error, "strerror", None) or error
        raise TwoalikeError(
            f"{path}: cannot write ({reason}). Free space or choose another place."
        ) from error


def check_output(path: Path) -> None:
    """Find out before long work whether a file can be written in its place.

    Raises
    ------
    TwoalikeError
        If there is a folder, or the folder above cannot be made or takes no writing.
    """
    if path.is_dir():
        raise TwoalikeError(f"{path}: expected a file to write, found a folder. Choose another.")
    with _parent_of(path), writing(path), tempfile.TemporaryFile(dir=path.parent) as probe:
        probe.write(b"x")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block succeeds.

    The temporary name keeps the suffix, since many writers choose the format by it. Whatever
    stood at ``path`` before stays untouched if the block raises.

    Raises
    ------
    TwoalikeError
        If the folder cannot be written to or the disk is full.
    """
    temporary = path.with_name(part_name(path))
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
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that replaces the folder ``path`` when the block succeeds.

    Two renames cannot be one step on every system: the old folder is set aside first, and put
    back if the second rename fails, or by the next call if the process is killed between them.

    Raises
    ------
    TwoalikeError
        If there is a file in its place, the folder above cannot be written to or the disk is full.
    """
    if path.is_file():
        raise TwoalikeError(f"{path}: expected a folder to write, found a file. Choose another.")
    aside = path.with_name(aside_name(path))
    with _parent_of(path), writing(path):
        clear_leftovers(path)
        temporary = Path(tempfile.mkdtemp(prefix=part_prefix(path), dir=path.parent))
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


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write readable UTF-8 JSON atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )


def read_ids(path: Path) -> list[str]:
    """Read object ids, one a line, order kept.

    Raises
    ------
    TwoalikeError
        If the file is missing, not UTF-8, holds no id, or an id twice.
    """
    require_file(path, "object ids, one a line")
    ids = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not ids:
        raise TwoalikeError(f"{path}: expected object ids, one a line, found none.")
    seen: set[str] = set()
    for number, name in enumerate(ids, start=1):
        if name in seen:
            raise TwoalikeError(f"{path}: id {name!r} stands twice (second at id {number}).")
        seen.add(name)
    return ids


def read_delimited(path: Path, what: str) -> pd.DataFrame:
    """Read a text table with no header, split at tabs, commas, semicolons or spaces, as strings.

    Columns are numbered from 0. Lines that are blank or start with ``#`` are passed over.

    Raises
    ------
    TwoalikeError
        If the file is missing, empty, not UTF-8, or its rows differ in length.
    """
    require_file(path, what)
    lines = read_text(path).splitlines()
    first = next((s for s in lines if s.strip() and not s.startswith("#")), None)
    if first is None:
        raise TwoalikeError(f"{path}: expected {what}, found no rows.")
    separator = next((mark for mark in "\t,;" if mark in first), r"\s+")
    try:
        return pd.read_csv(
            path,
            sep=separator,
            header=None,
            dtype=str,
            comment="#",
            skip_blank_lines=True,
            skipinitialspace=True,
            encoding="utf-8-sig",
            keep_default_na=False,
        )
    except (pd.errors.ParserError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise TwoalikeError(f"{path}: expected {what}, rows do not fit ({reason}).") from error
