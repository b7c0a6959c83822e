"""Settings from TOML and content of JSON: strict models, faults in words, and comparisons."""

import difflib
import json
import os
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Annotated, Any, TypeAliasType, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.functional_validators import field_validator, model_validator
from pydantic_core import (
    ErrorDetails,
    InitErrorDetails,
    PydanticCustomError,
    PydanticUndefined,
)

from twoalike.study._errors import TwoalikeError, shortened
from twoalike.study._reading import read_text, require_file

_LONGEST = 60
"""Characters of a wrong value that are shown."""
_LONGEST_CHANGE, _MOST_CHANGES = 30, 3
"""Characters of a changed value, and changes, that are shown."""
_TABLES = ("questions", "conditions")
"""Keys whose values are lists of tables, ``[[such]]``."""
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_TYPES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "finite_number": "a finite number",
    "string": 'text in quotes, "like this"',
    "list": "a list, [in brackets]",
    "tuple": "a list, [in brackets]",
    "dict": "a table",
    "dataclass": "a table",
    "model": "a table",
}
"""First part of pydantic's fault types, such as ``int_type`` or ``int_from_float`` -> words."""


class Settings(BaseModel):
    """Settings that are frozen and refuse unknown keys.

    Templates show the docstring below a key, or that of the model of a table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest(cls, values: Any) -> Any:
        """Refuse an unknown key as pydantic does, but with the nearest known one."""
        known = cls.model_fields
        if isinstance(values, Mapping) and (unknown := [key for key in values if key not in known]):
            hint = {"hint": _nearest(unknown[0], known)}
            kind = PydanticCustomError("extra_forbidden", "{hint}", hint)
            fault = InitErrorDetails(type=kind, loc=(unknown[0],), input=values[unknown[0]])
            raise ValidationError.from_exception_data(cls.__name__, [fault])
        return values


class Strict(Settings):
    """Settings that also convert nothing: "yes" is not true."""

    model_config = ConfigDict(strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _lists_become_tuples(cls, value: Any, info: ValidationInfo) -> Any:
        """Accept lists from a file where the field is a tuple, nested lists too."""
        assert info.field_name is not None
        return (
            _as_tuple(value) if _is_tuple(cls.model_fields[info.field_name].annotation) else value
        )


def formed(pattern: str, what: str) -> AfterValidator:
    """Check that a text matches a pattern; the error names what is expected in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {what}, found {text!r}")
        return text

    return AfterValidator(check)


def changed(
    model: type[BaseModel], name: str, default: Any = PydanticUndefined, about: str = ""
) -> Any:
    """Field of a model with another default or description, for one that inherits from it."""
    field = copy(model.model_fields[name])
    field.default = field.default if default is PydanticUndefined else default
    field.description = about or field.description
    return field


_LARGEST = 10**15
"""Larger numbers overflow in what is computed from them, and nobody needs them."""
WholeNumber = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
FiniteNumber = Annotated[float, Field(ge=-_LARGEST, le=_LARGEST, allow_inf_nan=False)]


class Content(BaseModel):
    """What a JSON file holds: frozen and strict; keys of other versions are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


def check_content[Model: BaseModel](
    content: Any, model: type[Model], where: object, remedy: str
) -> Model:
    """Return parsed JSON as a model, or name the first place where it differs."""
    try:
        return model.model_validate_json(json.dumps(content))
    except ValidationError as error:
        fault = error.errors()[0]
        key = shortened(".".join(map(str, fault["loc"])))
        if fault["type"] == "missing":
            problem = f"{key} is missing"
        else:
            problem = f"{key}{': ' if key else ''}{plain_words(fault)}"
        raise TwoalikeError(problem, where=where, remedy=remedy) from error


def _is_tuple(annotation: Any) -> bool:
    if isinstance(annotation, TypeAliasType):
        annotation = getattr(annotation.__value__, "__origin__", annotation.__value__)
    return get_origin(annotation) is tuple


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def load_toml[Model: BaseModel](
    path: str | Path,
    model: type[Model],
    over: Iterable[Path] = (),
    worded: Callable[..., dict[str, Any]] = lambda content, _: content,
) -> Model:
    """Read settings from TOML.

    Keys of the files ``over`` replace those before; tables are joined, lists replaced. ``worded``
    gives the content of each file in one language.
    """
    content = worded(_parse_toml(Path(path)), Path(path))
    settings = check_settings(content, model, path)
    for file in over:
        content = _with_keys(content, worded(_parse_toml(file), file))
        settings = check_settings(content, model, file)
    return settings


def in_language(
    content: Mapping[str, Any],
    languages: Sequence[str],
    language: str,
    own: str,
    texts: re.Pattern[str],
    where: Path,
) -> dict[str, Any]:
    """Content of a file in one of several languages.

    A table with values by language becomes that of ``language``. A plain value whose key matches
    ``texts`` is in the language ``own``. Of questions, ``asked`` and ``options`` are in the first
    language, as they are stored, and ``text`` and ``labels`` are read.
    """
    lacking: list[str] = []

    def below(value: Any, place: str) -> Any:
        if isinstance(value, list):
            return [below(one, f"{place}.{number}") for number, one in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        found: dict[str, Any] = {}
        for key, one in value.items():
            at = f"{place}.{key}".removeprefix(".")
            by_language = isinstance(one, Mapping) and key != "when" and {*languages} & one.keys()
            if not by_language and not (isinstance(one, str | list) and texts.fullmatch(at)):
                found[key] = below(one, at)
                continue
            given = one if by_language else {own: one}
            if language not in given and any(map(str.isalpha, str(one))):
                lacking.append(at)
            first = given.get(languages[0], one)
            found[key] = read = given.get(language, first)
            if read != first and "." in at and key in ("text", "options"):
                found |= {"asked": first} if key == "text" else {"options": first, "labels": read}
        return found

    found: dict[str, Any] = below(content, "")
    if lacking:
        raise TwoalikeError(
            where=where,
            expected=f"texts in {language!r}, one of the languages of study.toml",
            found=f"none for {', '.join(lacking)}",
            remedy=f"Give each as a table: {{ {', '.join(f'{one} = ...' for one in languages)} }}.",
        )
    return found


def _with_keys(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {
        key: _with_keys(below[key], value)
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        else value
        for key, value in above.items()
    }
    return {**below, **both}


def _parse_toml(path: Path) -> dict[str, Any]:
    text = read_text(require_file(path, "settings (TOML)"))
    try:
        return tomllib.loads(text)
    # TOMLDecodeError is a ValueError, and so is a number of thousands of digits.
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise TwoalikeError(f"not valid TOML ({reason})", where=path) from error


def check_settings[Model: BaseModel](
    content: Mapping[str, Any], model: type[Model], where: object
) -> Model:
    """Return settings, parsed from TOML, as a model."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise TwoalikeError(_fault_in_words(error), where=where) from error


_WIDTH = 98


def render_toml(model: BaseModel, heading: str) -> str:
    """Render settings as TOML below a heading, with the meaning and unit of each key above it."""
    return f"{_comment(heading)}\n\n{_render(model, '')}"


def _render(model: BaseModel, name: str) -> str:
    """Keys of ``model`` first, then its tables, as TOML requires."""
    lines, tables = [], []
    written = model.model_dump(mode="json")
    for key, field in type(model).model_fields.items():
        table = getattr(model, key)
        said = table.__doc__ if isinstance(table, BaseModel) else None
        about = [_comment(text)] if (text := field.description or said) else []
        if isinstance(table, BaseModel):
            head = "\n".join([*about, f"[{name}{key}]\n"])
            tables.append(head + _render(table, f"{name}{key}."))
        else:
            # These stay a comment, so that tables of that name can be added at the end.
            none = "# " if written[key] == {} or (key in _TABLES and not written[key]) else ""
            # TOML allows no DEL as it is.
            line = f"{none}{key} = {toml_of(written[key])}".replace("\x7f", r"\u007f")
            lines += [*about, f"# {key} =" if written[key] is None else line]
    return "\n".join(["\n".join(lines) + "\n", *tables])


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else json.dumps(name)


def toml_of(value: object) -> str:
    """TOML of a value; JSON writes strings, numbers, booleans and plain lists the same way."""
    if isinstance(value, str) and "\n" in value:
        lines = [json.dumps(line, ensure_ascii=False)[1:-1] for line in value.split("\n")]
        return '"""\n' + "\n".join(lines) + '"""'
    if isinstance(value, dict) and value:
        given = (f"{_key(k)} = {toml_of(item)}" for k, item in value.items() if item is not None)
        return "{ " + ", ".join(given) + " }"
    if isinstance(value, list):
        items = [toml_of(item) for item in value]
        if any("\n" in item or item.startswith("{") for item in items):
            return "[\n" + "".join(f"{item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    return json.dumps(value, ensure_ascii=False)


def _fault_in_words(error: ValidationError) -> str:
    """Describe the most telling fault: which key, what was expected there, what was found."""
    faults = error.errors()
    # A required key that is misspelt is reported as missing too.
    first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}; {first['msg']}"
    if first["type"] == "missing":
        return f"key {key!r} is missing"
    words = plain_words(first)
    return f"key {key!r}: {words}" if key else words


def plain_words(fault: ErrorDetails) -> str:
    """Describe one error of a :class:`pydantic.ValidationError`: what was expected and found."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown setting; {fault['msg']}"
    if kind == "value_error":
        return fault["msg"].removeprefix("Value error, ")
    if kind == "literal_error":
        return _not_an_option(str(context["expected"]), fault["input"])
    if kind == "string_too_short":
        return "expected some text, found none"
    if kind in ("too_short", "too_long"):
        words, limit = ("at least", "min") if kind == "too_short" else ("at most", "max")
        number, found = context[f"{limit}_length"], context["actual_length"]
        return f"expected {words} {number} in the list, found {found}"
    return f"{_expected(kind, context) or fault['msg']}, found {_as_in_file(fault['input'])}"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind in _BOUNDS:
        limit, words = _BOUNDS[kind]
        return f"expected {words} {context[limit]:g}"
    named = (words for start, words in _TYPES.items() if kind.startswith(start))
    return next((f"expected {words}" for words in named), "")


def _not_an_option(expected: str, found: Any) -> str:
    """Words for one of several values; pydantic lists them as ``'a', 'b' or 'c'``."""
    options = re.findall(r"'([^']*)'", expected)
    close = difflib.get_close_matches(str(found).lower(), options, n=1, cutoff=0.5)
    hint = f"; did you mean {_as_in_file(close[0])}?" if close else ""
    return f"expected {expected.replace("'", '"')}, found {_as_in_file(found)}{hint}"


def _as_in_file(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _nearest(name: object, valid: Iterable[str]) -> str:
    valid = list(valid)
    close = difflib.get_close_matches(str(name), valid, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"valid keys: {', '.join(valid)}"


def flattened(settings: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return settings without nesting: names of tables and keys are joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{above}{key}"
        flat |= flattened(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def describe_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the JSON-ready settings that differ, with the old and the new value; empty if none does.

    ``None`` and an empty table count as not set.
    """
    old, new = flattened(before), flattened(now)
    changes = []
    for key in dict.fromkeys([*old, *new]):
        values = old.get(key), new.get(key)
        if values[0] != values[1]:
            start = 0  # characters of two long texts that agree
            if all(isinstance(value, str) for value in values):
                same = os.path.commonprefix([str(value) for value in values])
                start = max(0, len(same) - _LONGEST_CHANGE // 3)
            was, is_now = (_changed_value(value, start) for value in values)
            changes.append(f"{key} was {was}, is {is_now}")
    more = len(changes) - _MOST_CHANGES
    return "; ".join(changes[:_MOST_CHANGES]) + (f"; and {more} more" if more > 0 else "")


def _changed_value(value: object, start: int) -> str:
    if value is None:
        return "not set"
    if isinstance(value, str):
        text = ("…" if start else "") + " ".join(value[start:].split())
        return json.dumps(shortened(text, _LONGEST_CHANGE), ensure_ascii=False)
    return shortened(json.dumps(value, ensure_ascii=False), _LONGEST_CHANGE)
