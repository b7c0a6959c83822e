"""Choices among many images through the commands: design, run, validate, judgments, share."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import succeed, write_study

from twoalike.judgments import collect_judgments
from twoalike.observers import SimulatedObserver
from twoalike.record import check_run_files, find_runs, read_run
from twoalike.stimuli import StimulusSet

DESIGN = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
TASKS = ("odd-one-of-many", "most-alike-pair")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study in which one simulated person did both tasks."""
    folder = tmp_path_factory.mktemp("done")
    root, rng = write_study(folder / "study", DESIGN), np.random.default_rng(4)
    ids = StimulusSet.load(root / "stimuli").ids
    observer = folder / "observer.npz"
    SimulatedObserver(ids, rng.gamma(0.6, 1.8, size=(8, 3)), lapse=0.02).save(observer)
    for task in TASKS:
        succeed("design", root, "--task", task, "--participants", "901", "--summary")
        simulated = ("--simulate", observer, "--no-window")
        succeed("run", root, "--task", task, "--participant", "901", *simulated)
    return root


@pytest.fixture
def root(done: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(done, tmp_path / "study"))


def test_every_command_takes_choices_among_many(root: Path, tmp_path: Path) -> None:
    succeed("validate", root)
    succeed("report", root, "--out", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Sessions of the odd one of many" in html
    assert "Sessions of the most alike pair" in html
    for task in ("odd-one-of-many", "most-alike-pair"):
        assert f"In each trial of the {task} task, participants saw three to six objects" in html
    choices = pd.read_parquet(collect_judgments(root)["choices"])
    assert choices["kind"].value_counts().to_dict() == {"most_alike": 28, "odd_one_out": 27}
    raw = root / "data" / "raw"
    odd, alike = (
        read_run(next(iter(find_runs(raw, task.replace("-", ""))))).rows for task in TASKS
    )
    for kind, rows, columns in (
        ("odd_one_out", odd, ["odd_stimulus"]),
        ("most_alike", alike, ["alike_1", "alike_2"]),
    ):
        part = choices[choices["kind"] == kind].reset_index(drop=True)
        assert part["trial"].tolist() == rows["trial_index"].tolist()
        both: Any = zip(part.to_dict("records"), rows.to_dict("records"), strict=True)
        for choice, row in both:
            check_same(choice, row, columns)
    succeed("share", root, "--out", tmp_path / "copy")
    shared = [read_run(path).rows for path in find_runs(tmp_path / "copy")]
    assert sorted(len(rows) for rows in shared) == [27, 28]
    given = next(rows for rows in shared if "alike_1" in rows)
    pd.testing.assert_frame_equal(given[alike.columns], alike)


def check_same(choice: dict[str, Any], row: dict[str, Any], columns: list[str]) -> None:
    """A tidy choice has the items by their places, and names those that the row names."""
    n = row["n_items"]
    at = {row[f"position_{k}"]: row[f"stimulus_{k}"] for k in range(1, n + 1)}
    assert [choice[f"item_{place}"] for place in range(1, n + 1)] == [at[k] for k in sorted(at)]
    assert n == 5 or pd.isna(choice["item_5"])
    named = [choice["chosen"], *([choice["second"]] if len(columns) > 1 else [])]
    assert named == sorted(named)
    assert {choice[f"item_{int(place)}"] for place in named} == {row[name] for name in columns}


@pytest.mark.parametrize(
    ("task", "changed"),
    [
        (0, {"response": "5", "odd_stimulus": "n/a"}),
        (0, {"stimulus_5": "n/a"}),
        (0, {"position_1": "6"}),
        (1, {"alike_1": "n/a"}),
        (1, {"first_response_time": "99.0"}),
        (1, {"set_id": "s0"}),
    ],
)
def test_edited_rows_are_found(root: Path, task: int, changed: dict[str, str]) -> None:
    (path,) = find_runs(root / "data" / "raw", TASKS[task].replace("-", ""))
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    for column, value in changed.items():
        table.loc[6, column] = value
    table.to_csv(path, sep="\t", index=False, lineterminator="\n")
    found = [str(one) for one in check_run_files(root / "data" / "raw", path)]
    places = [f"row 7, column {column!r}" for column in changed]
    assert any("rows were edited" in line and place in line for line in found for place in places)
