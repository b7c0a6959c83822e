"""Settings and descriptions that nobody wrote by hand, or with a value of another kind."""

from pathlib import Path

import pytest

from twoalike.features import read_features
from twoalike.study import TwoalikeError, parse_json, read_json

DEEP = 100_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * DEEP + "]" * DEEP, "nested too deep"),
        ("9" * 5000, "4300 digits"),
        (b'"\xff"', "utf-8"),
        ("{", "Expecting property name"),
        ('["\\ud800"]', "surrogates not allowed"),
        (b'{"\\uDC00": 1}', "surrogates not allowed"),
    ],
)
def test_what_is_no_json_is_one_line(text: str | bytes, says: str) -> None:
    with pytest.raises(TwoalikeError, match=f"^x: not valid JSON .*{says}.* Mend it.$"):
        parse_json(text, "x", "Mend it.")


def test_characters_written_as_two_halves_are_whole() -> None:
    assert parse_json('["\\ud83d\\ude00"]', "x") == ["\N{GRINNING FACE}"]


@pytest.mark.parametrize("value", ["[1]", '"1"', "1e999", "null", "{}"])
def test_a_schema_version_is_a_number(value: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(f'{{"kind": "k", "schema_version": {value}}}')
    with pytest.raises(TwoalikeError, match="expected schema_version as a whole number"):
        read_json(tmp_path / "x.json", "k")


@pytest.mark.parametrize("value", ["1" + "0" * 400, "100000000000", "-1", "true", "null", '"2"'])
def test_a_number_of_shards_is_believed_within_reason(value: str, tmp_path: Path) -> None:
    (tmp_path / "features.json").write_text(f'{{"kind": "features", "shards": {value}}}')
    with pytest.raises(TwoalikeError, match="expected shards as a whole number from 1, found"):
        read_features(tmp_path)
