"""Trial lists of choices among many images: balance, checks, repeats, coverage, slips in a file."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import (
    ALIKE_PAIR_LISTS,
    ODD_OF_MANY_LISTS,
    ListDesign,
    TrialForm,
    check_categories,
    covering_trials,
    excluded_pairs,
    shown_objects,
    summarize_design,
    write_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import ExclusionConfig, Study, StudyConfig, TwoalikeError, provenance
from twoalike.tables import MANY_PLACES, MANY_STIMULI

Objects = Callable[[int, int, int], StimulusSet]
TASKS = {"odd_one_of_many": ODD_OF_MANY_LISTS, "most_alike_pair": ALIKE_PAIR_LISTS}


def make_study(table: str, **settings: object) -> Study:
    content = {"title": "t", "seed": 3, table: settings}
    return Study(Path("nowhere"), StudyConfig.model_validate(content))


def shown(row: dict[str, Any]) -> list[str]:
    return [row[name] for name in MANY_STIMULI[: row["n_items"]]]


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(sorted(TASKS)), st.integers(3, 6), st.integers(12, 40), st.integers(0, 4))
def test_a_session_is_what_was_asked_for(
    objects: Objects, table: str, n_items: int, trials: int, repeats: int
) -> None:
    stimuli, repeats = objects(3, 4, 2), min(repeats, trials - 10)
    numbers = {"trials": trials, "practice": 2, "practice_checks": 1, "catch": 3}
    study = make_study(table, n_items=n_items, repeats=repeats, **numbers)
    made = TASKS[table].one(study, stimuli, "001", 1)
    asked = {"practice": 3, "main": trials, "catch": 3, "repeat": repeats}
    assert made["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    rows: list[Any] = made.to_dict("records")
    main = [row for row in rows if row["trial_type"] == "main"]
    counts = pd.Series([name for row in main for name in shown(row)]).value_counts()
    assert np.ptp(counts.reindex(stimuli.ids, fill_value=0)) <= 1
    assert len({row["set_id"] for row in main}) == trials
    for name in stimuli.ids:
        at = [row[MANY_PLACES[shown(row).index(name)]] for row in main if name in shown(row)]
        each = [at.count(place) for place in range(1, n_items + 1)]
        assert max(each) - min(each) <= 1
    for row in rows:
        if row["trial_type"] == "repeat":
            first = rows[int(row["repeat_of"]) - 1]
            assert shown(row) == shown(first)
            assert all(row[name] != first[name] for name in MANY_PLACES[:n_items])
    kingdoms: Any = stimuli.table.set_index("id")["kingdom"].to_dict()
    check_answers(rows, kingdoms)


def check_answers(rows: list[dict[str, Any]], kingdom: dict[str, str]) -> None:
    """Right answers are obvious: alone in its kingdom, or the only ones of a species."""
    for row in rows:
        names = shown(row)
        if "expected_odd" in row and not pd.isna(row["expected_odd"]):
            odd = names.pop(int(row["expected_odd"]) - 1)
            assert len({kingdom[name] for name in names}) == 1
            assert kingdom[odd] != kingdom[names[0]]
        elif "expected_1" in row and not pd.isna(row["expected_1"]):
            pair = [names[int(row[key]) - 1] for key in ("expected_1", "expected_2")]
            others = set(names) - set(pair)
            species = [name.split("-")[0] for name in pair]
            assert species[0] == species[1]
            assert len({name.split("-")[0] for name in others}) == len(others)
            assert kingdom[pair[0]] not in {kingdom[name] for name in others}
        else:
            assert row["trial_type"] != "catch"


@pytest.mark.parametrize(("m", "size", "repeats"), [(10, 4, 1), (8, 4, 2), (9, 3, 2)])
def test_coverings_show_each_pair(
    m: int, size: int, repeats: int, rng: np.random.Generator
) -> None:
    sets = covering_trials(TrialForm(size), m, repeats, rng)
    assert sets.shape[1] == size
    assert len({tuple(row) for row in sets.tolist()}) == len(sets)
    shown = [pair for row in sets.tolist() for pair in combinations(row, 2)]
    assert min(shown.count(pair) for pair in combinations(range(m), 2)) >= repeats


@pytest.mark.parametrize("table", sorted(TASKS))
def test_sessions_cover_the_pairs_together(objects: Objects, table: str) -> None:
    stimuli = objects(3, 2, 2)
    study = make_study(table, sampler="coverage", trials=11, catch=2)
    lists = TASKS[table]
    tables = lists.together(study, stimuli, ["01", "02"], 1)
    summary = summarize_design(tables, shown_objects(stimuli, lists.settings(study)))
    assert (summary.pairs_shown, summary.bound) == (1.0, 12)
    assert len(summary.catch_sides) == 4
    assert sum(summary.catch_sides) == (4 if table == "odd_one_of_many" else 8)
    with pytest.raises(TwoalikeError, match=f"{table}: to show each pair of 12 .* found 1. Design"):
        lists.together(study, stimuli, ["01"], 1)
    with pytest.raises(TwoalikeError, match="Sessions of the coverage design share"):
        lists.one(study, stimuli, "01", 1)


def test_what_cannot_be_designed_says_why(objects: Objects) -> None:
    few = objects(2, 2, 2)
    for table, lists in TASKS.items():
        with pytest.raises(TwoalikeError, match="8 objects have only 70 sets of 4"):
            lists.one(make_study(table), few, "01", 1)
        wanted = make_study(table, n_items=6, trials=10, practice=0, catch=1)
        with pytest.raises(TwoalikeError, match=rf"{table}: asked for 1 attention check"):
            lists.one(wanted, few, "01", 1)
        faults = check_categories(wanted, few)
        assert len(faults) == 1
        assert faults[0].startswith(f"{table}.catch: asked for 1")
        assert check_categories(make_study(table, catch=1), few) == []
    with pytest.raises(ValueError, match="without showing one twice"):
        covering_trials(TrialForm(6), 6, 2, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("stimulus_5", "k0s0-0", "row 4, column 'stimulus_5': expected 4 images, as n_items says"),
        ("stimulus_4", None, "column 'stimulus_4': expected 4 images, as n_items says"),
        ("position_2", 6, "column 'position_1': expected the places 1 to 4, each once"),
        ("stimulus_1", "stimulus_2", "column 'stimulus_1': expected 4 different objects"),
        ("stimulus_1", "nobody", "column 'stimulus_1': expected an object of the stimulus set"),
        ("expected_1", None, "expected an answer in a catch trial|ascending, or n/a"),
        ("expected_2", 5, "expected numbers of images from 1 to 4"),
    ],
)
def test_slips_in_a_file_are_named(
    objects: Objects, tmp_path: Path, column: str, value: Any, message: str
) -> None:
    stimuli, lists = objects(3, 4, 2), ALIKE_PAIR_LISTS
    study = make_study("most_alike_pair", trials=12, practice=2, practice_checks=4)
    made = lists.one(study, stimuli, "01", 1)
    path = tmp_path / "list.tsv"
    write_list(path, made, provenance("trial_list"))
    pd.testing.assert_frame_equal(lists.read(path, stimuli.ids), made)
    wrong: Any = made.astype(object)
    wrong.loc[3, column] = made.loc[3, value] if str(value).startswith("stim") else value
    write_list(path, wrong, provenance("trial_list"))
    with pytest.raises(TwoalikeError, match=message):
        lists.read(path, stimuli.ids)


def test_own_lists_may_mix_numbers_of_images(objects: Objects, tmp_path: Path) -> None:
    stimuli, lists = objects(3, 4, 2), ODD_OF_MANY_LISTS
    parts = [
        lists.one(make_study("odd_one_of_many", n_items=n, trials=4, practice=0), stimuli, "1", 1)
        for n in (3, 6)
    ]
    mixed = pd.concat(parts, ignore_index=True)
    mixed["trial_index"] = range(1, 9)
    write_list(tmp_path / "list.tsv", mixed, provenance("trial_list"))
    read = lists.read(tmp_path / "list.tsv", stimuli.ids)
    assert read["n_items"].tolist() == [3] * 4 + [6] * 4
    assert summarize_design([read], stimuli.ids).triplets == 8


def test_the_rule_of_exclusion_reads_checks_of_pairs() -> None:
    trials = pd.DataFrame(
        {
            "trial_type": ["catch", "catch", "main"],
            **{"expected_1": ["1", "2", "n/a"], "expected_2": ["3", "4", "n/a"]},
            **{"response_1": ["1", "2", "n/a"], "response_2": ["3", "3", "n/a"]},
        }
    )
    rule = ExclusionConfig()
    assert excluded_pairs(trials, rule) == "attention checks: 1 of 2 right, 90 % expected"
    assert excluded_pairs(trials, ExclusionConfig(catch_accuracy=0.5, missed=0)) == (
        "no response in 1 trial, 0 allowed"
    )


@pytest.mark.parametrize("lists", TASKS.values(), ids=sorted(TASKS, reverse=True))
def test_the_same_session_again(objects: Objects, lists: ListDesign) -> None:
    stimuli, study = objects(3, 4, 2), make_study(lists.table, trials=30)
    one, again = (lists.one(study, stimuli, "01", 1) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    assert not lists.one(study, stimuli, "02", 1).equals(one)
