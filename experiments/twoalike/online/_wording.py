"""Texts of a protocol as a browser needs them.

The shipped texts are written for a window in the lab: Esc stops, and nobody has a touch screen. In
a browser some of their sentences would be untrue. Those are replaced one by one, so that whatever
a lab wrote itself stays as it is.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from twoalike.tasks import Protocol

_TEXTS = files("twoalike.online") / "texts"


def for_browser[P: Protocol](protocol: P) -> P:
    """Protocol with the sentences of the shipped texts that are different in a browser."""
    sentences = _sentences(protocol.language)

    def worded(text: str) -> str:
        for lab, (browser, _) in sentences.items():
            text = text.replace(lab, browser)
        return text

    values = protocol.model_dump()
    texts: dict[str, Any] = {
        name: worded(text) if isinstance(text, str) else [worded(one) for one in text]
        for name, text in values["texts"].items()
    }
    return type(protocol).model_validate(values | {"texts": texts})


def without_keys(language: str) -> dict[str, str]:
    """Sentences of the shipped texts in a browser, and what they are where there are no keys."""
    found = dict(_sentences(language).values())
    return {browser: touch for browser, touch in found.items() if browser != touch}


@cache
def _sentences(language: str) -> dict[str, tuple[str, str]]:
    """Sentences of the lab, each with those of a browser with and without keys.

    There are none in a language that is not shipped.
    """
    file = _TEXTS / f"sentences.{language}.toml"
    found = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    return {lab: (own, own) if isinstance(own, str) else tuple(own) for lab, own in found.items()}
