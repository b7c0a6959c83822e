"""A small world to distil in: coloured squares, of which people care for the redness alone."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from twoalike.features import FeatureTable
from twoalike.study import provenance
from twoalike.teacher import AffineTeacher, save_teacher

N = 40


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """All tests here."""


@dataclass(frozen=True)
class Squares:
    """Images, the features a teacher reads (their colour), and the teacher."""

    images: Path
    features: FeatureTable
    teacher: Path


@pytest.fixture
def squares(tmp_path: Path, rng: np.random.Generator) -> Squares:
    folder = tmp_path / "images"
    folder.mkdir()
    colours = rng.uniform(0, 1, size=(N, 3))
    ids = tuple(f"s{number:02d}" for number in range(N))
    for name, colour in zip(ids, colours, strict=True):
        pixels = 255 * np.clip(colour + 0.05 * rng.standard_normal((32, 32, 3)), 0, 1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.png")
    features = FeatureTable(ids, colours.astype(np.float32), {})
    redness = AffineTeacher(
        mean=np.full(3, 0.5, dtype=np.float32),
        scale=0.3,
        weight=np.array([[2.0, 0, 0]], dtype=np.float32),
        bias=np.zeros(1, dtype=np.float32),
        identity=0.0,
        temperature=1.0,
        description={"method": "affine", "from": {"features": 3}, "to": {"objects": N}},
    )
    save_teacher(tmp_path / "teacher", redness, provenance("teacher", seed=0))
    return Squares(folder, features, tmp_path / "teacher")
