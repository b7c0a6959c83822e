"""What a run leaves on the disk: checkpoints, also damaged ones; nothing where it failed."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run

from twoalike.distill import label_images
from twoalike.distill._loop import Trainer
from twoalike.distill._update import Update
from twoalike.study import TwoalikeError

FILES = ("model.safetensors", "training.jsonl")


def kept_steps(out: Path) -> list[int]:
    paths = Path(f"{out}.checkpoints").glob("step-*")
    return sorted(int(path.stem.removeprefix("step-")) for path in paths)


@pytest.mark.parametrize("keep", [1, 3, 9])
def test_the_last_checkpoints_are_kept_beside_the_best(
    squares: Squares, tmp_path: Path, keep: int
) -> None:
    out = tmp_path / "student"
    run(squares, out, QUICK.model_copy(update={"evaluate_every": 1, "keep": keep}))
    last = torch.load(Path(f"{out}.checkpoints") / "step-0000006.pt", weights_only=True)
    best = last["progress"]["best_step"]
    assert kept_steps(out) == sorted({best, *range(max(0, 7 - keep), 7)})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_all_files_have_the_permissions_of_new_files(
    squares: Squares, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        run(squares, tmp_path / "student", QUICK.model_copy(update={"head": "linear"}))
    finally:
        os.umask(before)
    files = [path for path in tmp_path.glob("student*/**/*") if path.is_file()]
    assert {path.suffix for path in files} >= {".safetensors", ".pt"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o666 & ~umask}


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Trainer) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Trainer, "_score", broken)
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
    assert "step-0000002.pt is kept; the run goes on with" in capsys.readouterr().err
    assert kept_steps(tmp_path / "student")[-1] == 2


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished student, made once by the first test that needs it."""
    return tmp_path_factory.mktemp("once") / "student"


@pytest.fixture
def stopped(once: Path, squares: Squares, tmp_path: Path) -> Path:
    """A student that misses nothing but its end."""
    if not once.exists():
        run(squares, once)
    for name in ("student", "student.checkpoints"):
        shutil.copytree(once.with_name(name), tmp_path / name)
    for name in ("model.safetensors", "config.json"):
        (tmp_path / "student" / name).unlink()
    return tmp_path / "student"


@pytest.mark.parametrize("damage", [cut, flipped, lambda path: path.write_bytes(b"")])
def test_the_run_goes_on_from_the_checkpoint_before(
    stopped: Path,
    once: Path,
    squares: Squares,
    damage: Callable[[Path], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    last = Path(f"{stopped}.checkpoints") / "step-0000006.pt"
    damage(last)
    run(squares, stopped, resume=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{last}: damaged checkpoint (")
    assert line.endswith("The run continues from step-0000004.")
    for file in FILES:
        assert (stopped / file).read_bytes() == (once / file).read_bytes()


def test_where_the_best_is_damaged_the_next_best_is_taken(
    squares: Squares,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish = Trainer.finish

    def with_damage(trainer: Trainer) -> object:
        flipped(trainer.checkpoints / f"step-{trainer.progress.best_step:07d}.pt")
        return finish(trainer)

    monkeypatch.setattr(Trainer, "finish", with_damage)
    out, labels = tmp_path / "student", tmp_path / "labels"
    label_images(squares.teacher, squares.features, labels, number=4000)
    config = QUICK.model_copy(update={"held_out": 0.3})
    said = run(squares, out, config, teacher=None, features=None, labels=labels)
    rows = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    kl = {row["step"]: row["held_out"]["kl"] for row in rows if "held_out" in row}
    best, second = sorted(kept_steps(out), key=kl.__getitem__)[:2]
    assert said["selected_step"] == second
    assert said["held_out"]["student"]["kl"] == kl[second]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"step-{best:07d}.pt: damaged checkpoint (" in line
    assert line.endswith(f"The student is taken from step-{second:07d}.")


def test_where_all_are_damaged_one_line_says_so(stopped: Path, squares: Squares) -> None:
    before = kept_steps(stopped)
    for path in Path(f"{stopped}.checkpoints").glob("step-*"):
        cut(path)
    with pytest.raises(TwoalikeError, match="No checkpoint is intact: remove .* start") as at:
        run(squares, stopped, resume=True)
    assert "\n" not in str(at.value)
    assert kept_steps(stopped) == before
