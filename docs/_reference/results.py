"""The page of results: the header, the columns of the frame, and the measures that fill it."""

import ast
import inspect
import textwrap
import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel

from _reference.markdown import cell, code, table
from twoalike.evaluation import Interval
from twoalike.results import MEASURES, Leaderboard, Results, Row, Scores, TransferResults
from twoalike.transfer import Transfer

_HEAD = """# results.json

What `twoalike evaluate` measures; `twoalike.results.Results.load` reads it. A header says how the
file was made and of what; every figure is a row of one long frame (`Results.frame`,
`pandas.DataFrame(content["rows"])`). `transfer.json`, `scores.json`, `replay.json` and
`leaderboard.json` have the same form.

"""
_ROWS = """(results-row)=
## Rows

An interval is of 95 %, over other participants and other objects, unless a measure says otherwise.
What could not be measured has no row, and `missing` says why.

"""
_OTHERS = """## Other files

"""
_MEASURES = """(results-measures)=
## Measures

A measure is named by the keys that lead to it: `odd_one_out.difference.accuracy` is `accuracy` in
`difference` of the scores on odd-one-out choices. Keys of tables (levels of labels, participants,
classes) are not part of the name; they are the level of a row, such as `kind: within`. A question
about more than three items has their number: `most_alike_5`. In this table `*` stands for any keys;
of the lines that fit a measure the first counts.

"""
_PARTS: Mapping[str, type[BaseModel]] = {
    "`transfer`, `ability`": Transfer,
}
"""Start of a measure -> the model whose keys follow."""
_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false"}


def results_page() -> str:
    """Markdown of the page."""
    header = [_section(model) for model in models_within(Results, []) if model is not Row]
    others = [
        f"`{model.model_fields['kind'].default}.json` of `twoalike {model.command}`\n\n"
        + key_table(model, {key: descriptions(model)[key] for key in more}, more)
        for model in (Scores, Leaderboard, TransferResults)
        if (more := [key for key in model.model_fields if key not in Results.model_fields])
    ]
    rows = _ROWS + key_table(Row, descriptions(Row))
    declared = ([code(name), unit, cell(words)] for name, (unit, words) in MEASURES.items())
    links = ([start, f"[{of.__name__}](#{anchor(of)})"] for start, of in _PARTS.items())
    parts = _MEASURES + table(["measure", "unit", "meaning"], declared)
    parts += "\nOthers begin with:\n\n" + table(["start", "keys"], links)
    own = key_table(Results, descriptions(Results))
    known: list[type[BaseModel]] = []
    for model in _PARTS.values():
        models_within(model, known)
    sections = [_section(model) for model in known]
    return "\n".join([_HEAD + own, *header[1:], rows, _OTHERS, *others, parts, *sections])


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


def key_table(
    model: type[BaseModel], meanings: Mapping[str, str], only: Collection[str] = ()
) -> str:
    """Table of a model's keys: type, and the meaning of each."""
    rows = [
        [code(name), _named(field.annotation), cell(meanings[name])]
        for name, field in model.model_fields.items()
        if not field.exclude and (not only or name in only)
    ]
    return table(["key", "type", "meaning"], rows)


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
