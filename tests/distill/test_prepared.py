"""Prepared images that the processes of a machine share."""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.distill.conftest import Squares

from twoalike.distill import _prepared
from twoalike.distill._prepared import PreparedImages, machine_folder
from twoalike.features import write_features
from twoalike.study import TwoalikeError, sha256_file

SHAPE = (3, 4, 4)


def image(row: int) -> torch.Tensor:
    return torch.full(SHAPE, float(row)) + torch.rand(SHAPE, generator=torch.manual_seed(row))


@pytest.mark.parametrize("shared", [False, True])
def test_each_image_is_made_once_and_never_differs(tmp_path: Path, shared: bool) -> None:
    rows = np.array([7, 2, 9, 7])
    store = PreparedImages([rows], SHAPE, tmp_path if shared else None)
    made: list[int] = []

    def get(store: PreparedImages, row: int) -> torch.Tensor:
        def make() -> torch.Tensor:
            made.append(row)
            return image(row)

        return store.get(row, make)

    for row in (7, 9, 7, 2):
        assert torch.equal(get(store, row), image(row))
    other = pickle.loads(pickle.dumps(store))  # noqa: S301
    for row in (7, 9, 2):
        assert torch.equal(get(other, row), image(row))
    assert made == [7, 9, 2, *([] if shared else [7, 9, 2])]


def test_the_limit_holds_and_the_first_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_prepared, "CACHE_BYTES", 1000)
    store = PreparedImages([np.array([30, 4]), np.arange(40)], SHAPE, tmp_path)
    size = (tmp_path / "prepared").stat().st_size
    assert 5 * 192 <= size <= 1000
    assert np.flatnonzero(store.slots >= 0).tolist() == [0, 1, 2, 4, 30]
    assert torch.equal(store.get(17, lambda: image(17)), image(17))


@pytest.mark.parametrize("where", ["os.posix_fallocate", "shutil.disk_usage"])
def test_a_disk_without_space_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    """Before any of it is taken, and nothing is mapped: the file cannot grow either."""

    def full(*arguments: object) -> Any:
        if where == "shutil.disk_usage":
            return SimpleNamespace(free=100)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(where, full)
    store = PreparedImages([np.arange(3)], SHAPE, tmp_path)
    assert "GiB for prepared images (No space left" in capsys.readouterr().err
    assert torch.equal(store.get(1, lambda: image(1)), image(1))
    assert (tmp_path / "prepared").stat().st_size == 0


def alone() -> Any:
    """What a Fabric of one process says."""
    return SimpleNamespace(
        world_size=1, local_rank=0, node_rank=0, broadcast=lambda name: name, barrier=lambda: None
    )


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    with pytest.raises(TwoalikeError, match="cannot write"), machine_folder(alone(), 1):
        pass
    with machine_folder(alone(), 0) as none:
        assert none is None
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with machine_folder(alone(), 1) as folder:
        assert folder is not None
        (folder / "prepared").touch()
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "workers"), [(1, 2), (2, 0), (2, 1)])
def test_a_run_with_shared_images_is_the_same_and_clears_up(
    squares: Squares, tmp_path: Path, processes: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes as without the file, whose folder is gone afterwards."""
    write_features(tmp_path / "colours.npz", squares.features)
    words = ["distill", "--teacher", squares.teacher, "--images", squares.images, "--untrained"]
    words += ["--student", "test_resnet", "--features", tmp_path / "colours.npz", "--device", "cpu"]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    for name, count in (("shared", workers), ("plain", 0)):
        settings = f"steps = 4\nbatch = 8\nsize = 32\nevaluate_every = 2\nworkers = {count}\n"
        (tmp_path / f"{name}.toml").write_text(settings)
        program = [*start, processes, "-m", "twoalike.cli.app", *words]
        program += ["--config", tmp_path / f"{name}.toml", "--out", tmp_path / name]
        if name == "plain":
            (tmp_path / "plain.py").write_text(
                "from twoalike.cli.app import main\nfrom twoalike.distill import _prepared\n"
                "_prepared.CACHE_BYTES = 0\nimport sys\nmain(sys.argv[1:])\n"
            )
            program[program.index("-m", 3) : program.index("twoalike.cli.app") + 1] = [
                tmp_path / "plain.py"
            ]
        subprocess.run([*map(str, program)], check=True)
    for file in ("model.safetensors", "training.jsonl"):
        assert sha256_file(tmp_path / "shared" / file) == sha256_file(tmp_path / "plain" / file)
    assert not list((tmp_path / "temporary").glob("twoalike-prepared-*"))
