"""The column definition: writer, reader, sidecar and dictionary agree."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.record import ANSWERS, PARTICIPANTS, TRIPLETS
from twoalike.registry import BUILT_IN
from twoalike.tables import Column, Table

ROOT = Path(__file__).resolve().parents[2]
OF_RUNS = [table for task in BUILT_IN for table in (task.trials, task.events) if table is not None]
TABLES = [ANSWERS, PARTICIPANTS, *OF_RUNS, *(one.trial_list for one in BUILT_IN if one.trial_list)]

EMPTY = "rt_flag dropped_frames expected_odd correct repeat_of sampler_score condition"
ROW = dict.fromkeys(EMPTY.split()) | tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
"""As a task gives it: the writer adds whether the trial was seen before."""


def test_a_row_has_a_cell_for_each_column_and_no_empty_one() -> None:
    cells = TRIPLETS.format_row(ROW).rstrip("\n").split("\t")
    assert len(cells) == len(TRIPLETS.columns) == TRIPLETS.header().count("\t") + 1
    assert all(cells)
    assert cells[15] == "1.2346"
    assert cells[17] == "n/a"
    assert cells[-2:] == ["false", "n/a"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("trial_type", "warm-up"),
        ("trial_index", 0),
        ("trial_index", None),
        ("trial_index", 1.5),
        ("response", 4),
        ("response_time", -0.1),
        ("response_time", float("nan")),
        ("response_time", float("inf")),
        ("triplet_id", "a\tb"),
        ("triplet_id", ""),
        ("timed_out", "yes"),
        ("position_1", "top"),
    ],
)
def test_a_value_that_the_sidecar_forbids_is_never_written(column: str, value: object) -> None:
    with pytest.raises(ValueError, match=column):
        TRIPLETS.format_row({**ROW, column: value})


def test_a_row_with_a_missing_or_a_further_value_is_never_written() -> None:
    with pytest.raises(ValueError, match="pilot"):
        TRIPLETS.format_row({name: value for name, value in ROW.items() if name != "pilot"})
    with pytest.raises(ValueError, match="mood"):
        TRIPLETS.format_row({**ROW, "mood": "good"})


@settings(deadline=None)
@given(value=st.text(min_size=1))
def test_text_comes_back_or_is_refused(value: str) -> None:
    column = Column("x", "string", "")
    try:
        text = column.format(value)
    except ValueError:
        assert value == "n/a" or any(mark in value for mark in "\t\n\r")
    else:
        assert column.parse(text) == value


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(len(table.columns)))
def test_every_level_of_the_sidecar_can_be_written_and_is_described(table: Table) -> None:
    assert len(set(table.names)) == len(table.columns)
    for column in table.columns:
        entry = column.sidecar()
        json.dumps(entry)
        assert entry["Description"].endswith(".")
        for level in entry.get("Levels", {}):
            assert column.format(level) == level


def test_the_dictionary_in_the_readme_is_the_definition() -> None:
    readme = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    differ = [table.names for table in (ANSWERS, *OF_RUNS) if table.dictionary() not in readme]
    assert differ == [], (
        "data/README.md differs from the declarations: paste the output of "
        "Table.dictionary() of each table"
    )
