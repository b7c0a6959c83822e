"""Trial lists: what a session gets, the file, and every slip in a file named by place."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.design import (
    TRIAL_LIST,
    TRIPLET_LISTS,
    random_trial_list,
    session_rng,
    shown_objects,
    summarize_design,
    write_list,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, StudyConfig, TwoalikeError, provenance
from twoalike.tables import PLACES, POSITIONS, STIMULI

Objects = Callable[[int, int, int], StimulusSet]
FULL = DesignConfig(trials=60, practice=3, catch=4, repeats=6)


def triplets(table: pd.DataFrame) -> list[tuple[str, ...]]:
    return list(table[list(STIMULI)].itertuples(index=False, name=None))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(12, 60), st.integers(0, 5), st.integers(0, 5), st.integers(0, 8), st.integers(0, 99)
)
def test_a_session_is_what_was_asked_for(
    objects: Objects, trials: int, practice: int, catch: int, repeats: int, seed: int
) -> None:
    stimuli = objects(3, 3, 2)
    repeats = min(repeats, trials - 10)
    config = DesignConfig(trials=trials, practice=practice, catch=catch, repeats=repeats)
    table = random_trial_list(stimuli, config, np.random.default_rng(seed))
    asked = {"practice": practice, "main": trials, "catch": catch, "repeat": repeats}
    assert table["trial_type"].value_counts().to_dict() == {k: n for k, n in asked.items() if n}
    assert table["trial_index"].tolist() == list(range(1, len(table) + 1))
    assert (table["trial_type"][:practice] == "practice").all()
    once = triplets(table[table["trial_type"] != "repeat"])
    assert len(set(once)) == len(once)
    place = {name: at for at, name in enumerate(stimuli.ids)}
    assert all([place[name] for name in row] == sorted(place[name] for name in row) for row in once)
    main = table[table["trial_type"] == "main"]
    exposure = pd.Series(np.concatenate(triplets(main))).value_counts().reindex(stimuli.ids)
    assert exposure.fillna(0).max() - exposure.fillna(0).min() <= 1
    assert summarize_design([main], stimuli.ids).place_spread <= 1
    kingdom = stimuli.table.set_index("id")["kingdom"]
    for row in table[table["trial_type"] == "catch"].to_dict("records"):
        kinds = [kingdom[row[name]] for name in STIMULI]
        odd = kinds.pop(int(row["expected_odd"]) - 1)
        assert len(set(kinds)) == 1
        assert odd not in kinds
    for row in table[table["trial_type"] == "repeat"].to_dict("records"):
        first = table.iloc[int(row["repeat_of"]) - 1]
        assert first["trial_type"] == "main"
        assert row["trial_index"] - first["trial_index"] >= 10
        assert [row[name] for name in STIMULI] == first[list(STIMULI)].tolist()
        assert all(row[name] != first[name] for name in PLACES)


def test_blocks(objects: Objects, rng: np.random.Generator) -> None:
    config = DesignConfig(trials=25, practice=2, trials_per_block=10)
    table = random_trial_list(objects(3, 3, 2), config, rng)
    assert table["block_index"].tolist() == [1] * 2 + [2] * 10 + [3] * 10 + [4] * 5
    config = DesignConfig(trials=10, practice=0, trials_per_block=5)
    table = random_trial_list(objects(3, 3, 2), config, rng)
    assert table["block_index"].tolist() == [1] * 5 + [2] * 5


def test_excluded_objects_are_never_shown(objects: Objects, rng: np.random.Generator) -> None:
    stimuli = objects(3, 3, 2)
    config = DesignConfig(
        trials=80, exclude={"kingdom": ["k1"], "species": ["k0s2"], "id": ["k2s0-1"]}
    )
    left = [name for name in stimuli.ids if name[:2] != "k1" and name[:4] != "k0s2"]
    left.remove("k2s0-1")
    assert shown_objects(stimuli, config) == tuple(left)
    table = random_trial_list(stimuli, config, rng)
    assert set(np.concatenate(triplets(table))) == set(left)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (DesignConfig(trials=900), "have only 816 triplets"),
        (DesignConfig(trials=20, repeats=21), "21 repeats of 20"),
        (DesignConfig(trials=8, repeats=2), "no room for 2 repeats"),
        (DesignConfig(trials=20, exclude={"kind": ["x"]}), "no column 'kind'"),
        (DesignConfig(trials=20, exclude={"species": ["zebra"]}), "species 'zebra' is not"),
        (DesignConfig(trials=1, exclude={"kingdom": ["k0", "k1", "k2"]}), "0 of 18 objects"),
    ],
)
def test_impossible_designs_say_why(
    objects: Objects, rng: np.random.Generator, config: DesignConfig, message: str
) -> None:
    with pytest.raises(TwoalikeError, match=message) as caught:
        random_trial_list(objects(3, 3, 2), config, rng)
    assert "\n" not in str(caught.value)


def test_checks_need_individuals_and_kingdoms(objects: Objects, rng: np.random.Generator) -> None:
    config = DesignConfig(trials=10, catch=1)
    for stimuli in (objects(1, 3, 4), objects(3, 4, 1)):
        with pytest.raises(TwoalikeError, match="attention checks, the categories allow 0"):
            random_trial_list(stimuli, config, rng)


def test_a_session_depends_on_seed_participant_and_session(objects: Objects) -> None:
    stimuli = objects(3, 3, 2)

    def session(seed: int, participant: str, number: int) -> pd.DataFrame:
        config = StudyConfig(title="t", seed=seed, design=FULL)
        return TRIPLET_LISTS.one(Study(Path("s"), config), stimuli, participant, number)

    first = session(1, "01", 1)
    assert session(1, "01", 1).equals(first)
    others = [session(2, "01", 1), session(1, "02", 1), session(1, "01", 2)]
    assert not any(other.equals(first) for other in others)


def test_the_seed_of_a_session_is_the_same_on_every_machine() -> None:
    """A known answer: Python's hash() of a text would differ from process to process."""
    assert session_rng(1, "01", 1).integers(10**6, size=3).tolist() == KNOWN


KNOWN = [556244, 510384, 12616]


def test_lists_come_back_as_they_were_written(
    objects: Objects, rng: np.random.Generator, tmp_path: Path
) -> None:
    stimuli = objects(3, 3, 2)
    table = random_trial_list(stimuli, FULL, rng)
    table.loc[5, ["sampler_score", "condition"]] = [0.25, "coarse"]
    path = tmp_path / "design" / "list.tsv"
    write_list(path, table, provenance("trial_list", seed=3))
    assert TRIPLET_LISTS.read(path, stimuli.ids).equals(table)
    assert path.read_text().splitlines()[0].split("\t") == list(TRIAL_LIST.names)
    assert json.loads(path.with_suffix(".json").read_text())["seed"] == 3


def test_rows_of_another_tool_are_read(tmp_path: Path) -> None:
    """Columns in another order, further columns, Windows line ends and a byte order mark."""
    cells = "1 1 main x a b c right left middle n/a n/a list n/a n/a".split()
    row = dict(zip(TRIAL_LIST.names, cells, strict=True))
    names = [*reversed(TRIAL_LIST.names), "note"]
    text = "\r\n".join(["\t".join(names), "\t".join([*(row[n] for n in names[:-1]), "mine"]), ""])
    (tmp_path / "l.tsv").write_bytes(text.encode("utf-8-sig"))
    table = TRIPLET_LISTS.read(tmp_path / "l.tsv", "abc")
    assert list(table.columns) == list(TRIAL_LIST.names)
    assert table.loc[0, list(PLACES)].tolist() == ["right", "left", "middle"]


@pytest.fixture
def written(objects: Objects, tmp_path: Path) -> Path:
    table = random_trial_list(objects(3, 3, 2), FULL, np.random.default_rng(1))
    write_list(tmp_path / "list.tsv", table, {})
    return tmp_path / "list.tsv"


def first_of(rows: list[list[str]], kind: str) -> int:
    return next(at for at, row in enumerate(rows) if row[2] == kind)


@pytest.mark.parametrize(
    ("kind", "column", "value", "expected"),
    [
        ("main", "stimulus_2", "zebra", "an object of the stimulus set"),
        ("main", "stimulus_2", "SAME", "three different objects"),
        ("main", "position_3", "SAME", "three different places"),
        ("main", "position_1", "top", "left, middle, right"),
        ("main", "trial_type", "test", "practice, main, catch, repeat"),
        ("main", "trial_index", "99", "rows count up"),
        ("main", "trial_index", "1.5", "a whole number"),
        ("main", "block_index", "0", "a whole number"),
        ("practice", "block_index", "7", "7 or more"),
        ("catch", "expected_odd", "4", "one of 1, 2, 3, n/a"),
        ("catch", "expected_odd", "n/a", "in a catch trial"),
        ("repeat", "repeat_of", "n/a", "in repeat trials only"),
        ("repeat", "repeat_of", "1", "an earlier trial of these objects"),
        ("repeat", "repeat_of", "500", "an earlier trial of these objects"),
        ("main", "repeat_of", "1", "in repeat trials only"),
        ("main", "sampler_score", "high", "a number or n/a"),
    ],
)
def test_a_wrong_cell_is_named(
    written: Path, objects: Objects, kind: str, column: str, value: str, expected: str
) -> None:
    header, *rows = (line.split("\t") for line in written.read_text().splitlines())
    at, cell = first_of(rows, kind), header.index(column)
    rows[at][cell] = rows[at][cell - 1] if value == "SAME" else value
    written.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n")
    with pytest.raises(TwoalikeError) as caught:
        TRIPLET_LISTS.read(written, objects(3, 3, 2).ids)
    message = str(caught.value)
    number = at + 2 if expected == "7 or more" else at + 1  # the row after the wrong one shows it
    assert message.startswith(f"{written}, row {number}, column {column!r}: expected")
    assert expected in message
    assert "\n" not in message


def test_a_missing_column_is_named(written: Path, objects: Objects) -> None:
    written.write_text(written.read_text().replace("repeat_of", "again", 1))
    with pytest.raises(TwoalikeError, match="column 'repeat_of'"):
        TRIPLET_LISTS.read(written, objects(3, 3, 2).ids)


def test_summary_of_a_design_small_enough_to_count() -> None:
    rows = [
        (1, 1, "practice", "p", "a", "b", "c", *POSITIONS),
        (2, 1, "main", "m", "a", "b", "c", *POSITIONS),
        (3, 1, "main", "n", "a", "b", "d", *POSITIONS),
    ]
    table = pd.DataFrame(rows, columns=list(TRIAL_LIST.names[:10])).assign(
        condition=None, sampler="random"
    )
    summary = summarize_design([table], ("a", "b", "c", "d"))
    assert summary.trials == 3
    assert summary.pairs_shown == pytest.approx(5 / 6)  # c with d is never shown
    assert (summary.pair_min, summary.pair_median) == (0, 1.0)
    assert (summary.exposure_min, summary.exposure_max) == (1, 2)
    assert summary.place_spread == 2  # a stands left twice
    both = summarize_design([table, table], ("a", "b", "c", "d"))
    assert (both.trials, both.exposure_max) == (6, 4)
    assert (both.triplets, both.bound) == (2, 3)
    assert both.kinds == {"practice": 2, "main": 4}
    assert (both.conditions, both.samplers) == ({}, {"random": 4})
    with pytest.raises(TwoalikeError, match="not among the ids"):
        summarize_design([table], ("a", "b", "c"))
    with pytest.raises(TwoalikeError, match="not practice"):
        summarize_design([table[:1]], ("a", "b", "c"))
