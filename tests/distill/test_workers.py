"""Processes that load images start whatever runs beside them, and change nothing in a run."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.distill.conftest import Squares

from twoalike.features import write_features
from twoalike.study import sha256_file

RUN = """
import sys
from pathlib import Path
import twoalike.api as ta

if __name__ == "__main__":
    teacher, images, features, *folders = map(Path, sys.argv[1:])
    import jax.numpy
    assert jax.numpy.arange(1000).sum() == 499500  # JAX's threads run from now on
    settings = dict(features=features, student="test_resnet", untrained=True, device="cpu")
    for workers, out in zip((2, 0), folders, strict=True):
        ta.distill(teacher, images, out=out, **settings, steps=4, batch=8, size=32, workers=workers)
"""


@pytest.mark.slow
def test_workers_start_beside_jax(squares: Squares, tmp_path: Path) -> None:
    write_features(tmp_path / "colours.npz", squares.features)
    script, folders = tmp_path / "run.py", (tmp_path / "two", tmp_path / "none")
    script.write_text(RUN)
    words = [squares.teacher, squares.images, tmp_path / "colours.npz", *folders]
    command = [sys.executable, str(script), *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "os.fork" not in result.stderr  # of which JAX warns
    for name in ("model.safetensors", "training.jsonl"):
        assert sha256_file(folders[0] / name) == sha256_file(folders[1] / name), name
