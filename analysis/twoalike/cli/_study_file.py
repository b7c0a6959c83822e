"""The text of a new ``study.toml``, rendered from the settings' own definition.

So the file names every key there is, with its default and what it is for, and cannot fall
behind the code.
"""

import json
import textwrap

from pydantic import BaseModel

from twoalike.study import DesignConfig, StudyConfig

WIDTH = 98


def study_template(*, title: str, seed: int, design: DesignConfig | None = None) -> str:
    """Commented TOML of a study.

    Parameters
    ----------
    title
        Title of the study.
    seed
        Seed of the study.
    design
        Design of the odd-one-out trials; the default one if left out.

    Examples
    --------
    >>> print(study_template(title="Birds", seed=7).splitlines()[6])
    title = "Birds"
    """
    head = _comment(
        "A study: what is shown to whom. Keys may be left out, all but title and seed, and have "
        "their default then."
    )
    config = StudyConfig(title=title, seed=seed, design=design or DesignConfig())
    return f"{head}\n\n{_render(config, '')}"


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _render(model: BaseModel, name: str) -> str:
    """Keys of ``model`` first, then its tables, as TOML wants it."""
    lines, tables = [], []
    written = model.model_dump(mode="json")
    for key, field in type(model).model_fields.items():
        if isinstance(table := getattr(model, key), BaseModel):
            tables.append(f"[{name}{key}]\n{_render(table, f'{name}{key}.')}")
            continue
        value = written[key]
        lines.append(_comment(field.description or "version of this file's format"))
        # JSON writes strings, numbers and lists as TOML does; an empty table stays a comment,
        # so that a [table] of that name can be added below.
        lines.append(f"# {key} = {{}}" if value == {} else f"{key} = {_value(value)}")
    return "\n".join(["\n".join(lines) + "\n", *tables])


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
