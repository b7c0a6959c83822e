"""Parquet that others wrote oddly, or that was made to do harm."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.hardening.readers import make_tables

from twoalike.features import read_features
from twoalike.judgments import read_judgments
from twoalike.study import TwoalikeError


@pytest.fixture
def choices(tmp_path: Path) -> Path:
    make_tables(tmp_path)
    return tmp_path / "choices.parquet"


def put(path: Path, column: str, values: Any) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("item_1", pa.array([["a"]] * 4), "'item_1': expected one value a row, found list"),
        ("kind", pa.array([{"a": 1}] * 4), "'kind': expected one value a row, found struct"),
        ("chosen", pa.array([np.inf] * 4), "column 'chosen'"),
        ("chosen", pa.array([1e300] * 4), "column 'chosen'"),
        ("trial", pa.array([2**40] * 4), "column 'trial'"),
    ],
)
def test_cells_that_are_no_values_of_a_column(
    choices: Path, column: str, values: Any, says: str
) -> None:
    put(choices, column, values)
    with pytest.raises(TwoalikeError, match=says):
        read_judgments(choices)


@pytest.mark.parametrize("value", ['["a", "a"]', "[1, 2]", '{"a": 1}', "[null]", "[" * 10**5, "{"])
def test_lists_of_objects_that_are_none(choices: Path, value: str) -> None:
    table = pq.read_table(choices)
    meta = table.schema.metadata | {b"twoalike_objects": value.encode()}
    pq.write_table(table.replace_schema_metadata(meta), choices)
    with pytest.raises(TwoalikeError, match="object"):
        read_judgments(choices)


def test_texts_that_are_not_utf8_are_refused(choices: Path) -> None:
    path = choices.with_name("arrangements.parquet")
    put(path, "session", pa.array([b"\xff"] * 6).view(pa.string()))
    with pytest.raises(TwoalikeError, match="cannot be read as parquet"):
        read_judgments(path, "arrangements")


def test_rows_by_the_thousand_million_are_refused_unread(tmp_path: Path) -> None:
    """A hundred million equal values take some kilobytes on disk."""
    ones = pa.array(np.ones(50_000_000, np.int8))
    pq.write_table(pa.table({"id": ones, "x": ones, "y": ones}), tmp_path / "f.parquet")
    assert (tmp_path / "f.parquet").stat().st_size < 2**20
    with pytest.raises(TwoalikeError, match="would unfold from"):
        read_features(tmp_path / "f.parquet")
