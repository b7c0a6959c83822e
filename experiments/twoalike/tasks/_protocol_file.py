"""Protocols as files: where a study keeps them, and the commented template."""

import difflib
import json
import textwrap

from pydantic import BaseModel

from twoalike.registry import Task, find_task, task_names
from twoalike.study import Study, StudyConfig, TwoalikeError, load_toml
from twoalike.tasks._protocol import Protocol


def protocols() -> dict[str, type[Protocol]]:
    """Model of the protocol of every task, by the task's name."""
    return {name: find_task(name).protocol for name in task_names()}


def load_protocol[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task.

    A task whose protocol has no key in study.toml needs no file: its defaults hold without one.

    Raises
    ------
    TwoalikeError
        If it is missing or invalid.
    """
    task = _task(model)
    path = study.protocol_of(task.label)
    if path.exists():
        return load_toml(path, model)
    if not task.protocol_key:
        return model.model_validate({})
    there = sorted(file.name for file in path.parent.glob("*.toml"))
    close = difflib.get_close_matches(path.name, there, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    raise TwoalikeError(
        where=path,
        expected=f"the protocol of the {task.name} task",
        found="no such file",
        remedy=f"{hint}Its place is the key {task.protocol_key!r} of study.toml.",
    )


def protocol_or_default[P: Protocol](study: Study, model: type[P]) -> P:
    """Read the protocol of a task; the default one in a study that has no protocols at all.

    Raises
    ------
    TwoalikeError
        As :func:`load_protocol`.
    """
    task = _task(model)
    if _at_default(study, task) and not study.protocol_of(task.label).parent.is_dir():
        return model.model_validate({})
    return load_protocol(study, model)


def check_protocol(study: Study, model: type[Protocol]) -> str:
    """Say in one line what is wrong with a protocol; empty if it is valid or missing."""
    task = _task(model)
    if _at_default(study, task) and not study.protocol_of(task.label).exists():
        return ""
    try:
        load_protocol(study, model)
    except TwoalikeError as error:
        return str(error)
    return ""


def _task(model: type[Protocol]) -> Task:
    return find_task(str(model.model_fields["task"].default))


def _at_default(study: Study, task: Task) -> bool:
    """Whether the study keeps the protocol at its default place."""
    key = task.protocol_key
    return not key or bool(getattr(study.config, key) == StudyConfig.model_fields[key].default)


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
    """Render a protocol as TOML, with the meaning and unit of each key above it.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOut
    >>> "fixation_s = 0.5" in protocol_template(OddOneOut()).splitlines()
    True
    """
    head = _comment(
        f"Protocol of the {protocol.task} task. Every key may be left out; the values below are "
        "the defaults. Times are in seconds, sizes in the unit that ends the key."
    )
    return f"{head}\n\n{_render(protocol, '')}"
