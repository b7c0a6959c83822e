"""The page of results, transfer and leaderboards: every key, from the models that hold them."""

import ast
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel

from _reference.markdown import cell, code, table
from twoalike.evaluation import Interval
from twoalike.results import Leaderboard, Results, Scores, TransferResults, quantity_of

_HEAD = """# results.json

What `twoalike evaluate` measures; `twoalike.results.Results.load` reads it. An **estimate** is
`value`, `low` and `high`: the figure, and its 95 % interval over other participants and other
objects, unless a key says otherwise. A range is that of the value; ends of an interval may lie
beyond it. What could not be measured is null, and `missing` beside it says why; a key may be absent
from files of older versions.

"""
_TRANSFER = """## transfer.json

What `twoalike transfer` measures; `twoalike.results.TransferResults.load` reads it: the keys of
[Transfer](#results-transfer), and how it was made.

"""
_SCORES = """(results-scores)=
## scores.json

What `twoalike score` measures; `twoalike.results.Scores.load` reads it.

"""
_LEADERBOARD = """(results-leaderboard)=
## leaderboard.json

What `twoalike leaderboard` measures; `twoalike.results.Leaderboard.load` reads it.

"""
_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false"}


def results_page() -> str:
    """Markdown of the page."""
    seen: list[type[BaseModel]] = []
    parts = [_section(model) for model in models_within(Results, seen)]
    transfer = _TRANSFER + key_table(TransferResults, descriptions(TransferResults))
    parts = [key_table(Results, descriptions(Results)), *parts[1:], transfer]
    for head, model in ((_SCORES, Scores), (_LEADERBOARD, Leaderboard)):
        known = len(seen)
        own = [_section(inner) for inner in models_within(model, seen)[known:]]
        parts += [head + key_table(model, descriptions(model)), *own[1:]]
    return "\n".join([_HEAD, *parts])


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Docstring below each field of a model, its bases included."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _written(base)
    return found


@cache
def _written(model: type[BaseModel]) -> dict[str, str]:
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(written.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def models_within(model: type[BaseModel], seen: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """Collect a model and those within, each once, in the order of the file."""
    if model not in seen:
        seen.append(model)
        for field in model.model_fields.values():
            for inner in _within(field.annotation):
                models_within(inner, seen)
    return seen


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, TypeAliasType):
        yield from _within(annotation.__value__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _within(part)


def _section(model: type[BaseModel]) -> str:
    what = cell((model.__doc__ or "").split("\n\n")[0])
    keys = key_table(model, descriptions(model))
    return f"({anchor(model)})=\n## {model.__name__}\n\n{what}\n\n{keys}"


def anchor(model: type[BaseModel]) -> str:
    """Name of a model's section, by which pages link to it."""
    page = "online" if model.__module__.startswith("twoalike.online") else "results"
    return f"{page}-{model.__name__.lower()}"


def key_table(model: type[BaseModel], meanings: Mapping[str, str]) -> str:
    """Table of a model's keys: type, unit and range, and the meaning of each."""
    rows = [
        [code(name), _kind(field.annotation, field.metadata), cell(meanings[name])]
        for name, field in model.model_fields.items()
        if not field.exclude
    ]
    return table(["key", "type, unit and range", "meaning"], rows)


def _kind(annotation: Any, metadata: list[Any]) -> str:
    quantity = quantity_of(annotation) or next(filter(None, map(quantity_of, metadata)), None)
    about = [quantity.unit, quantity.range()] if quantity else []
    return ", ".join(filter(None, [_named(annotation), *about]))


def _named(annotation: Any) -> str:
    """Type in words of JSON."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        named = " or ".join(code(repr(value).replace("'", '"')) for value in arguments)
    elif origin in (Union, types.UnionType):
        named = " or ".join("null" if a is types.NoneType else _named(a) for a in arguments)
    elif origin is Annotated:
        named = _named(arguments[0])
    elif isinstance(annotation, TypeAliasType):
        named = _named(annotation.__value__)
    elif origin is tuple:
        named = f"list of {_named(arguments[0])}"
    elif origin is dict:
        named = f"table of {_named(arguments[1])}"
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        named = f"[{annotation.__name__}](#{anchor(annotation)})"
    elif isinstance(annotation, type) and issubclass(annotation, Interval):
        more = [code(name) for name in annotation.__dataclass_fields__ if name not in _ESTIMATE]
        named = "estimate" + (f" with {', '.join(more)}" if more else "")
    elif is_dataclass(annotation):
        named = f"table with {', '.join(map(code, annotation.__dataclass_fields__))}"
    else:
        named = _WORDS.get(annotation, "anything")
    return named


_ESTIMATE = ("value", "low", "high")
