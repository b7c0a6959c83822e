"""The texts that come with twoalike, by task and language."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

_FOLDER = files("twoalike.tasks") / "texts"


def languages() -> tuple[str, ...]:
    """Languages whose texts are shipped, by their two-letter code.

    Examples
    --------
    >>> languages()
    ('de', 'en')
    """
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.split(".")[1] for name in names if name.startswith("common.")))


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text(encoding="utf-8"))


def shipped_texts(task: str, language: str) -> dict[str, Any]:
    """Texts of a task in a language; none where the language is not shipped.

    Parameters
    ----------
    task
        As on the command line, ``odd-one-out``.
    """
    if language not in languages():
        return {}
    own = preset_texts(task.replace("-", "_"), language)
    return {**preset_texts("common", language), **own}


def preset_texts(name: str, language: str) -> dict[str, Any]:
    """Texts of one file: ``common``, a task, or a preset."""
    return _read(f"{name}.{language}.toml")


def consent_remarks() -> tuple[str, ...]:
    """Last paragraphs of the shipped consent texts, which say to replace them; on one line each."""
    texts = [str(preset_texts("common", language)["consent"]) for language in languages()]
    return tuple(" ".join(text.rpartition("\n\n")[2].split()) for text in texts)
