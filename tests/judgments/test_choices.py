"""The table of choices: checks, file."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from twoalike.judgments import (
    choices_table,
    object_index,
    read_judgments,
    write_judgments,
)
from twoalike.study import TwoalikeError

OBJECTS = ["zebra", "ant", "maple", "oak", "never_judged"]


@pytest.fixture
def choices(rng: np.random.Generator) -> pd.DataFrame:
    shown = np.stack([rng.permutation(4)[:3] for _ in range(200)])
    return choices_table(
        {
            "participant": rng.choice(["p1", "p2", "p3"], 200),
            "session": ["01"] * 200,
            "item_1": shown[:, 0],
            "item_2": shown[:, 1],
            "item_3": shown[:, 2],
            "chosen": rng.integers(1, 4, 200),
            "response_time": rng.uniform(0.5, 2.0, 200),
        },
        OBJECTS,
    )


def test_file_returns_what_was_written(choices: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "choices.parquet"
    write_judgments(path, choices, {"seed": 3})
    again = read_judgments(path)
    assert again.attrs["provenance"] == {"seed": 3}
    for column in choices:
        assert again[column].astype(object).where(again[column].notna(), None).tolist() == (
            choices[column].astype(object).where(choices[column].notna(), None).tolist()
        )


def test_order_of_objects_survives_with_objects_nobody_judged(
    choices: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "choices.parquet"
    write_judgments(path, choices, {})
    triplets, chosen, ids = object_index(read_judgments(path))
    assert ids == tuple(OBJECTS)
    assert np.array([OBJECTS[k] for k in triplets[:, 1]]).tolist() == choices["item_2"].tolist()
    assert (chosen + 1).tolist() == choices["chosen"].tolist()


def test_same_choices_same_bytes(choices: pd.DataFrame, tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        write_judgments(tmp_path / name, choices, {"seed": 1})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_file_of_another_tool_is_read(choices: pd.DataFrame, tmp_path: Path) -> None:
    plain = choices.astype({c: str for c in choices if choices[c].dtype == "category"})
    plain["session"], plain["level"] = "01", None
    plain["trial"], plain["chosen"] = plain["trial"].astype("int64"), plain["chosen"].astype(float)
    plain.to_parquet(tmp_path / "plain.parquet")
    again = read_judgments(tmp_path / "plain.parquet")
    assert again["item_3"].tolist() == choices["item_3"].tolist()
    assert again["chosen"].dtype == np.int8


def test_plain_strings_can_be_written(choices: pd.DataFrame, tmp_path: Path) -> None:
    plain = choices.astype(object).where(choices.notna(), None)
    write_judgments(tmp_path / "c.parquet", plain, {})
    again = read_judgments(tmp_path / "c.parquet")
    assert again["item_3"].tolist() == choices["item_3"].tolist()
    assert again["chosen"].tolist() == choices["chosen"].tolist()


def test_index_into_other_ids(choices: pd.DataFrame) -> None:
    other = ["oak", "maple", "extra", "ant", "zebra"]
    triplets, _, ids = object_index(choices, other)
    assert [ids[k] for k in triplets[:, 0]] == choices["item_1"].tolist()
    with pytest.raises(TwoalikeError, match="not one of the 2 objects of the model"):
        object_index(choices, ["oak", "maple"])


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("chosen", 4, "row 3, column 'chosen': expected one of 1, 2, 3, found '4'"),
        ("kind", "guess", "row 3, column 'kind': expected one of odd_one_out, anchored"),
        ("trial", 0, "row 3, column 'trial': expected a whole number from 1, found '0'"),
        ("response_time", "soon", "column 'response_time'"),
        ("item_2", "same", "row 3: expected three different items"),
        ("participant", None, "column 'participant'"),
    ],
)
def test_a_bad_cell_is_named(
    choices: pd.DataFrame, tmp_path: Path, column: str, value: object, complaint: str
) -> None:
    plain = choices.astype(object).where(choices.notna(), None)
    plain.loc[2, column] = plain.loc[2, "item_1"] if value == "same" else value
    if column == "response_time":
        plain[column] = plain[column].astype(str)
    plain.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(TwoalikeError, match=complaint) as raised:
        read_judgments(tmp_path / "bad.parquet")
    assert "\n" not in str(raised.value)
    assert "bad.parquet" in str(raised.value)


def test_missing_column_empty_table_and_damage_are_refused(
    choices: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "c.parquet"
    choices.drop(columns="chosen").to_parquet(path)
    with pytest.raises(TwoalikeError, match="column 'chosen' is missing"):
        read_judgments(path)
    choices.iloc[:0].to_parquet(path)
    with pytest.raises(TwoalikeError, match="empty table"):
        read_judgments(path)
    write_judgments(path, choices, {})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(TwoalikeError, match="cannot be read as parquet"):
        read_judgments(path)


def test_reference_cannot_be_chosen() -> None:
    columns = {"item_1": [0], "item_2": [1], "item_3": [2], "chosen": [1], "kind": ["anchored"]}
    with pytest.raises(TwoalikeError, match="row 1: expected item_1 is the reference"):
        choices_table(columns, OBJECTS)
