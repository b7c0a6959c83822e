"""The protocol of the multi-arrangement task and its texts."""

import pytest
from pydantic import ValidationError

from twoalike.tasks._protocol import languages, shipped_texts
from twoalike.tasks.multi_arrangement import MultiArrangement


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_text(language: str) -> None:
    texts = MultiArrangement(language=language).texts
    assert all(texts.model_dump().values())
    assert set(shipped_texts("multi-arrangement", language)) == set(type(texts).model_fields)
    assert len({texts.count(n) for n in range(4)}) == 4
    assert "3" in texts.count(3)


def test_languages_differ_and_say_one_image_rightly() -> None:
    english, german = MultiArrangement().texts, MultiArrangement(language="de").texts
    shared = {key for key, text in english.model_dump().items() if text == getattr(german, key)}
    assert not shared
    assert english.count(1) == "1 image left" and german.count(1) == "Noch 1 Bild"


def test_one_text_can_be_changed_and_the_others_stay() -> None:
    changed = MultiArrangement.model_validate({"texts": {"prompt": "Group them"}})
    assert changed.texts.prompt == "Group them"
    assert changed.texts.done == "Done"


@pytest.mark.parametrize(
    ("table", "values", "reason"),
    [
        ("arena", {"item_fraction": 0.3}, "item_fraction"),
        ("arena", {"line": "grey"}, "line"),
        ("timing", {"trial_limit_s": 0.5}, "minimum_s"),
        ("answers", {"done_keys": ["space"]}, "two meanings"),
        ("answers", {"magnify_keys": ["escape"]}, "two meanings"),
        ("answers", {"next_keys": ["left"]}, "arrows move"),
        ("answers", {"step_fraction": 0.0}, "step_fraction"),
        ("texts", {"left": "{m} left"}, "left knows"),
        ("rules", {"undo": True}, "undo"),
    ],
)
def test_impossible_settings_are_refused(
    table: str, values: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        MultiArrangement.model_validate({table: values})
