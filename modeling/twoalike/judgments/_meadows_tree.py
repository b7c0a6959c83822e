"""The shapes of Meadows' JSON trees: which task of whom stands where in a file.

A file holds one task of one person, all tasks of one person, or either for many persons by
alias. Tasks are a list or, in some files, a mapping by name.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twoalike.study import TwoalikeError, parse_json, require_file

ARRANGEMENT = "multiarrange"
_MATLAB = b"MATLAB 5.0 MAT-file"
_NAME = re.compile(r"Meadows_.+_v_v[^_]*_(?P<participant>[^_]+?)(_\d+)?_tree", re.IGNORECASE)


@dataclass(frozen=True)
class MeadowsTask:
    """One task of one person.

    Attributes
    ----------
    participant
        Alias of the person on the platform.
    content
        The task as the file has it.
    path
        The file.
    """

    participant: str
    content: Mapping[str, Any]
    path: Path

    @property
    def name(self) -> str:
        """Name of the task in the experiment; empty where the file does not say."""
        return str(self._about.get("name") or "")

    @property
    def kind(self) -> str:
        """Type of the task, in the platform's words."""
        return str(self._about.get("task_type") or "of unknown type")

    @property
    def _about(self) -> Mapping[str, Any]:
        about = self.content.get("task")
        return about if isinstance(about, Mapping) else {}

    def __str__(self) -> str:
        task = f", task {self.name}" if self.name else ""
        return f"{self.path}: participant {self.participant}{task}"


def read_tree(path: Path) -> list[MeadowsTask]:
    """Read the tasks of a tree, of all types.

    Raises
    ------
    TwoalikeError
        If the file is not JSON or no such tree, or an alias looks like an e-mail address.
    """
    require_file(path, "a Meadows tree (JSON)")
    with path.open("rb") as file:
        if file.read(len(_MATLAB)) == _MATLAB:
            raise TwoalikeError(
                f"{path}: expected a Meadows tree (JSON), found a MATLAB file: Meadows' export of "
                "dissimilarities (RDM), which no longer has the arrangements. Download the task "
                "in the tree structure (JSON); the RDM itself goes with: twoalike evaluate --rdm"
            )
    text = path.read_bytes().removeprefix(BOM_UTF8)
    content = parse_json(text, path, "Download the tree structure from Meadows again.")
    tasks = list(_tasks(content, path))
    if not tasks:
        raise TwoalikeError(
            f"{path}: expected a Meadows tree (tasks with trials), found other JSON. Download "
            "the data from Meadows in the tree structure."
        )
    for task in tasks:
        _check_alias(task)
    return tasks


def _tasks(content: Any, path: Path) -> Iterator[MeadowsTask]:
    if _is_task(content) or _is_participation(content):
        yield from _of_person(_alias(path), content, path)
    elif isinstance(content, Mapping):
        for alias, part in content.items():
            if _is_task(part) or _is_participation(part):
                yield from _of_person(str(alias), part, path)


def _is_task(part: Any) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("trials"), list)


def _is_participation(part: Any) -> bool:
    tasks = part.get("tasks") if isinstance(part, Mapping) else part
    values = list(tasks.values()) if isinstance(tasks, Mapping) else tasks
    return isinstance(values, list) and any(map(_is_task, values))


def _of_person(alias: str, part: Any, path: Path) -> Iterator[MeadowsTask]:
    if _is_task(part):
        yield MeadowsTask(alias, part, path)
        return
    tasks = part["tasks"] if isinstance(part, Mapping) else part
    for task in tasks.values() if isinstance(tasks, Mapping) else tasks:
        if _is_task(task):
            yield MeadowsTask(alias, task, path)


def _alias(path: Path) -> str:
    """Alias in a file name such as ``Meadows_myExp_v_v1_cuddly-bunny_3_tree.json``."""
    match = _NAME.fullmatch(path.stem)
    return match["participant"] if match else path.stem


def _check_alias(task: MeadowsTask) -> None:
    if "@" in task.participant:
        raise TwoalikeError(
            f"{task.path}: participant {task.participant} looks like an e-mail address. Replace it "
            "by a code, and keep the list of who is who outside the study."
        )
