"""Trial lists of all tasks that ask something about k images: one maker, the same promises."""

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import cases

from twoalike.design import (
    ALIKE_PAIR_LISTS,
    ANCHORED_LISTS,
    ODD_OF_MANY_LISTS,
    PAIR_LISTS,
    TRIPLET_LISTS,
    TrialForm,
    check_categories,
    covering_trials,
    excluded,
    shown_objects,
    write_list,
)
from twoalike.design._design import session_rng
from twoalike.design._form import balanced_trials
from twoalike.planning import summarize_design
from twoalike.stimuli import StimulusSet
from twoalike.study import (
    ExclusionConfig,
    Study,
    StudyConfig,
    TwoalikeError,
    load_toml,
    provenance,
)
from twoalike.tables import PLACES

type Objects = Callable[[int, int, int], StimulusSet]
type Row = dict[str, Any]
TASKS = {
    lists.table: lists
    for lists in (TRIPLET_LISTS, ANCHORED_LISTS, ODD_OF_MANY_LISTS, ALIKE_PAIR_LISTS, PAIR_LISTS)
}
SIDES = "checks with the right answer left / middle / right"
every_task = pytest.mark.parametrize("task", TASKS)
ANY_TIME = settings(deadline=None, max_examples=40)


def study_of(task: str, seed: int = 3, **keys: Any) -> Study:
    """A study with settings of a task's lists; ``trials`` are pairs where they are called so."""
    if "trials" in keys:
        keys[TASKS[task].number] = keys.pop("trials")
    return Study(
        Path("nowhere"), StudyConfig.model_validate({"title": "t", "seed": seed, task: keys})
    )


def make(task: str, stimuli: StimulusSet, **keys: Any) -> pd.DataFrame:
    return TASKS[task].one(study_of(task, **keys), stimuli, "001", 1)


def shown(row: Row) -> list[str]:
    names = (row[name] for name in row if name.startswith("stimulus_"))
    return [name for name in names if not pd.isna(name)]


def places(row: Row) -> list[object]:
    return [row[f"position_{k}"] for k in range(1, 1 + len(shown(row)))]


def rows_of(table: pd.DataFrame, kind: str = "") -> list[Row]:
    rows: list[Any] = table.to_dict("records")
    return [row for row in rows if not kind or row["trial_type"] == kind]


@pytest.mark.parametrize(
    "form", [TrialForm(2), TrialForm(3), TrialForm(4), TrialForm(3, anchored=True)], ids=str
)
@settings(deadline=None, max_examples=20)
@given(st.integers(5, 30), st.integers(1, 80), st.integers(0, 99))
def test_random_trials_are_distinct_and_balanced(
    form: TrialForm, m: int, n: int, seed: int
) -> None:
    rows = balanced_trials(m, min(n, form.count(m)), np.random.default_rng(seed), form)
    assert len({tuple(row) for row in rows.tolist()}) == len(rows) == min(n, form.count(m))
    assert all(len(set(row)) == form.items for row in rows.tolist())
    assert (form.in_order(rows) == rows).all()
    counted = rows[:, 0] if form.anchored else rows.ravel()
    assert np.ptp(np.bincount(counted, minlength=m)) <= 1


@ANY_TIME
@given(st.integers(6, 25), st.integers(1, 3), st.integers(0, 99))
def test_questions_show_every_pair_with_as_few_trials_as_there_can_be(
    m: int, repeats: int, seed: int
) -> None:
    form = TrialForm(3, anchored=True)
    rows = covering_trials(form, m, repeats, np.random.default_rng(seed))
    towards = np.zeros((m, m), dtype=int)
    np.add.at(towards, (rows[:, [0, 0]], rows[:, 1:]), 1)
    assert (towards + towards.T)[np.triu_indices(m, 1)].min() >= repeats
    assert len(rows) == -(-repeats * m * (m - 1) // 4)
    # Each of the two is the reference as often, but for pairs turned round to leave none alone.
    assert np.ptp(np.bincount(rows[:, 0], minlength=m)) <= 1
    assert len({tuple(row) for row in rows.tolist()}) == len(rows)


@every_task
@settings(deadline=None, max_examples=15)
@given(st.integers(12, 50), st.integers(0, 4), st.integers(0, 5), st.integers(0, 8))
def test_a_session_is_what_was_asked_for(
    objects: Objects, task: str, trials: int, practice: int, catch: int, repeats: int
) -> None:
    stimuli, repeats = objects(3, 4, 2), min(repeats, trials - 10)
    easy = {} if task == "pair_rating" else {"practice_checks": 2}
    numbers = {"trials": trials, "practice": practice, "catch": catch, "repeats": repeats}
    table = make(task, stimuli, **numbers, **easy)
    asked = {
        "practice": practice + sum(easy.values()),
        "main": trials,
        "catch": catch,
        "repeat": repeats,
    }
    assert table["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    assert table["trial_index"].tolist() == list(range(1, len(table) + 1))
    assert (table["trial_type"][: asked["practice"]] == "practice").all()
    once = [
        tuple(shown(row))
        for row in rows_of(table)
        if row["trial_type"] in ("practice", "main", "catch")
        and not (task == "pair_rating" and row["trial_type"] == "catch")
    ]
    assert len(set(once)) == len(once)
    check_balance(rows_of(table, "main"), stimuli, anchored=task == "anchored")
    for row in rows_of(table, "repeat"):
        first = rows_of(table)[int(row["repeat_of"]) - 1]
        assert first["trial_type"] == "main" and shown(row) == shown(first)
        assert row["trial_index"] - first["trial_index"] >= 10
        moved = [one != other for one, other in zip(places(row), places(first), strict=True)]
        assert all(moved[task == "anchored" :])
    check_answers(task, table, stimuli, catch + sum(easy.values()))


def check_balance(main: list[Row], stimuli: StimulusSet, *, anchored: bool) -> None:
    """Objects are shown equally often, and equally often at each place."""
    counted = [shown(row)[:1] if anchored else shown(row) for row in main]
    exposure = pd.Series(np.concatenate(counted)).value_counts()
    assert np.ptp(exposure.reindex(stimuli.ids, fill_value=0)) <= 1
    assert not anchored or {places(row)[0] for row in main} == {"middle"}
    for name in stimuli.ids:
        pairs = [pair for row in main for pair in zip(shown(row), places(row), strict=True)]
        own = [place for one, place in pairs if one == name and place != "middle" * anchored]
        each = [own.count(place) for place in {place for _, place in pairs} - {"middle" * anchored}]
        assert max(each) - min(each) <= 1


def check_answers(task: str, table: pd.DataFrame, stimuli: StimulusSet, n: int) -> None:
    """Right answers are obvious: a far kind is odd, individuals of one species are alike."""
    kingdom: Any = stimuli.table.set_index("id")["kingdom"].to_dict()
    keys = [str(name) for name in table if str(name).startswith("expected_")]
    answered = [row for row in rows_of(table) if not pd.isna(row[keys[0]])]
    assert len(answered) == n == table[keys[0]].notna().sum()
    for row in answered:
        names = shown(row)
        if task == "pair_rating":
            far = kingdom[names[0]] != kingdom[names[1]]
            assert far if row["expected_rating"] == "low" else names[0] == names[1]
            continue
        right = {names[int(row[key]) - 1] for key in keys}
        alike = right | {names[0]} if task == "anchored" else right
        if "expected_odd" in row:
            alike = set(names) - right
        assert len({kingdom[name] for name in alike}) == 1
        assert kingdom[next(iter(alike))] not in {kingdom[name] for name in set(names) - alike}
    if task in ("design", "anchored", "odd_one_of_many"):
        checks = [row for row in answered if row["trial_type"] == "catch"]
        at = [places(row)[int(row[keys[0]]) - 1] for row in checks]
        assert not at or max(map(at.count, at)) <= -(-len(at) // {"anchored": 2}.get(task, 3))


def test_blocks(objects: Objects) -> None:
    table = make("design", objects(3, 3, 2), trials=25, practice=2, trials_per_block=10)
    assert table["block_index"].tolist() == [1] * 2 + [2] * 10 + [3] * 10 + [4] * 5
    table = make("design", objects(3, 3, 2), trials=10, practice=0, trials_per_block=5)
    assert table["block_index"].tolist() == [1] * 5 + [2] * 5
    plan = ["main 15", "catch 1", "break", "main 15", "catch 2", "repeat 2"]
    numbers = {"trials": 30, "practice": 2, "catch": 3, "catch_sides": [0, 1, 2], "repeats": 2}
    table = make("design", objects(3, 3, 2), **numbers, plan=plan)
    assert table["block_index"].tolist() == [1] * 2 + [2] * 16 + [3] * 19
    assert table["trial_type"].tolist()[-4:] == ["catch"] * 2 + ["repeat"] * 2
    repeats = table[table["trial_type"] == "repeat"]
    assert (repeats["trial_index"] - repeats["repeat_of"] >= 10).all()
    assert summarize_design([table], objects(3, 3, 2).ids)[SIDES] == "0 / 1 / 2"
    with pytest.raises(TwoalikeError, match="design: a repeat of the plan"):
        late = ["main 5", "repeat 2", "main 25", "catch 3"]
        make("design", objects(3, 3, 2), **numbers, plan=late)


def test_checks_take_turns_and_are_spread_over_the_session(objects: Objects) -> None:
    stimuli, study = objects(3, 3, 2), study_of("design", trials=60, catch=4, practice=0)
    tables = [TRIPLET_LISTS.one(study, stimuli, "01", number) for number in range(1, 7)]
    assert summarize_design(tables, stimuli.ids)[SIDES] == "8 / 8 / 8"
    for table in tables:
        before = np.cumsum(table["trial_type"] == "main")[table["trial_type"] == "catch"]
        assert ((before - 1) // 15).tolist() == [0, 1, 2, 3]
    once = study_of("design", trials=5, practice=0, catch=1)
    labels = [f"{number:03d}" for number in range(60)]
    sides = summarize_design(TRIPLET_LISTS.together(once, stimuli, labels, 1), stimuli.ids)[SIDES]
    assert min(map(int, sides.split(" / "))) > 10  # a single check favours no place


def test_checks_are_of_whole_paths_of_categories_and_never_shown_before() -> None:
    """Species x of kingdom a is not species x of kingdom b; what has no category is left out."""
    kinds = ["ax", "ax", "ay", "a-", "bx", "bx", "-x"]
    rows = [
        (str(at), f"{at}.png", "0" * 64, *(word.replace("-", "n/a") for word in kind))
        for at, kind in enumerate(kinds)
    ]
    columns = ["id", "file", "sha256", "kingdom", "species"]
    stimuli = StimulusSet(Path("x"), pd.DataFrame(rows, columns=columns, dtype=str))
    possible = {*("014", "015", "045", "145", "245", "345")}
    for seed in range(4):
        table = make("design", stimuli, seed=seed, trials=6, practice=0, catch=2)
        parts = {
            kind: {"".join(shown(row)) for row in rows_of(table, kind)}
            for kind in ("main", "catch")
        }
        assert parts["catch"] <= possible - parts["main"] and len(parts["catch"]) == 2
    for catch, message in ((7, "categories allow 6"), (6, "are not used yet")):
        with pytest.raises(TwoalikeError, match=message):
            make("design", stimuli, trials=25, practice=0, catch=catch)


def test_every_triplet_is_equally_likely(rng: np.random.Generator) -> None:
    """Dealing and swapping must not favour some triplets (here 20, four at a time)."""
    counts = np.zeros((6, 6, 6))
    for _ in range(1500):
        for row in balanced_trials(6, 4, rng, TrialForm(3)):
            counts[tuple(row)] += 1
    seen = counts[tuple(np.array(list(combinations(range(6), 3))).T)]
    expected = 1500 * 4 / 20
    assert np.abs(seen - expected).max() < 5 * np.sqrt(expected)


@every_task
def test_excluded_objects_are_never_shown(objects: Objects, task: str) -> None:
    stimuli = objects(3, 3, 2)
    left_out = {"kingdom": ["k1"], "species": ["k0s2"], "id": ["k2s0-1"]}
    study = study_of(task, trials=30, exclude=left_out, practice=0)
    left = [name for name in stimuli.ids if name[:2] != "k1" and name[:4] != "k0s2"]
    left.remove("k2s0-1")
    assert shown_objects(stimuli, TASKS[task].settings(study)) == tuple(left)
    table = TASKS[task].one(study, stimuli, "01", 1)
    assert {name for row in rows_of(table) for name in shown(row)} == set(left)


@pytest.mark.parametrize(("task", "keys", "message"), cases(__file__, "impossible_designs_say_why"))
def test_impossible_designs_say_why(
    objects: Objects, task: str, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        TASKS[task].together(study_of(task, **keys), objects(3, 3, 2), ["01"], 1)
    assert str(caught.value).startswith(task) and "\n" not in str(caught.value)


@every_task
def test_checks_need_individuals_and_kingdoms(objects: Objects, task: str) -> None:
    if task == "pair_rating":  # two identical images need none
        table = make(task, objects(1, 1, 9), trials=20, catch=3)
        assert set(table.loc[table["trial_type"] == "catch", "sampler"]) == {"identical"}
        return
    for stimuli in (objects(1, 3, 4), objects(3, 4, 1)):
        keys = {"trials": 10, "catch": 1}
        if task == "odd_one_of_many" and stimuli.ids[-1].startswith("k2"):
            continue  # made of coarser kinds
        with pytest.raises(TwoalikeError, match="allow 0"):
            make(task, stimuli, **keys)
        (fault,) = check_categories(study_of(task, **keys), stimuli)
        assert fault.startswith(f"{task}.catch: asked for 1 attention checks")


@every_task
def test_a_session_depends_on_seed_participant_and_session(objects: Objects, task: str) -> None:
    stimuli = objects(3, 3, 2)

    def session(seed: int, participant: str, number: int) -> pd.DataFrame:
        return TASKS[task].one(study_of(task, seed, trials=20), stimuli, participant, number)

    first = session(1, "01", 1)
    assert session(1, "01", 1).equals(first)
    others = [session(2, "01", 1), session(1, "02", 1), session(1, "01", 2)]
    assert not any(other.equals(first) for other in others)
    # A known answer: Python's hash() of a text would differ from process to process.
    assert session_rng(1, "01", 1).integers(10**6, size=3).tolist() == [556244, 510384, 12616]


@every_task
def test_sessions_cover_the_pairs_together(objects: Objects, task: str) -> None:
    stimuli, lists = objects(3, 2, 2), TASKS[task]
    trials = {"design": 12, "anchored": 17, "pair_rating": 33}.get(task, 11)
    study = study_of(task, sampler="coverage", trials=trials, catch=1)
    tables = lists.together(study, stimuli, ["01", "02"], 1)
    pairs = {
        frozenset(pair)
        for table in tables
        for row in rows_of(table, "main")
        for pair in combinations(shown(row), 2)
        if task != "anchored" or shown(row)[0] in pair
    }
    assert pairs == {frozenset(pair) for pair in combinations(stimuli.ids, 2)}
    if task != "pair_rating":
        assert summarize_design(tables, stimuli.ids)["pairs shown"] == "100.0%"
    with pytest.raises(TwoalikeError, match=f"{task}: to show each pair of 12 .* found 1. Design"):
        lists.together(study, stimuli, ["01"], 1)
    with pytest.raises(TwoalikeError, match="Sessions of the coverage design share"):
        lists.one(study, stimuli, "01", 1)


@every_task
def test_lists_come_back_as_they_were_written(objects: Objects, tmp_path: Path, task: str) -> None:
    stimuli, path = objects(3, 4, 2), tmp_path / "design" / "list.tsv"
    table: Any = make(task, stimuli, trials=30, practice=3, catch=4, repeats=6)
    if "condition" in table:
        table.loc[5, ["sampler_score", "condition"]] = [0.25, "coarse"]
    write_list(path, table, provenance("trial_list", seed=3))
    pd.testing.assert_frame_equal(TASKS[task].read(path, stimuli.ids), table)
    assert path.read_text().splitlines()[0].split("\t") == list(TASKS[task].form.names)
    assert json.loads(path.with_suffix(".json").read_text())["seed"] == 3


def test_rows_of_another_tool_are_read(tmp_path: Path) -> None:
    """Columns in another order, further columns, Windows line ends and a byte order mark."""
    names = TRIPLET_LISTS.form.names
    cells = "1 1 main x a b c right left middle n/a n/a list n/a n/a".split()
    row: dict[str, str] = dict(zip(names, cells, strict=True))
    heads = [*reversed(names), "note"]
    text = "\r\n".join(["\t".join(heads), "\t".join([*(row[n] for n in heads[:-1]), "mine"]), ""])
    (tmp_path / "l.tsv").write_bytes(text.encode("utf-8-sig"))
    table: Any = TRIPLET_LISTS.read(tmp_path / "l.tsv", "abc")
    assert list(table.columns) == list(names)
    assert table.loc[0, list(PLACES)].tolist() == ["right", "left", "middle"]


def test_own_lists_may_mix_numbers_of_images(objects: Objects, tmp_path: Path) -> None:
    stimuli, task = objects(3, 4, 2), "odd_one_of_many"
    parts = [make(task, stimuli, n_items=n, trials=4, practice=0) for n in (3, 6)]
    mixed = pd.concat(parts, ignore_index=True)
    mixed["trial_index"] = range(1, 9)
    write_list(tmp_path / "list.tsv", mixed, provenance("trial_list"))
    read = ODD_OF_MANY_LISTS.read(tmp_path / "list.tsv", stimuli.ids)
    assert read["n_items"].tolist() == [3] * 4 + [6] * 4
    assert summarize_design([read], stimuli.ids)["different sets"] == "8"


@pytest.mark.parametrize(
    ("task", "kind", "column", "value", "expected"), cases(__file__, "a_wrong_cell_is_named")
)
def test_a_wrong_cell_is_named(
    objects: Objects, tmp_path: Path, task: str, kind: str, column: str, value: str, expected: str
) -> None:
    stimuli, path = objects(3, 4, 2), tmp_path / "list.tsv"
    write_list(path, make(task, stimuli, trials=30, practice=3, catch=4, repeats=6), {})
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    at, cell = next(at for at, row in enumerate(rows) if row[2] == kind), header.index(column)
    if value[0] in "=~":  # the value of another column, or an exchange with it
        other, before = header.index(value[1:]), rows[at][cell]
        rows[at][cell] = rows[at][other]
        rows[at][other] = before if value[0] == "~" else rows[at][other]
    else:
        rows[at][cell] = value
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n")
    with pytest.raises(TwoalikeError) as caught:
        TASKS[task].read(path, stimuli.ids)
    message = str(caught.value)
    assert message.startswith(f"{path}, row {at + 1}, column ") and "\n" not in message
    assert expected in message


def test_the_rule_of_exclusion_reads_the_checks_of_every_task() -> None:
    rule, kind = ExclusionConfig(), {"trial_type": ["catch"] * 2}
    wrong = "attention checks: 1 of 2 right, 90 % expected"
    for answers in (
        {"expected_odd": ["2", "3"], "response": ["2", "2"]},
        {"expected_response": ["2", "3"], "response": ["2", "2"]},
        {"expected_rating": ["high", "low"], "response": ["7", "6"], "correct": ["true", "false"]},
    ):
        trials = pd.DataFrame({**kind, **answers})
        assert excluded(trials, rule) == wrong
        assert excluded(trials[:1], rule) is None
    pairs = pd.DataFrame(
        {
            "trial_type": ["catch", "catch", "main"],
            **{"expected_1": ["1", "2", "n/a"], "expected_2": ["3", "4", "n/a"]},
            **{"response_1": ["1", "2", "n/a"], "response_2": ["3", "3", "n/a"]},
        }
    )
    assert excluded(pairs, rule) == wrong
    lenient = ExclusionConfig(catch_accuracy=0.5, missed=0)
    assert excluded(pairs, lenient) == "no response in 1 trial, 0 allowed"


@pytest.mark.parametrize(("table", "expected"), cases(__file__, "settings_that_cannot_be"))
def test_settings_that_cannot_be(tmp_path: Path, table: str, expected: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(f'title = "t"\nseed = 5\n[design]\n{table}\n')
    with pytest.raises(TwoalikeError) as caught:
        load_toml(path, StudyConfig)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("right", "checks", "missed", "reason"),
    [
        (16, 16, 10, None),
        (15, 16, 0, None),
        (14, 16, 0, "14 of 16 right, 90 % expected"),  # two errors in 16 suffice
        (16, 16, 11, "no response in 11 trials, 10 allowed"),
        (9, 10, 0, None),  # exactly the limit
        (0, 0, 10, None),  # no checks
        (0, 0, 11, "no response in 11"),
    ],
)
def test_the_exclusion_rule_of_the_levels_study(
    right: int, checks: int, missed: int, reason: str | None
) -> None:
    answers = ["2"] * right + ["3"] * (checks - right) + ["n/a"] * missed + ["1"] * (20 - missed)
    raw = pd.DataFrame(
        {
            "trial_type": ["catch"] * checks + ["main"] * 20,
            "expected_odd": ["2"] * checks + ["n/a"] * 20,
            "response": answers,
        }
    )
    found = excluded(raw, ExclusionConfig())
    assert (found is None) if reason is None else (found is not None and reason in found)
    numbers = raw.replace("n/a", None).astype({"expected_odd": "Int64", "response": "Int64"})
    assert excluded(numbers, ExclusionConfig()) == found
