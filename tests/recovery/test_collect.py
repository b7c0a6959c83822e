"""Worlds and simulated people: the design's own lists, judged by the choice model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.observers import SimulatedObserver, sparse_embedding
from twoalike.recovery import PowerAnalysis, World, collect
from twoalike.recovery._simulate import draw_world, fewest_people, planned_study, world_source
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError

MakeStudy = Callable[..., Path]


def open_study(root: Path, trials: int = 30) -> tuple[Study, StimulusSet]:
    study = planned_study(Study.load(root), trials)
    return study, StimulusSet.load(study.stimuli, verify=False)


def test_people_choose_by_the_choice_model(make_study: MakeStudy, rng: np.random.Generator) -> None:
    study, stimuli = open_study(make_study(design="trials = 12\nrepeats = 4\ncatch = 2\n"))
    space = sparse_embedding(8, rng)
    world = World(SimulatedObserver(stimuli.ids, space, 0.8, 0.1), np.array([[0, 1, 2]]))
    table = collect(study, stimuli, world, 60, (3, 1), people_differ=False)
    assert len(table) == 60 * 34  # repeats are judgments, attention checks are not
    assert set(table["trial_type"]) == {"main", "repeat"}
    place = {name: row for row, name in enumerate(stimuli.ids)}
    shown = np.stack([table[f"item_{k}"].astype(str).map(place) for k in (1, 2, 3)], axis=1)
    expected = world.observer.choice_probabilities(shown)
    hit = (table["chosen"].to_numpy()[:, None] == [1, 2, 3]).astype(float)
    error = np.sqrt((expected * (1 - expected)).sum(axis=0)) / len(table)
    assert (np.abs((hit - expected).mean(axis=0)) < 4 * error).all()
    assert (hit * np.log(expected)).sum(axis=1).mean() == pytest.approx(
        (expected * np.log(expected)).sum(axis=1).mean(), abs=0.05
    )


def test_people_differ_and_seeds_reproduce(make_study: MakeStudy) -> None:
    study, stimuli = open_study(make_study())
    world = draw_world(world_source(study, stimuli, None, 0.69), 7, 0)
    first, again, other, alike = (
        collect(study, stimuli, world, 4, seed, people_differ=differ)
        for seed, differ in (((7, 1), True), ((7, 1), True), ((7, 2), True), ((7, 1), False))
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["item_1"].equals(other["item_1"])
    assert first["item_1"].equals(alike["item_1"])
    assert not first["chosen"].equals(alike["chosen"])


@pytest.mark.parametrize("design", ["", 'trials = 12\n[design.exclude]\nkind = ["cold"]\n'])
def test_worlds_hold_the_objects_shown_and_are_as_predictable_as_said(
    make_study: MakeStudy, design: str
) -> None:
    study, stimuli = open_study(make_study(design=design), trials=4)
    source = world_source(study, stimuli, None, 0.6)
    assert source.kind == "categories"
    worlds = [draw_world(source, 1, k) for k in (0, 1, 0)]
    assert len(worlds[0].observer.ids) == (4 if design else 8)
    assert worlds[0].probabilities.max(axis=1).mean() == pytest.approx(0.6, abs=0.05)
    assert worlds[0].oracle == worlds[2].oracle != worlds[1].oracle


def test_without_categories_objects_have_some_of_many_qualities(make_study: MakeStudy) -> None:
    study, stimuli = open_study(make_study())
    bare = StimulusSet(stimuli.folder, stimuli.table[["id", "file", "sha256"]])
    assert world_source(study, bare, None, 0.6).kind == "sparse"
    sparse = draw_world(world_source(study, bare, None, 0.6), 1, 0)
    assert sparse.probabilities.max(axis=1).mean() == pytest.approx(0.6, abs=0.05)


def test_an_observer_is_the_world(make_study: MakeStudy, tmp_path: Path) -> None:
    study, stimuli = open_study(make_study())
    rng = np.random.default_rng(1)
    ids = tuple(reversed(stimuli.ids))
    SimulatedObserver(ids, rng.random((8, 3)), 0.5, 0.2).save(tmp_path / "o.npz")
    world = draw_world(world_source(study, stimuli, tmp_path / "o.npz", 0.69), 1, 0)
    known = SimulatedObserver.load(tmp_path / "o.npz")
    there = np.array([[ids.index(name) for name in stimuli.ids[:3]]])
    sure = replace(known, lapse=0.0).choice_probabilities(there)
    np.testing.assert_allclose(world.probabilities[0], sure[0])
    SimulatedObserver(ids[1:], rng.random((7, 3))).save(tmp_path / "o.npz")
    with pytest.raises(TwoalikeError, match="expected all 8 objects of the design, 1 are unknown"):
        world_source(study, stimuli, tmp_path / "o.npz", 0.69)


def test_designs_that_share_triplets_out(make_study: MakeStudy) -> None:
    study, stimuli = open_study(make_study(design='sampler = "coverage"\n'), trials=4)
    assert fewest_people(study, stimuli) == 3  # 28 pairs in 11 triplets
    world = draw_world(world_source(study, stimuli, None, 0.6), 1, 0)
    table = collect(study, stimuli, world, 3, (1, 1), people_differ=True)
    names = table[["item_1", "item_2", "item_3"]].astype(str).to_numpy()
    pairs = {frozenset((row[a], row[b])) for row in names for a, b in ((0, 1), (0, 2), (1, 2))}
    assert len(pairs) == 28


def test_the_seed_of_a_study_is_not_published_with_its_plan(make_study: MakeStudy) -> None:
    study = Study.load(make_study())
    assert PowerAnalysis(study=study).about["seed"] == study.config.seed == 7
    drawn = replace(study, config=study.config.model_copy(update={"seed": 2**127 + 9}))
    about = PowerAnalysis(study=drawn).about
    again = replace(study, config=study.config.model_copy(update={"seed": about["seed"]}))
    assert 0 < about["seed"] < 2**32
    assert PowerAnalysis(study=again).about == about  # what --seed with it gives


@pytest.mark.parametrize("sampler", ["adaptive", "list"])
def test_samplers_that_need_more_are_refused(make_study: MakeStudy, sampler: str) -> None:
    root = make_study(design=f'sampler = "{sampler}"\n')
    with pytest.raises(TwoalikeError, match=f"found {sampler}, which .* `sampler=random`"):
        PowerAnalysis(study=Study.load(root))


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"trials_per_person": 0}, "`trials_per_person=0`"),
        ({"accuracy": 0.2}, "`accuracy=0.2`"),
        ({"worlds": 1}, "`worlds=1`"),
        ({"assurance": 1.0}, "`assurance=1`"),
        ({"most_participants": 0}, "`most_participants=0`"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict[str, float], option: str, make_study: MakeStudy
) -> None:
    with pytest.raises(TwoalikeError, match=f"{option}: expected a"):
        PowerAnalysis(study=Study.load(make_study()), **settings)  # type: ignore[arg-type]
