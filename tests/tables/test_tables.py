"""One declaration: text and data frames are checked alike, and errors name row and column."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.study import TwoalikeError
from twoalike.tables import (
    Column,
    Fault,
    Table,
    faults,
    make_frame,
    read_frame,
    read_table,
    write_frame,
)
from twoalike.tables._frame import check_frame


def _up(table: pd.DataFrame) -> Iterator[Fault]:
    yield from faults((table["n"].diff() < 0).to_numpy(), "numbers that count up", "n")


TABLE = Table(
    "fruit",
    (
        Column("id", "string", "Id.", pattern="[a-z]+", form="small letters", dtype="category"),
        Column("n", "integer", "Number.", minimum=1, maximum=9, dtype="int8", default="row"),
        Column("share", "number", "Share.", minimum=0, maximum=1, missing="none", dtype="float32"),
        Column(
            "kind",
            "string",
            "Kind.",
            levels={"ripe": "ready", "raw": "not yet"},
            dtype="category",
            default="ripe",
        ),
    ),
    rows="fruits",
    keys=("id", "kind"),
    items=("id",),
    checks=(_up,),
)
GOOD = {"id": ["fig", "plum"], "n": ["1", "2"], "share": ["0.5", "n/a"], "kind": ["raw", "ripe"]}
BAD = [
    ("id", "Fig", "row 2, column 'id': expected small letters, found 'Fig'"),
    ("n", "0", "row 2, column 'n': expected a whole number from 1 to 9, found '0'"),
    ("n", "1.5", "row 2, column 'n': expected a whole number from 1 to 9, found '1.5'"),
    ("share", "2", "row 2, column 'share': expected a number from 0 to 1"),
    ("share", "much", "row 2, column 'share': expected a number from 0 to 1"),
    ("kind", "old", "row 2, column 'kind': expected one of ripe, raw, found 'old'"),
]


def write(path: Path, columns: dict[str, list[str]]) -> Path:
    pd.DataFrame(columns).to_csv(path, sep="\t", index=False)
    return path


def changed(column: str, value: str) -> dict[str, list[str]]:
    return {**GOOD, column: [GOOD[column][0], value]}


def test_text_gets_the_types_of_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", {"note": ["x", "y"], **dict(reversed(GOOD.items()))})
    table = read_table(path, TABLE, "fruits")
    assert list(table.columns) == list(TABLE.names)
    assert table["n"].tolist() == [1, 2]
    assert table["share"].isna().tolist() == [False, True]


@pytest.mark.parametrize(("column", "value", "message"), BAD)
def test_text_and_frames_are_refused_alike(
    tmp_path: Path, column: str, value: str, message: str
) -> None:
    path = write(tmp_path / "f.tsv", changed(column, value))
    with pytest.raises(TwoalikeError, match=f"f.tsv, {message}"):
        read_table(path, TABLE, "fruits")
    frame = pd.DataFrame(changed(column, value)).replace("n/a", None)
    with pytest.raises(TwoalikeError, match=f"here, {message}"):
        check_frame(frame, TABLE, "here")


def test_rules_name_the_first_row_that_breaks_one(tmp_path: Path) -> None:
    twice = {**GOOD, "id": ["fig", "fig"], "kind": ["raw", "raw"], "n": ["2", "1"]}
    with pytest.raises(TwoalikeError, match="row 2: .* one row for each id and kind, found 'raw'"):
        read_table(write(tmp_path / "f.tsv", twice), TABLE, "fruits")
    with pytest.raises(TwoalikeError, match="row 2, column 'n': expected numbers that count up"):
        read_table(write(tmp_path / "f.tsv", {**GOOD, "n": ["2", "1"]}), TABLE, "fruits")


def test_objects_are_those_that_are_known(tmp_path: Path) -> None:
    path = write(tmp_path / "f.tsv", GOOD)
    assert len(read_table(path, TABLE, "fruits", {"fig", "plum"})) == 2
    with pytest.raises(TwoalikeError, match="row 2, column 'id': .* of the stimulus set, found 'p"):
        read_table(path, TABLE, "fruits", {"fig"})


@pytest.mark.parametrize("ids", [["fig", "plum"], [0, 1], pd.Categorical(["fig", "plum"])])
def test_columns_left_out_have_their_defaults(tmp_path: Path, ids: Any) -> None:
    objects = ["fig", "plum"] if isinstance(ids, list) else None
    frame = make_frame({"id": ids}, TABLE, "here", objects)
    assert frame["n"].tolist() == [1, 2]
    assert frame["kind"].tolist() == ["ripe", "ripe"]
    assert (frame["n"].dtype, frame["share"].dtype) == (np.int8, np.float32)
    write_frame(tmp_path / "f.parquet", frame, TABLE, {"seed": 1})
    again = read_frame(tmp_path / "f.parquet", TABLE)
    assert again["id"].cat.categories.tolist() == ["fig", "plum"]
    assert again.attrs["provenance"] == {"seed": 1}
    pd.testing.assert_frame_equal(again, frame, check_categorical=False)


def test_a_column_that_is_needed_is_named() -> None:
    with pytest.raises(TwoalikeError, match="expected a table with the columns id, found no colu"):
        make_frame({"n": [1]}, TABLE, "here")
