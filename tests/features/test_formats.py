"""Features that others computed: parquet, HDF5 and numpy give the same table, or one clear line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal
from tests.hardening.mutations import Trap

from twoalike.features import read_features
from twoalike.study import TwoalikeError

Array = np.ndarray[Any, np.dtype[Any]]
IDS = ["cat/01", "ß", "c"]


@pytest.fixture
def values(rng: np.random.Generator) -> Array:
    return rng.normal(size=(3, 4)).astype(np.float32)


def columns(path: Path, values: Array) -> None:
    frame = pd.DataFrame(values, columns=[f"f{k}" for k in range(4)])
    frame.insert(2, "image", IDS)
    frame.to_parquet(path)


def indexed(path: Path, values: Array) -> None:
    pd.DataFrame(values.astype(np.float64), index=IDS, columns=list("abcd")).to_parquet(path)


def lists(path: Path, values: Array) -> None:
    table = pa.table({"label": IDS, "embedding": [row.tolist() for row in values]})
    pq.write_table(table, path, row_group_size=2)


def fixed_lists(path: Path, values: Array) -> None:
    rows = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), 4)
    ids = pa.array(IDS).dictionary_encode()
    pq.write_table(pa.table({"note": rows, "id": ids}), path)


def hdf5(path: Path, values: Array) -> None:
    with h5py.File(path, "w") as file:
        file["features"] = values
        file["ids"] = IDS


def hdf5_bytes(path: Path, values: Array) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("values", data=values.astype(np.float64), compression="gzip")
        file["ids"] = np.array([name.encode() for name in IDS])


@pytest.mark.parametrize(
    ("write", "ending"),
    [
        (columns, "parquet"),
        (indexed, "parquet"),
        (lists, "parquet"),
        (fixed_lists, "parquet"),
        (hdf5, "h5"),
        (hdf5_bytes, "hdf5"),
    ],
)
def test_every_format_gives_the_same_table(
    tmp_path: Path, values: Array, write: Callable[[Path, Array], None], ending: str
) -> None:
    path = tmp_path / f"f.{ending}"
    write(path, values)
    table = read_features(path)
    assert table.ids == tuple(IDS)
    assert table.values.dtype == np.float32
    assert_array_equal(table.values, values)
    # The file's own ids hold, whatever a list says.
    (tmp_path / "ids.txt").write_text("x\ny\nz\n")
    assert read_features(path, tmp_path / "ids.txt").ids == tuple(IDS)


def test_files_without_ids_take_them_from_a_list(tmp_path: Path, values: Array) -> None:
    (tmp_path / "ids.txt").write_text("\n".join(IDS))
    kept = pd.DataFrame(values, columns=list("abcd"), index=[7, 3, 5])  # a number, but no feature
    kept.to_parquet(tmp_path / "f.parquet")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"] = values
    np.save(tmp_path / "f.npy", values)
    for ending in ("parquet", "h5", "npy"):
        table = read_features(tmp_path / f"f.{ending}", tmp_path / "ids.txt")
        assert table.ids == tuple(IDS)
        assert_array_equal(table.values, values)
        with pytest.raises(TwoalikeError, match="objects="):
            read_features(tmp_path / f"f.{ending}")
    (tmp_path / "ids.txt").write_text("a\nb\n")
    with pytest.raises(TwoalikeError, match="3 rows of features for 2 object ids"):
        read_features(tmp_path / "f.h5", tmp_path / "ids.txt")


def test_numbers_as_ids_are_strings(tmp_path: Path, values: Array) -> None:
    frame = pd.DataFrame(values, columns=list("abcd"))
    frame.assign(id=[10, 2, 3]).to_parquet(tmp_path / "f.parquet")
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"], file["ids"] = values, [10, 2, 3]
    for ending in ("parquet", "h5"):
        table = read_features(tmp_path / f"f.{ending}")
        assert table.ids == ("10", "2", "3")
        assert_array_equal(table.values, values)


def refusal(path: Path) -> str:
    with pytest.raises(TwoalikeError) as caught:
        read_features(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"id": ["a", "a"], "x": [1, 2]}, "id 'a' is listed twice (second at row 2)"),
        ({"id": ["a", "b"], "x": [1.0, np.nan]}, "NaN or infinite values in 1 of 2 rows, first"),
        ({"id": ["a", "b"], "x": [1.0, 1e60]}, "NaN or infinite"),
        ({"id": ["a", "b"], "x": pa.array([1, None])}, "NaN or infinite"),
        (
            {"id": ["a", None], "x": [1, 2]},
            "strings in column 'id', found none in row 2",
        ),
        ({"id": [1.5, 2.5], "x": [1, 2]}, "object ids as strings in column 'id', found double"),
        ({"x": [1, 2]}, "found none. Rename it to id, or give the ids as `objects=...`"),
        ({"one": ["a", "b"], "two": ["c", "d"], "x": [1, 2]}, "found one, two. Rename it to id."),
        ({"id": ["a", "b"]}, "expected features of objects, found shape (2, 0)"),
        ({"id": ["a", "b"], "x": [1, 2], "kind": ["k", "l"]}, "column 'kind' of string"),
        ({"id": ["a", "b"], "x": [True, False]}, "column 'x' of bool"),
        ({"id": ["a", "b"], "x": [1, 2], "y": [[1], [2]]}, "column 'y' of list"),
        ({"id": ["a", "b"], "y": [[1.0, 2.0], [1.0]]}, "as many numbers in each row of 'y'"),
        ({"id": ["a", "b"], "y": [[1.0], None]}, "as many numbers in each row of 'y'"),
        ({"id": ["a", "b"], "y": [[1.0], [None]]}, "NaN or infinite values in 1 of 2 rows"),
        ({"id": ["a", "b"], "y": [["1"], ["2"]]}, "expected lists of as many numbers in each row"),
        ({"id": pa.array([], pa.string()), "x": pa.array([], pa.float32())}, "found shape (0, 1)"),
    ],
)
def test_bad_parquet_is_one_line(tmp_path: Path, content: dict[str, Any], complaint: str) -> None:
    pq.write_table(pa.table(content), tmp_path / "f.parquet")
    assert complaint in refusal(tmp_path / "f.parquet")


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array([1]), pa.array([2])], ["id", "x", "x"])
    pq.write_table(table, tmp_path / "f.parquet")
    assert "column 'x' appears twice" in refusal(tmp_path / "f.parquet")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"ids": ["a"], "features": np.ones((2, 2))}, "2 rows of features for 1 object ids"),
        ({"ids": ["a", "a"], "features": np.ones((2, 2))}, "'a' is listed twice"),
        ({"ids": ["a", "b"], "features": np.full((2, 2), np.inf)}, "infinite values in 2 of 2"),
        ({"ids": ["a", "b"], "features": np.ones(2)}, "numbers of shape (objects, features)"),
        ({"ids": ["a", "b"], "features": [b"x", b"y"]}, "numbers of shape (objects, features)"),
        ({"ids": [["a"], ["b"]], "features": np.ones((2, 2))}, "ids as a list of strings"),
        ({"ids": [1.5, 2.5], "features": np.ones((2, 2))}, "ids as a list of strings"),
        ({"ids": ["a"], "other": np.ones((1, 2))}, "expected one dataset of features"),
        ({"features": np.ones((1, 2)), "values": np.ones((1, 2))}, "expected one dataset"),
    ],
)
def test_bad_hdf5_is_one_line(tmp_path: Path, content: dict[str, Any], complaint: str) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name, data in content.items():
            file[name] = data
    assert complaint in refusal(tmp_path / "f.h5")


def test_pickles_are_refused_and_never_opened(tmp_path: Path) -> None:
    trap = np.array([[Trap(tmp_path / "sprung")]], dtype=object)
    np.save(tmp_path / "f.npy", trap)
    assert "allow_pickle" in refusal(tmp_path / "f.npy")
    np.savez(tmp_path / "f.npz", ids=["a"], features=trap)
    assert "allow_pickle" in refusal(tmp_path / "f.npz")
    assert not (tmp_path / "sprung").exists()


def test_ids_in_archives(tmp_path: Path, values: Array) -> None:
    """Bytes, which numpy makes of texts of C and Python 2, are decoded."""
    np.savez(tmp_path / "f.npz", ids=np.array([name.encode() for name in IDS]), features=values)
    assert read_features(tmp_path / "f.npz").ids == tuple(IDS)
    for ids in ([1.5, 2.5, 3.5], [["a"], ["b"], ["c"]], [True, False, True]):
        np.savez(tmp_path / "f.npz", ids=ids, features=values)
        assert "expected one id an object, as text, found ids of type" in refusal(
            tmp_path / "f.npz"
        )
