"""Small images and networks for the tests of backbones."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """All tests here."""


@pytest.fixture
def photos(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Five random images of several formats, shapes and modes, one in a sub-folder."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, shape in (
        ("a.png", (40, 60, 3)),
        ("b.jpg", (64, 64, 3)),
        ("c.png", (30, 30, 4)),
        ("d.png", (50, 20)),
        ("more/e.webp", (48, 48, 3)),
    ):
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return folder
