"""Checkpoints of a student that a disk lost or changed: named, and the one before goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.distill.conftest import Squares
from tests.distill.test_distill import QUICK, run

from twoalike.distill import label_images
from twoalike.distill._checkpoint import checkpoint_path, checkpoint_step, find_checkpoints
from twoalike.distill._loop import Trainer
from twoalike.study import TwoalikeError

FILES = ("model.safetensors", "training.jsonl")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 4
    path.write_bytes(content)


DAMAGES: tuple[tuple[str, Callable[[Path], object]], ...] = (
    *(("student.safetensors", how) for how in (cut, flipped, Path.unlink)),
    *(("optimizer.pt", how) for how in (emptied, flipped)),
    *(("log.jsonl", how) for how in (emptied, cut, Path.unlink)),  # empty, its last line torn
    *(("state.json", how) for how in (emptied, flipped, Path.unlink)),
)


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


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_the_run_goes_on_from_the_checkpoint_before(
    stopped: Path,
    once: Path,
    squares: Squares,
    name: str,
    damage: Callable[[Path], object],
    capsys: pytest.CaptureFixture[str],
) -> None:
    last = Path(f"{stopped}.checkpoints") / "step-0000006"
    damage(last / name)
    run(squares, stopped, resume=True)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{last}: damaged checkpoint (")
    assert name in line or name == "state.json"
    assert line.endswith("The run continues from step-0000004.")
    for file in FILES:
        assert (stopped / file).read_bytes() == (once / file).read_bytes()


def test_the_damaged_ones_go_and_the_one_that_was_gone_on_from_stays(
    stopped: Path, squares: Squares, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(f"{stopped}.checkpoints")
    (folder / "step-0000006").rename(folder / "step-0000005")  # as a signal would leave one
    emptied(folder / "step-0000005" / "log.jsonl")
    run(squares, stopped, resume=True)
    assert "continues from step-0000004" in capsys.readouterr().err
    kept = {path.name for path in folder.glob("step-*")}
    assert kept >= {"step-0000004", "step-0000006"} and "step-0000005" not in kept


def test_where_the_best_is_damaged_the_next_best_is_taken(
    squares: Squares,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish = Trainer.finish

    def with_damage(trainer: Trainer) -> object:
        best = checkpoint_path(trainer.checkpoints, trainer.progress.best_step)
        flipped(best / "student.safetensors")
        return finish(trainer)

    monkeypatch.setattr(Trainer, "finish", with_damage)
    out, labels = tmp_path / "student", tmp_path / "labels"
    label_images(squares.teacher, squares.features, labels, number=4000)
    config = QUICK.model_copy(update={"held_out": 0.3})
    said = run(squares, out, config, teacher=None, features=None, labels=labels)
    rows = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    kl = {row["step"]: row["held_out"]["kl"] for row in rows if "held_out" in row}
    kept = [checkpoint_step(path) for path in find_checkpoints(Path(f"{out}.checkpoints"))]
    best, second = sorted(kept, key=kl.__getitem__)[:2]
    assert said["selected_step"] == second
    assert said["held_out"]["student"]["kl"] == kl[second]
    (line,) = capsys.readouterr().err.splitlines()
    assert f"step-{best:07d}: damaged checkpoint (student.safetensors has changed). " in line
    assert line.endswith(f"The student is taken from step-{second:07d}.")


def test_where_all_are_damaged_one_line_says_so(stopped: Path, squares: Squares) -> None:
    before = {path.name for path in (Path(f"{stopped}.checkpoints")).glob("step-*")}
    for path in (Path(f"{stopped}.checkpoints")).glob("step-*"):
        cut(path / "student.safetensors")
    with pytest.raises(TwoalikeError, match="No checkpoint is intact: remove .* start") as at:
        run(squares, stopped, resume=True)
    assert "\n" not in str(at.value)
    assert {path.name for path in (Path(f"{stopped}.checkpoints")).glob("step-*")} == before
