"""Changed settings in words: every key, both values, and no more than a line holds."""

import pytest

from twoalike.study import describe_changes

LONG = "One image is shown after the other."


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"a": 1}, {"a": 1}, ""),
        ({"a": {"b": 1}, "c": [1]}, {"a": {"b": 2}, "c": [1, 2]}, "a.b was 1, is 2; c was [1], "),
        ({"a": None}, {"a": "x"}, 'a was not set, is "x"'),
        ({"a": 1}, {}, "a was 1, is not set"),
        ({}, {"a": True}, "a was not set, is true"),
        (
            {"a": LONG + " Left."},
            {"a": LONG + " Right."},
            'a was "…he other. Left.", is "…he other.',
        ),
        ({"a": "one\ntwo"}, {"a": "ü"}, 'a was "one two", is "ü"'),
        (dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2), "c was 1, is 2; and 2 more"),
    ],
)
def test_changes_are_named(before: dict[str, object], now: dict[str, object], said: str) -> None:
    text = describe_changes(before, now)
    assert said in text
    assert bool(said) == bool(text)
    assert "\n" not in text


def test_a_long_value_is_cut() -> None:
    assert len(describe_changes({"a": "x" * 500}, {"a": list(range(500))})) < 100
