"""Words for messages, and cells of text tables that say nothing or run nothing."""

import re
from collections.abc import Sequence
from typing import overload

_PRINTED = "\n\t\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
"""Characters that Python calls unprintable and terminals print."""


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "participant"), counted(2400, "judgment")
    ('1 participant', '2,400 judgments')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra of twoalike to the environment.

    twoalike is installed from its folder, and an environment made by uv has no pip.
    """
    return f'Install it, in the folder of twoalike: uv pip install --editable ".[{extra}]"'


def shortened(error: object, longest: int = 160) -> str:
    r"""Return the message of a library as part of one line, cut where it is long.

    Examples
    --------
    >>> shortened("no such\n  column")
    'no such column'
    """
    words = " ".join(str(error).split())
    return words if len(words) <= longest else f"{words[:longest]}…"


def visible(text: str) -> str:
    r"""Replace characters that control a terminal by their codes; line ends and tabs stay.

    Escape sequences could clear the screen, bidirectional overrides reverse the words, and other
    line separators break the one line of an error.

    Examples
    --------
    >>> visible("a\x1b[2Jb\u202ec\n")
    'a\\x1b[2Jb\\u202ec\n'
    """
    if text.isprintable():
        return text
    return "".join(
        mark if mark.isprintable() or mark in _PRINTED else mark.encode("unicode_escape").decode()
        for mark in text
    )


_FORMULA = re.compile(r"'*\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
"""Text that a spreadsheet may run. Leading apostrophes count, so that undoing is unambiguous."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")


@overload
def inert_cell(value: str) -> str: ...
@overload
def inert_cell(value: object) -> object: ...
def inert_cell(value: object) -> object:
    """Cell of an exported table that no spreadsheet runs.

    Text that begins like a formula (``=``, ``+``, ``-``, ``@``, their full-width forms, a tab or a
    line break) gets an apostrophe in front. Numbers and everything that is no text are returned
    unchanged. Removing one apostrophe in front of such a beginning gives the text back.

    Examples
    --------
    >>> [inert_cell(value) for value in ("=1+1", "-dog", "-1.5", "dog", -1.5)]
    ["'=1+1", "'-dog", '-1.5', 'dog', -1.5]
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


MISSING = "n/a"
"""What tables say where nothing is known, as in BIDS."""


def folder_labels(folders: Sequence[tuple[str, ...]]) -> dict[str, list[str]]:
    """Labels at each level of folders, from coarse (``level_1``) to fine.

    A class is named by its whole path, since two folders may hold one of the same name; images that
    lie less deep have ``n/a`` at the levels below them.

    Examples
    --------
    >>> folder_labels([("animal", "cat"), ("animal", "dog"), ("tool",)])["level_2"]
    ['animal/cat', 'animal/dog', 'n/a']
    """
    depth = max(map(len, folders), default=0)
    return {
        f"level_{level}": [
            "/".join(parts[:level]) if len(parts) >= level else MISSING for parts in folders
        ]
        for level in range(1, depth + 1)
    }
