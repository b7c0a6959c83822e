"""Commands that are refused, and sessions that die."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from twoalike.cli.app import main

SCRIPT = Path(__file__).with_name("mortal_sessions.py")


@dataclass(frozen=True)
class Report:
    """What a session told before it ended: its exit status, steps to the disk, trials kept."""

    status: int
    steps: tuple[tuple[str, str], ...]
    kept: tuple[int, ...]

    def step(self, what: str, ending: str, nth: int = 1) -> int:
        """Number of the n-th step of a kind on a file with such an ending, from 1."""
        at = [
            number
            for number, (kind, file) in enumerate(self.steps, start=1)
            if kind == what and file.endswith(ending)
        ]
        return at[nth - 1]


class Forks:
    """Runs sessions as forks of one process."""

    def __init__(self, process: Any, folder: Path) -> None:
        self._process, self._folder = process, folder
        self._count = 0

    def run(
        self,
        root: Path,
        task: str,
        *words: str,
        die_before: int = 0,
        kill_after_s: float | None = None,
    ) -> Report:
        """Run a simulated session without a window, and kill it at a step or after a time."""
        self._count += 1
        report = self._folder / f"report{self._count}.jsonl"
        command = ["run", str(root), "--task", task, "--participant", "901", "--simulate"]
        request = {
            "words": [*command, "--no-window", *words],
            "root": str(root),
            "report": str(report),
            "die_before": die_before,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            os.kill(child, signal.SIGKILL)  # it stays a zombie until the parent has answered
        status = int(self._process.stdout.readline())
        entries = [json.loads(line) for line in report.read_text().splitlines()]
        return Report(
            status,
            tuple((entry["what"], entry["file"]) for entry in entries if "step" in entry),
            tuple(entry["kept"] for entry in entries if "kept" in entry),
        )


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    """Runs sessions that can be killed at any step."""
    if sys.platform != "linux":
        pytest.skip("needs fork and /proc")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    yield Forks(process, tmp_path_factory.mktemp("reports"))
    process.communicate(timeout=60)


def contents(folder: Path) -> dict[str, bytes]:
    """Files and folders of a study, with their bytes; locks, which hold no data, left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if ".locks" not in path.parts
    }


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that is refused; gives the one line said. The study must be as it was."""

    def run(root: Path, *words: object) -> str:
        capsys.readouterr()
        before = contents(root)
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        lines = capsys.readouterr().err.splitlines()
        assert caught.value.code == 1, lines
        (line,) = lines
        assert line.startswith("twoalike: ")
        assert len(line) < 500, "a line that nobody reads"
        assert contents(root) == before
        return line

    return run
