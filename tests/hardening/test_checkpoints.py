"""Checkpoints that a disk lost or changed: named in one line, and not gone on with."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from twoalike.embedding import FitConfig, fit_embedding
from twoalike.embedding._config import Checkpoint
from twoalike.judgments import choices_table


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    # In a number, not in what zip keeps beside the numbers and nobody reads.
    content[content.rindex(b"NUMPY") + 200] ^= 1
    path.write_bytes(content)


def zeroed(path: Path) -> None:
    """As a file system leaves it that knows the length and lost the bytes."""
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: tuple[Callable[[Path], object], ...] = (emptied, cut, flipped, zeroed, Path.unlink)


def quick_fit(checkpoint: Path | None = None) -> Any:
    rng = np.random.default_rng(1)
    rows = np.array([rng.permutation(8)[:3] for _ in range(120)])
    items = {f"item_{k + 1}": rows[:, k] for k in range(3)}
    table = choices_table({"chosen": rng.integers(1, 4, 120), **items}, [f"o{k}" for k in range(8)])
    config = FitConfig(quick=True, engine="vi", steps=400, draws=4, chains=2, dimensions=2)
    return fit_embedding(table, config=config, checkpoint=checkpoint)


class StopError(Exception):
    """The fit is over for now."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the checkpoints that a fit leaves which was stopped after its third save."""
    folder, saves, save = tmp_path_factory.mktemp("fit"), list[int](), Checkpoint.save

    def counted(self: Checkpoint, arrays: Any) -> None:
        save(self, arrays)
        saves.append(1)
        if len(saves) == 3:
            raise StopError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("twoalike.embedding._config.EVERY_S", 0.0)
        patch.setattr(Checkpoint, "save", counted)
        with pytest.raises(StopError):
            quick_fit(folder / "p.part.npz")
    return folder


@pytest.fixture
def part(stopped: Path, tmp_path: Path) -> Path:
    shutil.copytree(stopped, tmp_path / "fit")
    return tmp_path / "fit" / "p.part.npz"


def of(part: Path) -> Checkpoint:
    with np.load(part) as stored:
        return Checkpoint(part, str(stored["fingerprint"]))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_not_gone_on_with(
    part: Path, damage: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = of(part)
    kept = checkpoint.load()
    assert kept
    damage(part)
    assert checkpoint.load() == {}
    said = capsys.readouterr().err.splitlines()
    assert said == [f"{part}: damaged checkpoint. The fit begins anew."] * part.exists()
    checkpoint.save(kept)
    assert checkpoint.load().keys() == kept.keys()


def test_wherever_a_bit_flips_the_arrays_are_those_of_the_checkpoint_or_none(
    part: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint, whole = of(part), part.read_bytes()
    sound, refused = checkpoint.load(), 0
    for _ in range(60):
        content = bytearray(whole)
        content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        part.write_bytes(content)
        found = checkpoint.load()
        assert not found or all((found[name] == sound[name]).all() for name in sound)
        refused += not found
    assert 30 < refused == len(capsys.readouterr().err.splitlines())


def test_a_fit_with_a_damaged_checkpoint_ends_as_one_that_never_stopped(
    part: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emptied(part)
    assert_allclose(quick_fit(part).embedding, quick_fit().embedding, rtol=1e-4, atol=1e-5)
    assert len(capsys.readouterr().err.splitlines()) == 1
    part.unlink()
    assert not list(part.parent.iterdir())
