"""Cells of exported text tables that no spreadsheet runs as formulas.

Excel, LibreOffice and Google Sheets run cells of CSV and TSV files that begin with certain
characters, even if a participant typed them. OWASP's remedy (CSV injection) is an apostrophe in
front, which marks text in spreadsheets. Numbers, including negative ones, are not changed.
"""

import re
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
