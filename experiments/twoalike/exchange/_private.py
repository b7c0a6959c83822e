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
from dataclasses import dataclass
from datetime import date
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from twoalike.exchange._dataset import SEED, numeric_columns, own_columns, read_texts
from twoalike.record import RawProblem

FIRST_YEAR = 1925
"""Dates before this year are made up: the BIDS convention for dates that were shifted."""
_GENERIC = frozenset(
    "root user users admin administrator guest localhost local localdomain computer desktop "
    "laptop ubuntu debian fedora windows linux experiment experimenter psychopy psychology lab "
    "labuser student test main home data study".split()
)
"""Names of many computers and accounts: they tell nothing, and are words of other texts too."""

type Kind = Literal[
    "e-mail address",
    "profile address",
    "path",
    "computer or user name",
    "participant code",
    "crowd worker's id",
    "date",
    "time stamp",
    "IBAN",
    "IP address",
    "MAC address",
    "phone number",
    "long number",
]
LIKE_NAMES = frozenset({"crowd worker's id", "IP address", "phone number", "long number"})
"""Kinds that an image's name can resemble."""
CONTACTS = frozenset({"e-mail address", "profile address", "phone number"})
"""Kinds that the study's own texts are right to contain."""


@dataclass(frozen=True)
class Private:
    """Something that may identify a person or a computer, and the line where it was found, from 1.

    The kind ``date`` is a day alone, as a birthday is written; ``time stamp`` one with a time of
    day.
    """

    kind: Kind
    text: str
    line: int


_AT = re.compile(r"@|[(\[{] ?[aä]t ?[)\]}]", re.IGNORECASE)
_DOT = r"(?:\.| ?[(\[{] ?(?:dot|punkt) ?[)\]}] ?)"
_EMAIL = re.compile(
    r"[\w.+%-]+(?:@| ?[(\[{] ?(?:at|ät|@) ?[)\]}] ?)"
    rf"[\w-]+(?:{_DOT}[\w-]+)*{_DOT}[^\W\d_]{{2,}}",
    re.IGNORECASE,
)
_PROFILE = re.compile(
    r"(?<![\w.@-])(?:https?://)?(?:(?:www|m|[a-z]{2})\.)?(?:(?:facebook|instagram|threads|twitter|x|vk)\.(?:com|net)/[\w.]+"
    r"|(?:github\.com|t\.me|wa\.me)/[\w-]+(?![\w/.-])"  # not a repository of software
    r"|linkedin\.com/in/[\w%-]+|xing\.com/profile/\w+|reddit\.com/(?:u|user)/[\w-]+"
    r"|bsky\.app/profile/[\w.:-]+|researchgate\.net/profile/[\w-]+|[\w-]{1,63}(?:\.[\w-]{1,63}){1,3}/@[\w.@-]+)",
    re.IGNORECASE,
)
_PATHS = (
    ("/", re.compile(r"(?<![\w.:/\\~-])/[\w.+-]+(?:/[\w.+-]+)+")),  # /home/somebody
    ("~", re.compile(r"(?<![\w/])~\w*/[\w.+-]+")),  # ~/data
    ("file:/", re.compile(r"\bfile:/+[^\s\"',;]+")),
    (":/", re.compile(r"(?<!\w)[A-Za-z]:/{1,2}[^\\/\s\"'][^\s\"',;]*")),  # D:/data
    (":\\", re.compile(r"(?<!\w)[A-Za-z]:\\{1,2}[^\\/\s\"'][^\s\"',;]*")),  # C:\Users
    ("\\\\", re.compile(r"(?<![\w\\:])\\{2,4}[\w.-]+\\{1,2}[\w$.-]+")),  # \\server\share
)
"""Each with a mark it cannot do without: most texts have none, and searching for it is fast."""
_COMPACT = re.compile(
    r"(?<!\w)(?P<year>19\d\d|20\d\d)(?P<month>\d\d)(?P<day>\d\d)(?P<time>T\d{4,6})(?!\d)"
)
_YEAR = re.compile(r"(?<!\d)(?:19[2-9]\d|20\d\d)(?!\d)")
_AROUND = 40
"""Characters before and after a year in which the rest of its date must stand."""
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?P<year>\d{4})(?P<mark> ?[-/_.] ?| )(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?!\d)"
    r"(?P<time>[T ]\d\d:?\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?"
)
_YEAR_LAST = re.compile(
    r"(?<![\d.])(?P<first>\d{1,2})(?P<mark> ?[./-] ?| )(?P<second>\d{1,2})(?P=mark)"
    r"(?P<year>\d{4})(?!\d)"
)
_MONTH = r"(?:jan|feb|mar|mär|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec)[^\W\d_]*"  # en, de
_WRITTEN = re.compile(
    rf"(?<!\d)(?:\d{{1,2}}(?:\.|st|nd|rd|th)?[ _-]*(?:of )?{_MONTH}"
    rf"|{_MONTH} +\d{{1,2}}(?:st|nd|rd|th)?),?[ _-]*\d{{4}}(?!\d)"
    rf"|(?<!\d)\d{{4}}[ _-]{_MONTH}[ _-]\d{{1,2}}(?!\d)",
    re.IGNORECASE,
)
_END = r"(?!\w|[.,]\d)"
"""After a number: no further digit, letter or decimal place."""
_IBAN = re.compile(
    rf"(?<!\w)[A-Z]{{2}}\d{{2}}(?: ?[0-9A-Z]{{4}}){{2,7}}(?: ?[0-9A-Z]{{1,3}})?{_END}"
)
_IP4 = re.compile(rf"(?<![\w.])(?<!version )(?:\d{{1,3}}\.){{3}}\d{{1,3}}{_END}")
_IP6 = re.compile(r"(?<![\w:.])(?=[\dA-Fa-f]*:)[\dA-Fa-f:]{6,39}(?![\w:])")
_PHONES = (
    re.compile(rf"(?<![\w.+/-])(?:\+|00)[1-9](?:[ ()/-]{{0,2}}\d){{6,13}}{_END}"),  # +49 176 ...
    re.compile(rf"(?<![\w.+/-])\(?0[1-9]\d{{1,4}}\)?[ /-]{{1,3}}\d(?:[ -]?\d){{4,9}}{_END}"),
    re.compile(rf"(?<![\w.+/-])0[1-9](?:[ .]\d\d){{4}}{_END}"),  # 06 12 34 56 78
    re.compile(
        rf"(?<![\w.+/-])(?:\(\d{{3}}\) ?|\d{{3}}[.-])\d{{3}}[ .-]\d{{4}}{_END}"
    ),  # 555-010-9999
)
_LONG = (
    re.compile(rf"(?<![\w.,+/])\d{{7,}}{_END}"),
    re.compile(rf"(?<![\w.,+/-])\d{{4}}(?:[ -]\d{{4}}){{2,}}{_END}"),  # cards
    re.compile(rf"(?<![\w.,+/-])\d{{3}}-\d\d-\d{{4}}{_END}"),  # social security
)
_MAC = re.compile(
    r"(?<![\w:.-])[\dA-F]{2}([:-])(?:[\dA-F]{2}\1){4}[\dA-F]{2}(?![\w:-])"
    r"|(?<![\w.])(?:[\dA-F]{4}\.){2}[\dA-F]{4}(?![\w.])",
    re.IGNORECASE,
)
_WORKER = re.compile(
    r"(?<![\w-])(?:[56][\da-f]{23}|A(?=[A-Z]*\d+[A-Z])[\dA-Z]{12,13})(?![\w-])", re.IGNORECASE
)
"""Of Prolific, or of Mechanical Turk."""
_DIGITS = re.compile(r"\d\D{0,2}\d\D{0,2}\d\D{0,2}\d|::")


@cache
def computer_names() -> tuple[str, ...]:
    """Names of this computer and of the account, but for those that tell nothing."""
    names = {socket.gethostname(), platform.node(), Path.home().name}
    try:
        names.add(getpass.getuser())
    except (OSError, KeyError, ImportError):  # an account without a name
        pass
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
    words = computer_names() if names is None else names
    plain = list(_matches(text, words))
    found = sorted([*plain, *_numbers(text, plain)], key=lambda pair: pair[1].start())
    return [_found(kind, match, text) for kind, match in found]


def _matches(text: str, words: Collection[str]) -> Iterator[tuple[Kind, re.Match[str]]]:
    if _AT.search(text):
        for match in _EMAIL.finditer(text):
            yield "e-mail address", match
    if "/" in text:
        for match in _PROFILE.finditer(text):
            yield "profile address", match
    for match in _MAC.finditer(text):
        yield "MAC address", match
    for match in _WORKER.finditer(text):
        yield "crowd worker's id", match
    paths: dict[tuple[int, int], re.Match[str]] = {}
    for mark, pattern in _PATHS:
        if mark in text:
            paths |= {match.span(): match for match in pattern.finditer(text)}
    for match in paths.values():
        yield "path", match
    for match in _words(words, re.IGNORECASE).finditer(text) if words else ():
        yield "computer or user name", match
    for match in _COMPACT.finditer(text):
        if _is_day(match):
            yield "time stamp", match
    yield from _dates(text)


def _dates(text: str) -> Iterator[tuple[Kind, re.Match[str]]]:
    """Full dates, looked for around years only: most numbers of a table are none."""
    found: dict[tuple[int, int], re.Match[str]] = {}
    for year in _YEAR.finditer(text):
        start, end = max(0, year.start() - _AROUND), year.end() + _AROUND
        for pattern in (_YEAR_FIRST, _YEAR_LAST, _WRITTEN):
            for match in pattern.finditer(text, start, end):
                if match.start() <= year.start() and year.end() <= match.end():
                    found[match.span()] = match
    for match in found.values():
        if match.re is _WRITTEN:
            yield "date", match
        elif _is_day(match):
            yield ("time stamp" if match.groupdict().get("time") else "date"), match


def _numbers(
    text: str, before: Collection[tuple[Kind, re.Match[str]]]
) -> list[tuple[Kind, re.Match[str]]]:
    """Numbers that may identify a person, except within earlier findings."""
    if not _DIGITS.search(text):
        return []
    taken = [match.span() for _, match in before]
    found: list[tuple[Kind, re.Match[str]]] = []
    kinds: tuple[tuple[Kind, tuple[re.Pattern[str], ...]], ...] = (
        ("IBAN", (_IBAN,)),
        ("IP address", (_IP4, _IP6)),
        ("phone number", _PHONES),
        ("long number", _LONG),
    )
    for kind, patterns in kinds:
        for match in (match for pattern in patterns for match in pattern.finditer(text)):
            start, end = match.span()
            if _is_meant(kind, match[0]) and not any(a < end and start < b for a, b in taken):
                taken.append((start, end))
                found.append((kind, match))
    return found


def _is_meant(kind: Kind, text: str) -> bool:
    """Whether a match is valid: an IBAN has a checksum, an address a grammar."""
    if kind == "IBAN":
        digits = "".join(str(int(mark, 36)) for mark in text[4:] + text[:4] if mark != " ")
        return int(digits) % 97 == 1
    if kind == "IP address":
        try:
            ip_address(text)
        except ValueError:
            return False
    return True


def find_codes(text: str, codes: Collection[str]) -> list[Private]:
    """Search a text for participants' codes.

    Codes that are numbers are looked for with ``sub-`` before them only: alone, a number may
    stand for anything.
    """
    words = [f"sub-{code}" if code.isdigit() else code for code in codes]
    pattern = _words(words) if words else re.compile(r"(?!)")
    return [_found("participant code", match, text) for match in pattern.finditer(text)]


def _words(words: Collection[str], flags: int = 0) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![0-9A-Za-z+])(?:{either})(?![0-9A-Za-z+])", flags)


def _found(kind: Kind, match: re.Match[str], text: str) -> Private:
    return Private(kind, match[0], text.count("\n", 0, match.start()) + 1)


def _is_day(match: re.Match[str]) -> bool:
    """Whether this is a day of the calendar in the time of people now alive."""
    parts = {name: int(text) for name, text in match.groupdict().items() if _is_number(name, text)}
    if "first" in parts:  # 12.3. and 3/12: whichever order makes a day
        orders = [(parts["first"], parts["second"]), (parts["second"], parts["first"])]
    else:
        orders = [(parts["month"], parts["day"])]
    return any(_is_date(parts["year"], month, day) for month, day in orders)


def _is_number(name: str, text: str | None) -> bool:
    return name not in {"mark", "time"} and text is not None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return FIRST_YEAR <= date(year, month, day).year < 2100
    except ValueError:
        return False


_TEXT = (".tsv", ".json", ".jsonl", ".md", ".txt", "README", "CHANGES")
_VERSIONS = frozenset({"versions", "software_version", "SoftwareVersion", "twoalike_version"})
"""Keys of ours below which four numbers are a version, not an IP address."""


@dataclass(frozen=True)
class Found:
    """Something that looks private, and where it is.

    ``row`` counts rows of a table from 1, 0 for its header, and lines of a text; it is None in
    JSON. ``column`` is that of a table, the key of JSON, or empty.
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
    """Search one file of a data set, whose path's ending gives the format.

    A long number in one of ``ids`` is the name of an image.
    """
    if path.endswith(".tsv"):
        yield from _search_table(path, text, names, ids)
    elif path.endswith((".json", ".jsonl")):
        yield from _search_json(text, names, ids, by_line=path.endswith("l"))
    else:
        for private in find_private(text, names):
            yield Found(private, private.line)


@dataclass(frozen=True)
class Known:
    """What looks private in a data set and is not, from the manifests in it that can be read."""

    objects: frozenset[str]
    """Ids of the objects shown."""
    contacts: Mapping[str, Kind]
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

    def is_contact(self, path: str, found: Found) -> bool:
        """Whether this is an address in a text of the study; elsewhere somebody entered it."""
        asked = path.endswith("_answers.tsv") and found.column in ("text", "options")
        return (asked or found.row is None) and found.private.text in self.contacts


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
        for found in search_file(name, text, names, known.objects):
            if (private := found.private).kind != "time stamp" and not known.is_contact(
                name, found
            ):
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
            if private.kind not in LIKE_NAMES or not (column in own or cell in ids):
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
            if not version and not (private.kind in LIKE_NAMES and string in ids):
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
