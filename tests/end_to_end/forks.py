"""Commands as forks of one process: killed, stopped or denied the disk at a chosen step."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("mortal_sessions.py")


@dataclass(frozen=True)
class Report:
    """What a command reported before it ended.

    Attributes
    ----------
    status
        Exit status; the negative number of the signal that killed it.
    steps
        What reached the disk, and the name of the file.
    kept
        Trials that the session took for kept, in order.
    lines
        What lines of the raw table begin with, by kept trial.
    journal
        What the journal holds of each kept trial.
    said
        What it printed, standard output and error together.
    """

    status: int
    steps: tuple[tuple[str, str], ...]
    kept: tuple[int, ...]
    lines: Mapping[int, tuple[str, ...]]
    journal: Mapping[int, str]
    said: str

    def step(self, what: str, ending: str, nth: int = 1) -> int:
        """Number of the n-th step of a kind on a file with such an ending, from 1."""
        at = [
            number
            for number, (kind, file) in enumerate(self.steps, start=1)
            if kind == what and file.endswith(ending)
        ]
        return at[nth - 1]


class Forks:
    """Runs commands as forks of one process."""

    def __init__(self, process: Any, folder: Path) -> None:
        self._process, self._folder = process, folder
        self._count = 0

    def run(self, root: Path, task: str, *words: str, **faults: Any) -> Report:
        """Run a simulated session without a window; ``faults`` as in :meth:`command`."""
        session = ("run", str(root), "--task", task, "--participant", "901", "--simulate")
        return self.command(root, *session, "--no-window", *words, **faults)

    def command(
        self,
        root: Path,
        *words: str,
        die_before: int = 0,
        kill_after_s: float | None = None,
        kill_once: Callable[[], bool] | None = None,
        stop_before: int = 0,
        meanwhile: Callable[[], object] | None = None,
        fault: Mapping[str, Any] | None = None,
    ) -> Report:
        """Run a command of twoalike and wait for its end.

        Parameters
        ----------
        root
            Folder whose steps are counted.
        die_before, kill_after_s
            Kill it before a step, or after a time.
        kill_once
            What must be so before that time begins.
        stop_before, meanwhile
            Stop it before a step, do something else, and let it go on.
        fault
            What the disk refuses, as ``mortal_sessions.Steps`` takes it.
        """
        self._count += 1
        report = self._folder / f"report{self._count}.jsonl"
        said = report.with_suffix(".txt")
        for file in (report, said):
            file.touch()  # a process may be killed before it has opened them
        request = {
            "words": words,
            "root": str(root),
            "report": str(report),
            "said": str(said),
            "die_before": die_before,
            "stop_before": stop_before,
            "fault": fault,
        }
        self._send(json.dumps(request))
        child = int(self._process.stdout.readline())
        if kill_after_s is not None:
            while kill_once is not None and not kill_once() and _state(child) != "Z":
                time.sleep(0.002)
            time.sleep(kill_after_s)
            os.kill(child, signal.SIGKILL)
        if meanwhile is not None and _stopped(child):
            meanwhile()
            os.kill(child, signal.SIGCONT)
        self._send("wait")
        status = int(self._process.stdout.readline())
        entries = [json.loads(line) for line in report.read_text().splitlines()]
        kept = [entry for entry in entries if "kept" in entry]
        return Report(
            status,
            tuple((entry["what"], entry["file"]) for entry in entries if "step" in entry),
            tuple(entry["kept"] for entry in kept),
            {entry["kept"]: tuple(entry["lines"]) for entry in kept},
            {entry["kept"]: entry["said"] for entry in kept},
            said.read_text(errors="replace"),
        )

    def _send(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def _stopped(child: int) -> bool:
    """Wait until a process has stopped itself; false if it ended before."""
    while (state := _state(child)) not in "TZ":
        time.sleep(0.002)
    return state == "T"


def _state(child: int) -> str:
    """How the system schedules a process: T stopped, Z ended."""
    return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def start_forks(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Forks]:
    """Start the process that all commands are forks of; it ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )
    try:
        yield Forks(process, folder)
    finally:
        process.communicate(timeout=60)
