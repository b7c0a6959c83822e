"""Words for one line: what differs between settings then and now, how many there are."""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

_LONGEST = 30
"""Characters of a value that are shown: a whole text would hide what else changed."""
_MOST = 3
_SHOWN = "\n\t\N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}"
"""Signs that Python takes for unprintable and a terminal shows."""
_ABSENT = object()


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the keys whose values differ, with the old and the new value; empty if none does.

    Parameters
    ----------
    before, now
        Settings, JSON-ready; keys of tables within are joined by dots.

    Examples
    --------
    >>> describe_changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}})
    'a.b was 1, is 3'
    """
    changes = list(_changes(before, now, ""))
    more = len(changes) - _MOST
    return "; ".join(changes[:_MOST]) + (f"; and {more} more" if more > 0 else "")


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "participant"), counted(2400, "judgment")
    ('1 participant', '2,400 judgments')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def how_to_install(extra: str) -> str:
    """Return the command that adds a part of twoalike to the environment.

    twoalike is installed from its folder, and an environment made by uv has no pip.

    Examples
    --------
    >>> how_to_install("analysis")
    'Install it, in the folder of twoalike: uv pip install --editable ".[analysis]"'
    """
    return f'Install it, in the folder of twoalike: uv pip install --editable ".[{extra}]"'


def shortened(error: object, longest: int = 160) -> str:
    r"""Return what a library says of a fault as a part of one line, cut where it is long.

    Examples
    --------
    >>> shortened("no such\n  column")
    'no such column'
    """
    words = " ".join(str(error).split())
    return words if len(words) <= longest else f"{words[:longest]}…"


def visible(text: str) -> str:
    r"""Return text that does nothing to a terminal: what is no sign to read stands as its code.

    Escapes would colour or clear the screen, bidirectional overrides turn the words around, and
    other line ends break the one line of an error. An end of line and a tab stay.

    Examples
    --------
    >>> visible("a\x1b[2Jb\u202ec\n")
    'a\\x1b[2Jb\\u202ec\n'
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign in _SHOWN else sign.encode("unicode_escape").decode()
        for sign in text
    )


def _changes(before: Mapping[str, Any], now: Mapping[str, Any], within: str) -> Iterator[str]:
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key, _ABSENT), now.get(key, _ABSENT)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, f"{within}{key}.")
        elif old != new:
            start = _same_start(old, new)
            yield f"{within}{key} was {_shown(old, start)}, is {_shown(new, start)}"


def _same_start(old: object, new: object) -> int:
    """Characters to leave out of two long texts: those before the place where they part."""
    if not (isinstance(old, str) and isinstance(new, str)):
        return 0
    same = len(os.path.commonprefix((old, new)))
    return max(0, same - _LONGEST // 3)


def _shown(value: object, start: int) -> str:
    if value is _ABSENT or value is None:
        return "not set"
    if isinstance(value, str):
        value = ("…" if start else "") + " ".join(value[start:].split())
        return json.dumps(_cut(value), ensure_ascii=False)
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
