"""What pydantic found wrong with settings, in one line and in words of the file."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_LONGEST = 60
"""Characters of a wrong value that are shown."""
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "string": 'text in quotes, "like this"',
    "list": "a list, [in brackets]",
    "tuple": "a list, [in brackets]",
    "dict": "a table",
    "model": "a table",
}
"""Start of pydantic's name of a fault, such as ``int_type`` or ``int_from_float`` -> words."""


def plain_fault(error: ValidationError, model: type[BaseModel]) -> str:
    """Say what is wrong first: which key, what was expected there, what was found.

    Parameters
    ----------
    error
        What ``model`` said of some settings.
    model
        Settings that were to be read.
    """
    faults = error.errors()
    # A misspelt key that is needed counts as missing too.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}; {_right_key(model, first['loc'])}"
    if first["type"] == "missing":
        return f"key {key!r} is missing."
    words = plain_words(first)
    words += "" if words.endswith("?") else "."
    return f"key {key!r}: {words}" if key else words


def plain_words(fault: ErrorDetails) -> str:
    """Say what was expected and what was found, without the key.

    Parameters
    ----------
    fault
        One of the errors of a :class:`pydantic.ValidationError`.
    """
    kind, about = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return fault["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        return _choice(str(about["expected"]), fault["input"])
    if kind == "string_too_short":
        return "expected some text, found none"
    if kind in ("too_short", "too_long"):
        words, limit = ("at least", "min") if kind == "too_short" else ("at most", "max")
        number, found = about[f"{limit}_length"], about["actual_length"]
        return f"expected {words} {number} in the list, found {found}"
    return f"{_expected(kind, about) or fault['msg']}, found {_shown(fault['input'])}"


def _expected(kind: str, about: Mapping[str, Any]) -> str:
    """Words for a bound or a kind of value; empty for other faults."""
    if kind in _BOUNDS:
        limit, words = _BOUNDS[kind]
        return f"expected {words} {about[limit]:g}"
    named = (words for start, words in _KINDS.items() if kind.startswith(start))
    return next((f"expected {words}" for words in named), "")


def _choice(expected: str, found: Any) -> str:
    """Words for one of several values; pydantic lists them as ``'a', 'b' or 'c'``."""
    options = re.findall(r"'([^']*)'", expected)
    close = difflib.get_close_matches(str(found).lower(), options, n=1, cutoff=0.5)
    hint = f"; did you mean {_shown(close[0])}?" if close else ""
    return f"expected {expected.replace("'", '"')}, found {_shown(found)}{hint}"


def _shown(value: Any) -> str:
    """Write a value as the file does, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _right_key(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Say where the unknown key at ``location`` belongs, or which one is nearest to it."""
    name = str(location[-1])
    table = _table_at(model, location[:-1])
    valid = list(table.model_fields) if table else []
    places = list(_places(model, name))
    if places:
        where = f"in [{places[0]}]" if places[0] else "above the first [table]"
        return f"its place is {where}."
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    return f"did you mean {close[0]!r}?" if close else f"valid keys: {', '.join(valid)}."


def _table_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Find the settings that a table of the file holds."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, str):  # a number is the place in a list of tables
            field = current.model_fields.get(part) if current else None
            current = _settings_in(field.annotation) if field else None
    return current


def _settings_in(annotation: Any) -> type[BaseModel] | None:
    """Find the settings that a field holds, also in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_settings_in, get_args(annotation))), None)


def _places(model: type[BaseModel], name: str, within: str = "") -> Iterator[str]:
    """Tables that have a key, by their name in the file."""
    if name in model.model_fields:
        yield within
    for key, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _places(inner, name, f"{within}.{key}".lstrip("."))
