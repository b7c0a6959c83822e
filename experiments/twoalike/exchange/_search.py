"""Searching the files of a data set for what may identify a person, cell by cell.

Tables are searched column by column, JSON string by string, so that each finding names its place
and our own numbers (onsets, hashes, response times) are not taken for telephone numbers.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.exchange._columns import SEED, numeric_columns, own_columns
from twoalike.exchange._dataset import read_texts
from twoalike.exchange._private import NUMBERS, Private, find_private
from twoalike.record import RawProblem

_TEXT = (".tsv", ".json", ".jsonl", ".md", ".txt", "README", "CHANGES")
_VERSIONS = frozenset({"versions", "software_version", "SoftwareVersion", "twoalike_version"})
"""Keys of ours below which four numbers are a version, not an IP address."""


@dataclass(frozen=True)
class Found:
    """Something that looks private, and where it is.

    Attributes
    ----------
    row
        Row of a table from 1, 0 for its header; line of a text from 1; None in JSON.
    column
        Column of a table, key of JSON; empty in a text.
    """

    private: Private
    row: int | None
    column: str = ""

    @property
    def place(self) -> str:
        """Where, in words."""
        if self.row is None:
            return f"key {self.column}"
        if self.row == 0:
            return "header"
        return f"row {self.row}, column {self.column!r}" if self.column else f"line {self.row}"


def search_file(
    path: str, text: str, names: Collection[str] | None, ids: Collection[str]
) -> Iterator[Found]:
    """Search one file of a data set.

    Parameters
    ----------
    path
        In the data set, with ``/`` between its parts; its ending gives the format.
    text
        Content.
    names
        As in :func:`twoalike.exchange.find_private`.
    ids
        Ids of objects: a long number in one of them is the name of an image.
    """
    if path.endswith(".tsv"):
        yield from _search_table(path, text, names, ids)
    elif path.endswith((".json", ".jsonl")):
        yield from _search_json(text, names, ids, by_line=path.endswith("l"))
    else:
        for private in find_private(text, names):
            yield Found(private, private.line)


def shown_objects(files: Mapping[str, str]) -> frozenset[str]:
    """Ids of the objects shown in a data set, from the manifests in it that can be read."""
    names: set[str] = set()
    for path, text in files.items():
        if path.endswith("_manifest.json"):
            with suppress(ValueError, RecursionError):  # damaged: the checks of the data say so
                content = json.loads(text)
                shown = content.get("stimuli") if isinstance(content, dict) else None
                names.update(shown if isinstance(shown, dict) else ())
    return frozenset(names)


def check_private(root: Path, names: Collection[str] | None = None) -> list[RawProblem]:
    """Search raw data for what may identify a person.

    The time stamps of a session are part of raw data, and no problem.

    Parameters
    ----------
    root
        The data set.
    names
        As in :func:`twoalike.exchange.find_private`.
    """
    files = read_texts(root, lambda path: path.endswith(_TEXT)).files
    objects = shown_objects(files)
    problems = []
    for name, text in files.items():
        for found in search_file(name, text, names, objects):
            if (private := found.private).kind != "time stamp":
                message = f"{private.text!r} looks private ({private.kind})"
                if name.endswith(".tsv"):
                    problems.append(RawProblem(root / name, message, found.row, found.column))
                else:
                    problems.append(RawProblem(root / name, f"{found.place}: {message}"))
    return problems


def _search_table(
    path: str, text: str, names: Collection[str] | None, ids: Collection[str]
) -> Iterator[Found]:
    lines = [line.removesuffix("\r").split("\t") for line in text.split("\n") if line]
    if not lines:
        return
    header, *rows = lines
    for private in find_private("\t".join(header), names):
        yield Found(private, 0, private.text)
    safe, own = numeric_columns(path), own_columns(path)
    for place in range(max(map(len, lines))):
        column = header[place] if place < len(header) else f"{place + 1}"
        if column in safe:
            continue
        first: dict[str, int] = {}
        for number, row in enumerate(rows, start=1):
            if place < len(row):
                first.setdefault(row[place], number)
        cells = list(first)
        for private in find_private("\n".join(cells), names):  # all at once: most have no finding
            cell = cells[private.line - 1]
            # The design fills our own columns, with names of images and of triplets.
            if private.kind not in NUMBERS or not (column in own or cell in ids):
                yield Found(private, first[cell], column)


def _search_json(
    text: str, names: Collection[str] | None, ids: Collection[str], *, by_line: bool
) -> Iterator[Found]:
    for number, part in enumerate(text.split("\n") if by_line else [text], start=1):
        try:
            content = json.loads(part) if part.strip() else None
        except (ValueError, RecursionError):  # reported by other checks; searched as text here
            for private in find_private(part, names):
                yield Found(private, number if by_line else private.line)
            continue
        strings = list(_strings(content, ""))
        # Line breaks within a string would shift the lines by which findings are located.
        flat = [" ".join(string.split("\n")) for _, string in strings]
        for private in find_private("\n".join(flat), names):
            key, string = strings[private.line - 1]
            version = private.kind == "IP address" and _VERSIONS & set(key.split("."))
            if not version and not (private.kind in NUMBERS and string in ids):
                yield Found(private, number if by_line else None, key)


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Keys, texts and whole numbers of JSON, each with its place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield key or name, name
            yield from _strings(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str) or (type(value) is int and not SEED.search(key)):
        yield key, str(value)
