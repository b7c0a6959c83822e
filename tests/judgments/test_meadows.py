"""Meadows' trees become the table of arrangements."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from twoalike.design import ArrangedTrial, pair_evidence, rescaled_average
from twoalike.judgments import import_meadows, trials_of
from twoalike.study import TwoalikeError

NAMES = ["beach.png", "rain.png", "river.jpg", "oak"]
IDS = [f"id{number}" for number in range(4)]
STIMULI = [{"id": key, "name": name} for key, name in zip(IDS, NAMES, strict=True)]
PLACES = [[(0.1, 0.4), (-0.3, 0.2), (0.0, -0.45)], [(0.2, 0.0), (-0.2, 0.0), (0.1, 0.1)]]
"""Two trials, in arena diameters, y up; of the first three stimuli, and of the last three."""


def early(places: list[list[tuple[float, float]]] = PLACES, name: str = "arr") -> dict[str, Any]:
    """A task as the platform kept it in 2017."""
    trials = []
    for number, trial in enumerate(places):
        positions = [
            {"id": IDS[number + k], "x": 1.25 + x, "y": 0.625 - y} for k, (x, y) in enumerate(trial)
        ]
        trials.append({"positions": positions, "start": 1509298296620, "end": 1509298300120})
    task = {"name": name, "task_type": "multiarrange"}
    return {"status": "finished", "task": task, "trials": trials, "stimuli": STIMULI}


def late(places: list[list[tuple[float, float]]] = PLACES, name: str = "arr") -> dict[str, Any]:
    """A task as the platform has kept it since 2021."""
    task = early(places, name)
    for number, trial in enumerate(task["trials"]):
        del trial["start"], trial["end"]
        trial["log"] = [[1636752416360, "logStarted", {}], [1636752419860, "finish", {}]]
        for k, position in enumerate(trial["positions"]):
            x, y = places[number][k]
            position |= {"x": 2 * x, "y": -2 * y}
    return task


def write(folder: Path, content: object, name: str = "Meadows_my_exp_v_v1_calm-fox_tree") -> Path:
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def placed(table: pd.DataFrame) -> list[list[float]]:
    return table[["x", "y"]].to_numpy().round(12).tolist()


EXPECTED = [list(place) for trial in PLACES for place in trial]


@pytest.mark.parametrize("task", [early(), late()])
def test_positions_become_arena_diameters_with_y_up(task: dict[str, Any], tmp_path: Path) -> None:
    table = import_meadows([write(tmp_path, task, "Meadows_my_exp_v_v1_calm-fox_2_tree")])
    assert placed(table) == EXPECTED
    assert table["item"].tolist() == ["beach", "rain", "river", "rain", "river", "oak"]
    assert table["trial"].tolist() == [1, 1, 1, 2, 2, 2]
    assert set(table["participant"]) == {"calm-fox"} and set(table["session"]) == {"arr"}
    assert table["response_time"].tolist() == [3.5] * 6
    assert table["item"].cat.categories.tolist() == ["beach", "rain", "river", "oak"]


def test_all_shapes_of_files_say_the_same(tmp_path: Path) -> None:
    info = {"task": {"name": "hello", "task_type": "info"}, "trials": [], "stimuli": []}
    tasks = [info, late(name="one"), early(name="two")]
    by_name = {"hello": info, "one": late(name="one"), "two": early(name="two")}
    whole: list[Any] = [
        {"token": None, "tasks": tasks},
        {"token": None, "tasks": by_name},
        {"calm-fox": {"token": None, "tasks": tasks}, "odd-owl": {"tasks": by_name}},
        {"calm-fox": tasks, "odd-owl": tasks},
        {"calm-fox": late(name="one"), "odd-owl": early(name="one")},
    ]
    for number, content in enumerate(whole):
        people = 2 if number > 1 else 1
        table = import_meadows([write(tmp_path, content)])
        assert placed(table) == EXPECTED * (2 if number < 2 else 4 if number < 4 else 2)
        assert table["participant"].nunique() == people
        assert table.attrs["n_other_tasks"] == (people if number < 4 else 0)
        trials, ids = trials_of(table)
        assert [trial.trial for trial in trials[:2]] == [1, 2]
        assert ids == ("beach", "rain", "river", "oak")


def test_several_files_are_one_table(tmp_path: Path) -> None:
    one = write(tmp_path, late(), "Meadows_my_exp_v_v1_calm-fox_1_tree")
    two = write(tmp_path, early(), "Meadows_my_exp_v_v2_odd-owl_1_tree")
    table = import_meadows([one, two])
    assert table["participant"].unique().tolist() == ["calm-fox", "odd-owl"]
    with pytest.raises(TwoalikeError, match="is already in"):
        import_meadows([one, one])


def test_items_left_outside_are_not_placed(tmp_path: Path) -> None:
    places = [[(0.1, 0.4), (-0.3, 0.2), (0.8, 0.0)], [(0.2, 0.0), (0.9, 0.0), (0.0, -0.9)]]
    for task in (early(places), late(places)):
        table = import_meadows([write(tmp_path, task)])
        assert table["item"].tolist() == ["beach", "rain"]
        assert table.attrs["left_out"] == {"outside the arena": 3, "alone in its trial": 1}


def broken(**changes: Any) -> dict[str, Any]:
    task = late()
    task["trials"][1] |= changes
    return task


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "empty file"),
        ("{", "not valid JSON"),
        ([1, 2], "expected a Meadows tree"),
        ({"a": {"b": 1}}, "expected a Meadows tree"),
        ({"jo@lab.org": late()}, "looks like an e-mail address"),
        ({**late(), "task": {"task_type": "triplet"}}, "twoalike import choices"),
        ({**late(), "stimuli": []}, "expected a list of stimuli, found 0"),
        ({**late(), "stimuli": [{"id": "id0"}]}, "expected stimuli with id and name"),
        ({**late(), "stimuli": [*STIMULI, {"id": "id9", "name": "oak"}]}, "two stimuli are named"),
        ({**late(), "trials": []}, "expected trials with positions, found none"),
        (broken(positions=[{"id": "who", "x": 0, "y": 0}]), "trial 2.*KeyError: 'who'"),
        (broken(positions=[{"id": "id0", "x": "a", "y": 0}]), "trial 2.*ValueError"),
        (broken(start=5, end=3), "trial 2.*ends 2 s before it starts"),
        (late([[(5, 5), (6, 6), (7, 7)]]), "most positions lie outside the arena"),
        (
            broken(positions=[{"id": "id0", "x": 0, "y": 0}, {"id": "id0", "x": 0, "y": 0.1}]),
            "expected one row for each participant, session, trial and item",
        ),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, content: Any, complaint: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        import_meadows([path])
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_export_of_dissimilarities_is_told_from_a_tree(tmp_path: Path) -> None:
    path = tmp_path / "Meadows_my_exp_v_v1_calm-fox_1_1D.mat"
    savemat(path, {"rdmutv": np.ones((1, 3)), "stimuli": ["a", "b", "c"]})
    with pytest.raises(TwoalikeError, match=r"expected a Meadows tree \(JSON\).*\(RDM\).*Download"):
        import_meadows([path])


def test_a_real_session_gives_the_platforms_own_figures(shared_data: Path) -> None:
    path = shared_data / "meadows" / "Meadows_myExp_v_v1_cuddly-bunny_3_tree.json"
    content = json.loads(path.read_text())
    table = import_meadows([path])
    trials, ids = trials_of(table)
    assert [len(trial.items) for trial in trials] == [
        len(trial["positions"]) for trial in content["trials"]
    ]
    assert len(trials) == 109 and len(ids) == 118 and len(content["rdm"]) == 6903
    arranged = [ArrangedTrial(trial.items, trial.values) for trial in trials]
    pairs = np.triu_indices(118, 1)
    # The platform stores the smallest evidence, max(distance, .2)²: so our unit is its diameter.
    weakest = pair_evidence(arranged, 118)[pairs].min()
    assert weakest == pytest.approx(content["trials"][-1]["min_evidence"], rel=1e-4)
    average = rescaled_average(arranged, 118)
    assert average.converged
    assert np.corrcoef(average.dissimilarities[pairs], content["rdm"])[0, 1] > 0.999
