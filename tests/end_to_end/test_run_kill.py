"""SIGKILL at any moment: no finished trial lost, a valid data set, and --resume goes on."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call

from twoalike.cli.app import main
from twoalike.record import (
    RunName,
    check_bids,
    check_run_files,
    read_manifest,
    read_run,
    write_left_out,
)
from twoalike.stimuli import StimulusSet

NAME = RunName("901", 1)
ENOUGH_S = 60.0
SLOW = ("--speed", "20")


class Victim:
    """A simulated session in a process of its own, slow enough to be hit between trials."""

    def __init__(self, root: Path, *words: str, name: RunName = NAME) -> None:
        self.root, self.name = root, name
        self.raw = root / "data" / "raw"
        self.words = ["run", str(root), "--participant", "901", "--simulate", *words]

    @property
    def table(self) -> Path:
        return self.name.rows(self.raw)

    def n_trials(self) -> int:
        path = self.name.journal(self.raw)
        return path.read_bytes().count(b'"what": "trial"') if path.exists() else -1

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "twoalike.cli.app", *self.words, *more]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )

    def kill_after(self, n_more: int, delay_s: float, *more: str) -> int:
        """Kill once ``n_more`` new rows are there and a little later; rows seen before the kill."""
        start = max(self.n_trials(), 0 if n_more >= 0 else -1)
        process = self.start(*SLOW, *more)
        deadline = time.monotonic() + ENOUGH_S
        while self.n_trials() < start + n_more and process.poll() is None:
            assert time.monotonic() < deadline, "no trial was recorded"
            time.sleep(0.002)
        time.sleep(delay_s)
        seen = self.n_trials()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        write_left_out(self.raw, "901")
        return seen

    def finish(self) -> None:
        assert call(*self.words, "--resume") == 0


ANSWERS = ["trial_index", "triplet_id", "odd_stimulus", "response_position", "response_method"]


def unbroken(root: Path, *words: str) -> Path:
    """Run the same session in one go."""
    with contextlib.suppress(SystemExit):
        main(["run", str(root), "--participant", "901", "--simulate", "--no-window", *words])
    return root


def check_completed(victim: Victim, whole: Path) -> None:
    """The killed and resumed session holds exactly the trials and answers of an unbroken one."""
    run, expected = read_run(victim.table).rows, read_run(NAME.rows(whole / "data" / "raw")).rows
    assert run[ANSWERS].equals(expected[ANSWERS])
    np.testing.assert_allclose(
        run["response_time"].to_numpy(float), expected["response_time"].to_numpy(float), atol=1.1e-4
    )
    assert run["onset"].is_monotonic_increasing
    assert check_bids(victim.raw) == []


def test_killed_sessions_lose_nothing_and_go_on(
    make_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = unbroken(make_study("whole"))
    victim = Victim(make_study("killed"), "--no-window")
    moments = random.Random(1)
    for n_more in (0, 5):
        before = max(victim.n_trials(), 0)
        seen = victim.kill_after(n_more, moments.uniform(0, 0.3), "--resume")
        assert seen >= before + n_more
        assert victim.n_trials() >= seen, "a finished trial was lost"
        assert check_bids(victim.raw) == []
    assert call(*victim.words) == 1
    assert "--resume" in capsys.readouterr().err
    victim.finish()
    check_completed(victim, whole)
    segments = read_manifest(NAME.manifest(victim.raw))["segments"]
    assert [segment["end_reason"] for segment in segments] == ["killed"] * 2 + ["completed"]


ARRANGEMENTS = """trials = 12
[arrangement]
max_trials = 5
max_items = 5
practice_items = 3
catch = 0
"""
PLACED = ["trial_index", "trial_type", "stimulus", "x", "y", "seat_index", "n_moves"]


@pytest.mark.slow
def test_killed_arrangements_lose_no_trial_and_go_on(make_study: Callable[..., Path]) -> None:
    task = ("--task", "multi-arrangement")
    name = RunName("901", 1, "multiarrangement")
    whole = unbroken(make_study("whole", ARRANGEMENTS), *task)
    victim = Victim(make_study("killed", ARRANGEMENTS), "--no-window", *task, name=name)
    moments = random.Random(3)
    for n_more in (1, 1):
        seen = victim.kill_after(n_more, moments.uniform(0, 0.3), "--resume")
        assert victim.n_trials() >= seen, "a finished trial was lost"
        run = read_run(victim.table)
        sizes = run.rows.groupby("trial_index").size()
        assert sizes.tolist() == run.rows.groupby("trial_index")["n_items"].first().tolist()
        assert check_run_files(victim.raw, victim.table, hashes(victim.root)) == []
        assert check_bids(victim.raw) == []
    victim.finish()
    expected = read_run(name.rows(whole / "data" / "raw")).rows
    assert read_run(victim.table).rows[PLACED].equals(expected[PLACED])
    assert check_run_files(victim.raw, victim.table, hashes(victim.root)) == []
    assert check_bids(victim.raw) == []


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of the images by object."""
    table = StimulusSet.load(root / "stimuli").table
    return dict(zip(table["id"], table["sha256"], strict=True))


def terminate_after(victim: Victim, n_trials: int) -> None:
    """Send SIGTERM once there are so many rows; the session must end in order."""
    process = victim.start(*SLOW)
    while victim.n_trials() < n_trials:
        time.sleep(0.01)
        assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=ENOUGH_S) == 130
    assert read_manifest(NAME.manifest(victim.raw))["end_reason"] == "terminated"
    assert check_bids(victim.raw) == []


def test_sigterm_ends_in_order(make_study: Callable[..., Path]) -> None:
    terminate_after(Victim(make_study(), "--no-window"), 2)


@pytest.mark.display
def test_a_session_ended_and_killed_in_its_window_goes_on(make_study: Callable[..., Path]) -> None:
    whole = unbroken(make_study("whole"))
    victim = Victim(make_study("killed"), "--windowed")
    terminate_after(victim, 2)
    seen = victim.kill_after(4, 0.1, "--resume")
    assert victim.n_trials() >= seen >= 6
    assert check_bids(victim.raw) == []
    Victim(victim.root, "--no-window").finish()
    check_completed(victim, whole)
