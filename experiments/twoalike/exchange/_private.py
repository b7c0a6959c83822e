"""Finding what may tell who somebody is, in data that are about to leave the lab.

Tables are searched column by column, JSON string by string, so that each finding names its place
and our own numbers (onsets, hashes, response times) are not taken for telephone numbers. A search
by pattern finds slips, not ill will: a name in a free-text answer passes it.
"""

import getpass
import json
import platform
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twoalike.exchange._dataset import SEED, own_columns, read_texts
from twoalike.record import RawProblem
from twoalike.study import declared

FIRST_YEAR = 1925
"""Dates before this year are made up: the BIDS convention for dates that were shifted."""
LIKE_NAMES = frozenset({"crowd worker's id", "IP address", "phone number", "long number"})
"""Kinds that an image's name can resemble."""
CONTACTS = frozenset({"e-mail address", "profile address", "phone number"})
"""Kinds that the study's own texts are right to contain."""


@dataclass(frozen=True)
class Private:
    """Something that may identify a person or a computer, and where it was found.

    ``row`` is the line of a text, from 1; of a table its row, 0 for its header; None in JSON.
    ``column`` is that of a table, or the key of JSON. The kind ``date`` is a day alone, as a
    birthday is written; ``time stamp`` one with a time of day.
    """

    kind: str
    text: str
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


_DECLARED = declared("twoalike.exchange", "private.toml")
_PATTERNS = [
    (one["kind"], re.compile(one["mark"], re.IGNORECASE), re.compile(one["regex"]))
    for one in _DECLARED["patterns"]
]
_NUMBERS = [(one["kind"], re.compile(one["regex"])) for one in _DECLARED["numbers"]]
_DATES = [*map(re.compile, _DECLARED["dates"])]
_GENERIC = frozenset(_DECLARED["generic"].split())
_DIGITS = re.compile(r"\d\D{0,2}\d\D{0,2}\d\D{0,2}\d|::")
_YEAR = re.compile(r"(?<!\d)(?:19[2-9]\d|20\d\d)(?!\d)")
_AROUND = 40
"""Characters before and after a year in which the rest of its date must stand."""


@cache
def computer_names() -> tuple[str, ...]:
    """Names of this computer and of the account, but for those that tell nothing."""
    names = {socket.gethostname(), platform.node(), Path.home().name}
    with suppress(OSError, KeyError, ImportError):  # an account without a name
        names.add(getpass.getuser())
    names |= {name.split(".")[0] for name in names}
    telling = (name for name in names if len(name) > 3 and name.lower() not in _GENERIC)
    return tuple(sorted(telling))


def find_private(text: str, names: Collection[str] | None = None) -> list[Private]:
    """Search a text for what may identify somebody.

    Found are e-mail addresses and addresses of profiles, ids of Prolific and Mechanical Turk,
    absolute paths, names, full dates from 1925 on, IBAN, IP and MAC addresses, telephone numbers
    and numbers of seven or more digits, in the order of the text. ``names`` are further words that
    must not occur, whatever their case; None means the names of this computer and of its user.

    Examples
    --------
    >>> [found.text for found in find_private("jo@lab.org was born 1987-03-12", names=())]
    ['jo@lab.org', '1987-03-12']
    """
    found: dict[tuple[int, int, str], None] = {}
    for kind, mark, pattern in _PATTERNS:
        if mark.search(text):
            matches = (one for one in pattern.finditer(text) if _is_meant(kind, one))
            found |= {(*match.span(), kind): None for match in matches}
    if words := computer_names() if names is None else names:
        named = _words(words, re.IGNORECASE).finditer(text)
        found |= {(*match.span(), "computer or user name"): None for match in named}
    for year in _YEAR.finditer(text):  # dates are looked for around years only
        around = max(0, year.start() - _AROUND), year.end() + _AROUND
        for match in (match for pattern in _DATES for match in pattern.finditer(text, *around)):
            kind = "time stamp" if match.groupdict().get("time") else "date"
            within = match.start() <= year.start() and year.end() <= match.end()
            if within and _is_meant(kind, match):
                found[*match.span(), kind] = None
    for kind, pattern in _NUMBERS if _DIGITS.search(text) else ():
        for match in pattern.finditer(text):
            start, end = match.span()
            if _is_meant(kind, match) and not any(a < end and start < b for a, b, _ in found):
                found[start, end, kind] = None
    return [
        Private(kind, text[start:end], text.count("\n", 0, start) + 1)
        for start, end, kind in sorted(found, key=lambda one: one[0])
    ]


def _is_meant(kind: str, match: re.Match[str]) -> bool:
    """Whether a match is valid: a date is in a calendar, an IBAN has a checksum, and the like."""
    if kind == "IBAN":
        digits = "".join(str(int(mark, 36)) for mark in match[0][4:] + match[0][:4] if mark != " ")
        return int(digits) % 97 == 1
    try:
        if kind == "IP address":
            ip_address(match[0])
        elif (parts := match.groupdict()) and parts.get("year"):
            year, month, day = (int(parts[name]) for name in ("year", "month", "day"))
            if month > 12 and match.end("year") == match.end():  # 31/12/1987
                month, day = day, month
            return FIRST_YEAR <= date(year, month, day).year < 2100
    except ValueError:
        return False
    return True


def find_codes(text: str, codes: Collection[str]) -> list[Private]:
    """Search a text for participants' codes.

    Codes that are numbers are looked for with ``sub-`` before them only: alone, a number may
    stand for anything.
    """
    words = [f"sub-{code}" if code.isdigit() else code for code in codes]
    return [
        Private("participant code", match[0], text.count("\n", 0, match.start()) + 1)
        for match in (_words(words).finditer(text) if words else ())
    ]


def _words(words: Collection[str], flags: int = 0) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![0-9A-Za-z+])(?:{either})(?![0-9A-Za-z+])", flags)


_VERSIONS = frozenset({"versions", "software_version", "SoftwareVersion", "twoalike_version"})
"""Keys of ours below which four numbers are a version, not an IP address."""


@dataclass(frozen=True)
class Known:
    """What looks private in a data set and is not, from the manifests in it that can be read."""

    objects: frozenset[str]
    """Ids of the objects shown."""
    contacts: Mapping[str, str]
    """Addresses in the texts of protocols, such as those that a consent text must have."""

    @classmethod
    def of(cls, files: Mapping[str, str]) -> "Known":
        """Collect them from the texts of a data set, by path."""
        objects, words = set[str](), set[str]()
        for path, text in files.items():
            if path.endswith("_manifest.json"):
                with suppress(ValueError, RecursionError):  # damaged: the checks of the data say so
                    content = json.loads(text)
                    manifest = content if isinstance(content, dict) else {}
                    shown = manifest.get("stimuli")
                    objects.update(shown if isinstance(shown, dict) else ())
                    words.update(string for _, string in _strings(manifest.get("config"), ""))
        found = find_private("\n".join(sorted(words)), ())
        contacts = {one.text: one.kind for one in found if one.kind in CONTACTS}
        return cls(frozenset(objects), contacts)

    def search(self, path: str, text: str, names: Collection[str] | None) -> Iterator[Private]:
        """Search one file of a data set, whose path's ending gives the format.

        A long number that is the id of an object is no telephone number, and an address in a text
        of the study may be there; elsewhere somebody entered it.
        """
        if path.endswith(".tsv"):
            found = self._in_table(path, text, names)
        elif path.endswith((".json", ".jsonl")):
            found = self._in_json(text, names, by_line=path.endswith("l"))
        else:
            found = iter(find_private(text, names))
        for one in found:
            asked = path.endswith("_answers.tsv") and one.column in ("text", "options")
            if not (asked or one.row is None) or one.text not in self.contacts:
                yield one

    def _in_table(self, path: str, text: str, names: Collection[str] | None) -> Iterator[Private]:
        lines = [line.removesuffix("\r").split("\t") for line in text.split("\n") if line]
        header, *rows = lines or [[]]
        for private in find_private("\t".join(header), names):
            yield replace(private, row=0, column=private.text)
        own = own_columns(path)
        for place in range(max(map(len, lines), default=0)):
            column = header[place] if place < len(header) else f"{place + 1}"
            ours = own.get(column)
            fixed = ours and (ours.kind != "string" or ours.levels)  # numbers, or a few words
            if fixed and path != "participants.tsv":  # which is edited by hand
                continue
            first: dict[str, int] = {}
            for number, row in enumerate(rows, start=1):
                if place < len(row):
                    first.setdefault(row[place], number)
            cells = list(first)
            for private in find_private("\n".join(cells), names):  # all at once: most have none
                cell = cells[(private.row or 1) - 1]
                # The design fills our own columns, with names of images and of triplets.
                if private.kind not in LIKE_NAMES or not (ours or cell in self.objects):
                    yield replace(private, row=first[cell], column=column)

    def _in_json(
        self, text: str, names: Collection[str] | None, *, by_line: bool
    ) -> Iterator[Private]:
        for number, part in enumerate(text.split("\n") if by_line else [text], start=1):
            try:
                content = json.loads(part) if part.strip() else None
            except (ValueError, RecursionError):  # reported by other checks; searched as text here
                for private in find_private(part, names):
                    yield replace(private, row=number) if by_line else private
                continue
            strings = list(_strings(content, ""))
            # Line breaks within a string would shift the lines by which findings are located.
            flat = [" ".join(string.split("\n")) for _, string in strings]
            for private in find_private("\n".join(flat), names):
                key, string = strings[(private.row or 1) - 1]
                version = private.kind == "IP address" and _VERSIONS & set(key.split("."))
                if not version and not (private.kind in LIKE_NAMES and string in self.objects):
                    yield replace(private, row=number if by_line else None, column=key)


def _strings(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield key or name, name
            yield from _strings(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str) or (type(value) is int and not SEED.search(key)):
        yield key, str(value)


_TEXT = (".tsv", ".json", ".jsonl", ".md", ".txt", "README", "CHANGES")


def check_private(root: Path, names: Collection[str] | None = None) -> list[RawProblem]:
    """Search raw data for what may identify a person.

    Time stamps of sessions are no problem, nor are addresses in texts of the protocols.
    ``names`` are as in :func:`find_private`.
    """

    def searched(path: str) -> bool:
        return path.endswith(_TEXT) and not path.endswith("_journal.jsonl")  # its tables have it

    files = read_texts(root, searched).files
    known = Known.of(files)
    problems = []
    for name, text in files.items():
        for one in known.search(name, text, names):
            message = f"{one.text!r} looks private ({one.kind})"
            if one.kind == "time stamp":
                continue
            if name.endswith(".tsv"):
                problems.append(RawProblem(root / name, message, one.row, one.column))
            else:
                problems.append(RawProblem(root / name, f"{one.place}: {message}"))
    return problems
