"""The table of arrangements: checks, file, raw rows, torn lines."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.judgments import arrangements_table, read_raw, trials_of
from twoalike.study import TwoalikeError

OBJECTS = ["zebra", "ant", "maple", "oak", "never_placed"]


@pytest.fixture
def arrangements() -> pd.DataFrame:
    return arrangements_table(
        {
            "participant": ["p1"] * 5 + ["p2"] * 2,
            "session": ["01"] * 7,
            "trial": [1, 1, 1, 2, 2, 1, 1],
            "item": ["oak", "zebra", "ant", "maple", "oak", "oak", "ant"],
            "x": [0.1, -0.2, 0.3, 0.0, 0.1, 0.2, -0.4],
            "y": [0.4, 0.0, -0.3, 0.0, 0.2, 0.123456, 0.1],
            "response_time": [9.0, 9.0, 9.0, np.nan, np.nan, 4.5, 4.5],
            "trial_type": ["practice"] * 3 + ["main"] * 4,
        },
        OBJECTS,
    )


def test_trials_are_what_was_put_in(arrangements: pd.DataFrame) -> None:
    trials, ids = trials_of(arrangements.sample(frac=1, random_state=1))
    assert ids == tuple(OBJECTS)
    by_key = {(trial.participant, trial.trial): trial for trial in trials}
    first = by_key["p1", 1]
    places = {ids[i]: tuple(place) for i, place in zip(first.items, first.values, strict=True)}
    assert places == {"oak": (0.1, 0.4), "zebra": (-0.2, 0.0), "ant": (0.3, -0.3)}
    assert first.trial_type == "practice" and first.response_time == 9.0
    assert np.isnan(by_key["p1", 2].response_time)
    other = ["ant", "oak", "zebra", "maple"]
    assert [other[i] for t in trials_of(arrangements, other)[0] for i in t.items] == (
        arrangements["item"].tolist()
    )
    with pytest.raises(TwoalikeError, match="'maple' is not one of the 3 objects"):
        trials_of(arrangements, other[:3])


HEADER = "trial_index trial_type n_items stimulus x y inside response_time".split()
TRIALS = [
    "1 practice 3 ant 0.100000 0.200000 true 5.5",
    "1 practice 3 oak -0.100000 0.000000 true 5.5",
    "1 practice 3 zebra 0.600000 0.000000 false 5.5",
    "2 main 2 oak 0.000000 0.400000 true 2",
    "2 main 2 ant 0.000000 -0.400000 true 2",
    "3 main 2 maple 0.000000 0.400000 true 30",
    "3 main 2 ant 0.000000 -0.700000 false 30",
]


def raw_run(
    folder: Path, rows: list[str], participant: str = "001", run: int = 1, tail: str = ""
) -> Path:
    """Write rows as the multi-arrangement task does."""
    path = folder / f"sub-{participant}/ses-01/beh"
    path.mkdir(parents=True, exist_ok=True)
    file = path / f"sub-{participant}_ses-01_task-multiarrangement_run-{run:02d}_beh.tsv"
    lines = ["\t".join(row) for row in (HEADER, *(row.split(" ") for row in rows))]
    file.write_text("".join(line + "\n" for line in lines) + tail)
    return file


placed = partial(read_raw, task="multiarrangement")


def test_raw_rows_become_arrangements(tmp_path: Path) -> None:
    raw_run(tmp_path, TRIALS)
    table = placed(tmp_path, OBJECTS)
    assert table["item"].tolist() == ["ant", "oak", "oak", "ant"]
    assert table[["x", "y"]].to_numpy().tolist() == [
        [0.1, 0.2],
        [-0.1, 0.0],
        [0.0, 0.4],
        [0.0, -0.4],
    ]
    assert table["trial"].tolist() == [1, 1, 2, 2]
    assert table["trial_type"].tolist() == ["practice"] * 2 + ["main"] * 2
    assert table["item"].cat.categories.tolist() == ["ant", "oak"]  # the manifest's order
    assert (table.attrs["n_outside"], table.attrs["n_alone"], table.attrs["n_torn"]) == (2, 1, 0)


def test_people_and_further_runs_of_a_session_stay_apart(tmp_path: Path) -> None:
    for participant in ("001", "002"):
        for run in (1, 2):
            raw_run(tmp_path, TRIALS, participant, run)
    trials, _ = trials_of(placed(tmp_path))
    assert [(t.participant, t.session, t.trial) for t in trials] == [
        (participant, "01", trial) for participant in ("001", "002") for trial in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize("cut", [*range(1, 60, 7), 60])
def test_a_torn_end_costs_the_trial_it_tore_and_no_other(tmp_path: Path, cut: int) -> None:
    file = raw_run(tmp_path, TRIALS[:5])
    content = file.read_bytes()
    file.write_bytes(content[:-cut])
    table = placed(tmp_path)
    assert table["trial"].tolist() == [1, 1]
    assert table.attrs["n_torn"] == 1


@pytest.mark.parametrize(
    ("row", "old", "new", "complaint"),
    [
        (0, "0.100000", "left", "row 1, column 'x': expected a number or n/a, found 'left'"),
        (1, "0.000000", "n/a", "row 2, column 'y': expected a place of an image inside"),
        (3, "true", "yes", "row 4, column 'inside': expected true or false, found 'yes'"),
        (3, "main", "huh", "row 4, column 'trial_type'"),
        (1, "3", "4", "row 2, column 'n_items': expected as many rows as images"),
        (4, "2 main", "0 main", "row 5, column 'trial_index': expected a whole number from 1"),
        (3, "0.400000", "190", "row 3: expected x and y in arena diameters"),
    ],
)
def test_a_bad_raw_cell_is_named(
    tmp_path: Path, row: int, old: str, new: str, complaint: str
) -> None:
    rows = TRIALS.copy()
    rows[row] = rows[row].replace(old, new, 1)
    raw_run(tmp_path, rows)
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        placed(tmp_path)
    assert "\n" not in str(raised.value)


def test_raw_without_sessions_trials_or_with_unknown_stimuli_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TwoalikeError, match="found none"):
        placed(tmp_path)
    raw_run(tmp_path, [])
    with pytest.raises(TwoalikeError, match="no trial has two images inside"):
        placed(tmp_path)
    raw_run(tmp_path, TRIALS)
    with pytest.raises(TwoalikeError, match="stimulus 'ant' was shown but is not one of the 2"):
        placed(tmp_path, ["oak", "maple"])


def odd_one_out(folder: Path, rows: int) -> Path:
    """Write rows as the odd-one-out task does."""
    cells: dict[str, Any] = {"trial_index": list(map(str, range(1, rows + 1)))}
    cells |= {"trial_type": ["main"] * rows}
    cells |= {f"stimulus_{k}": [name] * rows for k, name in enumerate(("ant", "oak", "yew"), 1)}
    places = enumerate(("left", "middle", "right"), 1)
    cells |= {f"position_{k}": [name] * rows for k, name in places}
    cells |= {"response": ["2"] * rows, "odd_stimulus": ["oak"] * rows}
    cells |= {"response_time": ["1.2345"] * rows}
    path = folder / "sub-001/ses-01/beh"
    path.mkdir(parents=True)
    file = path / "sub-001_ses-01_task-oddoneout_run-01_beh.tsv"
    pd.DataFrame(cells).to_csv(file, sep="\t", index=False)
    return file


@pytest.mark.parametrize("cut", [1, 2, 8, 20, 45])
def test_a_torn_choice_is_passed_over(tmp_path: Path, cut: int) -> None:
    file = odd_one_out(tmp_path, 3)
    file.write_bytes(file.read_bytes()[:-cut])
    table = read_raw(tmp_path)
    assert table["trial"].tolist() == [1, 2]
    assert table["response_time"].tolist() == pytest.approx([1.2345] * 2)
    assert table.attrs["n_torn"] == 1
