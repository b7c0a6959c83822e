"""Protocols of published studies and the lab defaults, in every language that is shipped."""

import tomllib
from importlib.resources import files
from typing import Any

from twoalike.tasks._settings import Protocol
from twoalike.tasks._texts import preset_texts
from twoalike.tasks.multi_arrangement import MultiArrangement
from twoalike.tasks.odd_one_out import OddOneOut

PRESETS = ("default", "levels", "things")
"""``default``: the lab default; ``levels``: AligNet's study of levels of abstraction; ``things``:
self-paced, in blocks of 20."""


def triplet_protocol(preset: str = "default", language: str = "en") -> OddOneOut:
    """Protocol of the odd-one-out task.

    Parameters
    ----------
    preset
        One of :data:`PRESETS`.
    language
        One of :func:`twoalike.tasks.languages`.

    Examples
    --------
    >>> triplet_protocol("levels").timing.response_limit_s
    15.0
    """
    if preset == "default":
        return OddOneOut.model_validate({"language": language})
    source = files("twoalike.tasks") / "presets" / f"{preset}.toml"
    values: dict[str, Any] = tomllib.loads(source.read_text(encoding="utf-8"))
    if preset == "levels":
        values |= _levels_texts(language)
    return OddOneOut.model_validate({"language": language, **values})


def _levels_texts(language: str) -> dict[str, Any]:
    texts = dict(preset_texts("levels", language))
    said = {name: texts.pop(name) for name in ("strategy", "gender", "genders", "age")}
    gender = {"id": "gender", "kind": "choice", "text": said["gender"], "options": said["genders"]}
    age = {"id": "age", "kind": "age", "text": said["age"]}
    strategy = {"id": "strategy", "kind": "text", "text": said["strategy"], "required": False}
    return {
        "form": {"questions": [gender, age]},
        "debrief": {"questions": [strategy]},
        "texts": texts,
    }


def arrangement_protocol(language: str = "en") -> Protocol:
    """Protocol of the multi-arrangement task."""
    return MultiArrangement.model_validate({"language": language})
