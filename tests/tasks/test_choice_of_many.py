"""Choices among many images: what a trial shows, what counts as an answer, where the images are."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from twoalike.record import ALIKE_PAIRS, ODD_OF_MANY
from twoalike.tasks import (
    ImageRow,
    KeyPress,
    MostAlikePair,
    OddOneOfMany,
    PointerPress,
    Shown,
    Trial,
    View,
    check_texts,
    lay_out,
)
from twoalike.tasks.choosing import TrialResult, TripletActivity

NAMES = ("ant", "bee", "cat", "dog")
PLACES = ("3", "1", "4", "2")
ROW = ("bee", "dog", "ant", "cat")
BRISK: dict[str, Any] = {"timing": {"fixation_s": 0, "minimum_rt_s": 0.2, "response_limit_s": 9}}
PAIRS, ODD = MostAlikePair.model_validate(BRISK), OddOneOfMany.model_validate(BRISK)
LAYOUT = lay_out(PAIRS, View((1280, 1024)), 4)


def pairs(trial: Trial | None = None) -> TripletActivity:
    trial = trial or Trial(1, 1, "main", "s1", NAMES, PLACES, kind="alike_pair")
    activity = TripletActivity(trial, PAIRS, LAYOUT)
    activity.handle(Shown(10.0))
    return activity


def odd(kind: str = "main", expected: int | None = None) -> TripletActivity:
    trial = Trial(1, 1, kind, "s1", NAMES, PLACES, expected=expected, kind="odd_of_many")
    activity = TripletActivity(trial, ODD, LAYOUT)
    activity.handle(Shown(10.0))
    return activity


def result(items: Sequence[object]) -> dict[str, object] | None:
    found = [item for item in items if isinstance(item, TrialResult)]
    return found[0].rows(rt_source="pyglet", pilot=False)[0] if found else None


def test_a_key_names_the_odd_one_and_it_stays() -> None:
    activity = odd()
    scene = activity.scene
    assert isinstance(scene, ImageRow)
    assert (scene.images, scene.labels, scene.marked) == (ROW, ("1", "2", "3", "4"), ())
    assert activity.handle(KeyPress(10.9, "5")) == []  # beyond the images of the trial
    row = result(activity.handle(KeyPress(11.5, "num_3")))
    assert row is not None
    ODD_OF_MANY.format_row(row)
    given = [row[name] for name in ("n_items", "response", "odd_stimulus", "response_position")]
    assert given == [4, 1, "ant", "3"]
    assert (row["response_key"], row["response_time"]) == ("num_3", 1.5)
    assert (row["stimulus_5"], row["position_6"]) == (None, None)
    assert activity.scene == ImageRow((None, None, "ant", None))


def test_the_first_image_of_a_pair_is_framed_and_can_be_taken_back() -> None:
    activity = pairs()
    assert result(activity.handle(KeyPress(11.0, "1"))) is None
    assert activity.choosing
    assert activity.scene.marked == ("bee",)  # type: ignore[union-attr]
    activity.handle(PointerPress(11.5, *LAYOUT.centre("1")))
    assert activity.scene.marked == ()  # type: ignore[union-attr]
    activity.handle(KeyPress(12.0, "4"))
    row = result(activity.handle(PointerPress(13.0, *LAYOUT.centre("3"))))
    assert row is not None
    ALIKE_PAIRS.format_row(row)
    expected = {
        **{"response_1": 1, "response_2": 3, "alike_1": "ant", "alike_2": "cat"},
        **{"first_response": 3, "first_response_time": 2.0, "n_taken_back": 1},
        **{"response_method": "mouse", "response_key": None, "response_time": 3.0},
        **{"correct": None, "expected_1": None, "expected_2": None},
    }
    assert {name: row[name] for name in expected} == expected
    assert activity.scene == ImageRow((None, None, "ant", "cat"))
    assert activity.handle(KeyPress(13.1, "1")) == []  # the choice is final


TIMED = {
    "timing": {
        **{"fixation_s": 0.02, "presentation_ms": 20, "minimum_rt_s": 0},
        **{"presentation": "sequential", "mask": "scrambled", "mask_ms": 10},
    }
}


def test_timed_images_of_a_pair_come_in_turn_and_both_are_chosen_meanwhile_or_after() -> None:
    protocol = MostAlikePair.model_validate(TIMED)
    trial = Trial(1, 1, "main", "s1", NAMES, PLACES, kind="alike_pair")
    activity = TripletActivity(trial, protocol, LAYOUT, refresh_hz=100.0)
    for number in range(14):
        activity.handle(Shown(number / 100))
    activity.handle(KeyPress(0.135, "1"))
    assert activity.result is None and activity.showing
    activity.handle(Shown(0.14))
    scene = activity.scene
    assert isinstance(scene, ImageRow)
    assert (scene.images, scene.labels) == ((None,) * 4, ("", "2", "3", "4"))
    row = result(activity.handle(KeyPress(0.5, "3")))
    assert row is not None
    ALIKE_PAIRS.recorded(protocol.model_dump()).format_row({**row, "seen_before": False})
    onsets = [row[f"image_onset_{item}"] for item in (1, 2, 3, 4)]
    assert onsets == pytest.approx([0.08, 0.02, 0.11, 0.05])  # by place
    assert (row["response_1"], row["response_2"], row["timing_flag"]) == (1, 2, None)
    assert row["first_response_time"] == pytest.approx(0.115)
    assert activity.scene == ImageRow((None,) * 4, labels=("1", "", "3", ""))


def test_a_time_limit_leaves_time_for_the_most_images() -> None:
    with pytest.raises(ValidationError, match="longer than the presentation"):
        OddOneOfMany.model_validate({"timing": {**TIMED["timing"], "response_limit_s": 0.18}})


@pytest.mark.parametrize(("second", "right"), [("4", True), ("2", False)])
def test_practice_says_whether_the_pair_was_right(second: str, right: bool) -> None:
    easy = Trial(
        1, 1, "practice", "s1", NAMES, PLACES, expected=1, expected_with=3, kind="alike_pair"
    )
    activity = pairs(easy)
    activity.handle(KeyPress(11.0, "3"))
    row = result(activity.handle(KeyPress(12.0, second)))
    assert row is not None
    assert row["correct"] is right
    both = ("ant", "cat")
    assert activity.scene == (
        ImageRow((None, None, *both), verdict=PAIRS.texts.right, marked=both)
        if right
        else ImageRow(ROW, verdict=PAIRS.texts.wrong, marked=both)
    )


def test_practice_says_whether_the_odd_one_was_right() -> None:
    activity = odd("practice", expected=2)
    activity.handle(KeyPress(11.0, "1"))
    assert activity.scene == ImageRow(
        ("bee", None, None, None), verdict=ODD.texts.right, marked=("bee",)
    )
    activity = odd("practice", expected=2)
    activity.handle(KeyPress(11.0, "2"))
    assert activity.scene == ImageRow(ROW, verdict=ODD.texts.wrong, marked=("bee",))


def test_texts_that_do_not_fit_are_named() -> None:
    texts = {"labels": ["1", "2", "3", "4", "5", "a long name of a key " * 9]}
    protocol = OddOneOfMany.model_validate({"texts": texts})
    (fault,) = check_texts(protocol, View((1280, 1024)))
    assert fault.startswith("texts.labels: expected a text that fits")
