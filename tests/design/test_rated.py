"""Trial lists of ratings and of free sorting: balance, checks, repeats, coverage, slips."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from twoalike.design import (
    PAIR_LISTS,
    SORTING_LISTS,
    TrialForm,
    balanced_trials,
    excluded,
    write_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    ExclusionConfig,
    FreeSortingConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    provenance,
)

type Objects = Callable[[int, int, int], StimulusSet]
PAIR = ["stimulus_1", "stimulus_2"]


def pairs_of(**numbers: object) -> Study:
    content = {"title": "t", "seed": 0, "pair_rating": numbers}
    return Study(Path("nowhere"), StudyConfig.model_validate(content))


def sets_of(**numbers: object) -> Study:
    content = {"title": "t", "seed": 0, "free_sorting": numbers}
    return Study(Path("nowhere"), StudyConfig.model_validate(content))


@settings(deadline=None, max_examples=30)
@given(st.integers(3, 30), st.integers(1, 80), st.integers(0, 99))
def test_pairs_are_distinct_and_objects_balanced(m: int, n: int, seed: int) -> None:
    n = min(n, m * (m - 1) // 2)
    rows = balanced_trials(m, n, np.random.default_rng(seed), TrialForm(2))
    assert len(rows) == n
    assert (rows[:, 0] < rows[:, 1]).all()
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)
    assert np.ptp(np.bincount(rows.ravel(), minlength=m)) <= 1


@settings(deadline=None, max_examples=20)
@given(st.integers(12, 60), st.integers(0, 5), st.integers(0, 6), st.integers(0, 8))
def test_a_session_of_pairs_is_what_was_asked_for(
    objects: Objects, pairs: int, practice: int, catch: int, repeats: int
) -> None:
    stimuli, repeats = objects(3, 3, 2), min(repeats, pairs - 10)
    numbers = {"pairs": pairs, "practice": practice, "catch": catch, "repeats": repeats}
    table = PAIR_LISTS.one(pairs_of(**numbers), stimuli, "001", 1)
    asked = {"practice": practice, "main": pairs, "catch": catch, "repeat": repeats}
    assert table["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    main = table[table["trial_type"] == "main"]
    for name in stimuli.ids:
        rows = main[(main[PAIR] == name).any(axis=1)]
        left = [row[f"position_{1 + (row['stimulus_2'] == name)}"] for _, row in rows.iterrows()]
        assert abs(2 * left.count("left") - len(left)) <= 1
    for row in table[table["trial_type"] == "repeat"].to_dict("records"):
        first = table.iloc[int(row["repeat_of"]) - 1]
        assert [row[name] for name in PAIR] == first[PAIR].tolist()
        assert row["position_1"] == first["position_2"]
    kingdom = stimuli.table.set_index("id")["kingdom"]
    checks = table[table["trial_type"] == "catch"].to_dict("records")
    for row in checks:
        one, other = (row[name] for name in PAIR)
        if row["expected_rating"] == "high":
            assert one == other
        else:
            assert kingdom[one] != kingdom[other]
    assert sum(row["expected_rating"] == "low" for row in checks) == catch // 2


def test_without_categories_all_checks_are_identical_images(objects: Objects) -> None:
    table = PAIR_LISTS.one(pairs_of(pairs=20, catch=3), objects(1, 1, 9), "001", 1)
    checks = table[table["trial_type"] == "catch"]
    assert set(checks["sampler"]) == {"identical"}
    assert (checks["stimulus_1"] == checks["stimulus_2"]).all()


def test_a_small_set_shows_all_its_pairs(objects: Objects) -> None:
    table = PAIR_LISTS.one(pairs_of(), objects(2, 1, 2), "001", 1)
    assert table["trial_type"].value_counts().to_dict() == {"main": 6, "practice": 6}


def test_sessions_cover_the_pairs_together(objects: Objects) -> None:
    stimuli, study = objects(3, 3, 2), pairs_of(sampler="coverage", pairs=40, practice=0)
    tables = PAIR_LISTS.together(study, stimuli, ["01", "02"], 2)
    rows = [row for table in tables for row in table.to_dict("records")]
    cover = [frozenset(row[name] for name in PAIR) for row in rows if row["sampler"] == "coverage"]
    assert sorted(map(sorted, cover)) == sorted(map(sorted, combinations(stimuli.ids, 2)))
    assert [len(table) for table in tables] == [40] * 4
    with pytest.raises(TwoalikeError, match="so 4 sessions of 40 trials, found 2"):
        PAIR_LISTS.together(study, stimuli, ["01"], 2)
    with pytest.raises(TwoalikeError, match="Sessions of the coverage design share"):
        PAIR_LISTS.one(study, stimuli, "01", 1)
    with pytest.raises(TwoalikeError, match="9 repeats of 6 main trials"):
        PAIR_LISTS.one(pairs_of(repeats=9), objects(2, 1, 2), "01", 1)


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        ("main", ("stimulus_1", "stimulus_1"), "stimulus_2': expected two different objects"),
        ("main", ("position_1", "position_1"), "position_2': expected two different places"),
        ("catch", ("repeat_of", "expected_rating"), "expected_rating': expected an answer"),
    ],
)
def test_slips_in_a_list_of_pairs_are_named(
    objects: Objects, tmp_path: Path, kind: str, columns: tuple[str, str], message: str
) -> None:
    stimuli, path = objects(3, 3, 2), tmp_path / "list.tsv"
    made = PAIR_LISTS.one(pairs_of(pairs=12, practice=0, catch=1), stimuli, "01", 1)
    write_list(path, made, provenance("trial_list"))
    pd.testing.assert_frame_equal(PAIR_LISTS.read(path, stimuli.ids), made)
    row = int(made.index[made["trial_type"] == kind][0])
    wrong = made.astype(object)
    source, target = columns
    if source == target:
        target = f"{source[:-1]}2"
    wrong.loc[row, target] = None if kind == "catch" else wrong.loc[row, source]
    write_list(path, wrong, provenance("trial_list"))
    with pytest.raises(TwoalikeError, match=message):
        PAIR_LISTS.read(path, stimuli.ids)


def test_the_rule_of_exclusion_reads_its_checks() -> None:
    rows = {"trial_type": ["catch"] * 2, "response": ["7", "6"], "expected_rating": ["high", "low"]}
    trials = pd.DataFrame({**rows, "correct": ["true", "false"]})
    assert excluded(trials, ExclusionConfig()) == "attention checks: 1 of 2 right, 90 % expected"
    assert excluded(trials[:1], ExclusionConfig()) is None


def test_a_session_of_sorting_is_what_was_asked_for(objects: Objects, tmp_path: Path) -> None:
    stimuli = objects(3, 4, 3)
    study = sets_of(items=9, trials=8, practice_items=5, repeats=2)
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
    stimuli, study = objects(2, 3, 2), sets_of(sampler="coverage", items=6, trials=3)
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
    table = SORTING_LISTS.one(sets_of(), objects(2, 2, 2), "01", 1)
    main = table[table["trial_type"] == "main"]
    assert (main["trial_index"].nunique(), len(main), set(main["sampler"])) == (1, 8, {"all"})
    with pytest.raises(TwoalikeError, match="3 repeats of 1 main trials"):
        SORTING_LISTS.one(sets_of(repeats=3), objects(2, 2, 2), "01", 1)
    with pytest.raises(ValidationError, match="0 or at least 3"):
        FreeSortingConfig(practice_items=2)
