"""The page of settings: every key of the files that people edit, from the models that read them."""

import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from _reference.markdown import cell, code, table
from twoalike.distill import DistillConfig
from twoalike.embedding import FitConfig, Observers, Prior
from twoalike.study import StudyConfig
from twoalike.tasks import (
    AnchoredChoice,
    FreeSorting,
    MostAlikePair,
    MultiArrangement,
    OddOneOfMany,
    OddOneOut,
    PairRating,
)
from twoalike.tasks._protocol import PageTexts

_HEAD = """# Settings

Settings are TOML. A key that is not listed here is refused, with the nearest one that is; a key
that is left out has its default. The resolved settings are kept with whatever they made. Texts for
participants that are left out are those shipped for the protocol's language.

"""
_LIMITS = {
    "gt": "> {}",
    "ge": "≥ {}",
    "lt": "< {}",
    "le": "≤ {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
}
_WORDS: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "true or false"}
_WORDS |= {Prior: "", Observers: ""}  # as objects for Python alone
_LONGEST = 48
"""Characters of a default that a table has room for; texts for participants are longer."""

FILES: Mapping[str, tuple[type[BaseModel], str]] = {
    "study.toml": (
        StudyConfig,
        "Settings of a study, in its folder; `twoalike init` writes one with all of them.",
    ),
    "Protocol of the odd-one-out task": (
        OddOneOut,
        "`protocols/odd_one_out.toml` of a study; `twoalike init` writes one with every default.",
    ),
    "Protocol of the anchored-choice task": (
        AnchoredChoice,
        "`protocols/anchored_choice.toml` of a study; without the file, these defaults hold.",
    ),
    "Protocol of the odd-one-of-many task": (
        OddOneOfMany,
        "`protocols/odd_one_of_many.toml` of a study; without the file, these defaults hold.",
    ),
    "Protocol of the most-alike-pair task": (
        MostAlikePair,
        "`protocols/most_alike_pair.toml` of a study; without the file, these defaults hold.",
    ),
    "Protocol of the multi-arrangement task": (
        MultiArrangement,
        "`protocols/multi_arrangement.toml` of a study.",
    ),
    "Protocol of the pair-rating task": (
        PairRating,
        "`protocols/pair_rating.toml` of a study; without the file, these defaults hold.",
    ),
    "Protocol of the free-sorting task": (
        FreeSorting,
        "`protocols/free_sorting.toml` of a study; without the file, these defaults hold.",
    ),
    "Settings of a fit": (
        FitConfig,
        "Argument of `twoalike.embedding.fit_embedding`; the command line sets those that it has "
        "options for. Kept in the attributes of `posterior.nc`.",
    ),
    "Recipe of a distillation": (
        DistillConfig,
        "File given to `twoalike distill --config`; examples stand in `modeling/recipes/`. Kept in "
        "the student's folder.",
    ),
}
"""Heading -> the model, and what the settings are for."""


def configuration_page() -> str:
    """Markdown of the page."""
    parts = [
        f"## {heading}\n\n{what}\n\n{_tables(model)}" for heading, (model, what) in FILES.items()
    ]
    return "\n".join([_HEAD, *parts])


def _tables(model: type[BaseModel]) -> str:
    """Tables of a model's own keys, and of those of the tables within."""
    return "\n".join(
        (f"**`[{name}]`** {cell(what)}\n\n" if name else "")
        + table(["key", "type and default", "meaning"], rows)
        for name, what, rows in _walk(model, "", "")
    )


def _walk(
    model: type[BaseModel], name: str, what: str
) -> Iterator[tuple[str, str, list[list[str]]]]:
    rows, inner = [], []
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            said = field.description or (field.annotation.__doc__ or "").split("\n")[0]
            inner.append((field.annotation, f"{name}.{key}".lstrip("."), said))
        else:
            default = "as shipped" if issubclass(model, PageTexts) else _default(field)
            kind = f"{cell(_kind(field))}; {default}"
            rows.append([code(key), kind, cell(field.description or "")])
            for each in get_args(field.annotation):  # tables of a list, [[such]]
                if isinstance(each, type) and issubclass(each, BaseModel):
                    said = (each.__doc__ or "").split("\n")[0]
                    inner.append((each, f"[{name}.{key}]".replace("[.", "["), said))
    if rows:
        yield name, what, rows
    for each in inner:
        yield from _walk(*each)


def _kind(field: FieldInfo) -> str:
    """Type of a key, and the range of its values."""
    limits = [
        text.format(getattr(limit, name))
        for limit in field.metadata
        for name, text in _LIMITS.items()
        if getattr(limit, name, None) is not None
    ]
    return ", ".join([_named(field.annotation), *limits])


def _named(annotation: Any) -> str:
    """Type in words of TOML."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        named = " or ".join(code(json.dumps(value)) for value in arguments)
    elif origin in (Union, types.UnionType):
        told = (_named(part) for part in arguments if part is not types.NoneType)
        named = " or ".join(filter(None, told))
    elif origin is Annotated:
        named = _named(arguments[0])
    elif origin in (tuple, list):
        parts = {_named(part) for part in arguments if part is not Ellipsis}
        named = f"list of {parts.pop()}" if len(parts) == 1 else "list"
    elif origin is dict:
        named = f"table of {_named(arguments[1])}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        named = f"table with {', '.join(annotation.model_fields)}"
    elif isinstance(annotation, TypeAliasType):
        named = _named(annotation.__value__)
    else:
        named = _WORDS[annotation]
    return named


def _default(field: FieldInfo) -> str:
    """Value of a key that is left out."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False, default=BaseModel.model_dump)
    return code(text) if len(text) <= _LONGEST else "see the protocol"
