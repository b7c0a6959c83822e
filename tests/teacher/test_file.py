"""A teacher's folder: what is written is read back, what does not fit is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.teacher.conftest import World

from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, provenance
from twoalike.teacher import AffineTeacher, load_teacher, save_teacher


@pytest.fixture
def folder(fitted: AffineTeacher, tmp_path: Path) -> Path:
    save_teacher(tmp_path / "teacher", fitted, provenance("teacher", seed=0))
    return tmp_path / "teacher"


def test_round_trip(
    folder: Path, fitted: AffineTeacher, world: World, rng: np.random.Generator
) -> None:
    teacher, again = fitted, load_teacher(folder)
    triplets = world.unseen(300, rng)
    np.testing.assert_array_equal(
        teacher.choice_probabilities(triplets, world.features),
        again.choice_probabilities(triplets, world.features),
    )
    said = json.loads((folder / "teacher.json").read_text())
    assert said["kind"] == "teacher"
    assert said["from"]["backbone"] == "toy"
    assert said["to"] == {"objects": 120, "judged": 120, "dimensions": 4}
    assert said["validation"]["split"] == "objects"


def test_probabilities_are_the_softmax_of_dot_products(
    folder: Path, world: World, rng: np.random.Generator
) -> None:
    """By hand, for few triplets (dot products) and for many (similarity matrix)."""
    teacher = load_teacher(folder)
    x = teacher.embed(world.features).astype(float)
    for n in (4, 4000):
        triplets = world.unseen(n, rng)
        i, j, k = (x[triplets[:, item]] for item in range(3))
        dots = np.stack([(j * k).sum(1), (i * k).sum(1), (i * j).sum(1)], axis=1)
        p = np.exp(dots / teacher.temperature)
        expected = p / p.sum(axis=1, keepdims=True)
        found = teacher.choice_probabilities(triplets, world.features)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        turned = teacher.choice_probabilities(triplets[:, [2, 0, 1]], world.features)
        np.testing.assert_allclose(turned, expected[:, [2, 0, 1]], atol=1e-6)


def test_features_of_another_network_are_refused(folder: Path, world: World) -> None:
    teacher = load_teacher(folder)
    table = world.features
    foreign = FeatureTable(table.ids, table.values, {**table.meta, "weights_sha256": "b" * 64})
    with pytest.raises(TwoalikeError, match="weights_sha256 aaaa.*found bbbb"):
        teacher.embed(foreign)
    narrow = FeatureTable(table.ids, table.values[:, :7], {})
    with pytest.raises(TwoalikeError, match="40 features of toy that the teacher maps, found 7"):
        teacher.choice_probabilities(np.array([[0, 1, 2]]), narrow)
    unnamed = FeatureTable(table.ids, table.values, {})
    np.testing.assert_array_equal(teacher.embed(unnamed), teacher.embed(table))


def test_damaged_teachers_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="twoalike teach"):
        load_teacher(tmp_path / "nowhere")
    arrays = folder / "teacher.safetensors"
    content = arrays.read_bytes()
    arrays.write_bytes(content[:-50])
    with pytest.raises(TwoalikeError, match="damaged or exchanged"):
        load_teacher(folder)
    arrays.write_bytes(content)
    description = json.loads((folder / "teacher.json").read_text())
    del description["temperature"]
    (folder / "teacher.json").write_text(json.dumps(description))
    with pytest.raises(TwoalikeError, match="incomplete teacher"):
        load_teacher(folder)
