"""Labels in shards: the teacher's own probabilities, the same bytes whoever writes them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.distill.conftest import Squares

from twoalike.distill import _sampled as label_run
from twoalike.distill import label_images, read_labels
from twoalike.distill._labels import write_shard
from twoalike.distill._sampled import RULES, Rule, TripletStream, find_clusters
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError, write_json
from twoalike.teacher import load_teacher

KINDS = {"cluster-boundary": 2, "within": 1, "between": 3}
"""Clusters of a triplet, by rule."""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def write(squares: Squares, out: Path, **settings: object) -> None:
    given = {"number": 250, "shard": 60, "pool": 24, "clusters": 4, "seed": 4} | settings
    label_images(squares.teacher, squares.features, out, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", RULES)
def test_labels_are_the_teachers_and_keep_the_rule(
    squares: Squares, tmp_path: Path, rule: str
) -> None:
    write(squares, tmp_path / "labels", sample=rule)
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
    clusters = pd.read_parquet(tmp_path / "labels" / "clusters.parquet")
    assert tuple(clusters["image"]) == features.ids
    assert {len(set(row)) for row in clusters["cluster"].to_numpy()[rows].tolist()} == {KINDS[rule]}


def test_same_bytes_from_one_process_from_three_and_after_a_stop(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(squares, tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert len(whole) == 7  # five shards, clusters, labels.json
    for part in ("3/3", "1/3", "2/3"):
        write(squares, tmp_path / "shared", part=part)
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
    write(squares, tmp_path / "other", seed=5)
    assert contents(tmp_path / "other")["shard-00000.parquet"] != whole["shard-00000.parquet"]


def test_what_would_mix_or_cannot_be_is_refused(squares: Squares, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    write(squares, out)
    with pytest.raises(TwoalikeError, match=r"another run \(config\.pool was 24, is 25\)"):
        write(squares, out, pool=25)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(TwoalikeError, match=r"thesis\.txt"):
        write(squares, tmp_path / "mine")
    with pytest.raises(TwoalikeError, match="at most one per image, 40, found 41"):
        write(squares, tmp_path / "a", clusters=41)
    two = FeatureTable(squares.features.ids[:2], squares.features.values[:2], {})
    with pytest.raises(TwoalikeError, match=r"at least 3 images, found 2") as error:
        label_images(squares.teacher, two, tmp_path / "b", sample="uniform")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "b" / "labels.json").exists()


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
    write_shard(tmp_path, 0, ["c", "a", "b"], triplets, fair, plan)
    path = tmp_path / "shard-00000.parquet"
    whole = path.read_bytes()
    place = whole.index(b"\x28\xb5\x2f\xfd")  # of compressed numbers: their checksum tells
    path.write_bytes(whole[: place + 8] + bytes([whole[place + 8] ^ 16]) + whole[place + 9 :])
    with pytest.raises(TwoalikeError, match="cannot be read as parquet"):
        read_labels(tmp_path)


CLUSTERS = np.repeat([7, 3, 9, 1, 5], [900, 60, 3, 2, 1])


@pytest.mark.parametrize("rule", RULES)
def test_triplets_keep_their_rule_and_use_images_evenly(rule: Rule) -> None:
    """Also where one cluster fills most pools, and others are too small to begin."""
    n, number = len(CLUSTERS), 10 * len(CLUSTERS)
    stream = TripletStream(CLUSTERS, rule, number, seed=2)
    blocks = list(stream.blocks(0, number))
    triplets = np.concatenate(blocks)
    assert triplets.shape == (number, 3)
    assert (np.diff(np.sort(triplets, axis=1), axis=1) > 0).all()
    if rule != "uniform":
        assert {len(set(row)) for row in CLUSTERS[triplets].tolist()} == {KINDS[rule]}
        assert all(len(block) <= 4 * 400 for block in blocks)
    cut = [*stream.blocks(0, 777), *stream.blocks(777, 1500)]
    assert_array_equal(np.concatenate(cut), triplets[:1500])
    used = np.bincount(triplets.ravel(), minlength=n)
    of_large = used[:900]
    assert of_large.min() > 0
    assert of_large.max() < 4 * np.median(of_large)


def test_clusters_are_heaps_of_features(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = rng.integers(5, size=3000)
    values = (20 * np.eye(5, 6)[true] + rng.normal(size=(3000, 6))).astype(np.float32)
    table = FeatureTable(tuple(map(str, range(3000))), values)
    for sampled in (256, 20):  # images a cluster from which centres are found
        monkeypatch.setattr(label_run, "SAMPLED", sampled)
        found = find_clusters(table, 5, seed=1)
        assert len(set(zip(true.tolist(), found.tolist(), strict=True))) == 5
    flat = FeatureTable(table.ids, np.ones_like(values))
    with pytest.raises(TwoalikeError, match="features hardly differ"):
        find_clusters(flat, 4)
    with pytest.raises(TwoalikeError, match="at least 3, .* found 2"):
        find_clusters(table, 2)


@pytest.mark.parametrize(
    ("clusters", "rule", "message"),
    [
        ([0, 0, 1, 1], "between", "at least 3 clusters with images, found 2"),
        ([0, 0, 1, 1, 2, 2], "within", "a cluster of at least 3 images, found 2"),
        ([0, 1, 2], "cluster-boundary", "a cluster of at least 2 images"),
        ([0, 1], "uniform", "at least 3 images, found 2"),
    ],
)
def test_what_cannot_be_sampled_is_refused(clusters: list[int], rule: Rule, message: str) -> None:
    with pytest.raises(TwoalikeError, match=message):
        TripletStream(np.array(clusters), rule, 1)
