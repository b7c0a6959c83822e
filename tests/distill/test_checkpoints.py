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
from tests.distill.conftest import Finished, Squares, assert_same, run

from twoalike.distill import label_images
from twoalike.distill._loop import Trainer
from twoalike.distill._update import Update
from twoalike.study import TwoalikeError


def kept_steps(out: Path) -> list[int]:
    paths = Path(f"{out}.checkpoints").glob("step-*")
    return sorted(int(path.stem.removeprefix("step-")) for path in paths)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_the_last_checkpoints_are_kept_beside_the_best_for_who_may_read_files(
    squares: Squares, tmp_path: Path
) -> None:
    before = os.umask(0o007)
    try:
        run(squares, tmp_path / "student", evaluate_every=1, keep=3, head="linear")
    finally:
        os.umask(before)
    last = torch.load(tmp_path / "student.checkpoints" / "step-0000006.pt", weights_only=True)
    assert kept_steps(tmp_path / "student") == sorted({last["progress"]["best_step"], 4, 5, 6})
    files = [path for path in tmp_path.glob("student*/**/*") if path.is_file()]
    assert {path.suffix for path in files} >= {".safetensors", ".pt"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o660}


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Trainer) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(Trainer, "_score", broken)
    out = tmp_path / "above" / "student"
    with pytest.raises(OSError, match="gone"):
        run(squares, out, tensorboard=True)
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
    killed_at: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with killed_at(3, OSError("the disk is gone")):
        run(squares, tmp_path / "student")
    assert "step-0000002.pt is kept; the run goes on with" in capsys.readouterr().err
    assert kept_steps(tmp_path / "student")[-1] == 2


def test_a_full_disk_leaves_the_checkpoint_before(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses to write large files from the fourth step on."""
    resource = pytest.importorskip("resource")
    before, real = resource.getrlimit(resource.RLIMIT_FSIZE), Update.take

    def step(self: Update, number: int, data: Any) -> Any:
        if number == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        return real(self, number, data)

    with monkeypatch.context() as patch:
        patch.setattr(Update, "take", step)
        try:
            with pytest.raises(TwoalikeError, match=r"step-0000002.pt is intact. Free space"):
                run(finished.squares, tmp_path / "student")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 2 in kept_steps(tmp_path / "student") and 4 not in kept_steps(tmp_path / "student")
    run(finished.squares, tmp_path / "student", resume=True)
    assert_same(tmp_path / "student", finished.folder)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.fixture
def stopped(finished: Finished, tmp_path: Path) -> Path:
    """A student that misses nothing but its end."""
    for name in ("student", "student.checkpoints"):
        shutil.copytree(finished.folder.with_name(name), tmp_path / name)
    for name in ("model.safetensors", "config.json"):
        (tmp_path / "student" / name).unlink()
    return tmp_path / "student"


@pytest.mark.parametrize("damage", [cut, flipped])
def test_the_run_goes_on_from_the_checkpoint_before(
    stopped: Path,
    finished: Finished,
    damage: Callable[[Path], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    last = Path(f"{stopped}.checkpoints") / "step-0000006.pt"
    damage(last)
    run(finished.squares, stopped, resume=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{last}: damaged checkpoint (")
    assert line.endswith("The run continues from step-0000004.")
    assert_same(stopped, finished.folder)


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
    said = run(squares, out, held_out=0.3, teacher=None, features=None, labels=labels)
    rows = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    kl = {row["step"]: row["held_out"]["kl"] for row in rows if "held_out" in row}
    best, second = sorted(kept_steps(out), key=kl.__getitem__)[:2]
    assert said["selected_step"] == second
    assert said["held_out"]["student"]["kl"] == kl[second]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"step-{best:07d}.pt: damaged checkpoint (" in line
    assert line.endswith(f"The student is taken from step-{second:07d}.")


def test_where_all_are_damaged_one_line_says_so(stopped: Path, finished: Finished) -> None:
    before = kept_steps(stopped)
    for path in Path(f"{stopped}.checkpoints").glob("step-*"):
        cut(path)
    with pytest.raises(TwoalikeError, match="No checkpoint is intact: remove .* start") as at:
        run(finished.squares, stopped, resume=True)
    assert "\n" not in str(at.value)
    assert kept_steps(stopped) == before
