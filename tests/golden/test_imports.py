"""What each ``twoalike import`` writes of a small input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.conftest import call
from tests.golden.golden import check, files, frame, masked, shape

OBJECTS = ("ant", "bee", "cat", "dog", "axe")
TRIPLETS = """worker,left,middle,right,odd,rt,check
w1,ant,bee,cat,cat,1500,0
w1,dog,cat,bee,bee,900,0
w2,ant,axe,bee,axe,700,1
w2,cat,dog,axe,cat,,1
"""
NAMED = ("--item-columns", "left,middle,right", "--chosen-columns", "odd")
TIMES = ("--response-time-column", "rt", "--response-time-unit", "ms")
VOTES = "a\tb\tc\tn_a\tn_b\tn_c\nant\tbee\tcat\t0\t1\t3\ndog\tbee\tant\t2\t0\t0\n"
SETS = "who,q,r1,r2,r3,first,second\np1,ant,bee,cat,dog,cat,bee\np2,dog,cat,bee,axe,axe,cat\n"
ALIKE = "item_1,item_2,item_3,item_4,chosen,second\nant,bee,cat,dog,bee,dog\n"
SALMON = """head,left,right,winner,sampler,puid,response_time,loser,head_filename,left_filename,\
right_filename,winner_filename,loser_filename
0,1,2,2,Random,ab12,1.25,1,s/ant.png,s/bee.png,s/cat.png,s/cat.png,s/bee.png
2,0,1,0,Validation,ab12,-1.0,1,s/cat.png,s/ant.png,s/bee.png,s/ant.png,s/bee.png
"""
PAIRS = "participant,item_a,item_b,dissimilarity\np,ant,oak,3\np,oak,maple,1\nq,ant,maple,0.5\n"
RATINGS = "participant,item_a,item_b,rating\np,ant,bee,2\np,cat,bee,7\nq,dog,ant,5\n"
SLIDER = "participant,item_a,item_b,rating\np,ant,bee,25\nq,cat,ant,100\n"
PILES = """participant,trial,item,pile,pile_name
p,1,ant,1,small
p,1,bee,1,small
p,1,dog,2,large
q,1,ant,1,
q,1,dog,1,
"""


def meadows() -> str:
    """A tree with two arrangements of three stimuli, one of which lies outside the arena."""
    stimuli = [{"id": f"id{n}", "name": f"{name}.png"} for n, name in enumerate(OBJECTS)]
    places = [[(0.2, 0.8), (-0.6, 0.4), (0.0, -0.9)], [(0.4, 0.0), (-0.4, 0.0), (1.8, 0.0)]]
    log = [[1636752416360, "logStarted", {}], [1636752419860, "finish", {}]]
    trials = [
        {
            "positions": [{"id": f"id{n + k}", "x": x, "y": -y} for k, (x, y) in enumerate(placed)],
            "log": log,
        }
        for n, placed in enumerate(places)
    ]
    task = {"name": "arr", "task_type": "multiarrange"}
    return json.dumps({"status": "finished", "task": task, "trials": trials, "stimuli": stimuli})


TABLES: dict[str, tuple[tuple[str, str | Callable[[], str | bytes]], tuple[str, ...]]] = {
    "triplets": (
        ("t.csv", TRIPLETS),
        ("choices", "t.csv", "--objects", "ids.txt", *NAMED, "--participant-column", "worker")
        + (*TIMES, "--catch-column", "check", "--catch-objects", "checks.txt"),
    ),
    "triplets-plain": (
        ("t.txt", "ant bee cat\ndog bee ant\n"),
        ("choices", "t.txt", "--objects", "ids.txt"),
    ),
    "triplets-anchored": (
        ("t.txt", "ant bee cat\ndog bee ant\n"),
        ("choices", "t.txt", "--objects", "ids.txt", "--kind", "anchored", "--chosen-columns", "2"),
    ),
    "votes": (
        ("v.tsv", VOTES),
        ("choices", "v.tsv", "--objects", "ids.txt", "--item-columns", "a,b,c")
        + ("--votes-columns", "n_a,n_b,n_c"),
    ),
    "sets": (
        ("s.csv", SETS),
        ("choices", "s.csv", "--kind", "anchored", "--item-columns", "q,r1,r2,r3")
        + ("--chosen-columns", "first", "--participant-column", "who"),
    ),
    "sets-alike": (
        ("s.csv", ALIKE),
        (
            "choices",
            "s.csv",
            "--kind",
            "most-alike",
            "--item-columns",
            "item_1,item_2,item_3,item_4",
        )
        + ("--chosen-columns", "chosen,second"),
    ),
    "salmon": (
        ("r.csv", SALMON),
        ("choices", "r.csv", "--kind", "anchored")
        + ("--item-columns", "head_filename,left_filename,right_filename")
        + ("--chosen-columns", "winner_filename", "--participant-column", "puid")
        + ("--response-time-column", "response_time", "--response-time-unit", "s")
        + ("--catch-column", "sampler", "--catch-label", "Validation"),
    ),
    "meadows": (
        ("Meadows_my_exp_v_v1_calm-fox_1_tree.json", meadows),
        ("meadows", "Meadows_my_exp_v_v1_calm-fox_1_tree.json"),
    ),
    "rdm": (("p.csv", PAIRS), ("rdm", "p.csv")),
    "ratings": (("r.csv", RATINGS), ("ratings", "r.csv", "--scale-points", "7")),
    "ratings-slider": (("r.csv", SLIDER), ("ratings", "r.csv", "--slider", "0", "100")),
    "sortings": (("p.csv", PILES), ("sortings", "p.csv")),
}
"""Name of a golden file -> input and its content, words of the command."""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder with the list of objects."""
    monkeypatch.chdir(tmp_path)
    Path("ids.txt").write_text("\n".join(OBJECTS))
    Path("checks.txt").write_text("bee ant\n")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_judgments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (file, content), words = TABLES[name]
    given = content() if callable(content) else content
    Path(file).write_bytes(given if isinstance(given, bytes) else given.encode())
    status = call("import", *words, "--out", "out.parquet")
    said = capsys.readouterr()
    assert status == 0, said.err
    made = json.loads(pq.read_schema("out.parquet").metadata[b"twoalike"])
    provenance = {key: made[key] for key in ("kind", "config")} | {"inputs": sorted(made["inputs"])}
    table = frame(pd.read_parquet("out.parquet"))
    check(f"imports/{name}", {"said": said.out.splitlines(), "made": provenance, **table})


def test_a_transform(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = np.arange(12.0).reshape(4, 3) / 10
    np.savez("t.npz", weights=weights, mean=np.float32(0.5), std=np.array([2.0]))
    features = np.arange(20.0).reshape(5, 4) % 7
    np.savez("f.npz", features=features.astype(np.float32), ids=np.array(OBJECTS))
    assert call("import", "transform", "t.npz", "--backbone", "net", "--out", "teacher") == 0
    Path("t.txt").write_text("ant bee cat\ndog bee ant\n")
    words = ("--features", "f.npz", "--triplets", "t.txt", "--out", "p.tsv")
    assert call("predict", "teacher", *words) == 0
    found = {
        "said": masked(capsys.readouterr().out, tmp_path).splitlines(),
        "files": files(Path("teacher")),
        "teacher": shape(json.loads(Path("teacher/teacher.json").read_text())),
        "probabilities": np.loadtxt("p.tsv", skiprows=1).tolist(),
    }
    check("imports/transform", found, absolute=1e-4)


def test_labels_of_alignet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = np.array([[0, 1, 2], [3, 2, 1], [4, 0, 3], [1, 4, 2]])
    similarities = np.array([[0.9, 0.1, 0.2], [0.1, 0.8, 0.3], [0.2, 0.3, 0.7], [0.5, 0.5, 0.1]])
    names = np.array([f"c{n % 2}/{name}.JPEG" for n, name in enumerate(OBJECTS)])
    np.savez("a.npz", filenames=names[shown], similarities=similarities.astype("f4"), indices=shown)
    assert call("import", "alignet", "a.npz", "--out", "labels") == 0
    meta: dict[str, Any] = json.loads(Path("labels/labels.json").read_text())
    shards = [pd.read_parquet(path) for path in sorted(Path("labels").glob("*.parquet"))]
    found = {
        "said": masked(capsys.readouterr().out, tmp_path).splitlines(),
        "files": files(Path("labels")),
        "labels": shape(meta),
        **frame(pd.concat(shards)),
    }
    check("imports/alignet", found, absolute=1e-4)
