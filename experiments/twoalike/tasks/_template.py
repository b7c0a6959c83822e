"""A protocol as the commented TOML that a lab edits, rendered from the models themselves."""

import json
import textwrap

from pydantic import BaseModel

from twoalike.tasks._protocol import OddOneOut

_WIDTH = 98


def _value(value: object) -> str:
    """TOML of a value; JSON writes strings, numbers and booleans the same way."""
    if isinstance(value, str) and "\n" in value:
        lines = [json.dumps(line, ensure_ascii=False)[1:-1] for line in value.split("\n")]
        return '"""\n' + "\n".join(lines) + '"""'
    if isinstance(value, tuple):
        items = [_value(item) for item in value]
        if any("\n" in item for item in items):
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
            lines += [_comment(field.description or ""), f"{key} = {_value(value)}"]
    return "\n".join(["\n".join(lines) + "\n", *tables])


def protocol_template(protocol: OddOneOut | None = None) -> str:
    """Render a protocol as TOML; each key stands below its meaning and unit.

    Parameters
    ----------
    protocol
        The values; the defaults if left out.

    Examples
    --------
    >>> "fixation_s = 0.5" in protocol_template().splitlines()
    True
    """
    head = _comment(
        "Protocol of the odd-one-out task. Every key may be left out; what stands here are the "
        "defaults. Times are in seconds, sizes in the unit that ends the key."
    )
    return f"{head}\n\n{_render(protocol or OddOneOut(), '')}"
