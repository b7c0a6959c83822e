"""Positions of a large collection: one file for all processes, the same student."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.distill.conftest import Squares

from twoalike.distill import _sources, distill
from twoalike.distill._sources import Opinion
from twoalike.features import FeatureTable, MappedRows, feature_shard, read_features, write_features
from twoalike.study import provenance, write_json
from twoalike.teacher import AffineTeacher, _affine, load_teacher


def in_shards(folder: Path, table: FeatureTable, shard: int) -> FeatureTable:
    folder.mkdir()
    shards = -(-len(table.ids) // shard)
    write_json(folder / "features.json", provenance("features") | {"shards": shards})
    for number in range(shards):
        rows = slice(number * shard, (number + 1) * shard)
        part = FeatureTable(table.ids[rows], table.values[rows], dict(table.meta))
        write_features(feature_shard(folder, number), part)
    return read_features(folder)


@pytest.fixture
def teacher(squares: Squares) -> AffineTeacher:
    """One with the network's own part and an object in the posterior's place."""
    known = np.full((1, 1), 3.0, np.float32)
    loaded = load_teacher(squares.teacher)
    return replace(loaded, identity=0.5, temperature=2.0, known_ids=("s07",), known=known)


def test_blocks_are_the_whole(
    squares: Squares, teacher: AffineTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of features in memory and in files, the same bits."""
    whole = teacher.embed(squares.features)
    monkeypatch.setattr(_affine, "PLACED", 7)
    blocks = teacher.embed(squares.features)
    np.testing.assert_allclose(blocks, whole, rtol=1e-6)
    mapped = in_shards(tmp_path / "f", squares.features, 9)
    assert isinstance(mapped.values, MappedRows)
    assert_array_equal(teacher.embed(mapped), blocks)
    assert teacher.embed(FeatureTable((), squares.features.values[:0])).shape == (0, 4)


def test_some_of_an_opinions_images(rng: np.random.Generator) -> None:
    import torch

    x = rng.normal(size=(3, 20, 4)).astype(np.float32)
    judged = rng.random(20) < 0.5
    rows = np.array([3, 17, 4, 11, 0])
    for average in ("predictive", "plugin"):
        some = Opinion(x, average, judged).only(rows).only(np.array([4, 1, 2]))
        plain = Opinion(x[:, [0, 17, 4]], average, judged[[0, 17, 4]])
        assert len(some) == 3
        assert_array_equal(some.draws, plain.draws)
        assert_array_equal(some.judged, plain.judged)
        images, cpu = torch.tensor([2, 0, 1]), torch.device("cpu")
        assert torch.equal(some.similarity(images, cpu), plain.similarity(images, cpu))


def test_student_is_the_same_with_shared_positions(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"steps": 2, "batch": 8, "held_out": 0.2, "train": "full", "size": 32}
    common = (squares.teacher, squares.images, "test_resnet")

    def weights(out: Path, features: FeatureTable) -> bytes:
        distill(*common, out, features=features, untrained=True, device="cpu", **settings)
        return (out / "model.safetensors").read_bytes()

    own = weights(tmp_path / "own", squares.features)
    monkeypatch.setattr(_sources, "LEAST_SHARED", 0)
    mapped = in_shards(tmp_path / "f", squares.features, 9)
    for _ in range(2):  # the second takes the positions that are there
        assert weights(tmp_path / "shared", mapped) == own
        assert len(list((tmp_path / "shared.checkpoints").glob("teacher_positions-*"))) == 1
        for left in (tmp_path / "shared.checkpoints").glob("step-*"):
            left.unlink()
        shutil.rmtree(tmp_path / "shared")
