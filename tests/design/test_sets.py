"""Lists of sets to arrange or sort: what a session gets, and every slip named by its place."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import cases

from twoalike.design import (
    ARRANGEMENT_LISTS,
    SORTING_LISTS,
    ListedArrangement,
    listed_arrangements,
    write_list,
)
from twoalike.design._sets import arrangement_table
from twoalike.planning import summarize_design
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, StudyConfig, TwoalikeError, provenance

type Objects = Callable[[int, int, int], StimulusSet]
IDS = ("a", "b", "c", "d", "e")
GOOD = [
    ListedArrangement("practice", ("c", "a", "b"), "random"),
    ListedArrangement("main", ("a", "b", "c", "d", "e"), "all"),
    ListedArrangement("main", ("e", "a", "d"), "list"),
    ListedArrangement("catch", ("a", "b", "e"), "categories"),
]


def study_of(table: str, seed: int = 0, **keys: Any) -> Study:
    content = {"title": "t", "seed": seed, table: keys}
    return Study(Path("nowhere"), StudyConfig.model_validate(content))


def arranged(stimuli: StimulusSet, **keys: Any) -> tuple[ListedArrangement, ...]:
    study = study_of("arrangement", **keys)
    return listed_arrangements(ARRANGEMENT_LISTS.one(study, stimuli, "01", 1))


def test_full_design(objects: Objects) -> None:
    stimuli, keys = objects(3, 2, 2), {"scheduler": "full", "full_trials": 2}
    practice, first, second = arranged(stimuli, **keys, practice_items=4)
    assert [one.trial_type for one in (practice, first, second)] == ["practice", "main", "main"]
    assert len(set(practice.stimuli)) == 4 and first.scheduler == "all"
    assert set(first.stimuli) == set(second.stimuli) == set(stimuli.ids)
    assert first.stimuli != second.stimuli, "seats are drawn anew"
    *_, last = arranged(stimuli, **keys, exclude={"kingdom": ["k1"]})
    assert {name[:2] for name in last.stimuli} == {"k0", "k2"}


def test_attention_checks_are_solved_by_sorting(objects: Objects) -> None:
    """Two of a finest kind, and others of another coarsest kind: in every one of many."""
    stimuli = objects(3, 2, 4)
    kinds_of = stimuli.table.set_index("id")
    trials = arranged(stimuli, practice_items=0, catch=60)
    assert len(trials) == 60
    for trial in trials:
        levels = kinds_of.loc[list(trial.stimuli)]
        near = levels["species"] == levels["species"].value_counts().idxmax()
        assert near.sum() == 3 and (~near).sum() == 3
        assert set(levels.loc[near, "kingdom"]).isdisjoint(levels.loc[~near, "kingdom"])


def test_covering_design(objects: Objects) -> None:
    keys = {"scheduler": "covering", "covering_size": 6, "practice_items": 0}
    trials = arranged(objects(3, 2, 3), **keys)
    assert {(trial.trial_type, trial.scheduler) for trial in trials} == {("main", "covering")}
    shown = {frozenset(pair) for trial in trials for pair in combinations(trial.stimuli, 2)}
    assert len(shown) == 18 * 17 // 2
    assert max(len(trial.stimuli) for trial in trials) == 6


def test_sets_chosen_in_the_session_leave_practice_and_checks(objects: Objects) -> None:
    stimuli = objects(2, 2, 5)
    trials = arranged(stimuli, catch=2)
    assert [one.trial_type for one in trials] == ["practice", "catch", "catch"]
    assert {len(trial.stimuli) for trial in trials[1:]} == {6}
    assert len(arranged(stimuli, catch=1, max_items=3)[-1].stimuli) == 3
    assert len(arranged(objects(1, 1, 4))[0].stimuli) == 4
    assert arranged(stimuli, practice_items=0) == ()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"scheduler": "list"}, "sub-01_ses-01_task-multiarrangement_trials.tsv: expected"),
        ({"exclude": {"kingdom": ["k9"]}}, "arrangement.exclude: kingdom 'k9'"),
        ({"catch": 1, "exclude": {"kingdom": ["k1", "k2"]}}, "categories allow none"),
    ],
)
def test_impossible_designs_say_why(objects: Objects, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        arranged(objects(3, 2, 2), **keys)
    assert "\n" not in str(caught.value)


def test_sets_come_back_as_they_were_written_and_are_summarized(tmp_path: Path) -> None:
    table, path = arrangement_table(GOOD), tmp_path / "list.tsv"
    write_list(path, table, provenance("arrangement_list", seed=3))
    found = ARRANGEMENT_LISTS.read(path, IDS)
    pd.testing.assert_frame_equal(found, table)
    assert listed_arrangements(found) == tuple(GOOD)
    rows = summarize_design([table, arrangement_table([])], IDS)
    assert (rows["trials"], rows["placements"], rows["images a trial"]) == ("4", "14", "3 to 5")
    assert (rows["pairs shown"], rows["trials an object"]) == ("100.0%", "1 to 3")
    assert rows["trials a pair, fewest / median"] == "1 / 1.5"
    assert rows["groups without a common scale"] == "1"
    with pytest.raises(TwoalikeError, match="expected trials"):
        summarize_design([arrangement_table([])], IDS)
    sets = ["abc", "ade", "bcf", "fgh", "ghi", "aei"]  # two each share a pair, one none
    table = arrangement_table([ListedArrangement("main", tuple(s), "list") for s in sets])
    assert summarize_design([table], tuple("abcdefghi"))["groups without a common scale"] == "3"


@pytest.mark.parametrize(
    ("line", "column", "value", "message"), cases(__file__, "slips_are_named_by_line_and_column")
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


def test_a_session_of_sorting_is_what_was_asked_for(objects: Objects, tmp_path: Path) -> None:
    stimuli = objects(3, 4, 3)
    study = study_of("free_sorting", items=9, trials=8, practice_items=5, repeats=2)
    table = SORTING_LISTS.one(study, stimuli, "01", 1)
    sizes = table.groupby("trial_index").size()
    assert sizes.tolist() == [5] + [9] * 10
    main = table[table["trial_type"] == "main"]
    assert np.ptp(main["stimulus"].value_counts().reindex(stimuli.ids, fill_value=0)) <= 1
    shown = table.groupby("trial_index")["stimulus"].agg(list)
    for index, first in table.groupby("trial_index")["repeat_of"].first().dropna().items():
        assert sorted(shown[index]) == sorted(shown[first])
        assert shown[index] != shown[first]
    path = tmp_path / "list.tsv"
    write_list(path, table, provenance("trial_list"))
    pd.testing.assert_frame_equal(SORTING_LISTS.read(path, stimuli.ids), table)
    wrong = table.astype(object)
    wrong.loc[wrong["trial_type"] == "repeat", "repeat_of"] = 1
    write_list(path, wrong, provenance("trial_list"))
    with pytest.raises(TwoalikeError, match="an earlier trial of these images"):
        SORTING_LISTS.read(path, stimuli.ids)


def test_sorting_covers_the_pairs_together(objects: Objects) -> None:
    stimuli, study = (
        objects(2, 3, 2),
        study_of("free_sorting", sampler="coverage", items=6, trials=3),
    )
    tables = SORTING_LISTS.together(study, stimuli, ["01", "02"], 1)
    together = {
        frozenset(pair)
        for table in tables
        for _, trial in table[table["trial_type"] == "main"].groupby("trial_index")
        for pair in combinations(trial["stimulus"], 2)
    }
    assert together == {frozenset(pair) for pair in combinations(stimuli.ids, 2)}
    with pytest.raises(TwoalikeError, match=r"free_sorting: to show each pair .* found 1"):
        SORTING_LISTS.together(study, stimuli, ["01"], 1)


def test_a_small_set_is_sorted_as_a_whole(objects: Objects) -> None:
    table = SORTING_LISTS.one(study_of("free_sorting"), objects(2, 2, 2), "01", 1)
    main = table[table["trial_type"] == "main"]
    assert (main["trial_index"].nunique(), len(main), set(main["sampler"])) == (1, 8, {"all"})
    with pytest.raises(TwoalikeError, match="3 repeats of 1 main trials"):
        SORTING_LISTS.one(study_of("free_sorting", repeats=3), objects(2, 2, 2), "01", 1)
