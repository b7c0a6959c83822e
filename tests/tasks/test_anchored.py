"""Anchored choices: what a trial shows, what counts as an answer, where the images are."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoalike.record import ANCHORED
from twoalike.tasks import (
    AnchoredChoice,
    ImageRow,
    KeyPress,
    PointerPress,
    Shown,
    Trial,
    View,
    lay_out,
)
from twoalike.tasks.odd_one_out import TrialResult, TripletActivity

NAMES = ("ref", "near", "far")
TRIAL = Trial(1, 1, "main", "a1", NAMES, ("middle", "right", "left"), anchored=True)
BRISK = AnchoredChoice.model_validate({"timing": {"fixation_s": 0, "minimum_rt_s": 0.2}})
LAYOUT = lay_out(BRISK, View((1280, 1024)))


def begun(trial: Trial = TRIAL) -> TripletActivity:
    activity = TripletActivity(trial, BRISK, LAYOUT)
    activity.handle(Shown(10.0))
    return activity


def result(items: Sequence[object]) -> TrialResult | None:
    found = [item for item in items if isinstance(item, TrialResult)]
    return found[0] if found else None


def test_the_reference_is_above_and_stays_after_the_choice() -> None:
    activity = begun()
    scene = activity.scene
    assert isinstance(scene, ImageRow)
    assert scene.images == ("far", "ref", "near")
    assert scene.labels == ("← or 1", "", "→ or 2")
    assert LAYOUT.centre("middle")[1] > LAYOUT.centre("left")[1] == LAYOUT.centre("right")[1]
    done = result(activity.handle(KeyPress(11.0, "right")))
    assert done is not None
    assert activity.scene == ImageRow((None, "ref", "near"))
    (row,) = done.rows(rt_source="simulated", pilot=False)
    ANCHORED.format_row(row)
    given = (row["response"], row["chosen_stimulus"], row["response_position"], row["response_key"])
    assert given == (2, "near", "right", "right")
    assert (row["expected_response"], row["correct"]) == (None, None)


@pytest.mark.parametrize(("place", "response"), [("left", 3), ("right", 2), ("middle", None)])
def test_a_click_on_a_candidate_answers_and_on_the_reference_does_not(
    place: str, response: int | None
) -> None:
    activity = begun()
    done = result(activity.handle(PointerPress(11.0, *LAYOUT.centre(place))))
    assert (
        None if done is None else done.rows(rt_source="pyglet", pilot=False)[0]["response"]
    ) == (response)
    assert activity.choosing == (response is None)


@given(st.lists(st.sampled_from(("left", "right", "down", "2", "x", "space")), max_size=6))
def test_one_result_at_the_first_answer(keys: list[str]) -> None:
    activity, answers = begun(), {"left": 3, "right": 2, "2": 2}
    items: list[Any] = []
    for number, key in enumerate(keys):
        items += activity.handle(KeyPress(11.0 + number, key))
    expected = [answers[key] for key in keys if key in answers][:1]
    rows = [
        item.rows(rt_source="pyglet", pilot=False)[0]
        for item in items
        if isinstance(item, TrialResult)
    ]
    assert [row["response"] for row in rows] == expected


def test_practice_says_whether_it_was_right() -> None:
    easy = replace(TRIAL, trial_type="practice", expected=2)
    activity = begun(easy)
    activity.handle(KeyPress(11.0, "right"))
    right = ImageRow((None, "ref", "near"), verdict=BRISK.texts.right, marked=("near",))
    assert activity.scene == right
    activity = begun(easy)
    activity.handle(KeyPress(11.0, "left"))
    wrong = ImageRow(("far", "ref", "near"), verdict=BRISK.texts.wrong, marked=("near",))
    assert activity.scene == wrong


@pytest.mark.parametrize("layout", ["row", "triangle"])
@pytest.mark.parametrize("size", [(1024, 768), (1280, 1024), (1920, 1080), (2560, 1440)])
def test_everything_fits_and_nothing_overlaps(layout: str, size: tuple[int, int]) -> None:
    protocol = AnchoredChoice.model_validate({"images": {"layout": layout}})
    found = lay_out(protocol, View(size))
    half, (width, height) = found.image / 2, size
    for place in ("left", "middle", "right"):
        x, y = found.centre(place)
        assert abs(x) + half <= width / 2
        assert y + half < found.prompt_y
        assert y - half > found.timer_y
    left, middle = found.centre("left"), found.centre("middle")
    assert max(abs(left[0] - middle[0]), abs(left[1] - middle[1])) >= found.image + 40
    assert 2 * abs(left[0]) >= found.image + 40
    for place in ("left", "right"):
        assert found.label(place)[1] < found.centre(place)[1] - half
    assert found.prompt_y + found.prompt_room / 2 <= height / 2
    assert found.timer_y - found.text > -height / 2


def test_keys_are_told_apart() -> None:
    with pytest.raises(ValueError, match="key 'left' has two meanings"):
        AnchoredChoice.model_validate({"answers": {"right": ["left"]}})
    with pytest.raises(ValueError, match="each image needs a key"):
        AnchoredChoice.model_validate({"answers": {"right": [], "mouse": False}})


def test_both_languages_have_all_texts() -> None:
    english, german = (
        AnchoredChoice.model_validate({"language": language}).texts for language in ("en", "de")
    )
    assert set(english.model_dump()) == set(german.model_dump())
    assert english.prompt != german.prompt


def test_in_a_row_the_texts_speak_of_the_middle() -> None:
    for language, above, middle in (("en", "above", "middle"), ("de", "oberen", "mittleren")):
        texts = {
            layout: AnchoredChoice.model_validate(
                {"language": language, "images": {"layout": layout}}
            ).texts
            for layout in ("triangle", "row")
        }
        for layout, word, other in (("triangle", above, middle), ("row", middle, above)):
            spoken = " ".join((texts[layout].prompt, *texts[layout].instruction))
            assert word in texts[layout].prompt
            assert other not in spoken
        assert texts["row"].labels == texts["triangle"].labels
    own = {"images": {"layout": "row"}, "texts": {"prompt": "Which?"}}
    assert AnchoredChoice.model_validate(own).texts.prompt == "Which?"
