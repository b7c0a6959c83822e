"""Finding what may tell who somebody is: in data that are about to leave the lab.

A search by pattern finds slips, not ill will: a name in a free-text answer passes it.
"""

import getpass
import platform
import re
import socket
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

FIRST_YEAR = 1925
"""Dates before this year are made up: the BIDS convention for dates that were shifted."""
_GENERIC = frozenset(
    "root user users admin administrator guest localhost local localdomain computer desktop "
    "laptop ubuntu debian fedora windows linux experiment experimenter psychopy psychology lab "
    "labuser student test main home data study".split()
)
"""Names of many computers and accounts: they tell nothing, and are words of other texts too."""

type Kind = Literal[
    "e-mail address", "path", "computer or user name", "participant code", "date", "time stamp"
]


@dataclass(frozen=True)
class Private:
    """Something that may identify a person or a computer.

    Attributes
    ----------
    kind
        ``date`` is a day alone, as a birthday is written; ``time stamp`` one with a time of day.
    text
        What was found.
    line
        Where, counted from 1.
    """

    kind: Kind
    text: str
    line: int


_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")
_PATHS = re.compile(
    r"(?<![\w.:/\\~-])/[\w.+-]+(?:/[\w.+-]+)+"  # /home/somebody
    r"|(?<![\w/])~\w*/[\w.+-]+"  # ~/data
    r"|\bfile:/+[^\s\"',;]+"
    r"|(?<![\w])[A-Za-z]:[\\/]{1,2}[^\\/\s\"'][^\s\"',;]*"  # C:\Users
    r"|(?<![\w\\])\\{2,4}[\w.-]+\\{1,2}[\w$.-]+"  # \\server\share
)
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?P<year>\d{4})(?P<mark>[-/_])(?P<month>\d\d)(?P=mark)(?P<day>\d\d)(?!\d)"
    r"(?P<time>[T ]\d\d:?\d\d[\d:.]*(?:Z|[+-]\d\d:?\d\d)?)?"
)
_YEAR_LAST = re.compile(
    r"(?<![\d.])(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4})(?!\d)"
)
_COMPACT = re.compile(r"(?<!\w)(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T\d{4,6}(?!\d)")
_MONTH = r"(?:jan|feb|mar|mär|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec)[^\W\d_]*"  # en, de
_WRITTEN = re.compile(
    rf"(?<!\d)(?:\d{{1,2}}(?:\.|st|nd|rd|th)?[ _-]{_MONTH}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?),?"
    rf"[ _-](?P<year>\d{{4}})(?!\d)|(?<!\d)(?P<before>\d{{4}})[ _-]{_MONTH}[ _-]\d{{1,2}}(?!\d)",
    re.IGNORECASE,
)


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

    Parameters
    ----------
    text
        Content of a file.
    names
        Further words that must not occur, whatever their case; None: the names of this computer
        and of its user.

    Returns
    -------
    E-mail addresses, absolute paths, names, full dates from 1925 on, in the order of the text.

    Examples
    --------
    >>> [found.text for found in find_private("jo@lab.org was born 1987-03-12", names=())]
    ['jo@lab.org', '1987-03-12']
    """
    words = computer_names() if names is None else names
    found = sorted(_matches(text, words), key=lambda pair: pair[1].start())
    return [_found(kind, match, text) for kind, match in found]


def _matches(text: str, words: Collection[str]) -> Iterator[tuple[Kind, re.Match[str]]]:
    for match in _EMAIL.finditer(text):
        yield "e-mail address", match
    for match in _PATHS.finditer(text):
        yield "path", match
    for match in _words(words, re.IGNORECASE).finditer(text) if words else ():
        yield "computer or user name", match
    for match in _YEAR_FIRST.finditer(text):
        if _is_day(match["year"], match["month"], match["day"]):
            yield ("time stamp" if match["time"] else "date"), match
    for match in _COMPACT.finditer(text):
        if _is_day(match["year"], match["month"], match["day"]):
            yield "time stamp", match
    for match in _YEAR_LAST.finditer(text):
        orders = ((match["first"], match["second"]), (match["second"], match["first"]))
        if any(_is_day(match["year"], month, day) for day, month in orders):
            yield "date", match
    for match in _WRITTEN.finditer(text):
        if _is_day(match["year"] or match["before"], "1", "1"):
            yield "date", match


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


def _is_day(year: str, month: str, day: str) -> bool:
    """Whether this is a day of the calendar in the time of people now alive."""
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return False
    return FIRST_YEAR <= found.year < 2100
