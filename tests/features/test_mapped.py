"""Features in files: the same rows as in memory, whatever is asked for, and no more memory."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from twoalike.features import (
    FeatureTable,
    MappedRows,
    _formats,
    feature_shard,
    read_features,
    write_features,
)
from twoalike.study import TwoalikeError, provenance, write_json

N, P = 50, 7


def write_shards(folder: Path, values: np.ndarray, shard: int, **more: object) -> Path:
    folder.mkdir()
    shards = -(-len(values) // shard)
    write_json(folder / "features.json", provenance("features") | {"shards": shards} | more)
    for number in range(shards):
        rows = slice(number * shard, (number + 1) * shard)
        ids = tuple(f"i{row:06d}" for row in range(len(values)))[rows]
        write_features(feature_shard(folder, number), FeatureTable(ids, values[rows]))
    return folder


@pytest.fixture(params=["<f4", "<f2", ">f8", "<i2"])
def stored(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray:
    return (10 * rng.normal(size=(N, P))).astype(request.param)


def test_rows_are_those_in_memory(stored: np.ndarray, tmp_path: Path) -> None:
    table = read_features(write_shards(tmp_path / "f", stored, 8))
    expected = stored.astype(np.float32)
    values = table.values
    assert isinstance(values, MappedRows)
    assert values.shape == (N, P)
    assert values.dtype == np.float32
    assert_array_equal(np.asarray(values), expected)
    assert np.asarray(values).dtype == np.float32
    assert_array_equal(values[13], expected[13])
    assert_array_equal(values[-1], expected[-1])
    odd = np.arange(N) % 2 == 1
    numbers = np.array([49, 0, 7, 7, -2])
    for rows in (slice(3, 20), slice(None, None, -3), slice(9, 2), numbers, numbers[:0], odd):
        found = values[rows]
        assert found.dtype == np.float32
        assert_array_equal(found, expected[rows])
    found = values[3:5]
    found[:] = 0  # what was read does not lead back to the file
    assert_array_equal(values[:], expected)
    assert_array_equal(table.select(["i000049", "i000002"]), expected[[49, 2]])


def test_large_files_are_mapped_too(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.normal(size=(N, P)).astype(np.float32)
    ids = tuple(map(str, range(N)))
    write_features(tmp_path / "f.npz", FeatureTable(ids, values, {"backbone": "b"}))
    np.save(tmp_path / "f.npy", values)
    np.savez_compressed(tmp_path / "small.npz", ids=ids, features=values)
    np.save(tmp_path / "columns.npy", np.asfortranarray(values))
    small = read_features(tmp_path / "f.npz")
    assert isinstance(small.values, np.ndarray)
    monkeypatch.setattr(_formats, "SMALLEST_MAPPED", 1)
    large = read_features(tmp_path / "f.npz")
    assert isinstance(large.values, MappedRows)
    assert (large.ids, large.meta) == (small.ids, small.meta)
    assert_array_equal(large.values[:], values)
    assert "7 features" in repr(large)
    assert large._repr_html_() == small._repr_html_()
    named = read_features(tmp_path / "f.npy", ids)
    assert isinstance(named.values, MappedRows)
    assert_array_equal(named.values[:], values)
    for name in ("small.npz", "columns.npy"):  # neither lies in the file row by row
        assert_array_equal(read_features(tmp_path / name, ids).values, values)
    # A mapped table is written like any other.
    write_features(tmp_path / "again.npz", large)
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "f.npz").read_bytes()


def test_parts_of_vectors_in_shards(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.normal(size=(N, P)).astype(np.float32)
    parts = {"features": [0, P - 2], "human": [P - 2, P]}
    monkeypatch.setattr("twoalike.features._table.ROWS", 16)
    table = read_features(write_shards(tmp_path / "f", values, 20, parts=parts))
    assert table.parts == {"features": (0, P - 2), "human": (P - 2, P)}
    human = table.part("human")
    assert human.ids == table.ids
    assert not human.parts
    assert_array_equal(human.values, values[:, P - 2 :])


def test_damage_is_found(rng: np.random.Generator, tmp_path: Path) -> None:
    values = rng.normal(size=(N, P)).astype(np.float32)
    folder = write_shards(tmp_path / "f", values, 20)
    path = feature_shard(folder, 2)
    whole = path.read_bytes()
    place = whole.index(values[45].tobytes())
    path.write_bytes(whole[:place] + b"\x00" + whole[place + 1 :])
    with pytest.raises(TwoalikeError, match=r"shard-00002.npz.*Bad CRC-32"):
        read_features(folder)
    path.write_bytes(whole[: place + 2])
    with pytest.raises(TwoalikeError, match=r"shard-00002.npz.*cannot be read"):
        read_features(folder)
    path.write_bytes(whole)
    wrong = values.copy()
    wrong[33, 2], wrong[47, 0] = np.nan, np.inf
    folder = write_shards(tmp_path / "g", wrong, 20)
    with pytest.raises(TwoalikeError, match=r"in 2 of 50 rows, first that of 'i000033'"):
        read_features(folder)


def test_rows_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    values = read_features(write_shards(tmp_path / "f", np.ones((N, P), np.float32), 20)).values
    for rows in ([N], [-N - 1], [[0]], [0.5], np.ones(3, bool)):
        with pytest.raises(IndexError):
            values[np.array(rows)]
