"""Tables of ratings and sortings: checks, files, imports, raw rows."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import call

from twoalike.judgments import (
    judged_trials,
    rating_sources,
    ratings_table,
    read_judgments,
    read_raw,
    sortings_table,
)
from twoalike.study import TwoalikeError

OBJECTS = ["ant", "bee", "cat", "oak"]


def test_a_rater_is_a_person_on_one_scale() -> None:
    table = ratings_table(
        {
            "participant": ["p", "p", "q", "p"],
            "item_a": [0, 0, 0, 1],
            "item_b": [1, 2, 3, 2],
            "rating": [0.2, 3, 5, 0.1],
            "scale_points": [np.nan, 7, 7, np.nan],
            "trial_type": ["main", "main", "repeat", "practice"],
        },
        OBJECTS,
    )
    sources, ids = rating_sources(table)
    assert ids == tuple(OBJECTS)
    assert [one.label for one in sources] == ["p, slider", "p, 7 points", "q"]
    assert [one.participant for one in sources] == ["p", "p", "q"]
    assert [one.points for one in sources] == [None, 7, 7]
    assert [one.pairs.tolist() for one in sources] == [[[0, 1]], [[0, 2]], [[0, 3]]]
    practice = table[table["trial_type"] == "practice"]
    with pytest.raises(TwoalikeError, match="main or repeated"):
        rating_sources(practice)


def test_piles_are_numbered_in_order_of_appearance() -> None:
    table = sortings_table(
        {"trial": [1, 1, 1, 2, 2], "item": [3, 0, 1, 0, 1], "pile": [7, 2, 7, 1, 1]}, OBJECTS
    )
    trials, _ = judged_trials(table)
    assert [trial.items.tolist() for trial in trials] == [[3, 0, 1], [0, 1]]
    assert [trial.values.tolist() for trial in trials] == [[0, 1, 0], [0, 0]]


def test_import_of_ratings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "r.csv", tmp_path / "ratings.parquet"
    file.write_text("participant,item_a,item_b,rating\np,ant,bee,25\nq,oak,ant,100\n")
    assert call("import", "ratings", file, "--out", out) == 1
    assert "ends of the slider" in capsys.readouterr().err
    assert call("import", "ratings", file, "--slider", 0, 100, "--out", out) == 0
    assert "2 ratings by 2 participants" in capsys.readouterr().out
    table = read_judgments(out, "ratings")
    assert table["rating"].tolist() == [0.25, 1.0]
    assert list(table["item_b"].cat.categories) == ["ant", "oak", "bee"]
    file.write_text("item_a\titem_b\trating\nant\tbee\t7\n")
    assert call("import", "ratings", file, "--scale-points", 7, "--out", out, "--overwrite") == 0
    table = read_judgments(out, "ratings")
    assert (table["rating"].tolist(), table["scale_points"].tolist()) == ([7.0], [7.0])
    file.write_text("item_a\titem_b\tvalue\nant\tbee\t7\n")
    assert call("import", "ratings", file, "--out", out, "--overwrite") == 1
    assert "a header that names item_a, item_b, rating" in capsys.readouterr().err


def test_import_of_sortings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "s.csv", tmp_path / "sortings.parquet"
    file.write_text("participant,item,pile\np,ant,small\np,bee,small\np,oak,big\n")
    assert call("import", "sortings", file, "--out", out) == 0
    assert "3 objects sorted in 1 trial by 1 participant" in capsys.readouterr().out
    table = read_judgments(out, "sortings")
    assert table["pile"].tolist() == [1, 1, 2]
    assert table["pile_name"].tolist() == ["small", "small", "big"]
    file.write_text("trial,item,pile,pile_name\n1,ant,2,x\n1,bee,1,\n2,ant,1,\n2,oak,1,\n")
    assert call("import", "sortings", file, "--out", out, "--overwrite") == 0
    table = read_judgments(out, "sortings")
    assert (table["trial"].tolist(), table["pile"].tolist()) == ([1, 1, 2, 2], [2, 1, 1, 1])
    assert table["pile_name"].isna().tolist() == [False, True, True, True]


def write_raw(raw: Path, label: str, columns: str, rows: list[str]) -> None:
    folder = raw / "sub-01" / "ses-1" / "beh"
    folder.mkdir(parents=True)
    lines = ["\t".join(row.split()) for row in (columns, *rows)]
    name = f"sub-01_ses-1_task-{label}_run-1_beh.tsv"
    (folder / name).write_text("\n".join(lines) + "\n")


def test_raw_ratings(tmp_path: Path) -> None:
    columns = "trial_index trial_type response_time stimulus_1 stimulus_2 response scale_points"
    rows = [
        "1 practice 0.5 ant bee 0.1 n/a",
        "2 main 1.5 bee oak 0.25 n/a",
        "3 main 1.0 ant oak n/a n/a",
        "4 main 2.0 oak ant 5 7",
    ]
    write_raw(tmp_path, "pairrating", columns, rows)
    table = read_raw(tmp_path, OBJECTS, task="pairrating")
    assert table["trial"].tolist() == [1, 2, 4]
    assert table["rating"].tolist() == [0.1, 0.25, 5.0]
    assert table["scale_points"].fillna(0).tolist() == [0, 0, 7]
    assert list(table["item_a"].cat.categories) == ["ant", "bee", "oak"]
    assert (table.attrs["n_without_choice"], table.attrs["n_torn"]) == (1, 0)


def test_raw_sortings(tmp_path: Path) -> None:
    columns = "trial_index trial_type response_time n_items stimulus pile pile_name"
    rows = [
        "1 main 9.5 3 ant 1 small",
        "1 main 9.5 3 bee 1 small",
        "1 main 9.5 3 oak n/a n/a",
        "2 main 7.5 2 oak 1 n/a",
        "2 main 7.5 2 cat 2 n/a",
        "3 main 7.5 3 cat 2 n/a",  # torn: two rows are missing
    ]
    write_raw(tmp_path, "freesorting", columns, rows)
    table = read_raw(tmp_path, OBJECTS, task="freesorting")
    assert table["item"].tolist() == ["ant", "bee", "oak", "cat"]
    assert table["pile"].tolist() == [1, 1, 1, 2]
    assert table["pile_name"].isna().tolist() == [False, False, True, True]
    assert (table.attrs["n_without_choice"], table.attrs["n_torn"]) == (1, 1)
