"""Trial lists of anchored choices: balance, checks, repeats, coverage, and slips in a file."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import (
    ANCHORED_LISTS,
    TrialForm,
    balanced_trials,
    covering_trials,
    excluded,
    summarize_design,
    write_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    AnchoredConfig,
    ExclusionConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    provenance,
)
from twoalike.tables import PLACES, STIMULI

QUESTION = TrialForm(3, anchored=True)
Objects = Callable[[int, int, int], StimulusSet]


def make_study(seed: int = 0, **anchored: object) -> Study:
    config = AnchoredConfig.model_validate(anchored)
    return Study(Path("nowhere"), StudyConfig(title="t", seed=seed, anchored=config))


@settings(deadline=None, max_examples=40)
@given(st.integers(4, 30), st.integers(1, 60), st.integers(0, 99))
def test_questions_are_distinct_and_references_balanced(m: int, n: int, seed: int) -> None:
    n = min(n, m * (m - 1) * (m - 2) // 2)
    rows = balanced_trials(m, n, np.random.default_rng(seed), QUESTION)
    assert (rows[:, 1] < rows[:, 2]).all()
    assert all(len(set(row)) == 3 for row in rows.tolist())
    assert len({tuple(row) for row in rows.tolist()}) == n
    assert np.ptp(np.bincount(rows[:, 0], minlength=m)) <= 1


@settings(deadline=None, max_examples=40)
@given(st.integers(6, 25), st.integers(1, 3), st.integers(0, 99))
def test_coverage_shows_every_pair_with_as_few_trials_as_there_can_be(
    m: int, repeats: int, seed: int
) -> None:
    rows = covering_trials(QUESTION, m, repeats, np.random.default_rng(seed))
    towards = np.zeros((m, m), dtype=int)
    np.add.at(towards, (rows[:, [0, 0]], rows[:, 1:]), 1)
    pairs = (towards + towards.T)[np.triu_indices(m, 1)]
    assert pairs.min() >= repeats
    assert len(rows) == -(-repeats * m * (m - 1) // 4)
    # Each of the two is the reference as often, but for pairs turned round to leave none alone.
    assert np.ptp(np.bincount(rows[:, 0], minlength=m)) <= 1
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)


@settings(deadline=None, max_examples=30)
@given(st.integers(12, 60), st.integers(0, 4), st.integers(0, 5), st.integers(0, 8))
def test_a_session_is_what_was_asked_for(
    objects: Objects, trials: int, practice: int, catch: int, repeats: int
) -> None:
    stimuli, repeats = objects(3, 3, 2), min(repeats, trials - 10)
    numbers = {"trials": trials, "practice": practice, "catch": catch, "repeats": repeats}
    table = ANCHORED_LISTS.one(make_study(practice_checks=2, **numbers), stimuli, "001", 1)
    asked = {"practice": practice + 2, "main": trials, "catch": catch, "repeat": repeats}
    assert table["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    assert set(table[PLACES[0]]) == {"middle"}
    main = table[table["trial_type"] == "main"]
    assert np.ptp(main[STIMULI[0]].value_counts().reindex(stimuli.ids, fill_value=0)) <= 1
    for name in stimuli.ids:
        sides = [
            row[place]
            for row in main.to_dict("records")
            for item, place in zip(STIMULI[1:], PLACES[1:], strict=True)
            if row[item] == name
        ]
        assert abs(sides.count("left") - sides.count("right")) <= 1
    for row in table[table["trial_type"] == "repeat"].to_dict("records"):
        first = table.iloc[int(row["repeat_of"]) - 1]
        assert [row[name] for name in STIMULI] == first[list(STIMULI)].tolist()
        assert row["position_2"] == first["position_3"]
    kingdom = stimuli.table.set_index("id")["kingdom"]
    answered = table[table["expected_response"].notna()].to_dict("records")
    assert len(answered) == 2 + catch
    for row in answered:
        right = int(row["expected_response"])
        wrong = 5 - right
        assert kingdom[row["stimulus_1"]] == kingdom[row[f"stimulus_{right}"]]
        assert kingdom[row["stimulus_1"]] != kingdom[row[f"stimulus_{wrong}"]]
    checks = table[table["trial_type"] == "catch"].to_dict("records")
    sides = [row[f"position_{int(row['expected_response'])}"] for row in checks]
    assert abs(sides.count("left") - sides.count("right")) <= 1


def test_sessions_cover_the_pairs_together(objects: Objects) -> None:
    stimuli, study = objects(3, 3, 2), make_study(sampler="coverage", trials=30, catch=1)
    tables = ANCHORED_LISTS.together(study, stimuli, ["01", "02"], 2)
    shown = set()
    for table in tables:
        for row in table[table["trial_type"] == "main"].to_dict("records"):
            shown |= {frozenset((row["stimulus_1"], row[name])) for name in STIMULI[1:]}
    assert shown == {frozenset(pair) for pair in combinations(stimuli.ids, 2)}
    summary = summarize_design(tables, stimuli.ids)
    assert (summary.pairs_shown, summary.bound) == (1.0, 77)
    assert sum(summary.catch_sides) == 4
    with pytest.raises(TwoalikeError, match="takes 77 trials, so 3 sessions of 30 trials, found 2"):
        ANCHORED_LISTS.together(study, stimuli, ["01"], 2)
    with pytest.raises(TwoalikeError, match="Sessions of the coverage design share"):
        ANCHORED_LISTS.one(study, stimuli, "01", 1)


def test_what_cannot_be_designed_says_why(objects: Objects) -> None:
    with pytest.raises(TwoalikeError, match="anchored: the adaptive sampler chooses by a post"):
        ANCHORED_LISTS.together(make_study(sampler="adaptive"), objects(3, 3, 2), ["01"], 1)
    few = objects(2, 1, 2)
    with pytest.raises(TwoalikeError, match="4 objects have only 12 questions"):
        ANCHORED_LISTS.one(make_study(), few, "01", 1)
    with pytest.raises(TwoalikeError, match="anchored: .*no room for 5 repeats"):
        ANCHORED_LISTS.one(make_study(trials=8, repeats=5, practice=0), few, "01", 1)
    with pytest.raises(TwoalikeError, match="main trials allow 0"):
        ANCHORED_LISTS.one(make_study(catch=1, trials=20), objects(1, 2, 3), "01", 1)
    with pytest.raises(TwoalikeError, match="cannot be paired"):
        ANCHORED_LISTS.together(
            make_study(sampler="coverage", pair_repeats=9, trials=8, practice=0), few, ["01"], 9
        )


@pytest.mark.parametrize(
    ("kind", "columns", "message"),
    [
        ("main", ("position_1", "position_2"), "position_1': expected 'middle'"),
        ("repeat", ("stimulus_1", "stimulus_2"), "stimulus_1': expected .*, the reference of tr"),
        ("catch", ("expected_response", "repeat_of"), "expected_response': expected an answer"),
    ],
)
def test_exchanged_cells_are_named(
    objects: Objects, tmp_path: Path, kind: str, columns: tuple[str, str], message: str
) -> None:
    stimuli, study = objects(3, 3, 2), make_study(trials=12, practice=0, repeats=2, catch=1)
    path = tmp_path / "list.tsv"
    made = ANCHORED_LISTS.one(study, stimuli, "01", 1)
    write_list(path, made, provenance("trial_list"))
    pd.testing.assert_frame_equal(ANCHORED_LISTS.read(path, stimuli.ids), made)
    row = int(made.index[made["trial_type"] == kind][0])
    wrong = made.astype(object)
    wrong.loc[row, list(columns)] = made.astype(object).loc[row, list(columns[::-1])].to_numpy()
    write_list(path, wrong, provenance("trial_list"))
    with pytest.raises(TwoalikeError, match=message):
        ANCHORED_LISTS.read(path, stimuli.ids)


def test_the_rule_of_exclusion_reads_its_checks() -> None:
    trials = pd.DataFrame(
        {"trial_type": ["catch"] * 2, "expected_response": ["2", "3"], "response": ["2", "2"]}
    )
    assert excluded(trials, ExclusionConfig()) == "attention checks: 1 of 2 right, 90 % expected"
    assert excluded(trials[:1], ExclusionConfig()) is None


def test_the_same_session_again(objects: Objects) -> None:
    stimuli, study = objects(3, 3, 2), make_study(trials=30)
    one, again = (ANCHORED_LISTS.one(study, stimuli, "01", 1) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    other = replace(study, config=study.config.model_copy(update={"seed": 1}))
    assert not ANCHORED_LISTS.one(other, stimuli, "01", 1).equals(one)
