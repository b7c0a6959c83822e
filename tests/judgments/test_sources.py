"""Delimited text and raw rows become the table of choices."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.design import excluded
from twoalike.judgments import (
    chosen_at_random,
    import_choices,
    object_index,
    read_raw,
    read_sets,
)
from twoalike.study import ExclusionConfig, TwoalikeError

OBJECTS = ["ant", "bee", "cat", "dog"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "judgments.txt"
    path.write_text("0 1 2 p1\n3 2 1 p2\n0 3 1 p1\n")
    return path


def test_indices_and_ids_say_the_same(text: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.tsv"
    named.write_text("ant\tbee\tcat\n# a remark\ndog\tcat\tbee\n\nant\tdog\tbee\n")
    expected = [[0, 1, 2], [3, 2, 1], [0, 3, 1]]
    assert read_sets(text, OBJECTS).tolist() == expected
    assert read_sets(named, OBJECTS).tolist() == expected
    assert read_sets(expected, OBJECTS).tolist() == expected
    assert read_sets([["ant", "bee"], ["dog", "cat"]], OBJECTS, 2).tolist() == [[0, 1], [3, 2]]
    for wrong in ([[0, 1, 9]], [["ant", "bee", "emu"]], [[0, 1, 1]], [[0, 1]]):
        with pytest.raises(TwoalikeError, match="sets"):
            read_sets(wrong, OBJECTS)


def test_import_keeps_people_order_and_choice(text: Path) -> None:
    table = import_choices(text, OBJECTS, participant_column=4)
    assert table["participant"].tolist() == ["p1", "p2", "p1"]
    assert table["trial"].tolist() == [1, 1, 2]
    assert table["chosen"].tolist() == [3, 3, 3]
    assert table["item_1"].tolist() == ["ant", "dog", "ant"]
    assert object_index(table)[2] == tuple(OBJECTS)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("0 1 2\n0 1 9\n", "row 2, column 3: '9' is not one of the 4 objects"),
        ("ant bee cat\nant emu cat\n", "row 2, column 2: 'emu' is not one of the 4 objects"),
        ("0 1 2\n1 1 2\n", "row 2: an object is listed twice"),
        ("0 1\n2 3\n", "expected column 3, found 2 columns"),
        ("0 1 2\n0 1 2 3 4\n", "rows do not fit"),
        ("# nothing\n", "found no rows"),
        ("", "empty file"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(content)
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        read_sets(path, OBJECTS)
    assert "bad.txt" in str(raised.value)
    assert "\n" not in str(raised.value)


def raw_session(folder: Path, participant: str = "001", **changes: list[str]) -> Path:
    """Write four trials as the odd-one-out task does."""
    columns = {
        "trial_index": ["1", "2", "3", "4"],
        "trial_type": ["practice", "main", "main", "repeat"],
        "stimulus_1": ["ant", "ant", "bee", "ant"],
        "stimulus_2": ["bee", "bee", "cat", "bee"],
        "stimulus_3": ["cat", "dog", "dog", "dog"],
        "position_1": ["left", "right", "middle", "left"],
        "position_2": ["middle", "left", "right", "middle"],
        "position_3": ["right", "middle", "left", "right"],
        "response": ["3", "1", "n/a", "2"],
        "odd_stimulus": ["cat", "ant", "n/a", "bee"],
        "response_time": ["1.5", "0.75", "n/a", "2"],
        "condition": ["n/a", "fine", "n/a", "own_words"],
    } | changes
    path = folder / f"sub-{participant}/ses-01/beh"
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"sub-{participant}_ses-01_task-oddoneout_run-01_beh.tsv"
    pd.DataFrame(columns).to_csv(file, sep="\t", index=False)
    return file


def test_raw_rows_become_choices_in_the_order_shown(tmp_path: Path) -> None:
    raw_session(tmp_path, "001")
    raw_session(tmp_path, "002")
    table = read_raw(tmp_path, ["zebra", *reversed(OBJECTS)])
    assert table.attrs["n_without_choice"] == 2
    first = table[table["participant"] == "001"]
    assert first[["item_1", "item_2", "item_3"]].to_numpy().tolist() == [
        ["ant", "bee", "cat"],
        ["bee", "dog", "ant"],  # left, middle, right
        ["ant", "bee", "dog"],
    ]
    assert first["chosen"].tolist() == [3, 3, 2]
    assert first["trial"].tolist() == [1, 2, 4]
    assert first["trial_type"].tolist() == ["practice", "main", "repeat"]
    assert first["level"].astype(object).where(first["level"].notna(), None).tolist() == [
        None,
        "fine",
        None,
    ]
    assert object_index(table)[2] == ("dog", "cat", "bee", "ant")  # the manifest's order


def test_verdicts_on_attention_checks_are_kept(tmp_path: Path) -> None:
    types = ["practice", "catch", "main", "catch"]
    raw_session(tmp_path, trial_type=types, correct=["true", "false", "n/a", "true"])
    verdicts = read_raw(tmp_path)["correct"]
    assert verdicts.astype(object).where(verdicts.notna(), None).tolist() == [None, "false", "true"]


def test_trials_that_a_posterior_chose_are_told_from_others(tmp_path: Path) -> None:
    raw_session(tmp_path, "001", sampler=["random", "adaptive", "random", "random"])
    raw_session(tmp_path, "002")
    table = read_raw(tmp_path)
    assert chosen_at_random(table).tolist() == [True, False, True, True, True, True]
    alone = table[table["sampler"] == "adaptive"]
    assert chosen_at_random(alone).all(), "there is no random share to take"
    raw_session(tmp_path, "001", sampler=["random"] * 4)
    assert "sampler" not in read_raw(tmp_path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"response": ["3", "7", "n/a", "2"]}, "column 'response': expected one of 1, 2, 3, n/a"),
        ({"odd_stimulus": ["cat", "bee", "n/a", "bee"]}, "row 2, column 'odd_stimulus'"),
        ({"position_1": ["left", "left", "middle", "left"]}, "row 2, column 'position_1'"),
        ({"response_time": ["1", "fast", "n/a", "2"]}, "row 2, column 'response_time'"),
        ({"trial_type": ["practice", "main", "main", "huh"]}, "row 4, column 'trial_type'"),
    ],
)
def test_a_bad_raw_cell_is_named(
    tmp_path: Path, changes: dict[str, list[str]], complaint: str
) -> None:
    file = raw_session(tmp_path, **changes)
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        read_raw(tmp_path)
    assert str(file) in str(raised.value)


def test_a_declared_rule_leaves_sessions_out(tmp_path: Path) -> None:
    rule = partial(excluded, rule=ExclusionConfig(catch_accuracy=0.9, missed=1))
    types, asked = ["catch", "main", "main", "repeat"], ["3", "n/a", "n/a", "n/a"]
    raw_session(tmp_path, "001", trial_type=types, expected_odd=asked)
    raw_session(tmp_path, "002", trial_type=types, expected_odd=["2", *asked[1:]])
    raw_session(tmp_path, "003")  # of another tool, which has no checks
    table = read_raw(tmp_path, OBJECTS, rule)
    assert sorted(set(table["participant"])) == ["001", "003"]
    assert table.attrs["excluded"] == [
        ("002", "01", "attention checks: 0 of 1 right, 90 % expected")
    ]
    strict = partial(excluded, rule=ExclusionConfig(missed=0))
    with pytest.raises(TwoalikeError, match="leaves out all 3 sessions, the first for no response"):
        read_raw(tmp_path, OBJECTS, strict)
    assert len(read_raw(tmp_path, OBJECTS)) == 9


def test_raw_without_sessions_or_with_unknown_stimuli_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="found none"):
        read_raw(tmp_path)
    raw_session(tmp_path)
    with pytest.raises(TwoalikeError, match="stimulus 'dog' was shown but is not one of the 3"):
        read_raw(tmp_path, OBJECTS[:3])


def test_real_judgments(shared_data: Path, tmp_path: Path) -> None:
    things = shared_data / "things"
    ids = (things / "object_ids.txt").read_text().split("\n")[:1854]
    source = things / "triplets_by_participant.txt"
    table = import_choices(source, ids, participant_column=4)
    expected = np.loadtxt(source, dtype=int)
    assert (object_index(table)[0] == expected[:, :3]).all()
    assert table["participant"].nunique() == 264
