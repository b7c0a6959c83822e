"""Tasks make the same files here and as jobs, fail in one line, and continue after any kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import call

from twoalike.jobs import SlurmConfig, Task, run_tasks, slurm_settings
from twoalike.study import TwoalikeError, atomic_path

SLURM = SlurmConfig(partition="short", minutes=5)


def draws(folder: Path, n: int = 3) -> list[Task]:
    """Tasks that each write numbers of a seed; jobs receive the function by value."""

    def draw(seed: int, output: Path) -> None:
        values = np.random.default_rng(seed).normal(size=5)
        with atomic_path(output) as temporary:
            temporary.write_bytes(values.tobytes())

    return [Task(folder / f"seed-{seed}.bin", partial(draw, seed)) for seed in range(n)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.bin"))}


def test_jobs_make_what_this_process_makes(tmp_path: Path, cluster: Path) -> None:
    run_tasks(draws(tmp_path / "here"))
    run_tasks(draws(tmp_path / "there"), slurm=SLURM)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert len(contents(tmp_path / "here")) == 3
    left = sorted(path.name for path in (tmp_path / "there" / "slurm").iterdir())
    assert left == [".lock", *(f"1000_{k}_0_log.out" for k in range(3))]
    (asked,) = map(eval, (cluster / "asked").read_text().splitlines())
    expected = {"partition": "short", "time": "5", "mem": "8192M", "cpus-per-task": "2"}
    assert {key: asked[key] for key in expected} == expected
    assert asked["array"] == "0-2%3"
    assert not {"gpus-per-node", "account", "wckey"} & set(asked)


def test_only_what_is_missing_is_run(tmp_path: Path, cluster: Path) -> None:
    tasks = draws(tmp_path)
    run_tasks(tasks[:1])
    tasks[0].output.write_bytes(b"kept")
    run_tasks(tasks[:2], slurm=SLURM)  # one job, not an array
    assert tasks[0].output.read_bytes() == b"kept"
    assert "array" not in eval((cluster / "asked").read_text())
    run_tasks(tasks[:2], slurm=SLURM)
    assert len((cluster / "asked").read_text().splitlines()) == 1
    run_tasks(tasks)
    assert len(contents(tmp_path)) == 3


def failing_tasks(folder: Path, how: str) -> list[Task]:
    """Three tasks, of which the last two fail."""

    def fail(output: Path) -> None:
        if how == "told":
            raise TwoalikeError(where="data", expected="numbers", found="none")
        if how == "defect":
            raise ZeroDivisionError("by zero")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)

    first, second, third = draws(folder)
    return [first, Task(second.output, fail), Task(third.output, fail)]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("told", "data: expected numbers, found none. "),
        ("defect", "ZeroDivisionError: by zero. "),
        ("killed", "TIMEOUT. Ask for more minutes. "),
        ("nothing", "task seed-1: expected .*seed-1.bin, found no such output. "),
    ],
)
def test_a_failed_job_names_its_log_and_is_tried_again(
    how: str, reason: str, tmp_path: Path, cluster: Path
) -> None:
    log = tmp_path / "slurm" / "1000_1_0_log.out"
    said = rf"task seed-1 \(job 1000_1\): {reason}1 other task failed too. Its log is {log};"
    with pytest.raises(TwoalikeError, match=said) as caught:
        run_tasks(failing_tasks(tmp_path, how), slurm=SLURM)
    assert "\n" not in str(caught.value)
    assert log.is_file()
    assert list(contents(tmp_path)) == ["seed-0.bin"]
    run_tasks(draws(tmp_path), slurm=SLURM)
    assert len(contents(tmp_path)) == 3
    arrays = [eval(line)["array"] for line in (cluster / "asked").read_text().splitlines()]
    assert arrays == ["0-2%3", "0-1%2"]


def test_here_the_first_failure_ends_it(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="data: expected numbers, found none"):
        run_tasks(failing_tasks(tmp_path, "told"))
    with pytest.raises(TwoalikeError, match="task seed-1: expected .* found no such output"):
        run_tasks(failing_tasks(tmp_path, "nothing"))
    assert list(contents(tmp_path)) == ["seed-0.bin"]


WAITING = """
import signal, sys, time
from functools import partial
from pathlib import Path
from twoalike.jobs import SlurmConfig, Task, run_tasks

def slow(seed, gate, output):
    while not gate.exists():
        time.sleep(0.05)
    output.write_text(str(seed))

# A shell that runs the tests in the background has its processes ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
tasks = [Task(folder / f"seed-{k}.bin", partial(slow, k, folder / "gate")) for k in range(2)]
try:
    run_tasks(tasks, slurm=SlurmConfig())
except KeyboardInterrupt as interrupt:
    print(interrupt)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_jobs_outlive_the_process_that_waits(
    number: signal.Signals, tmp_path: Path, cluster: Path
) -> None:
    command = [sys.executable, "-c", WAITING, str(tmp_path)]
    waiting = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(lambda: (tmp_path / "slurm" / "jobs.json").is_file() and is_running(cluster))
    waiting.send_signal(number)
    said, _ = waiting.communicate(timeout=60)
    if number == signal.SIGINT:
        assert "the jobs go on" in said
        assert "scancel 1000 ends them" in said
    again = subprocess.Popen(command)
    (cluster / "busy").touch()
    until(lambda: not (cluster / "busy").exists())
    (tmp_path / "gate").touch()
    assert again.wait(timeout=60) in (0, 1)
    assert subprocess.run(command, check=False).returncode == 0
    assert contents(tmp_path) == {"seed-0.bin": b"0", "seed-1.bin": b"1"}
    assert len((cluster / "asked").read_text().splitlines()) == 1  # the same two jobs


def is_running(cluster: Path) -> bool:
    return all(path.read_text() == "RUNNING" for path in cluster.glob("queue-*"))


def until(reached: Callable[[], Any]) -> None:
    stop = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < stop
        time.sleep(0.05)


def test_what_slurm_refuses_is_said_in_one_line(tmp_path: Path, cluster: Path) -> None:
    (cluster / "refuse").touch()
    with pytest.raises(TwoalikeError, match="sbatch: found sbatch: error: invalid partition"):
        run_tasks(draws(tmp_path), slurm=SLURM)
    (cluster / "busy").touch()
    said = "squeue: expected the list of your jobs, found slurm_load_jobs error: Unable to contact"
    with pytest.raises(TwoalikeError, match=said):
        run_tasks(draws(tmp_path), slurm=SLURM)
    assert not (cluster / "asked").exists()  # nothing is submitted that nobody could follow
    (cluster / "refuse").unlink()
    run_tasks(draws(tmp_path), slurm=SLURM)
    assert len(contents(tmp_path)) == 3


def test_without_slurm_its_commands_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TwoalikeError, match="expected SLURM's command sbatch, found none"):
        run_tasks(draws(tmp_path / "out"), slurm=SLURM)


def test_names_differ(tmp_path: Path) -> None:
    task = Task(tmp_path / "a.txt", print)
    with pytest.raises(TwoalikeError, match="`tasks=a`: expected outputs with different names"):
        run_tasks([task, task])


def test_settings_of_files_and_words(tmp_path: Path) -> None:
    file = tmp_path / "cluster.toml"
    file.write_text('partition = "long"\nminutes = 90\nsetup = ["module load x"]\n')
    words = [str(file), "minutes=20", "options.qos=high", "account=12", "options.nice=5"]
    assert slurm_settings(words) == SlurmConfig(
        partition="long",
        minutes=20,
        setup=("module load x",),
        account="12",
        options={"qos": "high", "nice": "5"},
    )
    assert slurm_settings([]) == SlurmConfig()


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("partition", "`slurm=partition`: expected a file of settings"),
        ("nowhere.toml", "nowhere.toml: expected settings"),
        ("minute=3", "unknown key 'minute'; did you mean 'minutes'"),
        ("minutes=soon", "key 'minutes': expected a whole number"),
        ("minutes=0", "key 'minutes': expected at least 1"),
        ("=3", "`slurm==3`: expected name=value"),
    ],
)
def test_wrong_settings_are_named(word: str, complaint: str) -> None:
    with pytest.raises(TwoalikeError, match=complaint):
        slurm_settings([word])


def test_a_command_refuses_wrong_settings_before_anything_is_simulated(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study()
    assert call("power", study, "--slurm", "minute=9") == 1
    assert "--slurm minute=9: unknown key 'minute'" in capsys.readouterr().err
    assert not (study / "derived").exists()
