"""Tasks that each make one file: run one after the other here, or as an array of SLURM jobs.

A task is done when its output exists, which appears whole or not at all. So any process may be
killed at any time, and the same call continues with what is missing, here or on the cluster. What
a task makes depends on its arguments and seeds alone, not on where or in which order tasks run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twoalike.jobs._config import SlurmConfig
from twoalike.study import TwoalikeError, progress

RESUMES = "what is done is kept, the same command goes on"


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
