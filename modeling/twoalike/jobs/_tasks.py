"""Tasks that each make one file: run one after the other here, or as an array of SLURM jobs.

A task is done when its output exists, which appears whole or not at all. So any process may be
killed at any time, and the same call continues with what is missing, here or on the cluster. What
a task makes depends on its arguments and seeds alone, not on where or in which order tasks run.
"""

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from twoalike.study import (
    FiniteNumber,
    Strict,
    TwoalikeError,
    check_settings,
    load_toml,
    progress,
)

RESUMES = "what is done is kept, the same command goes on"
_TEXTS = ("partition", "account", "options.")
"""Names, or their beginnings, whose value is text even if it is a number."""


class SlurmConfig(Strict):
    """What each task asks of the cluster; what is left out is the cluster's choice.

    Examples
    --------
    >>> SlurmConfig(partition="short", minutes=30).memory_gb
    8.0
    """

    partition: str | None = Field(default=None, min_length=1, description="queue of the cluster")
    account: str | None = Field(default=None, min_length=1, description="who is charged")
    minutes: int = Field(
        default=60, ge=1, description="of one task; the cluster ends a task that takes longer"
    )
    memory_gb: FiniteNumber = Field(default=8.0, gt=0, description="memory of one task, in GB")
    cpus: int = Field(default=2, ge=1, description="processor cores of one task")
    gpus: int = Field(default=0, ge=0, description="GPUs of one task")
    at_once: int = Field(default=256, ge=1, description="tasks that run at the same time, at most")
    setup: tuple[str, ...] = Field(
        default=(), description="shell commands before each task, such as `module load cuda`"
    )
    options: dict[str, str] = Field(
        default={}, description='other options of sbatch by their long names, such as qos = "long"'
    )


def slurm_settings(words: Sequence[str]) -> SlurmConfig:
    """Read settings from files (.toml) and from words ``name=value``, which replace theirs.

    Examples
    --------
    >>> slurm_settings(["partition=short", "minutes=30", "options.qos=long"]).options
    {'qos': 'long'}
    """
    files = [word for word in words if "=" not in word]
    for word in files:
        if not word.endswith(".toml"):
            raise TwoalikeError(
                where=f"`slurm={word}`", expected="a file of settings (.toml) or name=value"
            )
    config = load_toml(files[0], SlurmConfig, map(Path, files[1:])) if files else SlurmConfig()
    content = config.model_dump(exclude_unset=True)
    for word in (word for word in words if "=" in word):
        new = _parsed(word)
        options = content.get("options", {}) | new.get("options", {})
        content |= new | ({"options": options} if options else {})
        config = check_settings(content, SlurmConfig, f"`slurm={word}`")
    return config


def _parsed(word: str) -> dict[str, Any]:
    """Parse ``name=value``, with the value as in TOML, or text without quotes."""
    name, _, value = word.partition("=")
    texts = [] if name.startswith(_TEXTS) else [value]
    for written in (*texts, json.dumps(value)):
        try:
            return tomllib.loads(f"{name} = {written}")
        except tomllib.TOMLDecodeError:
            continue
    raise TwoalikeError(where=f"`slurm={word}`", expected="name=value")


@dataclass(frozen=True)
class Task:
    """A piece of work.

    Attributes
    ----------
    output
        File or folder that it makes. Its name without the extension is the name of the task.
    make
        Called with ``output`` to make it, whole (:func:`twoalike.study.atomic_path`). On a cluster
        another process calls it: it and its arguments are pickled.
    """

    output: Path
    make: Callable[[Path], object]

    @property
    def name(self) -> str:
        """Name in messages."""
        return self.output.stem


def run_tasks(
    tasks: Sequence[Task],
    *,
    slurm: SlurmConfig | None = None,
    folder: str | Path | None = None,
    title: str = "tasks",
) -> None:
    """Run the tasks whose output is missing.

    Parameters
    ----------
    tasks
        Their names differ, and their outputs are on a disk that all machines share.
    slurm
        What each task asks of the cluster; None: they run in this process, one after the other.
    folder
        For SLURM: where logs and what is sent to jobs are kept, also on the shared disk; ``slurm``
        beside the first output if None. A call continues the jobs that an earlier one, perhaps
        killed, left in the same folder.
    title
        What the progress display calls the tasks.

    Examples
    --------
    >>> import tempfile
    >>> from functools import partial
    >>> def square(number: int, output: Path) -> None:
    ...     output.write_text(str(number**2))
    >>> folder = Path(tempfile.mkdtemp())
    >>> run_tasks([Task(folder / f"seed-{n}.txt", partial(square, n)) for n in range(3)])
    >>> [path.read_text() for path in sorted(folder.iterdir())]
    ['0', '1', '4']
    """
    names = [task.name for task in tasks]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TwoalikeError(where=f"`tasks={twice}`", expected="outputs with different names")
    missing = [task for task in tasks if not task.output.exists()]
    if slurm is not None and missing:
        from twoalike.jobs._slurm import run_array

        folder = Path(folder) if folder is not None else missing[0].output.parent / "slurm"
        run_array(missing, slurm, folder, title, n_done=len(tasks) - len(missing))
        return
    try:
        with progress() as bar:
            shown = bar.add_task(title, total=len(tasks), status="")
            bar.update(shown, completed=len(tasks) - len(missing))
            for task in missing:
                bar.update(shown, status=task.name)
                task.make(task.output)
                check_made(task)
                bar.update(shown, advance=1)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(RESUMES) from interrupt


def check_made(task: Task) -> None:
    """Check that a task has made its output."""
    if not task.output.exists():
        raise TwoalikeError(where=f"task {task.name}", expected=task.output, found="no such output")
