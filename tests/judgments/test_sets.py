"""Choices among more than three items in the tidy table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.judgments import (
    choices_table,
    import_choices,
    item_counts,
    object_index,
    read_judgments,
    split_sets,
    write_judgments,
)
from twoalike.study import TwoalikeError

OBJECTS = [f"o{number}" for number in range(9)]


def table(**changed: Any) -> pd.DataFrame:
    """Four items the most alike pair of which was chosen, a triplet, and one of six."""
    columns: dict[str, Any] = {
        "item_1": [0, 0, 8],
        "item_2": [1, 3, 1],
        "item_3": [2, 5, 2],
        "item_4": [3, -1, 3],
        **{f"item_{number}": [-1, -1, number] for number in (5, 6, 7)},
        "kind": ["most_alike", "odd_one_out", "anchored"],
        "chosen": [1, 2, 5],
        "second": [4, np.nan, np.nan],
    }
    return choices_table(columns | changed, OBJECTS)


def test_triplets_alone_have_the_columns_of_triplets() -> None:
    given = {f"item_{number}": [number] for number in (1, 2, 3)} | {"chosen": [1]}
    empty = {"item_4": [-1], "second": [np.nan]}
    plain, larger = choices_table(given, OBJECTS), choices_table(given | empty, OBJECTS)
    pd.testing.assert_frame_equal(plain, larger)
    assert "second" not in plain
    assert split_sets(plain)[0] is plain


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"item_4": [2, -1, 3]}, "row 1: expected different items"),
        ({"chosen": [5, 2, 5]}, "row 1, column 'chosen': expected one of the row's items"),
        ({"chosen": [1, 4, 5]}, "row 2, column 'chosen'.* found '4'"),
        ({"second": [np.nan] * 3}, "row 1.*a second item, as the kind is most_alike"),
        ({"second": [4, 3, np.nan]}, "row 2.*no second item: only most_alike has one"),
        ({"second": [4, np.nan, 2]}, "row 3.*no second item: only most_alike has one"),
        ({"chosen": [1, 2, 1]}, "row 3.*item_1 is the reference"),
        ({"second": [1.5, np.nan, np.nan]}, "row 1, column 'second': expected a whole number"),
        ({"second": [1, np.nan, np.nan]}, "row 1.*in the order of its items"),
        ({"chosen": [4, 2, 5], "second": [1] + [np.nan] * 2}, "row 1.*in the order of its items"),
        ({"item_5": [-1, 8, -1]}, "row 2, column 'item_5'"),
    ],
)
def test_what_a_set_may_not_hold(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TwoalikeError, match=complaint):
        table(**changed)


def test_the_most_alike_pair_of_three_is_the_odd_one() -> None:
    given = {"item_1": [0] * 3, "item_2": [1] * 3, "item_3": [2] * 3, "kind": ["most_alike"] * 3}
    pairs = choices_table(given | {"chosen": [1, 1, 2], "second": [2, 3, 3]}, OBJECTS)
    triplets, sets = split_sets(pairs)
    assert triplets["chosen"].tolist() == [3, 2, 1]
    assert set(triplets["kind"]) == {"odd_one_out"} and sets.empty
    assert object_index(triplets)[1].tolist() == [2, 1, 0]


def test_no_reader_of_triplets_takes_a_set_for_one() -> None:
    with pytest.raises(TwoalikeError, match="expected choices among three items, found 2 choices"):
        object_index(table())
    triplets, sets = split_sets(table())
    assert (len(triplets), len(sets)) == (1, 2)
    assert object_index(triplets)[0].tolist() == [[0, 3, 5]]


RANKED = """worker,query,r1,r2,r3,r4,first,next
ann,cat,dog,fox,oak,yew,fox,dog
bob,oak,yew,ash,cat,,ash,yew
"""


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_of_ranked_candidates_the_first_is_imported(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ranked{ending}"
    (tmp_path / "ranked.csv").write_text(RANKED)
    if ending == ".parquet":
        pd.read_csv(tmp_path / "ranked.csv").to_parquet(path)
    items = ["query", "r1", "r2", "r3", "r4"]
    chosen: dict[str, Any] = {"item_columns": items, "chosen_columns": ["first"]}
    ranked = import_choices(path, kind="anchored", participant_column="worker", **chosen)
    assert ranked["chosen"].tolist() == [3, 3] and "second" not in ranked
    assert item_counts(ranked).tolist() == [5, 4]
    assert ranked["participant"].tolist() == ["ann", "bob"]
    chosen = {"item_columns": items[1:], "chosen_columns": ["first", "next"]}
    pairs = import_choices(
        path, kind="most-alike", participant_column="worker", **chosen
    )  # in the order of the items
    assert pairs["chosen"].tolist() == [1, 1] and pairs["second"].tolist() == [2, 2]
    odd = import_choices(path, item_columns=items[1:], participant_column="worker")
    assert odd["chosen"].tolist() == [4, 3]


def test_best_and_worst_are_two_choices(tmp_path: Path) -> None:
    """The worst is chosen among the others; of two it is the other that is the most alike."""
    path = tmp_path / "ranked.csv"
    path.write_text(RANKED + "eve,cat,dog,fox,,,dog,fox\n")
    columns: dict[str, Any] = {"item_columns": ["query", "r1", "r2", "r3", "r4"]}
    columns |= {"chosen_columns": ["first", "next"], "participant_column": "worker"}
    table = import_choices(path, kind="best-worst", **columns)
    assert item_counts(table).tolist() == [5, 4, 4, 3, 3]
    items = table[["item_1", "item_2", "item_3", "item_4"]].astype(str).to_numpy().tolist()
    assert items[1] == ["cat", "dog", "oak", "yew"] and items[3][:3] == ["oak", "yew", "cat"]
    assert table["kind"].tolist() == ["anchored", "least_like", "anchored", "anchored", "anchored"]
    assert table["chosen"].tolist() == [3, 2, 3, 3, 2]
    assert table["participant"].tolist() == ["ann", "ann", "bob", "bob", "eve"]
    with pytest.raises(TwoalikeError, match="both answers are the same item"):
        import_choices(path, kind="best-worst", **columns | {"chosen_columns": ["next", "next"]})


def test_our_own_columns_come_back_from_text(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    table().to_csv(path, index=False, na_rep="n/a")
    pd.testing.assert_frame_equal(
        import_choices(path, OBJECTS, out=tmp_path / "c.parquet"), table(), check_categorical=False
    )
    assert len(read_judgments(tmp_path / "c.parquet")) == 3


def test_indices_need_the_list_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "psiz.txt"
    path.write_text("4 0 1 2 3\n2 1 0 3 -1\n")
    given: Any = {"kind": "anchored", "item_columns": [1, 2, 3, 4, 5], "chosen_columns": [2]}
    with pytest.raises(TwoalikeError, match="expected names of objects, found numbers only"):
        import_choices(path, **given)
    found = import_choices(path, OBJECTS, **given)
    assert found["item_1"].tolist() == ["o4", "o2"] and item_counts(found).tolist() == [5, 4]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        (
            {"kind": "anchored", "chosen_columns": ["worker"]},
            "column worker: the chosen item 'ann'",
        ),
        (
            {"item_columns": ["r1", "r2", "r3"], "chosen_columns": ["first", "next"]},
            "expected 1 for odd",
        ),
        ({"item_columns": ["query", "r1"]}, "expected three to 9 different columns"),
        ({"kind": "anchored"}, "expected the column of the item that is more like"),
        ({"item_columns": ["worker", "r1", "r2", "r3"], "objects": ["cat"]}, "'ann' is not one of"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, changed: dict[str, Any], complaint: str) -> None:
    path = tmp_path / "ranked.csv"
    path.write_text(RANKED)
    given: dict[str, Any] = {"item_columns": ["query", "r1", "r2", "r3"]} | changed
    if given["item_columns"]:
        given["participant_column"] = "worker"
    with pytest.raises(TwoalikeError, match=complaint):
        import_choices(path, **given)


def test_tables_of_two_tasks_are_one(tmp_path: Path) -> None:
    given = {f"item_{number}": [number] for number in (1, 2, 3)} | {"chosen": [1]}
    both = pd.concat([choices_table(given, OBJECTS), table()])
    write_judgments(tmp_path / "c.parquet", both, {})
    read = read_judgments(tmp_path / "c.parquet")
    assert item_counts(read).tolist() == [3, 4, 3, 7]
    assert list(read["item_4"].cat.categories) == OBJECTS
