"""The table of each kind of judgments: what it refuses, and its file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.judgments import (
    arrangements_table,
    choices_table,
    dissimilarities_table,
    object_index,
    ratings_table,
    read_judgments,
    sortings_table,
    write_judgments,
)
from twoalike.study import TwoalikeError

OBJECTS = ["zebra", "ant", "maple", "oak", "never_judged"]
PEOPLE = {"participant": ["p1", "p1", "p1", "p2"], "session": ["01"] * 4}
PAIRS = {"item_a": ["oak", "zebra", "ant", "oak"], "item_b": ["ant", "oak", "zebra", "zebra"]}
TABLES: dict[Any, pd.DataFrame] = {
    "choices": choices_table(
        PEOPLE
        | {"item_1": [0, 1, 2, 3], "item_2": [1, 2, 3, 0], "item_3": [2, 3, 0, 1]}
        | {"chosen": [3, 1, 2, 3], "response_time": [0.5, 1.0, np.nan, 2.0]},
        OBJECTS,
    ),
    "arrangements": arrangements_table(
        PEOPLE
        | {
            "participant": ["p1"] * 4,
            "trial": [1, 1, 1, 1],
            "item": ["oak", "zebra", "ant", "maple"],
        }
        | {"x": [0.1, -0.2, 0.3, 0.0], "y": [0.4, 0.0, -0.3, 0.123456], "response_time": [9.0] * 4},
        OBJECTS,
    ),
    "dissimilarities": dissimilarities_table(
        {"participant": PEOPLE["participant"], **PAIRS}
        | {"dissimilarity": [1.0, 0.25, 3.0, 0.75], "kind": ["rating"] * 3 + ["rdm"]},
        OBJECTS,
    ),
    "ratings": ratings_table(
        PEOPLE | PAIRS | {"rating": [0.25, 4, 1, 0.0], "scale_points": [np.nan, 5, 5, np.nan]},
        OBJECTS,
    ),
    "sortings": sortings_table(
        PEOPLE
        | {"participant": ["p1"] * 4, "trial": [1] * 4, "item": [0, 1, 3, 2], "pile": [2, 2, 1, 3]}
        | {"pile_name": ["x", "x", None, "y"]},
        OBJECTS,
    ),
}


def values(table: pd.DataFrame) -> dict[str, list[Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return {str(name): plain[name].tolist() for name in plain}


@pytest.mark.parametrize("kind", TABLES)
def test_a_file_returns_what_was_written_whoever_wrote_it(kind: Any, tmp_path: Path) -> None:
    table = TABLES[kind]
    for name in ("a.parquet", "b.parquet"):
        write_judgments(tmp_path / name, table, {"seed": 3}, kind)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    again = read_judgments(tmp_path / "a.parquet", kind)
    assert again.attrs["provenance"] == {"seed": 3}
    assert values(again) == values(table)
    items = [name for name in table if str(name).startswith("item")]
    assert all(again[item].cat.categories.tolist() == OBJECTS for item in items)
    plain = table.astype(object).where(table.notna(), None)  # as another tool writes it
    plain.to_parquet(tmp_path / "plain.parquet")
    assert values(read_judgments(tmp_path / "plain.parquet", kind)) == values(table)
    write_judgments(tmp_path / "c.parquet", plain, {}, kind)
    assert values(read_judgments(tmp_path / "c.parquet", kind)) == values(table)


@pytest.mark.parametrize("kind", TABLES)
def test_a_missing_column_an_empty_table_and_damage_are_refused(kind: Any, tmp_path: Path) -> None:
    path, table = tmp_path / "c.parquet", TABLES[kind]
    needed = {"choices": "chosen", "arrangements": "y", "sortings": "pile"}.get(kind, "item_a")
    table.drop(columns=needed).to_parquet(path)
    with pytest.raises(TwoalikeError, match=f"column {needed!r} is missing; a table of {kind}"):
        read_judgments(path, kind)
    table.iloc[:0].to_parquet(path)
    with pytest.raises(TwoalikeError, match="empty table"):
        read_judgments(path, kind)
    write_judgments(path, table, {}, kind)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TwoalikeError, match="cannot be read as parquet"):
        read_judgments(path, kind)


@pytest.mark.parametrize(
    ("kind", "column", "value", "complaint"),
    [
        ("choices", "chosen", 4, "row 3, column 'chosen': expected one of 1, 2, 3, found '4'"),
        ("choices", "kind", "guess", "row 3, column 'kind': expected one of odd_one_out, anchored"),
        ("choices", "trial", 0, "row 3, column 'trial': expected a whole number from 1, found '0'"),
        ("choices", "response_time", -1, "row 3, column 'response_time'"),
        ("choices", "item_2", "maple", "row 3: expected three different items"),
        ("choices", "participant", None, "column 'participant'"),
        ("arrangements", "x", 0.9, "row 3: expected x and y in arena diameters"),
        ("arrangements", "x", None, "column 'x'"),
        ("arrangements", "trial", 5, "row 3: expected two items or more in a trial"),
        ("arrangements", "item", "oak", "row 3: expected one row for each participant, session"),
        ("arrangements", "response_time", 8.0, "row 3: expected the response_time and trial_type"),
        ("arrangements", "trial_type", "catch", "row 3: expected the response_time and trial_type"),
        ("arrangements", "trial_type", "huh", "row 3, column 'trial_type': expected one of main"),
        ("dissimilarities", "dissimilarity", -0.5, "row 3.*expected a number from 0 on"),
        ("dissimilarities", "dissimilarity", np.inf, "row 3.*expected a number from 0 on"),
        ("dissimilarities", "dissimilarity", None, "row 3.*expected a number from 0 on"),
        ("dissimilarities", "item_b", "ant", "row 3: expected two objects"),
        ("dissimilarities", "kind", "guess", "expected one of rdm, arrangement, rating"),
        ("ratings", "rating", 5.5, "a whole number from 1 to scale_points"),
        ("ratings", "rating", 6, "a whole number from 1 to scale_points"),
        ("ratings", "scale_points", None, ""),
        ("ratings", "item_b", "ant", "row 3: expected two objects"),
        ("sortings", "pile_name", "y", ""),
        ("sortings", "pile", 2, "one name in all rows of a pile"),
        ("sortings", "item", "ant", "row 3: expected one row for each"),
        ("sortings", "trial", 2, "two items or more"),
    ],
)
def test_a_bad_cell_is_named(
    kind: Any, column: str, value: object, complaint: str, tmp_path: Path
) -> None:
    plain = TABLES[kind].astype(object).where(TABLES[kind].notna(), None)
    plain.loc[2, column] = value
    plain.to_parquet(tmp_path / "bad.parquet")
    if not complaint:  # an edit that is allowed
        read_judgments(tmp_path / "bad.parquet", kind)
        return
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        read_judgments(tmp_path / "bad.parquet", kind)
    assert "\n" not in str(raised.value)
    assert "bad.parquet" in str(raised.value)


def test_objects_of_a_model_are_looked_up() -> None:
    triplets, chosen, ids = object_index(TABLES["choices"])
    assert ids == tuple(OBJECTS) and chosen.tolist() == [2, 0, 1, 2]
    other = ["oak", "maple", "extra", "ant", "zebra"]
    triplets, _, ids = object_index(TABLES["choices"], other)
    assert [ids[k] for k in triplets[:, 0]] == TABLES["choices"]["item_1"].tolist()
    with pytest.raises(TwoalikeError, match="not one of the 2 objects of the model"):
        object_index(TABLES["choices"], ["oak", "maple"])


def test_what_cannot_be_chosen_or_placed() -> None:
    columns = {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [1], "kind": ["anchored"]}
    with pytest.raises(TwoalikeError, match="row 1: expected item_1 is the reference"):
        choices_table(columns, OBJECTS)
    with pytest.raises(TwoalikeError, match="'fox' is not one of the 5 objects"):
        arrangements_table({"trial": [1], "item": ["fox"], "x": [0], "y": [0]}, OBJECTS)
