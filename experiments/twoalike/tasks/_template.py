"""A protocol as the commented TOML that a lab edits, rendered from the models themselves."""

import json
import textwrap

from pydantic import BaseModel

from twoalike.tasks._settings import Protocol

_WIDTH = 98


def _value(value: object) -> str:
    """TOML of a value; JSON writes strings, numbers and booleans the same way."""
    if isinstance(value, str) and "\n" in value:
        lines = [json.dumps(line, ensure_ascii=False)[1:-1] for line in value.split("\n")]
        return '"""\n' + "\n".join(lines) + '"""'
    if isinstance(value, BaseModel):
        pairs = ((key, getattr(value, key)) for key in type(value).model_fields)
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in pairs) + " }"
    if isinstance(value, tuple):
        items = [_value(item) for item in value]
        if any("\n" in item or item.startswith("{") for item in items):
            return "[\n" + "".join(f"{item},\n" for item in items) + "]"
        return f"[{', '.join(items)}]"
    return json.dumps(value, ensure_ascii=False)


def _comment(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _render(model: BaseModel, name: str) -> str:
    lines, tables = [], []
    for key, field in type(model).model_fields.items():
        value = getattr(model, key)
        if isinstance(value, BaseModel):
            heading = f"{_comment(field.description or '')}\n[{name}{key}]\n"
            tables.append(heading + _render(value, f"{name}{key}."))
        else:
            # No questions stay a comment, so that [[form.questions]] can be added at the end.
            none = "# " if key == "questions" and value == () else ""
            lines += [_comment(field.description or ""), f"{none}{key} = {_value(value)}"]
    return "\n".join(["\n".join(lines) + "\n", *tables])


def protocol_template(protocol: Protocol) -> str:
    """Render a protocol as TOML; each key stands below its meaning and unit.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOut
    >>> "fixation_s = 0.5" in protocol_template(OddOneOut()).splitlines()
    True
    """
    head = _comment(
        f"Protocol of the {protocol.task} task. Every key may be left out; what stands here are "
        "the defaults. Times are in seconds, sizes in the unit that ends the key."
    )
    return f"{head}\n\n{_render(protocol, '')}"
