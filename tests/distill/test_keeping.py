"""What a run leaves on the disk: checkpoints, permissions, nothing where it failed."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run

from twoalike.distill._checkpoint import checkpoint_step, find_checkpoints
from twoalike.distill._loop import Trainer
from twoalike.distill._update import Update
from twoalike.study import read_json
from twoalike.study._outputs import COMPUTER


@pytest.mark.parametrize(
    "keep", [pytest.param(1, marks=pytest.mark.slow), 3, pytest.param(9, marks=pytest.mark.slow)]
)
def test_the_last_checkpoints_are_kept_beside_the_best(
    squares: Squares, tmp_path: Path, keep: int
) -> None:
    out = tmp_path / "student"
    config = QUICK.model_copy(update={"evaluate_every": 1, "keep": keep})
    run(squares, out, config)
    steps = [checkpoint_step(path) for path in find_checkpoints(Path(f"{out}.checkpoints"))]
    best = read_json(Path(f"{out}.checkpoints") / "step-0000006" / "state.json", "checkpoint")[
        "best_step"
    ]
    last = list(range(max(0, 7 - keep), 7))
    assert steps == sorted({best, *last})


def test_what_a_process_killed_while_it_wrote_a_checkpoint_left_is_removed(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also that of a step at which no checkpoint is written again."""
    folder = tmp_path / "student.checkpoints"
    real = Update.take

    def with_leftover(self: Update, step: int, data: Any) -> Any:
        with subprocess.Popen([sys.executable, "-c", ""]) as over:
            left = folder / f".step-0000003.{COMPUTER}-{over.pid}.part.a1b2"
        left.mkdir(exist_ok=True)
        (left / "student.safetensors").touch()
        return real(self, step, data)

    monkeypatch.setattr(Update, "take", with_leftover)
    run(squares, tmp_path / "student", QUICK.model_copy(update={"steps": 2}))
    names = {path.name for path in folder.iterdir()}
    assert names == {"step-0000000", "step-0000002"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("umask", [pytest.param(0o022, marks=pytest.mark.slow), 0o007])
def test_all_files_have_the_permissions_of_new_files(
    squares: Squares, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        run(squares, tmp_path / "student", QUICK.model_copy(update={"head": "linear", "ema": 0.5}))
    finally:
        os.umask(before)
    files = [path for path in tmp_path.glob("student*/**/*") if path.is_file()]
    assert {path.name for path in files} >= {"model.safetensors", "state.json"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Trainer, metrics: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Trainer, "_run", broken)
    out = tmp_path / "above" / "student"
    with pytest.raises(OSError, match="gone"):
        run(squares, out, QUICK.model_copy(update={"tensorboard": True}))
    assert not out.parent.exists()
    beside = out.with_name("student.checkpoints")
    # What was there before stays, and so do features, which may have taken hours.
    beside.mkdir(parents=True)
    (beside / "teacher_features.npz").touch()
    with pytest.raises(OSError, match="gone"):
        run(squares, out)
    assert [path.name for path in out.parent.rglob("*")] == [beside.name, "teacher_features.npz"]


def test_a_run_that_fails_later_keeps_its_checkpoints_and_says_so(
    squares: Squares,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = Update.take

    def broken(self: Update, step: int, data: Any) -> Any:
        if step == 3:
            raise OSError("the disk is gone")
        return real(self, step, data)

    monkeypatch.setattr(Update, "take", broken)
    with pytest.raises(OSError, match="gone"):
        run(squares, tmp_path / "student")
    assert "step-0000002 is kept; the run goes on with" in capsys.readouterr().err
    assert (tmp_path / "student.checkpoints" / "step-0000002").is_dir()
