"""Two processes at once: on one study, and on one output."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call
from tests.hardening.readers import IDS, VALUES, make_study

from twoalike.judgments import read_raw
from twoalike.observers import SimulatedObserver
from twoalike.record import find_runs, read_run
from twoalike.study import TwoalikeError, hold_output

CHILD = """
import sys
from twoalike.cli.app import main
import twoalike.cli.studies, twoalike.tasks, twoalike.observers
print("ready", flush=True)
sys.stdin.readline()
main(sys.argv[1:])
"""
type Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """A function that starts a command in a process of its own, which waits for a line first."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", CHILD, *map(str, words)]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()


def go(*children: subprocess.Popen[str]) -> None:
    """Let them all start at the same time."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.close()
        child.stdin = None


@pytest.fixture
def study(tmp_path: Path) -> Path:
    make_study(tmp_path / "study")
    SimulatedObserver(IDS, VALUES.astype(np.float64)).save(tmp_path / "study" / "observer.npz")
    return tmp_path / "study"


def run_of(study: Path, participant: str, *more: object) -> list[object]:
    who = ("--participant", participant, "--simulate", study / "observer.npz", "--no-window")
    return ["run", study, "--task", "odd-one-out", *who, *more]


def test_participants_at_once_both_complete_while_others_read(
    study: Path, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever comes second for the same one is refused in one line."""
    people = ("901", "902")
    children = [start(*run_of(study, name, "--speed", 20)) for name in ("901", *people)]
    go(*children)
    design = ("design", study, "--task", "odd-one-out", "--participants")
    rounds = 0
    while any(child.poll() is None for child in children) or not rounds:
        rounds += 1
        assert call(*design, f"b{rounds}") == 0
        if any(path.read_bytes().count(b"\n") > 3 for path in find_runs(study / "data" / "raw")):
            table = read_raw(study / "data" / "raw", IDS)
            assert set(table["participant"]) <= set(people)
            assert call("share", study, "--out", tmp_path / f"share{rounds}") == 0
        time.sleep(0.3)
    said = [child.communicate()[1] for child in children]
    one, other = sorted(zip([child.returncode for child in children[:2]], said[:2], strict=True))
    assert one == (children[2].returncode, said[2]) == (0, "")
    assert other[0] == 1 and len(other[1].splitlines()) == 1
    assert re.search("being run by another process|has begun|is finished", other[1])
    raw = study / "data" / "raw"
    for run in find_runs(raw):
        assert read_run(run).rows["trial_index"].tolist() == list(range(1, 18))
    listed = pd.read_csv(raw / "participants.tsv", sep="\t")
    assert sorted(listed["participant_id"]) == [f"sub-{name}" for name in people]
    assert len(list((study / "design").glob("sub-b*_trials.tsv"))) == rounds
    capsys.readouterr()
    assert call("validate", study) == 0, capsys.readouterr().out
    assert not [path for path in study.rglob("*") if ".part" in path.name]


def test_an_output_is_made_by_one_process_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(tmp_path.iterdir())
    with hold_output(tmp_path / "student"):
        with (
            pytest.raises(TwoalikeError, match="student: another process is making it"),
            hold_output(tmp_path / "x" / ".." / "student"),
        ):
            pass
        with hold_output(tmp_path / "other"):
            pass
        for numbered in ("RANK", "SLURM_PROCID"):  # the second process works for the first
            monkeypatch.setenv(numbered, "1")
            with hold_output(tmp_path / "student"):
                pass
            monkeypatch.delenv(numbered)
    with hold_output(tmp_path / "student"):
        assert list(tmp_path.iterdir()) == before


def test_a_student_that_is_being_made_is_not_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("distill", "--images", tmp_path, "--student", "test_resnet", "--teacher", tmp_path)
    with hold_output(tmp_path / "student"):
        assert call(*words, "--out", tmp_path / "student") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "another process is making it" in line
    assert list(tmp_path.iterdir()) == []
