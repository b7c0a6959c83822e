"""Small images and networks for the tests of backbones."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a busy machine wait for each other for minutes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
