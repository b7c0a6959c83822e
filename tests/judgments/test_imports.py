"""Tables of judgments as laboratories have them: headers, votes, times and attention checks."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import call

from twoalike.judgments import import_choices, is_scored
from twoalike.study import TwoalikeError

OBJECTS = ["ant", "bee", "cat", "dog", "axe"]
TABLE = """worker,left,middle,right,odd,rt,check
w1,ant,bee,cat,cat,1500,0
w1,dog,cat,bee,bee,900,0
w2,ant,axe,bee,axe,700,1
w2,cat,dog,axe,cat,,1
"""
COLUMNS: dict[str, Any] = {
    "item_columns": ("left", "middle", "right"),
    "chosen_columns": ("odd",),
    "participant_column": "worker",
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def plain(values: "pd.Series[Any]") -> list[Any]:
    return values.astype(object).where(values.notna(), None).tolist()


def test_columns_by_name_and_by_number_are_the_same(table: Path) -> None:
    named = import_choices(table, OBJECTS, **COLUMNS)
    numbered = import_choices(
        table, OBJECTS, item_columns=(2, 3, 4), chosen_columns=(5,), participant_column=1
    )
    pd.testing.assert_frame_equal(named, numbered)
    assert named.attrs["header"] == tuple(TABLE.split("\n", maxsplit=1)[0].split(","))
    assert named["chosen"].tolist() == [3, 3, 2, 1]
    assert named["participant"].tolist() == ["w1", "w1", "w2", "w2"]
    assert named["trial"].tolist() == [1, 2, 1, 2]


def test_no_header_is_seen_where_the_first_line_is_a_judgment(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("ant bee cat\ndog bee ant\n")
    table = import_choices(path, OBJECTS)
    assert (len(table), table.attrs["header"]) == (2, None)
    path.write_text("ant bee emu\ndog bee ant\n")  # one item of three is known
    with pytest.raises(TwoalikeError, match=r"row 1, column 3: 'emu' is not one of the 5 objects"):
        import_choices(path, OBJECTS)
    path.write_text("0 1 9\n3 1 0\n")
    with pytest.raises(TwoalikeError, match=r"row 1, column 3: '9' is not one"):
        import_choices(path, OBJECTS)


def test_times_are_seconds(table: Path) -> None:
    of_ms: dict[str, Any] = COLUMNS | {"response_time_column": "rt", "response_time_unit": "ms"}
    found = import_choices(table, OBJECTS, **of_ms)["response_time"].to_numpy()
    np.testing.assert_allclose(found, [1.5, 0.9, 0.7, np.nan], rtol=1e-6)
    with pytest.raises(TwoalikeError, match=r"column rt: .*median from 0.1 to 100 s, found 900 s"):
        import_choices(table, OBJECTS, **of_ms | {"response_time_unit": "s"})
    with pytest.raises(TwoalikeError, match=r"expected s or ms, .*found none"):
        import_choices(table, OBJECTS, **of_ms | {"response_time_unit": None})
    table.write_text(TABLE.replace("1500", "1.5").replace("900", "0.9").replace("700", "0.7"))
    with pytest.raises(TwoalikeError, match=r"found 0\.0009 s.*response_time_unit='s'"):
        import_choices(table, OBJECTS, **of_ms)


def test_checks_in_a_column(table: Path) -> None:
    found = import_choices(table, OBJECTS, catch_column="check", **COLUMNS)
    assert found["trial_type"].tolist() == ["main", "main", "catch", "catch"]
    assert plain(found["correct"]) == [None] * 4  # what is right is not known
    assert is_scored(found).tolist() == [True, True, False, False]


def test_checks_by_the_odd_object_and_by_pairs(table: Path, tmp_path: Path) -> None:
    by_object = import_choices(table, OBJECTS, catch_objects=["axe"], **COLUMNS)
    assert by_object["trial_type"].tolist() == ["main", "main", "catch", "catch"]
    assert plain(by_object["correct"]) == [None, None, "true", "false"]
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("bee ant\n")
    by_pair = import_choices(table, OBJECTS, catch_objects=pairs, **COLUMNS)
    assert by_pair["trial_type"].tolist() == ["catch", "main", "catch", "main"]
    assert plain(by_pair["correct"]) == ["true", None, "true", None]
    two = import_choices(table, OBJECTS, catch_objects=[("ant", "bee"), ("ant", "axe")], **COLUMNS)
    assert plain(two["correct"]) == ["true", None, None, None]  # two pairs leave no one answer


def test_checks_of_anchored_judgments(tmp_path: Path) -> None:
    path = tmp_path / "anchored.txt"
    path.write_text("ant bee axe\nant axe bee\naxe ant bee\ncat ant bee\n")
    chosen: dict[str, Any] = {"kind": "anchored", "chosen_columns": (2,)}
    by_object = import_choices(path, OBJECTS, catch_objects=["axe"], **chosen)
    assert plain(by_object["correct"]) == ["true", "false", None, None]
    assert by_object["trial_type"].tolist() == ["catch"] * 3 + ["main"]
    by_pair = import_choices(path, OBJECTS, catch_objects=[("ant", "bee")], **chosen)
    assert plain(by_pair["correct"]) == ["true", "false", None, None]
    assert by_pair["trial_type"].tolist() == ["catch"] * 4


def test_votes_become_judgments(tmp_path: Path) -> None:
    path = tmp_path / "votes.tsv"
    path.write_text("a\tb\tc\tn_a\tn_b\tn_c\nant\tbee\tcat\t0\t1\t3\ndog\tbee\tant\t2\t0\t0\n")
    items = {"item_columns": ("a", "b", "c")}
    votes: Any = {"votes_columns": ("n_a", "n_b", "n_c"), "term_columns": ("n_b",)}
    found = import_choices(path, OBJECTS, catch_objects=[], **votes, **items)
    assert found["chosen"].tolist() == [2, 3, 3, 3, 1, 1] and found["n_b"].sum() == 4
    assert found["item_1"].tolist() == ["ant"] * 4 + ["dog"] * 2
    assert set(found["participant"]) == {"unknown"}
    near = import_choices(path, OBJECTS, kind="anchored", votes_columns=("n_b", "n_c"), **items)
    assert near["chosen"].tolist() == [2, 3, 3, 3]
    with pytest.raises(TwoalikeError, match="expected 2 different columns, one for each possible"):
        import_choices(path, OBJECTS, kind="anchored", votes_columns=(4, 5, 6))
    with pytest.raises(TwoalikeError, match="`participant_column=...`: votes of several people"):
        import_choices(path, OBJECTS, votes_columns=(4, 5, 6), participant_column="a")


@pytest.mark.parametrize(
    ("old", "new", "options", "complaint"),
    [
        ("", "", {"participant_column": "who"}, "expected one column 'who', found worker, left"),
        ("rt,", "odd,", {}, "expected one column 'odd', found worker"),
        ("w2,ant", "w2,emu", {}, "row 4, column left: 'emu' is not one of the 5 objects"),
        ("w2,ant", ",ant", {"participant_column": "worker"}, "row 4, column worker: the cell is"),
        ("bee,bee", "bee,ant", {}, "row 3, column odd: the chosen item 'ant' is not one of"),
        ("cat,dog,axe", "cat,dog,cat", {}, "row 5: an object is listed twice"),
        (
            "900",
            "fast",
            {"response_time_column": "rt", "response_time_unit": "ms"},
            "row 3, column rt: expected a response time from 0 on, or nothing, found 'fast'",
        ),
        ("900", "-5", {"response_time_column": 6, "response_time_unit": "ms"}, "found '-5'"),
        (
            ",1\nw2",
            ",maybe\nw2",
            {"catch_column": "check"},
            "row 4, column check: expected 1, true",
        ),
        ("rt,", "level,", {"term_columns": ["level"]}, "nothing else in a table of choices, found"),
        ("", "", {"catch_objects": [("ant", "emu")]}, "row 1, column 2: 'emu' is not one of the 5"),
        (
            "",
            "",
            {"votes_columns": (1, 6, 7), "chosen_columns": None, "participant_column": None},
            "row 2, column 1: expected a",
        ),
    ],
)
def test_what_does_not_fit_is_named(
    table: Path, old: str, new: str, options: dict[str, Any], complaint: str
) -> None:
    table.write_text(TABLE.replace(old, new, 1) if old else TABLE)
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        import_choices(table, OBJECTS, **COLUMNS | options)
    assert "\n" not in str(raised.value)


def test_labels_that_may_identify_people_are_pointed_out(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("\n".join(OBJECTS))
    words = "import choices table.csv --objects ids.txt --item-columns left,middle,right "
    words += "--chosen-columns odd --participant-column 1 --out choices.parquet"
    assert call(*words.split()) == 0
    assert "may identify" not in capsys.readouterr().out
    table.write_text(TABLE.replace("w1", "5f3c1a9be04d7712345678ab"))
    assert call(*words.split(), "--overwrite") == 0
    shown = capsys.readouterr().out
    assert "1 participant label may identify a person (crowd worker's id)" in shown
    assert "5f3c" not in shown


SALMON = """head,left,right,winner,sampler,score,puid,response_time,loser,head_html,head_filename,\
left_filename,right_filename,winner_filename,loser_filename
0,1,2,2,Random,0,ab12,1.25,1,"<img src='/static/targets/s/ant.png' />",s/ant.png,s/bee.png,\
s/cat.png,s/cat.png,s/bee.png
2,0,1,0,Validation,-9,ab12,-1.0,1,"<p style=""color:#fff"">a, b</p>",s/cat.png,s/ant.png,s/bee.png,\
s/ant.png,s/bee.png
1,0,2,2,Random,0,,3.5,0,x # y,s/bee.png,s/ant.png,s/cat.png,s/cat.png,s/ant.png
"""


def test_a_platform_is_a_mapping_of_columns(tmp_path: Path) -> None:
    """Salmon's: files for names, quoted HTML, -1 for a time that was not measured."""
    path = tmp_path / "responses.csv"
    path.write_text(SALMON)
    salmon: dict[str, Any] = {
        "kind": "anchored",
        "item_columns": ("head_filename", "left_filename", "right_filename"),
        "chosen_columns": ("winner_filename",),
        "participant_column": "puid",
        "response_time_column": "response_time",
        "response_time_unit": "s",
        "catch_column": "sampler",
        "catch_label": "Validation",
    }
    with pytest.raises(TwoalikeError, match="row 4, column puid: the cell is empty.*no particip"):
        import_choices(path, **salmon)
    path.write_text(SALMON.replace("0,,3.5", "0,cd34,3.5"))
    table = import_choices(path, catch_objects=[("cat", "ant")], **salmon)
    items = ["item_1", "item_2", "item_3"]
    expected = [["ant", "bee", "cat"], ["cat", "ant", "bee"], ["bee", "ant", "cat"]]
    assert table[items].to_numpy().tolist() == expected
    assert (set(table["kind"]), table["chosen"].tolist()) == ({"anchored"}, [3, 2, 3])
    assert table["participant"].tolist() == ["ab12", "ab12", "cd34"]
    assert plain(table["response_time"].astype("float64")) == [1.25, None, 3.5]
    assert table["trial_type"].tolist() == ["catch"] * 3  # all three show the pair
    assert plain(table["correct"]) == ["true", "true", None]
    by_label = import_choices(path, ["ant", "bee", "cat"], **salmon)
    assert by_label["trial_type"].tolist() == ["main", "catch", "main"]
    with pytest.raises(TwoalikeError, match="column sampler: expected 'Check' in some rows"):
        import_choices(path, **salmon | {"catch_label": "Check"})
    bare = {"item_columns": ("head", "winner", "loser"), "chosen_columns": ("winner",)}
    found = import_choices(path, OBJECTS, **salmon | bare)
    assert found["item_2"].tolist() == ["cat", "ant", "cat"]


def test_levels_are_a_column(tmp_path: Path) -> None:
    path = tmp_path / "levels.csv"
    path.write_text("a,b,c,level\nant,bee,cat,fine\nant,bee,axe,\n")
    named: dict[str, Any] = {"item_columns": ("a", "b", "c"), "level_column": "level"}
    assert plain(import_choices(path, **named)["level"]) == ["fine", None]
    path.write_text("a,b,c,level\nant,bee,cat,high\n")
    with pytest.raises(TwoalikeError, match="row 2, column level: expected one of coarse"):
        import_choices(path, **named)
