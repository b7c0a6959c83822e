"""Cells of text tables: missing values, labels by folder, and cells that no spreadsheet runs."""

import re
from collections.abc import Sequence
from typing import overload

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
