"""Labels in shards: the teacher's own probabilities, the same bytes whoever writes them."""

import json
from math import comb
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.distill.conftest import Squares

from twoalike.distill import (
    LabelConfig,
    batch_triplets,
    read_clusters,
    read_labels,
    teacher_labeller,
    write_labels,
)
from twoalike.distill import _labels as label_run
from twoalike.distill._labels import write_shard
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, write_json
from twoalike.teacher import (
    AffineTeacher,
    load_teacher,
    matrix_probabilities,
    position_probabilities,
)

CONFIG = LabelConfig(seed=4, triplets=250, shard=60, pool=24, clusters=4)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def write(squares: Squares, out: Path, config: LabelConfig = CONFIG, **part: int) -> None:
    label = teacher_labeller(load_teacher(squares.teacher), squares.features)
    inputs = {"teacher": squares.teacher / "teacher.json"}
    write_labels(out, squares.features, label, config, inputs=inputs, **part)


def test_matrix_gives_what_rows_give(rng: np.random.Generator) -> None:
    """All triplets of a batch, by the identity block as well, at another temperature than one."""
    teacher = AffineTeacher(
        mean=rng.normal(size=6).astype(np.float32),
        scale=1.7,
        weight=rng.normal(size=(3, 6)).astype(np.float32),
        bias=rng.normal(size=3).astype(np.float32),
        identity=0.4,
        temperature=2.5,
    )
    values = rng.normal(size=(30, 6)).astype(np.float32)
    table = FeatureTable(tuple(map(str, range(30))), values, {})
    triplets = batch_triplets(30, 10_000, rng)
    assert len(triplets) == comb(30, 3)
    x = teacher.embed(table)
    found = matrix_probabilities(x @ x.T, triplets, teacher.temperature)
    assert found.dtype == np.float32
    # All triplets take the matrix, a few of many images their rows.
    both = position_probabilities(x, triplets, teacher.temperature)
    assert_array_equal(both, found)
    few = position_probabilities(x, triplets[:9], teacher.temperature)
    assert_allclose(few, found[:9], atol=1e-6)
    first, second, third = (x[triplets[:, item]].astype(np.float64) for item in range(3))
    pairs = [(second * third).sum(1), (first * third).sum(1), (first * second).sum(1)]
    raised = np.exp(np.stack(pairs, axis=1) / teacher.temperature)
    assert_allclose(found, raised / raised.sum(axis=1, keepdims=True), atol=1e-5)
    gap = np.array([[0, 900, 0], [900, 0, 0], [0, 0, 0]], np.float32)
    assert_array_equal(matrix_probabilities(gap, np.array([[0, 1, 2]])), [[0, 0, 1]])


@pytest.mark.parametrize("rule", ["cluster-boundary", "within", "between", "uniform"])
def test_labels_are_the_teachers_and_keep_the_rule(
    squares: Squares, tmp_path: Path, rule: str
) -> None:
    write(squares, tmp_path / "labels", CONFIG.model_copy(update={"rule": rule}))
    table = read_labels(tmp_path / "labels")
    assert table.triplets.shape == table.probabilities.shape == (250, 3)
    assert table.meta["config"]["rule"] == rule
    features = squares.features
    rows = np.array([features.ids.index(name) for name in table.ids])[table.triplets]
    truth = load_teacher(squares.teacher).choice_probabilities(rows, features)
    assert_allclose(table.probabilities, truth, atol=1e-5)
    if rule == "uniform":
        assert not (tmp_path / "labels" / "clusters.parquet").exists()
        return
    clusters = read_clusters(tmp_path / "labels" / "clusters.parquet")
    assert clusters.ids == features.ids
    kinds = {len(set(row)) for row in clusters.labels[rows].tolist()}
    assert kinds == {{"cluster-boundary": 2, "within": 1, "between": 3}[rule]}
    seen = table.meta["diversity"]
    assert seen["images"] == len(np.unique(rows)) == len(table.ids)


def test_same_bytes_from_one_process_from_three_and_after_a_stop(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(squares, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert len(whole) == 7  # five shards, clusters, labels.json
    for rank in (2, 0, 1):
        write(squares, tmp_path / "shared", rank=rank, world=3)
    assert contents(tmp_path / "shared") == whole

    real = write_shard

    def stopped(folder: Path, number: int, *rest: object) -> None:
        if number == 3:
            raise KeyboardInterrupt
        real(folder, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(label_run, "write_shard", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(squares, tmp_path / "stopped")
    with pytest.raises(TwoalikeError, match=r"expected 5 shards, found 3, first missing.*00003"):
        read_labels(tmp_path / "stopped")
    kept = (tmp_path / "stopped" / "shard-00001.parquet").stat().st_mtime_ns
    monkeypatch.setattr(label_run, "write_shard", real)
    write(squares, tmp_path / "stopped")
    assert contents(tmp_path / "stopped") == whole
    assert (tmp_path / "stopped" / "shard-00001.parquet").stat().st_mtime_ns == kept
    write(squares, tmp_path / "other", CONFIG.model_copy(update={"seed": 5}))
    assert contents(tmp_path / "other")["shard-00000.parquet"] != whole["shard-00000.parquet"]


def test_what_would_mix_or_cannot_be_is_refused(squares: Squares, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    write(squares, out)
    with pytest.raises(TwoalikeError, match=r"another run \(config\.pool was 24, is 25\)"):
        write(squares, out, CONFIG.model_copy(update={"pool": 25}))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(TwoalikeError, match=r"thesis\.txt"):
        write(squares, tmp_path / "mine")
    with pytest.raises(TwoalikeError, match="at most one per image, 40, found 41"):
        write(squares, tmp_path / "a", CONFIG.model_copy(update={"clusters": 41}))
    two = FeatureTable(squares.features.ids[:2], squares.features.values[:2], {})
    label = teacher_labeller(load_teacher(squares.teacher), two)
    with pytest.raises(TwoalikeError, match=r"at least 3 images, found 2") as error:
        write_labels(tmp_path / "b", two, label, CONFIG.model_copy(update={"rule": "uniform"}))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "b" / "labels.json").exists()


def test_labels_of_version_0_1_are_read_but_not_continued(squares: Squares, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    write(squares, out)
    plan = json.loads((out / "labels.json").read_text())
    del plan["diversity"]
    write_json(out / "labels.json", plan)
    assert len(read_labels(out).triplets) == 250
    (out / "shard-00004.parquet").unlink()
    before = contents(out)
    with pytest.raises(TwoalikeError, match="earlier version.*Choose another output") as error:
        write(squares, out)
    assert "\n" not in str(error.value)
    assert contents(out) == before


def test_shards_that_are_no_labels_are_refused(tmp_path: Path) -> None:
    plan = {"schema_version": 1, "kind": "labels", "shards": 1, "triplets": 2}
    triplets, fair = np.array([[0, 1, 2], [2, 1, 0]]), np.full((2, 3), 1 / 3, np.float32)
    with pytest.raises(TwoalikeError, match="expected a folder of labels"):
        read_labels(tmp_path / "none")
    write_json(tmp_path / "labels.json", plan)
    write_shard(tmp_path, 0, ["c", "a", "b"], triplets, fair, plan)
    assert read_labels(tmp_path).ids == ("c", "a", "b")
    wrong = [
        (np.array([[0, 1, 2], [2, 1, 2]]), fair, "row 2: expected three different images"),
        (triplets, fair + np.float32(0.1), "row 1: expected probabilities"),
        (triplets, fair * np.array([[1], [np.nan]], np.float32), "row 2: expected probabilities"),
    ]
    for rows, chances, message in wrong:
        write_shard(tmp_path, 0, ["c", "a", "b"], rows, chances, plan)
        with pytest.raises(TwoalikeError, match=message):
            read_labels(tmp_path)
    (tmp_path / "shard-00000.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(TwoalikeError, match="cannot be read as parquet"):
        read_labels(tmp_path)


def test_a_bit_that_a_disk_has_changed_is_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    triplets = np.argsort(rng.random((500, 30)), axis=1)[:, :3]
    plan = {"kind": "labels", "schema_version": 1, "triplets": 500, "shards": 1}
    chances = rng.dirichlet([1, 1, 1], 500).astype(np.float32)
    ids = [f"image-{number}" for number in range(30)]
    write_json(tmp_path / "labels.json", plan)
    write_shard(tmp_path, 0, ids, triplets, chances, plan)
    expected, path = read_labels(tmp_path), tmp_path / "shard-00000.parquet"
    whole = path.read_bytes()
    refused = 0
    for place in rng.integers(len(whole) - 3000, size=40).tolist():
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            found = read_labels(tmp_path)
        except TwoalikeError:
            refused += 1
            continue
        assert found.ids == expected.ids
        assert_array_equal(found.triplets, expected.triplets)
        assert_array_equal(found.probabilities, expected.probabilities)
    assert refused > 20
