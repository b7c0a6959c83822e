"""Arrangement lists: what a session gets, the file, every slip named by place, the preview."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from twoalike.design import (
    ARRANGEMENT_LISTS,
    ListedArrangement,
    arrangement_table,
    arrangement_trial_list,
    listed_arrangements,
    shown_objects,
    summarize_design,
    write_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    ArrangementConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    load_toml,
    provenance,
)

Objects = Callable[[int, int, int], StimulusSet]
IDS = ("a", "b", "c", "d", "e")
GOOD = [
    ListedArrangement("practice", ("c", "a", "b"), "random"),
    ListedArrangement("main", ("a", "b", "c", "d", "e"), "all"),
    ListedArrangement("main", ("e", "a", "d"), "list"),
    ListedArrangement("catch", ("a", "b", "e"), "categories"),
]


def kinds(table: pd.DataFrame) -> list[str]:
    return [trial.trial_type for trial in listed_arrangements(table)]


def test_full_design(objects: Objects, rng: np.random.Generator) -> None:
    stimuli = objects(3, 2, 2)
    config = ArrangementConfig(scheduler="full", full_trials=2, practice_items=4, catch=3)
    table = arrangement_trial_list(stimuli, config, rng)
    practice, first, second, *catch = listed_arrangements(table)
    assert kinds(table) == ["practice", "main", "main", "catch", "catch", "catch"]
    assert len(set(practice.stimuli)) == 4
    assert set(first.stimuli) == set(second.stimuli) == set(stimuli.ids)
    assert first.stimuli != second.stimuli, "seats are drawn anew"
    assert first.scheduler == "all"
    kind = stimuli.table.set_index("id")
    for trial in catch:
        species = kind.loc[list(trial.stimuli), "species"]
        alike = species.value_counts().idxmax()
        near = species[species == alike]
        far = kind.loc[list(set(trial.stimuli) - set(near.index)), "kingdom"]
        assert (len(near), len(far)) == (2, 3)
        assert alike[:2] not in set(far)


def test_attention_checks_are_solved_by_sorting(objects: Objects, rng: np.random.Generator) -> None:
    """Two of a finest kind, and others of another coarsest kind: in every one of many."""
    stimuli = objects(3, 2, 4)
    config = ArrangementConfig(practice_items=0, catch=60)
    kinds_of = stimuli.table.set_index("id")
    trials = listed_arrangements(arrangement_trial_list(stimuli, config, rng))
    assert len(trials) == 60
    for trial in trials:
        levels = kinds_of.loc[list(trial.stimuli)]
        near = levels["species"] == levels["species"].value_counts().idxmax()
        assert near.sum() == 3 and (~near).sum() == 3
        assert set(levels.loc[near, "kingdom"]).isdisjoint(levels.loc[~near, "kingdom"])


def test_covering_design(objects: Objects, rng: np.random.Generator) -> None:
    stimuli = objects(3, 2, 3)
    config = ArrangementConfig(scheduler="covering", covering_size=6, practice_items=0)
    table = arrangement_trial_list(stimuli, config, rng)
    trials = listed_arrangements(table)
    assert {(trial.trial_type, trial.scheduler) for trial in trials} == {("main", "covering")}
    shown = {frozenset(pair) for trial in trials for pair in combinations(trial.stimuli, 2)}
    assert len(shown) == 18 * 17 // 2
    assert max(len(trial.stimuli) for trial in trials) == 6


def test_sets_chosen_in_the_session_leave_practice_and_checks(
    objects: Objects, rng: np.random.Generator
) -> None:
    stimuli = objects(2, 2, 5)
    table = arrangement_trial_list(stimuli, ArrangementConfig(catch=2), rng)
    assert kinds(table) == ["practice", "catch", "catch"]
    assert {len(trial.stimuli) for trial in listed_arrangements(table)[1:]} == {6}
    narrow = arrangement_trial_list(stimuli, ArrangementConfig(catch=1, max_items=3), rng)
    assert len(listed_arrangements(narrow)[-1].stimuli) == 3
    few = arrangement_trial_list(objects(1, 1, 4), ArrangementConfig(), rng)
    assert len(listed_arrangements(few)[0].stimuli) == 4
    nothing = arrangement_trial_list(stimuli, ArrangementConfig(practice_items=0), rng)
    assert listed_arrangements(nothing) == ()


def test_excluded_objects_are_never_shown(objects: Objects, rng: np.random.Generator) -> None:
    config = ArrangementConfig(scheduler="full", exclude={"kingdom": ["k1"]}, catch=2)
    stimuli = objects(3, 2, 2)
    left = shown_objects(stimuli, config)
    assert len(left) == 8
    assert set(arrangement_trial_list(stimuli, config, rng)["stimulus"]) == set(left)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ArrangementConfig(scheduler="list"), "nothing to design"),
        (ArrangementConfig(exclude={"kind": ["x"]}), "arrangement.exclude: no column 'kind'"),
        (ArrangementConfig(exclude={"kingdom": ["k9"]}), "arrangement.exclude: kingdom 'k9'"),
        (ArrangementConfig(catch=1, exclude={"kingdom": ["k1", "k2"]}), "categories allow none"),
    ],
)
def test_impossible_designs_say_why(
    objects: Objects, rng: np.random.Generator, config: ArrangementConfig, message: str
) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        arrangement_trial_list(objects(3, 2, 2), config, rng)
    assert "\n" not in str(caught.value)


def test_a_session_depends_on_seed_participant_and_session(objects: Objects) -> None:
    stimuli = objects(3, 2, 2)

    def session(seed: int, participant: str, number: int) -> pd.DataFrame:
        arrangement = ArrangementConfig(scheduler="full", catch=2)
        config = StudyConfig(title="t", seed=seed, arrangement=arrangement)
        return ARRANGEMENT_LISTS.one(Study(Path(), config), stimuli, participant, number)

    first = session(1, "01", 1)
    pd.testing.assert_frame_equal(first, session(1, "01", 1))
    for other in (session(2, "01", 1), session(1, "02", 1), session(1, "01", 2)):
        assert not first.equals(other)


def test_file_there_and_back(tmp_path: Path) -> None:
    table = arrangement_table(GOOD)
    path = tmp_path / "design" / "list.tsv"
    write_list(path, table, provenance("arrangement_list", seed=3))
    found = ARRANGEMENT_LISTS.read(path, IDS)
    pd.testing.assert_frame_equal(found, table)
    assert listed_arrangements(found) == tuple(GOOD)
    assert json.loads(path.with_suffix(".json").read_text())["seed"] == 3
    first = path.read_text().splitlines()[:2]
    assert first == ["trial_index\ttrial_type\tstimulus\tscheduler", "1\tpractice\tc\trandom"]


@pytest.mark.parametrize(
    ("line", "column", "value", "message"),
    [
        (2, "trial_index", "2", "row 1, column 'trial_index': expected 1"),
        (3, "trial_index", "one", "row 2, column 'trial_index': expected a whole number"),
        (5, "trial_index", "3", "row 4, column 'trial_index': expected 1 or 2"),
        (4, "trial_index", "2", "row 2, column 'trial_index': expected at least 3 rows"),
        (15, "trial_index", "5", "row 13, column 'trial_index': expected at least 3 rows"),
        (5, "trial_type", "test", "row 4, column 'trial_type': expected one of practice, main"),
        (6, "trial_type", "catch", "row 5, column 'trial_type': expected 'main' as in"),
        (7, "scheduler", "list", "row 6, column 'scheduler': expected 'all' as in"),
        (7, "scheduler", "n/a", "row 6, column 'scheduler': expected text in every row"),
        (8, "stimulus", "f", "row 7, column 'stimulus': expected an object of the stimulus"),
        (8, "stimulus", "a", "row 7, column 'stimulus': expected each object once"),
    ],
)
def test_slips_are_named_by_line_and_column(
    tmp_path: Path, line: int, column: str, value: str, message: str
) -> None:
    table = arrangement_table(GOOD).astype(str)
    table.loc[line - 2, column] = value
    path = tmp_path / "list.tsv"
    path.write_text(table.to_csv(sep="\t", index=False), encoding="utf-8")
    with pytest.raises(TwoalikeError, match=message) as caught:
        ARRANGEMENT_LISTS.read(path, IDS)
    assert str(caught.value).startswith(f"{path}, row ")
    assert "\n" not in str(caught.value)


def test_practice_comes_first_and_a_short_end_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "list.tsv"

    def read(trials: list[ListedArrangement]) -> None:
        path.write_text(arrangement_table(trials).to_csv(sep="\t", index=False))
        ARRANGEMENT_LISTS.read(path, IDS)

    with pytest.raises(TwoalikeError, match="row 9, column 'trial_type': expected practice"):
        read([GOOD[1], GOOD[2], GOOD[0]])
    with pytest.raises(TwoalikeError, match="row 5, column 'trial_index': expected at least 3"):
        read([GOOD[0], ListedArrangement("main", ("a", "b"), "list")])


def test_summary_by_hand() -> None:
    first = arrangement_table(GOOD)
    found = summarize_design([first, arrangement_table([])], IDS)
    assert (found.trials, found.placements) == (4, 14)
    assert (found.items_min, found.items_max) == (3, 5)
    assert (found.pairs_shown, found.pair_min) == (1, 1)
    assert (found.exposure_min, found.exposure_max) == (1, 3)
    assert found.scale_groups == 1
    twice = summarize_design([first, first], IDS)
    assert (twice.trials, twice.pair_min, twice.exposure_max) == (8, 2, 6)
    some = summarize_design([arrangement_table(GOOD[2:3])], IDS)
    assert some.pairs_shown == pytest.approx(0.3)
    assert some.exposure_min == 0


def test_summary_tells_scales_that_nothing_ties() -> None:
    sets = ["abc", "ade", "bcf", "fgh", "ghi", "aei"]  # two each share a pair, one none
    ids = tuple("abcdefghi")
    table = arrangement_table([ListedArrangement("main", tuple(s), "list") for s in sets])
    assert summarize_design([table], ids).scale_groups == 4 - 1


def test_summary_of_nothing_and_of_strangers() -> None:
    with pytest.raises(TwoalikeError, match="expected trials"):
        summarize_design([arrangement_table([])], IDS)
    with pytest.raises(TwoalikeError, match="not among the ids"):
        summarize_design([arrangement_table(GOOD)], IDS[:3])


def test_settings_of_a_study(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text('title = "t"\nseed = 1\n[arrangement]\nmax_item = 12\n')
    with pytest.raises(TwoalikeError, match="did you mean 'max_items'"):
        load_toml(path, StudyConfig)
    path.write_text('title = "t"\nseed = 1\n[arrangement]\nmax_items = 2\n')
    with pytest.raises(TwoalikeError, match="0 or at least 3"):
        load_toml(path, StudyConfig)
    for wrong in ({"covering_size": 3}, {"weight_floor": 0}, {"scheduler": "x"}):
        with pytest.raises(ValidationError):
            ArrangementConfig.model_validate(wrong)


def test_protocols_of_tasks() -> None:
    study = Study(Path("s"), StudyConfig(title="t", seed=1))
    assert study.protocol_of("oddoneout") == study.protocol
    found = study.protocol_of("multiarrangement")
    assert found == Path("s") / "protocols" / "multi_arrangement.toml"
