"""A small world to distil in: coloured squares, of which people care for the redness alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from twoalike.distill import DistillConfig, Student, distill
from twoalike.distill._update import Update
from twoalike.features import FeatureTable
from twoalike.study import provenance
from twoalike.teacher import AffineTeacher, save_teacher

N = 40
QUICK: dict[str, Any] = {
    **{"steps": 6, "batch": 8, "size": 32, "held_out": 0.15, "evaluate_every": 2, "rate": 1e-3},
    **{"head": "none", "mix": 1, "train": "full", "preserve": 0},
}
"""Settings of the shortest run."""
SLOWLY = {"steps": 30, "rate": 2e-3, "evaluate_every": 10}


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """All tests here."""


@dataclass(frozen=True)
class Squares:
    """Images, the features a teacher reads (their colour), and the teacher."""

    images: Path
    features: FeatureTable
    teacher: Path


def make_squares(folder: Path) -> Squares:
    """Draw the images, and save the teacher."""
    rng = np.random.default_rng(20261125)
    (folder / "images").mkdir()
    colours = rng.uniform(0, 1, size=(N, 3))
    ids = tuple(f"s{number:02d}" for number in range(N))
    for name, colour in zip(ids, colours, strict=True):
        pixels = 255 * np.clip(colour + 0.05 * rng.standard_normal((32, 32, 3)), 0, 1)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{name}.png")
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
    save_teacher(folder / "teacher", redness, provenance("teacher", seed=0))
    return Squares(folder / "images", features, folder / "teacher")


@pytest.fixture
def squares(tmp_path: Path) -> Squares:
    return make_squares(tmp_path)


def run(squares: Squares, out: Path, student: Any = "test_resnet", **options: Any) -> Student:
    """Distil; ``options`` are settings, which replace those of QUICK, or arguments."""
    settings = {k: options.pop(k) for k in [*options] if k in DistillConfig.model_fields}
    options.setdefault("untrained", isinstance(student, str) and "weights" not in options)
    given = {"teacher": squares.teacher, "features": squares.features} | options
    config = DistillConfig.model_validate(QUICK | settings)
    return distill(images=squares.images, student=student, out=out, config=config, **given)


@dataclass(frozen=True)
class Finished:
    """A student that tests read and do not change."""

    squares: Squares
    folder: Path
    said: Student


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    squares, before = make_squares(folder), torch.get_num_threads()
    torch.set_num_threads(1)
    said = run(squares, folder / "student")
    torch.set_num_threads(before)
    return Finished(squares, folder / "student", said)


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A context in which a step of training raises instead."""

    @contextmanager
    def killed(at: int, error: BaseException | None = None) -> Iterator[None]:
        real = Update.take

        def take(self: Update, step: int, data: Any) -> Any:
            if step == at:
                raise error or KeyboardInterrupt
            return real(self, step, data)

        with (
            monkeypatch.context() as patch,
            pytest.raises(type(error) if error else KeyboardInterrupt),
        ):
            patch.setattr(Update, "take", take)
            yield

    return killed


def assert_same(one: Path, other: Path, *more: str) -> None:
    """Two students are the same, to the last bit."""
    for name in ("model.safetensors", "training.jsonl", "config.json", *more):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
