"""Every importer against every way in which a file is misread although no cell is wrong."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import call

from twoalike.judgments import (
    ImportNote,
    import_choices,
    import_dissimilarities,
    import_meadows,
    import_ratings,
    import_sortings,
    read_judgments,
)
from twoalike.study import TwoalikeError

NAMES, NUMBERS = ["ant", "bee", "cat", "dog", "elk"], ["1", "2", "3", "4", "5"]
SETS = {"item_columns": [1, 2, 3, 4]}
HEAD = {"kind": "anchored", "chosen_columns": (2,)}
NAMED = {"item_columns": ("a", "b", "c"), "chosen_columns": ("c",)}
SQUARE = "ant,bee,cat\n0,1,2\n1,0,3\n2,3,0\n"
PAIRS = "item_a,item_b,dissimilarity"


def meadows(*trials: str) -> str:
    """A tree whose trials have these items, from left to right."""
    placed = [
        {"positions": [{"id": name, "x": k / 9, "y": 0} for k, name in enumerate(trial.split())]}
        for trial in trials
    ]
    stimuli = [{"id": name, "name": name} for name in NAMES]
    return json.dumps({"task": {"task_type": "multiarrange"}, "stimuli": stimuli, "trials": placed})


def read(importer: str, path: Path, objects: list[str] | None, **options: Any) -> Any:
    if importer in ("triplets", "anchored", "sets"):
        return import_choices(path, objects, **options)
    if importer in ("pairs", "matrix"):
        return import_dissimilarities([path], objects, **options)
    if importer == "meadows":
        return import_meadows([path], **options)
    function: Any = {"ratings": import_ratings, "sortings": import_sortings}[importer]
    return function(path, objects, **options)


IMPORTERS = "triplets anchored sets ratings sortings pairs matrix meadows".split()
MISREADINGS = "zero ids order chosen diagonal people twice percent bad".split()
ZERO, IDS = "indices without 0.*item_numbers='from-1'", "ids are numbers.*item_numbers='ids'"
ORDER = "contradicts how the file would be read"
PEOPLE, TWICE = "one unknown person", "in the file twice"
BAD = "1 row of [23] cannot be judgments .1 {}.*skip_bad=True"
ERROR, NOTE = TwoalikeError, ImportNote


def case(
    text: str, outcome: type[Exception], message: str, objects: Any = None, **options: Any
) -> tuple[str, list[str] | None, dict[str, Any], type[Exception], str]:
    return text, objects, options, outcome, message


VOTES, ANSWER = (4, 5, 6), {"item_columns": ["a", "b", "c"], "chosen_columns": ["answer"]}
TRIALS = "trial,item_a,item_b,rating\n1,ant,bee,1\n2,ant,bee,1\n1,ant,bee,0\n"
CASES = {
    ("triplets", "zero"): case("1 2 3\n2 3 4\n", ERROR, ZERO, NAMES),
    ("anchored", "zero"): case("1 2 3\n2 3 4\n", ERROR, ZERO, NAMES, **HEAD),
    ("sets", "zero"): case("1 2 3 4\n2 3 4 1\n", ERROR, ZERO, NAMES, **SETS),
    ("triplets", "ids"): case("1 2 3\n2 3 4\n", ERROR, IDS, NUMBERS),
    ("anchored", "ids"): case("1 2 3\n2 3 4\n", ERROR, IDS, NUMBERS, **HEAD),
    ("sets", "ids"): case("1 2 3 4\n2 3 4 1\n", ERROR, IDS, NUMBERS, **SETS),
    ("triplets", "order"): case("odd,a,b\nant,bee,cat\n", ERROR, f"'odd' {ORDER}", NAMES),
    ("anchored", "order"): case(
        "winner,loser,reference\nant,bee,cat\n", ERROR, f"'reference' {ORDER}", NAMES, **HEAD
    ),
    ("sets", "order"): case("odd,a,b,c\nant,bee,cat,dog\n", ERROR, f"'odd' {ORDER}", **SETS),
    ("anchored", "chosen"): case("ant bee cat\n", ERROR, "chosen_columns=2", kind="anchored"),
    ("matrix", "diagonal"): case(SQUARE, ERROR, "the smallest ones there", similarity=True),
    ("triplets", "people"): case("a,b,c,worker\nant,bee,cat,p\n", NOTE, PEOPLE, NAMES, **NAMED),
    ("anchored", "people"): case("ant bee cat p\n", NOTE, "participant_column=4", NAMES, **HEAD),
    ("sets", "people"): case("ant bee cat dog p\n", NOTE, PEOPLE, **SETS),
    ("ratings", "people"): case("subject_id,item_a,item_b,rating\np,ant,bee,1\n", NOTE, PEOPLE),
    ("sortings", "people"): case("rater,item,pile\np,ant,1\np,bee,2\n", NOTE, PEOPLE),
    ("pairs", "people"): case(f"PROLIFIC_PID,{PAIRS}\np,ant,bee,1\n", NOTE, PEOPLE),
    ("triplets", "twice"): case("ant bee cat\nant bee cat\n", ERROR, TWICE, NAMES),
    ("anchored", "twice"): case(
        "ant bee cat\nant bee cat\nant bee dog\n", NOTE, "identical to the row bef", NAMES, **HEAD
    ),
    ("sets", "twice"): case("ant bee cat dog\n" * 2, ERROR, TWICE, **SETS),
    ("ratings", "twice"): case(TRIALS, ERROR, "row 4.*in the file twice"),
    ("ratings", "mirrored"): case(
        "item_a,item_b,rating\nant,bee,1\nbee,ant,1\n", NOTE, "in the other order"
    ),
    ("sortings", "twice"): case("item,pile\nant,1\nbee,1\nant,1\n", ERROR, TWICE),
    ("meadows", "twice"): case(meadows("ant bee", "ant bee"), ERROR, "trial 2 is in the file"),
    ("triplets", "percent"): case(
        "ant bee cat 60 30 10\nant bee dog 0 33 66\n", ERROR, "percent", NAMES, votes_columns=VOTES
    ),
    ("anchored", "percent"): case(
        *("ant bee cat 60 40\nant bee dog 0 100\n", ERROR, "percentages", NAMES),
        **{"kind": "anchored", "votes_columns": VOTES[:2]},
    ),
    ("triplets", "bad"): case(
        "ant bee bee\nant bee cat\n", ERROR, BAD.format("object twice"), NAMES
    ),
    ("anchored", "bad"): case(
        "ant bee fox\nant bee cat\n", ERROR, BAD.format("unknown obj"), NAMES, **HEAD
    ),
    ("sets", "bad"): case(
        "a,b,c,answer\nant,bee,cat,\nant,bee,cat,bee\n", ERROR, BAD.format("no answer"), **ANSWER
    ),
    ("ratings", "bad"): case(
        "item_a,item_b,rating\nant,ant,0\nant,bee,1\n", ERROR, BAD.format("object twice")
    ),
    ("sortings", "bad"): case("item,pile\nant,\nbee,1\ncat,1\n", ERROR, BAD.format("no answer")),
    ("pairs", "bad"): case(
        f"{PAIRS}\nfox,bee,2\nant,bee,1\n", ERROR, BAD.format("unknown object"), NAMES
    ),
}
FIXED = "ratings sortings pairs matrix meadows"
NOT_APPLICABLE = {
    "zero": FIXED,  # they name objects
    "ids": FIXED,
    "order": FIXED,  # their columns have fixed names
    "chosen": f"triplets sets {FIXED}",  # the answer is named, or its place is the usual one
    "diagonal": f"triplets anchored sets {FIXED}".replace("matrix ", ""),
    "people": "matrix meadows",  # has no columns; must name people
    "twice": "pairs matrix",  # a pair counts once
    "percent": f"sets {FIXED}",  # no votes
    "bad": "matrix meadows",  # no rows
}


def test_every_importer_meets_every_misreading() -> None:
    left = {(one, misread) for misread, of in NOT_APPLICABLE.items() for one in of.split()}
    assert set(CASES) - {("ratings", "mirrored")} | left == set(product(IMPORTERS, MISREADINGS))
    assert not set(CASES) & left


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_what_may_be_misread_is_refused_or_noted(case: tuple[str, str], tmp_path: Path) -> None:
    text, objects, options, outcome, message = CASES[case]
    path = tmp_path / ("x.json" if text[0] == "{" else "x.csv")
    path.write_text(text)
    expect = pytest.warns if issubclass(outcome, Warning) else pytest.raises
    with expect(outcome, match=message):
        read(case[0], path, objects, **options)


@pytest.mark.parametrize("importer", [one for one, misread in CASES if misread == "bad"])
def test_bad_rows_are_left_out_and_counted(importer: str, tmp_path: Path) -> None:
    text, objects, options, _, message = CASES[importer, "bad"]
    path, out = tmp_path / ("x.json" if text[0] == "{" else "x.csv"), tmp_path / "x.parquet"
    path.write_text(text)
    table = read(importer, path, objects, **options, skip_bad=True, out=out)
    ((reason, n),) = table.attrs["left_out"].items()
    assert n == 1 and message.split("1 ")[-1].split(".*")[0].startswith(reason[:11])
    assert len(table) == (2 if importer == "sortings" else 1)
    kind: Any = {"ratings": "ratings", "sortings": "sortings", "pairs": "dissimilarities"}
    made = read_judgments(out, kind.get(importer, "choices")).attrs["provenance"]
    assert made["config"]["left_out"] == {reason: 1}


def test_the_command_prints_notes_and_counts_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, ids = tmp_path / "x.csv", tmp_path / "ids.txt"
    path.write_text("a,b,c,worker\nant,bee,cat,p\nant,ant,cat,p\nant,fox,cat,p\nant,fox,dog,p\n")
    ids.write_text("\n".join(NAMES))
    words = ["import", "choices", path, "--objects", ids, "--out", tmp_path / "x.parquet"]
    assert call(*words) == 1
    said = capsys.readouterr().err
    assert "row 3: an object is listed twice" in said
    assert "3 rows of 4 cannot be judgments (2 unknown object, 1 object twice)" in said
    assert "--skip-bad" in said and not (tmp_path / "x.parquet").exists()
    assert call(*words, "--skip-bad") == 0
    said = capsys.readouterr().out
    assert "column worker seems" in said and "--participant-column 'worker'" in said
    assert "left out: 2 rows (unknown object)\nleft out: 1 row (object twice)\n" in said
    assert "1 judgment by 1 participant" in said


def test_the_caller_says_what_numbers_are(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("1 2 3\n2 3 4\n")
    for numbers, first in (("ids", "1"), ("from-0", "2"), ("from-1", "1")):
        table = import_choices(path, NUMBERS, item_numbers=numbers)
        assert table["item_1"].tolist()[0] == first
    path.write_text("5 2 3\n2 3 4\n")  # 5 is no index from 0: these are ids
    assert import_choices(path, NUMBERS)["item_1"].tolist() == ["5", "2"]
    path.write_text("0 1 2\n1 2 3\n")
    assert import_choices(path, NAMES)["item_1"].tolist() == ["ant", "bee"]


def test_rows_that_only_look_alike_are_kept(tmp_path: Path) -> None:
    """The same answer of another person or to another trial, and a triplet that came back."""
    path = tmp_path / "x.csv"
    columns: dict[str, Any] = {**NAMED, "participant_column": "p"}
    for header, rows in (
        ("p,a,b,c", ["x,ant,bee,cat", "y,ant,bee,cat", "x,bee,ant,cat", "x,ant,bee,cat"]),
        ("p,a,b,c,trial", ["x,ant,bee,cat,1", "x,ant,bee,cat,2"]),
        ("p,a,b,c,rt", ["x,ant,bee,cat,0.812", "x,ant,bee,cat,0.794", "y,ant,bee,dog,1"]),
        ("p,a,b,c,rt", ["x,ant,bee,cat,", "y,ant,bee,dog,1", "x,ant,bee,cat,"]),
    ):
        path.write_text("\n".join([header, *rows]) + "\n")
        assert len(import_choices(path, NAMES, **columns)) == len(rows)


def test_votes_of_many_on_few_triplets_are_no_copies(tmp_path: Path) -> None:
    """Without people or trials every row may recur, though no row was written twice."""
    path = tmp_path / "x.txt"
    path.write_text("ant bee cat\n" * 3 + "ant cat bee\n" * 2)
    with pytest.warns(ImportNote, match="identical to the row before"):
        assert len(import_choices(path, NAMES)) == 5


def test_a_matrix_is_checked_against_the_flag_where_it_has_a_diagonal(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, [0.2, 0.3, 0.9])  # a triangle
    import_dissimilarities([path], NAMES[:3], similarity=True)
    full = np.array([[np.nan, 0.2, 0.3], [0.2, np.nan, 0.9], [0.3, 0.9, np.nan]])
    np.save(path, full)
    import_dissimilarities([path], NAMES[:3], similarity=True)
    np.save(path, np.where(np.isnan(full), 1, full))
    with pytest.raises(TwoalikeError, match="zeros on the diagonal.*`similarity=True`"):
        import_dissimilarities([path], NAMES[:3])


def test_ids_may_begin_with_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "colours.csv"
    path.write_text("# made by hand\n#00f #0f0 #f00\n# by hand\n#fff #00f #0f0\n")
    table = import_choices(path, ["#00f", "#0f0", "#f00", "#fff"])
    assert table["item_1"].tolist() == ["#00f", "#fff"]


@pytest.mark.slow
def test_honest_people_are_not_refused(shared_data: Path, tmp_path: Path) -> None:
    """Real files, as they are: clips shown twice are counted, mirrored ratings are noted."""
    clips = shared_data / "videos" / "trials.tsv"
    rows = [line.split("\t") for line in clips.read_text().splitlines()[1:]]
    columns: dict[str, Any] = {
        "item_columns": ("item_1", "item_2", "item_3"),
        "chosen_columns": ("odd",),
        "participant_column": "participant",
        "skip_bad": True,
    }
    table = import_choices(clips, sorted({name for row in rows for name in row[3:6]}), **columns)
    assert (len(table), table.attrs["left_out"]) == (19_293, {"object twice": 1_231})
    rocks = import_ratings(shared_data / "rocks" / "ratings.tsv", scale_points=9)
    assert len(rocks) == 63_294
    with pytest.warns(ImportNote, match="85,436 of 85,436 rows"):
        colours = import_ratings(shared_data / "colours" / "ratings.tsv", slider=(0, 7))
    assert colours["participant"].nunique() == 333 and len(colours) == 85_436
    sortings = tmp_path / "sortings.tsv"
    text = (shared_data / "sortings" / "sortings.tsv").read_text()
    sortings.write_text(text.replace("object", "item", 1))
    assert len(import_sortings(sortings)) == 62 * 16
