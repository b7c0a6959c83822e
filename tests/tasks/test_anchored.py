"""Anchored choices: what a trial shows, what counts as an answer, where the images are."""

from collections.abc import Sequence

import pytest

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
from twoalike.tasks.choosing import TrialResult, TripletActivity

NAMES = ("ref", "near", "far")
TRIAL = Trial(1, 1, "main", "a1", NAMES, ("middle", "right", "left"), kind="anchored")
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


def test_keys_are_told_apart() -> None:
    with pytest.raises(ValueError, match="key 'left' has two meanings"):
        AnchoredChoice.model_validate({"answers": {"right": ["left"]}})
    with pytest.raises(ValueError, match="each image needs a key"):
        AnchoredChoice.model_validate({"answers": {"right": [], "mouse": False}})


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
