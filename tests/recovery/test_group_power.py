"""``twoalike power --groups``: two groups are drawn as stated, simulated, fitted and sized."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from twoalike.embedding import FitConfig
from twoalike.observers import SimulatedObserver, sparse_embedding
from twoalike.recovery import GroupPowerAnalysis, World, collect
from twoalike.recovery._simulate import GroupEffect, planned_study
from twoalike.stimuli import StimulusSet
from twoalike.study import Study

MakeStudy = Callable[..., Path]
SMALL = ("--groups", "--trials-per-person", "40", "--studies", "10")


def test_groups_differ_by_the_effect_in_one_dimension(rng: np.random.Generator) -> None:
    space = sparse_embedding(20, rng, dimensions=5)
    effect = GroupEffect(effect=0.8, spread=0.4, dimension=2)
    second = np.arange(40_000) % 2 == 1
    weights = effect.draw(second, space, rng)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-9)
    difference = weights[second].mean(axis=0) - weights[~second].mean(axis=0)
    within = weights[second].std(axis=0)
    expected = np.full(5, -0.2)
    expected[effect.column(space)] = 0.8
    np.testing.assert_allclose(difference / within, expected, atol=0.03)
    first = GroupEffect(effect=0.8, spread=0.4, dimension=1)
    assert first.column(space) != effect.column(space)
    louder = space.copy()
    louder[:, effect.column(space)] *= 2
    assert first.column(louder) == effect.column(space)


def test_people_weigh_the_dimensions(make_study: MakeStudy, rng: np.random.Generator) -> None:
    """Somebody who heeds one dimension alone answers as if there were no other."""
    study = planned_study(Study.load(make_study()), 50)
    stimuli = StimulusSet.load(study.stimuli, verify=False)
    space = 3 * np.eye(2)[np.arange(8) % 2]
    space = np.hstack([space, 3 * np.eye(2)[np.arange(8) // 4]])
    world = World(SimulatedObserver(stimuli.ids, space), np.array([[0, 1, 2]]))
    only = np.array([[3.0, 3.0, -30.0, -30.0]])
    table = collect(study, stimuli, world, 1, (3, 1), people_differ=False, log_weight=only)
    place = {name: row for row, name in enumerate(stimuli.ids)}
    shown = np.stack([table[f"item_{k}"].astype(str).map(place) for k in (1, 2, 3)], axis=1) % 2
    odd = shown[np.arange(len(shown)), table["chosen"] - 1]
    mixed = shown.min(axis=1) != shown.max(axis=1)
    assert ((shown == odd[:, None]).sum(axis=1) == 1)[mixed].all()


def test_a_study_of_groups_is_simulated_fitted_and_compared(make_study: MakeStudy) -> None:
    study, effect = Study.load(make_study()), GroupEffect(effect=6.0, spread=0.5)
    fit = FitConfig(quick=True, engine="vi", people="weights", steps=200, chains=1)
    analysis = GroupPowerAnalysis(study=study, trials_per_person=50, effect=effect, fit=fit)
    (found,) = analysis.simulate(12, 1).to_dict("records")
    assert (found["participants"], found["judgments"]) == (12, 600)
    assert found["effect"] > 1 and found["p_all"] < 0.05
    (kept,) = (analysis.study.derived / "power").rglob("*.json")
    assert json.loads(kept.read_text())["outcome"] == found
    assert replace(analysis).simulate(12, 1).to_dict("records") == [found]


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Instead of simulations: studies whose power is a half at 20 people; sizes asked for."""
    sizes: list[int] = []

    def simulated(*arguments: Any, **more: Any) -> dict[str, Any]:
        _, people, number = arguments
        sizes.append(people)
        p = 0.01 if np.random.default_rng(number).random() < people / (people + 20) else 0.3
        size = {"study": number, "participants": people, "judgments": 40 * people}
        return size | {"p_all": p, "p_dimension": p, "p_pair": 0.5, "effect": 0.4}

    monkeypatch.setattr("twoalike.recovery.GroupPowerAnalysis._simulated", simulated)
    return sizes


def test_the_command_sizes_two_groups_and_goes_on(
    make_study: MakeStudy, run: Callable[..., Any], outcomes: list[int]
) -> None:
    study = make_study()
    status, said = run("power", study, *SMALL, "--effect", "1.2", "--spread", "0.3")
    assert status == 0, said
    answer = json.loads((study / "derived" / "group_power.json").read_text())
    sized = answer["recommended"]
    assert sized["participants"] == 2 * sized["per_group"]
    assert sized["simulated"] == 10
    assert sized["low"] < sized["power"] < sized["high"]
    assert (answer["kind"], answer["config"]["effect"]) == ("group_power", 1.2)
    assert answer["config"]["fit"]["people"] == "weights"
    tried = {size["participants"]: size for size in answer["sizes"]}
    assert tried[sized["participants"]]["pair"]["power"] == 0
    assert f"{sized['per_group']} participants in each of two groups × 40 trials" in said
    assert f"2 × {min(tried) // 2} " in said
    assert "reported as 0.40 on average" in said
    # Kept studies are read; another assurance needs few more.
    simulated = len(outcomes)
    assert run("power", study, *SMALL, "--effect", "1.2", "--spread", "0.3")[0] == 0
    assert len(outcomes) == simulated
    assert json.loads((study / "derived" / "group_power.json").read_text()) == answer
