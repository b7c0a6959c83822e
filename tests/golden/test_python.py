"""Names of ``twoalike.api``, and the parameters of its functions with their defaults."""

import inspect
from typing import Any

from tests.golden.golden import check

import twoalike.api as ta


def parameters(function: Any) -> list[str]:
    """Parameters of a function, those by keyword after a star."""
    found, starred = [], False
    for each in inspect.signature(function).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not starred:
            found.append("*")
            starred = True
        value = getattr(each.default, "__name__", repr(each.default))  # of functions their name
        default = "" if each.default is each.empty else f"={value}"
        found.append(f"{each.name}{default}" if len(default) < 60 else f"{each.name}=...")
    return found


def test_names_and_parameters() -> None:
    found = {}
    for name in sorted(ta.__all__):
        value = getattr(ta, name)
        is_function = callable(value) and not inspect.isclass(value)
        found[name] = parameters(value) if is_function else type(value).__name__
    check("python/api", found)
