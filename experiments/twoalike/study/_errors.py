"""Words for users: the one family of errors that they are meant to read, and parts of messages.

A command catches exactly this class, prints its message on one line and ends with status 1;
anything else that escapes is a defect of ours and keeps its traceback.
"""

import re
from collections.abc import Iterable, Sequence
from typing import overload


class TwoalikeError(Exception):
    """Something the user can put right: where, what was expected, what was found, what to do.

    A remedy names a parameter as Python code in backquotes, such as ``resume=True`` or
    ``out=...``; the command line shows it as its option (``--resume``, ``--out``).

    Parameters
    ----------
    problem
        What is wrong, where ``expected`` and ``found`` alone do not say it.
    where
        File, folder, setting or argument concerned.
    expected, found
        What is needed, and what there is instead.
    remedy
        What to do, as whole sentences; shown as it is.

    Examples
    --------
    >>> print(TwoalikeError(where="a.tsv, row 3", expected="a number", found="'x'"))
    a.tsv, row 3: expected a number, found 'x'.
    >>> print(TwoalikeError("nothing to fit", remedy="Run a session first."))
    nothing to fit. Run a session first.
    """

    def __init__(
        self,
        problem: object = "",
        *,
        where: object = "",
        expected: object = "",
        found: object = "",
        remedy: str = "",
    ) -> None:
        self.problem, self.where = str(problem), str(where)
        self.expected, self.found, self.remedy = str(expected), str(found), remedy
        super().__init__(self._message())

    def _message(self) -> str:
        if not (self.where or self.expected or self.found or self.remedy):
            return self.problem
        wanted = f"expected {self.expected}" if self.expected else ""
        found = f"found {self.found}" if self.found else ""
        contrast = ", ".join(part for part in (wanted, found) if part)
        statement = ": ".join(part for part in (self.where, self.problem, contrast) if part)
        stop = "" if statement.endswith((".", "?", "!")) else "."
        return f"{statement}{stop} {self.remedy}".rstrip()


_PRINTED = "\n\t\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
"""Characters that Python calls unprintable and terminals print."""


def one_of(what: str, name: str, names: Iterable[str], remedy: str = "") -> str:
    """Return the value of an argument, if it is one of those that there are."""
    if name not in (known := list(names)):
        expected = f"one of {', '.join(known)}" if known else f"no {what}"
        where = f"`{what}={name}`"
        raise TwoalikeError(where=where, expected=expected, found=repr(name), remedy=remedy)
    return name


def counted(n: int, noun: str) -> str:
    """Give a number with its noun, such as ``2,400 judgments``."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def how_to_install(extra: str) -> str:
    """Say how to add an extra: twoalike is installed from its folder, and uv brings no pip."""
    return f'Install it, in the folder of twoalike: uv pip install --editable ".[{extra}]"'


def shortened(error: object, longest: int = 160) -> str:
    """Message of a library as part of one line, cut where it is long."""
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
    """
    depth = max(map(len, folders), default=0)
    return {
        f"level_{level}": [
            "/".join(parts[:level]) if len(parts) >= level else MISSING for parts in folders
        ]
        for level in range(1, depth + 1)
    }
