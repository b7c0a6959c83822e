"""What JSON from anywhere must hold, said by an example of it."""

from collections.abc import Iterator
from typing import Any

from twoalike.study._errors import TwoalikeError
from twoalike.study._words import shortened

_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_LARGEST = 1e15
"""Of a number: larger ones overflow what is made of them, and are nobody's."""


def check_shape(content: Any, shape: Any, where: str, remedy: str) -> None:
    """Refuse content of another shape, naming the first place where it differs.

    Parameters
    ----------
    content
        What a file held.
    shape
        ``str``, ``bool``, ``int`` or ``float`` (which whole numbers are as well); ``object``,
        anything; ``[shape]``, a list; ``{str: shape}``, keys of any name; ``{"name": shape,
        "other?": shape}``, keys that must, or may, be there beside others; ``(shape, None)``,
        which may be null.
    where
        The file, for the message.
    remedy
        What to do, for the message.

    Raises
    ------
    TwoalikeError
        If it differs.

    Examples
    --------
    >>> check_shape({"n": [1, "2"]}, {"n": [int]}, "x.json", "Mend it.")
    Traceback (most recent call last):
    ...
    twoalike.study._errors.TwoalikeError: x.json: n.1: expected a whole number, found '2'. Mend it.
    """
    fault = next(_faults(content, shape, ""), None)
    if fault is not None:
        raise TwoalikeError(f"{where}: {fault}. {remedy}")


def _faults(value: Any, shape: Any, place: str) -> Iterator[str]:
    match shape:
        case (inner, None):
            if value is not None:
                yield from _faults(value, inner, place)
        case [inner] if isinstance(value, list):
            for number, item in enumerate(value):
                yield from _faults(item, inner, _below(place, number))
        case dict() if isinstance(value, dict):
            yield from _faults_of_keys(value, shape, place)
        case list() | dict():
            yield _fault(place, "a list" if isinstance(shape, list) else "keys and values", value)
        case _ if not _is_a(value, shape):
            yield _fault(place, _WORDS[shape], value)


def _faults_of_keys(value: dict[str, Any], shape: dict[Any, Any], place: str) -> Iterator[str]:
    if str in shape:
        for name, item in value.items():
            yield from _faults(item, shape[str], _below(place, name))
        return
    for key, inner in shape.items():
        name = key.removesuffix("?")
        if name in value:
            yield from _faults(value[name], inner, _below(place, name))
        elif name == key:
            yield f"{_below(place, name)} is missing"


def _is_a(value: Any, kind: type) -> bool:
    if kind is object:
        return True
    kinds = (int, float) if kind is float else (kind,)
    return type(value) in kinds and (kind not in (int, float) or abs(value) <= _LARGEST)


def _below(place: str, name: object) -> str:
    return f"{place}.{name}" if place else str(name)


def _fault(place: str, expected: str, value: Any) -> str:
    found = shortened(repr(value), 40)
    return f"{shortened(place)}{': ' if place else ''}expected {expected}, found {found}"
