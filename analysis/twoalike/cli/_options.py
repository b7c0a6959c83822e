"""Options that several commands have, and their checks."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

type Flag = Annotated[bool, Parameter(negative=())]
"""An option that is on if given; there is no ``--no-...``."""

type ReplaceTable = Annotated[
    bool, Parameter(negative=(), help="Replace the table if there is one.")
]
type ReplaceFolder = Annotated[
    bool, Parameter(negative=(), help="Replace the folder if there is one.")
]
"""The option ``--overwrite``."""


def _check_task(_: type, name: str | None) -> None:
    """Refuse a name that no task has; None is no name."""
    from twoalike.registry import task_names

    if name is not None and name not in task_names():
        raise ValueError(f"Choose from: {', '.join(task_names())}.")


type TaskName = Annotated[str, Parameter(validator=_check_task)]
"""The option ``--task``: built-in tasks and those of installed packages."""


def named(text: str) -> tuple[str, Path]:
    """Split NAME=FILE; the name is the file's, without its ending, where none is given."""
    name, path = maybe_named(text)
    return name or path.stem, path


def maybe_named(text: str) -> tuple[str, Path]:
    """Split NAME=FILE; the name is empty where none is given."""
    name, mark, file = text.partition("=")
    if not mark or Path(text).exists():
        return "", Path(text)
    return name.strip(), Path(file)
