"""Clusters of features: found, numbered, kept, and refused."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from twoalike.distill import _clusters, cached_clusters, find_clusters, read_clusters
from twoalike.features import FeatureTable
from twoalike.study import TwoalikeError

TRUE = np.repeat(np.arange(5), [30, 20, 12, 8, 10])


@pytest.fixture
def features(rng: np.random.Generator) -> FeatureTable:
    """Five heaps far from one another."""
    centres = 20 * np.eye(5, 6)
    values = (centres[TRUE] + rng.normal(size=(len(TRUE), 6))).astype(np.float32)
    return FeatureTable(tuple(f"i{row:02d}" for row in range(len(TRUE))), values, {"backbone": "b"})


def test_heaps_are_found_whatever_they_are_called(features: FeatureTable) -> None:
    clusters = find_clusters(features, 5, seed=2)
    pairs = set(zip(TRUE.tolist(), clusters.labels.tolist(), strict=True))
    assert len(pairs) == clusters.k == 5
    assert clusters.ids == features.ids
    assert clusters.meta["config"] == {"k": 5}
    assert clusters.meta["backbone"] == "b"
    assert_array_equal(find_clusters(features, 5, seed=2).labels, clusters.labels)


def test_empty_clusters_leave_no_gap(features: FeatureTable) -> None:
    """Four different rows cannot fill seven clusters."""
    same = FeatureTable(features.ids, features.values[[0, 31, 51, 63] * 20], {})
    clusters = find_clusters(same, 7)
    assert clusters.k == len(np.unique(clusters.labels)) == 4
    flat = FeatureTable(features.ids, np.ones_like(features.values), {})
    with pytest.raises(TwoalikeError, match="features hardly differ"):
        find_clusters(flat, 4)


def test_cache_is_read_only_for_the_same_question(
    features: FeatureTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clusters.parquet"
    first = cached_clusters(path, features, 5, seed=1)
    written = path.read_bytes()
    real, calls = _clusters.find_clusters, []

    def counted(*given: object, **named: object) -> object:
        calls.append(named)
        return real(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(_clusters, "find_clusters", counted)
    again = cached_clusters(path, features, 5, seed=1)
    assert not calls
    assert again.ids == first.ids
    assert again.meta == first.meta
    assert_array_equal(again.labels, first.labels)
    moved = FeatureTable(features.ids, features.values + 1, {})
    for table, k, seed in ((features, 6, 1), (features, 6, 2), (moved, 6, 2)):
        before = len(calls)
        cached_clusters(path, table, k, seed=seed)
        assert len(calls) == before + 1
    cached_clusters(path, features, 5, seed=1)
    assert path.read_bytes() == written


def test_clusters_of_another_tool_are_read_and_wrong_files_refused(tmp_path: Path) -> None:
    import pandas as pd

    path = tmp_path / "clusters.parquet"
    pd.DataFrame({"image": ["a", "b", "c"], "cluster": [40, 7, 40]}).to_parquet(path)
    assert_array_equal(read_clusters(path).labels, [1, 0, 1])
    pd.DataFrame({"image": ["a", "b"], "cluster": [1, None]}).to_parquet(path)
    with pytest.raises(TwoalikeError, match="with 1 missing"):
        read_clusters(path)
    pd.DataFrame({"image": ["a"], "heap": [1]}).to_parquet(path)
    with pytest.raises(TwoalikeError, match="found image, heap"):
        read_clusters(path)
    path.write_bytes(b"PAR1 cut")
    with pytest.raises(TwoalikeError, match="cannot be read as parquet") as error:
        read_clusters(path)
    assert "\n" not in str(error.value)


def test_numbers_of_clusters_that_cannot_be_are_refused(
    features: FeatureTable, tmp_path: Path
) -> None:
    with pytest.raises(TwoalikeError, match="at most one per image, 80, found 81"):
        find_clusters(features, 81)
    with pytest.raises(TwoalikeError, match="at least 3, found 2"):
        cached_clusters(tmp_path / "c.parquet", features, 2)
    assert not list(tmp_path.iterdir())
