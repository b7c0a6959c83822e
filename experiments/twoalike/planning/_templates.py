"""Templates of studies: settings and protocols that hold only what differs from the defaults.

A template is a folder in ``templates``: ``study.toml``, whose first line describes it, and the
protocols of its tasks, each with a file of texts and questions in every language. The parts are
joined as text, so that their comments reach the lab.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from twoalike.registry import find_task, task_names
from twoalike.study import StudyConfig, TwoalikeError, counted

_FOLDER = files("twoalike.planning") / "templates"
_DEFAULTS = "Keys that are left out have their defaults, which the reference lists."


@dataclass(frozen=True)
class StudyTemplate:
    """A template of a study."""

    name: str
    """What ``protocol`` of :func:`create_study` takes."""
    description: str
    """One line: task, purpose, length."""
    tasks: tuple[str, ...]
    """Names of its tasks."""

    def settings(self, title: str, seed: int) -> str:
        """Text of ``study.toml``."""
        about, keys = _parts(_FOLDER / self.name / "study.toml")
        written = StudyConfig(title=title, seed=seed).model_dump(mode="json")
        own = "".join(f"{key} = {_quoted(written[key])}\n" for key in ("title", "seed"))
        return f"{about}\n# {_DEFAULTS}\n\n{own}\n{keys}"

    def protocol(self, task: str, language: str) -> str:
        """Text of the protocol of one of its tasks in a language that is shipped."""
        folder, stem = _FOLDER / self.name, task.replace("-", "_")
        about, keys = _parts(folder / f"{stem}.toml")
        texts = folder / f"{stem}.{language}.toml"
        more = f"\n{texts.read_text(encoding='utf-8')}" if texts.is_file() else ""
        return f'{about}\n# {_DEFAULTS}\n\nlanguage = "{language}"\n\n{keys}{more}'


def study_templates() -> tuple[StudyTemplate, ...]:
    """Templates that :func:`create_study` can make a study of, by name.

    Examples
    --------
    >>> [template.name for template in study_templates()][:2]
    ['eeg', 'faces-2afc']
    """
    return tuple(map(_template, sorted(entry.name for entry in _FOLDER.iterdir())))


def find_template(name: str) -> StudyTemplate:
    """Return a template by its name."""
    known = {template.name: template for template in study_templates()}
    if name not in known:
        raise TwoalikeError(
            where="`protocol=...`",
            expected=f"default, or one of the {counted(len(known), 'template')} {', '.join(known)}",
            found=repr(name),
        )
    return known[name]


def _template(name: str) -> StudyTemplate:
    there = {entry.name for entry in (_FOLDER / name).iterdir()}
    tasks = tuple(task for task in task_names() if f"{find_task(task).module}.toml" in there)
    first = (_FOLDER / name / "study.toml").read_text(encoding="utf-8").partition("\n")[0]
    return StudyTemplate(name, first.removeprefix("# "), tasks)


def _parts(file: Traversable) -> tuple[str, str]:
    """Comment at the top of a file, and what follows it."""
    about, _, keys = file.read_text(encoding="utf-8").partition("\n\n")
    return about, keys


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
