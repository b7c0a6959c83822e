"""Tasks that each make one file: run one after the other here, or as an array of SLURM jobs.

A task is done when its output exists, which appears whole or not at all. So any process may be
killed at any time, and the same call continues with what is missing, here or on the cluster. What
a task makes depends on its arguments and seeds alone, not on where or in which order tasks run.

Jobs are submitted by submitit and followed by their files. ``jobs.json`` in their folder holds the
number of each task's job, so that a later call waits for jobs that are still queued instead of
submitting them again. Whether a job is queued is asked of ``squeue``, which every cluster has;
accounting (``sacct``), which some lack, only says why a job ended. Should a task ever run twice, it
makes the same output twice.
"""

import contextlib
import io
import json
import os
import pickle
import shutil
import subprocess
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from twoalike.study import (
    FiniteNumber,
    Strict,
    TwoalikeError,
    check_settings,
    counted,
    hold_lock,
    load_toml,
    parse_json_table,
    progress,
    read_text,
    shortened,
    write_json,
)

RECORD = "jobs.json"
GRACE_S = 60.0
"""How long files of a job that has ended may take to appear: NFS clients look up names that they
did not find only once a minute."""
_SHORTEST_S, _LONGEST_S = 0.5, 30.0
"""Pauses between two looks at the queue; they grow with the time that was waited."""
_REMEDIES = {
    "TIMEOUT": "Ask for more minutes.",
    "OUT_OF_MEMORY": "Ask for more memory_gb.",
    "CANCELLED": "",
}
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
    if not task.output.exists():
        raise TwoalikeError(where=f"task {task.name}", expected=task.output, found="no such output")


def run_array(
    tasks: Sequence[Task], config: SlurmConfig, folder: Path, title: str, *, n_done: int
) -> None:
    """Submit the tasks that have no queued job, and wait until all have ended."""
    busy = f"{folder}: another process waits for jobs in this folder. Wait for it, or stop it."
    with hold_lock(folder / ".lock", busy):
        jobs = _submit_missing(tasks, config, folder)
        try:
            failed = _follow(tasks, jobs, folder, title, n_done)
        except KeyboardInterrupt as interrupt:
            numbers = " ".join(sorted({job.split("_")[0] for job in jobs.values()}))
            raise KeyboardInterrupt(
                f"the jobs go on, and the same command waits for them; scancel {numbers} ends them"
            ) from interrupt
        for name, reason in failed.items():
            others = counted(len(failed) - 1, "other task")
            more = f"{others} failed too. " if len(failed) > 1 else ""
            log = _paths(folder, jobs[name]).stdout
            raise TwoalikeError(
                reason,
                where=f"task {name} (job {jobs[name]})",
                remedy=f"{more}Its log is {log}; the same command tries again.",
            )
        # What was sent to jobs and back; logs stay.
        for path in folder.iterdir():
            if path.suffix in (".pkl", ".sh") or path.name == RECORD:
                path.unlink()


def _submit_missing(tasks: Sequence[Task], config: SlurmConfig, folder: Path) -> dict[str, str]:
    for command in ("sbatch", "srun", "squeue"):
        if shutil.which(command) is None:
            raise TwoalikeError(
                where="`slurm=...`",
                expected=f"SLURM's command {command}",
                found="none",
                remedy="Run this on a machine of the cluster that submits jobs.",
            )
    record = folder / RECORD
    jobs = parse_json_table(read_text(record), record) if record.is_file() else {}
    queue = _queue()

    def is_open(task: Task) -> bool:
        job = jobs.get(task.name)  # one that has left a result may be in the queue for a while
        return job in queue and not _paths(folder, job).result_pickle.exists()

    new = [task for task in tasks if not (is_open(task) or task.output.exists())]
    if new:
        numbers = _submit(new, config, folder)
        jobs |= {task.name: number for task, number in zip(new, numbers, strict=True)}
        write_json(record, jobs)
    return {task.name: jobs.get(task.name, "") for task in tasks}


def _submit(tasks: Sequence[Task], config: SlurmConfig, folder: Path) -> list[str]:
    asked = {
        "job_name": f"twoalike-{tasks[0].output.parent.name}",
        "partition": config.partition,
        "account": config.account,
        "time": config.minutes,
        "mem": f"{round(1024 * config.memory_gb)}M",
        "cpus_per_task": config.cpus,
        "gpus_per_node": config.gpus or None,
        "array_parallelism": config.at_once,
        "setup": list(config.setup) or None,
        "additional_parameters": dict(config.options) or None,
        "stderr_to_stdout": True,  # one log
        # srun would give each step one core on recent versions, and a job is one process anyway.
        "use_srun": False,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    submitit = _submitit()
    errors = submitit.core.utils
    try:
        executor = submitit.SlurmExecutor(folder)
        # submitit's own wckey is one that a cluster may not know.
        executor.update_parameters(**given, wckey=None)
        # Of sbatch, which the error holds as well.
        with contextlib.redirect_stderr(io.StringIO()):
            jobs = executor.map_array(work, tasks)
    except (errors.FailedJobError, errors.FailedSubmissionError) as error:
        expected = "" if isinstance(error, errors.FailedJobError) else "the number of a job"
        raise TwoalikeError(where="sbatch", expected=expected, found=shortened(error)) from error
    return [job.job_id for job in jobs]


def work(task: Task) -> str:
    """Run a task in its job; gives what the user can put right, if it fails for that."""
    try:
        task.make(task.output)
        check_made(task)
    except TwoalikeError as error:
        return str(error)
    return ""


def _follow(
    tasks: Sequence[Task], jobs: Mapping[str, str], folder: Path, title: str, n_done: int
) -> dict[str, str]:
    """Wait until all tasks have ended; gives the reasons of those that failed, by name."""
    waiting = {task.name: task for task in tasks}
    failed: dict[str, str] = {}
    gone: dict[str, float] = {}  # since when a job is neither queued nor has left a file
    start = time.monotonic()
    with progress() as bar:
        shown = bar.add_task(title, total=n_done + len(tasks), status="")
        while True:
            queue: dict[str, str] | None = None
            try:
                queue = _queue()
            except TwoalikeError:
                pass  # its controller may be away for minutes
            for name, task in list(waiting.items()):
                reason = _outcome(task, jobs[name], folder)
                if reason is None and queue is not None and jobs[name] not in queue:
                    since = gone.setdefault(name, time.monotonic())
                    if time.monotonic() - since >= GRACE_S:
                        reason = _why(jobs[name])
                if reason is not None:
                    del waiting[name]
                if reason:
                    failed[name] = reason
            bar.update(shown, completed=n_done + len(tasks) - len(waiting))
            if not waiting:
                return failed
            status = "SLURM does not answer"
            if queue is not None:
                states = [queue.get(jobs[name], "ended") for name in waiting]
                status = f"{states.count('RUNNING')} running, {states.count('PENDING')} queued"
                status += f", {len(failed)} failed" if failed else ""
            bar.update(shown, status=status)
            waited = time.monotonic() - start
            time.sleep(min(max(_SHORTEST_S, waited / 10), _LONGEST_S))


def _outcome(task: Task, job: str, folder: Path) -> str | None:
    """Tell how a job ended by its files: why it failed, '' if it did not, None if neither yet."""
    left = _paths(folder, job).result_pickle
    if left.is_file():
        # Our own file: submitit wrote it in the job.
        kind, said = pickle.loads(left.read_bytes())
        if kind == "error":
            return str(said).strip().splitlines()[-1]
        return str(said) or ("" if task.output.exists() else None)
    return "" if task.output.exists() else None


def _submitit() -> Any:
    """Import submitit without its configuration of logging, which closes handlers of others."""
    os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")
    import submitit

    return submitit


def _paths(folder: Path, job: str) -> Any:
    return _submitit().core.utils.JobPaths(folder, job_id=job)


def _queue() -> dict[str, str]:
    command = ["squeue", "--me", "--array", "--noheader", "--format=%i %T"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        raise TwoalikeError(
            where="squeue",
            expected="the list of your jobs",
            found=shortened(error.stderr) or f"status {error.returncode}",
            remedy="Try again when SLURM answers.",
        ) from error
    return dict(line.split(maxsplit=1) for line in said.splitlines() if " " in line.strip())


def _why(job: str) -> str:
    """Tell why a job ended without a result: its state, where the cluster keeps account."""
    command = ["sacct", "--noheader", "--allocations", "--parsable2", "--format=State", "--jobs"]
    try:
        said = subprocess.run([*command, job], capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        said = ""
    state = (said.split() or ["ended without a result"])[0]
    return f"{state}. {_REMEDIES.get(state, '')}".strip()
