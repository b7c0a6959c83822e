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
    read_manifest,
    read_run,
    write_left_out,
)

NAME = RunName("901", 1)
ENOUGH_S = 60.0
SLOW = ("--speed", "20")


class Victim:
    """A simulated session in a process of its own, slow enough to be hit between trials."""

    def __init__(self, root: Path, *words: str) -> None:
        self.root, self.name = root, NAME
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
