"""Ratings of pairs: what counts as an answer on a scale and on a slider, and what is recorded."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.record import RATINGS
from twoalike.tasks import (
    KeyPress,
    Nudge,
    Page,
    PairRating,
    PointerMove,
    PointerPress,
    PointerRelease,
    Rating,
    Scroll,
    Shown,
    Tick,
    Trial,
    View,
)
from twoalike.tasks.pair_rating import (
    PreparedRatings,
    RatingActivity,
    RatingResult,
    lay_out_rating,
)

TRIAL = Trial(1, 1, "main", "", ("a", "b"), ("right", "left"), kind="rating")
QUICK = {"fixation_s": 0, "minimum_rt_s": 0.2}
VIEW = View((1280, 1024))


def likert(**scale: object) -> PairRating:
    return PairRating.model_validate({"timing": QUICK, "scale": scale})


def slider(**scale: object) -> PairRating:
    return likert(kind="slider", **scale)


def begun(protocol: PairRating, trial: Trial = TRIAL) -> RatingActivity:
    activity = RatingActivity(trial, protocol, lay_out_rating(protocol, VIEW))
    activity.handle(Shown(10.0))
    return activity


def feed(activity: RatingActivity, *events: Any) -> list[RatingResult]:
    items = [item for event in events for item in activity.handle(event)]
    return [item for item in items if isinstance(item, RatingResult)]


def row(results: Sequence[RatingResult]) -> dict[str, Any]:
    (result,) = results
    (values,) = result.rows(rt_source="simulated", pilot=False)
    RATINGS.format_row(values)
    return dict(values)


def test_a_key_or_a_click_on_a_point_answers() -> None:
    activity = begun(likert())
    scene = activity.scene
    assert isinstance(scene, Rating)
    assert (scene.images, scene.value, scene.button) == (("b", "a"), None, "")
    made = row(feed(activity, KeyPress(11.5, "6")))
    assert (made["response"], made["scale_points"], made["start_value"]) == (6, 7, None)
    assert (made["response_method"], made["n_adjustments"]) == ("keyboard", 1)
    assert made["response_time"] == 1.5
    assert activity.scene == Rating(("b", "a"), value=6)
    box = begun(likert()).layout.points[1]
    made = row(feed(begun(likert()), PointerPress(12.0, box.x, box.y)))
    assert (made["response"], made["response_method"]) == (2, "mouse")
    assert row(feed(begun(likert()), KeyPress(11.0, "num_3")))["response"] == 3
    assert feed(begun(likert()), KeyPress(11.0, "8"), PointerPress(11.0, 600.0, 500.0)) == []


def test_points_beyond_the_keys_are_reached_by_arrows() -> None:
    made = row(feed(begun(likert(points=10)), KeyPress(11.0, "0")))
    assert made["response"] == 10
    activity = begun(likert(points=11))
    right = [Nudge(11.0 + k / 10, 1, 0) for k in range(8)]
    assert feed(activity, *right) == []
    made = row(feed(activity, KeyPress(12.0, "return")))
    assert (made["response"], made["n_adjustments"]) == (11, 6)


def test_with_confirmation_the_answer_may_be_changed() -> None:
    activity = begun(likert(confirm=True))
    assert feed(activity, KeyPress(11.0, "return"), KeyPress(11.0, "2"), Nudge(11.1, 0, 1)) == []
    done = activity.layout.done
    assert done is not None
    made = row(feed(activity, PointerPress(13.0, done.x, done.y)))
    assert (made["response"], made["n_adjustments"], made["response_time"]) == (3, 2, 3.0)


def test_a_slider_is_dragged_clicked_wheeled_and_nudged() -> None:
    activity = begun(slider())
    track, y = activity.layout.track, activity.layout.track.y
    assert activity.value == 0.5
    feed(activity, PointerPress(11.0, 3.0, y), PointerMove(11.1, 103.0, y))
    feed(activity, PointerRelease(11.2, 131.0, y), PointerMove(11.3, 300.0, y))
    assert activity.value == pytest.approx(0.5 + 128 / track.width, abs=1e-4)
    assert activity.n_adjustments == 1
    feed(activity, PointerPress(12.0, -track.width / 4, y), PointerRelease(12.1, -160.0, y))
    assert activity.value == pytest.approx(0.25, abs=1e-3)
    feed(activity, Scroll(12.2, 2.0), Nudge(12.3, -1, 0), Nudge(12.4, 0, 1, fine=True))
    assert activity.value == pytest.approx(0.25 + 0.04 - 0.02 + 0.004, abs=1e-3)
    assert activity.n_adjustments == 5
    made = row(feed(activity, KeyPress(13.0, "return")))
    assert made["response"] == activity.value
    assert (made["scale_points"], made["start_value"]) == (None, 0.5)
    assert (made["response_method"], made["n_adjustments"]) == ("keyboard", 5)


def test_a_slider_left_where_it_is_has_to_be_confirmed() -> None:
    activity = begun(slider(start=0.2))
    texts = activity.protocol.texts
    assert feed(activity, KeyPress(11.0, "return")) == []
    assert isinstance(activity.scene, Rating)
    assert (activity.scene.button, activity.scene.moved) == (texts.confirm, False)
    feed(activity, Tick(15.0))
    assert isinstance(activity.scene, Rating)
    assert activity.scene.button == texts.done
    assert feed(activity, KeyPress(16.0, "return")) == []
    made = row(feed(activity, KeyPress(17.0, "return")))
    assert (made["response"], made["n_adjustments"]) == (0.2, 0)
    assert made["response_method"] == "keyboard"


def test_time_limit_early_presses_and_escape() -> None:
    protocol = PairRating.model_validate({"timing": {**QUICK, "response_limit_s": 5}})
    activity = begun(protocol)
    assert feed(activity, KeyPress(10.1, "3")) == []
    made = row(feed(activity, Tick(15.0)))
    assert (made["timed_out"], made["response"], made["n_early_presses"]) == (True, None, 1)
    assert (made["response_method"], made["response_time"]) == ("none", None)
    assert activity.scene == Page(protocol.texts.time_out, protocol.texts.go_on)
    feed(activity, Shown(15.0), KeyPress(17.0, "space"))
    assert activity.finished
    activity = begun(slider())
    feed(activity, Nudge(11.0, 1, 0))
    activity.restart(12.0)
    feed(activity, Shown(13.0), Nudge(14.0, -1, 0))
    made = row(feed(activity, KeyPress(14.5, "return")))
    assert (made["response"], made["onset"], made["rt_flag"]) == (0.48, 13.0, "interrupted")


@pytest.mark.parametrize(
    ("value", "expected", "right"), [("7", "high", True), ("2", "high", False), ("4", "low", False)]
)
def test_a_check_is_right_in_its_half_of_the_scale(value: str, expected: str, right: bool) -> None:
    trial = replace(TRIAL, stimuli=("a", "a"), trial_type="catch", expected_half=expected)
    assert row(feed(begun(likert(), trial), KeyPress(11.0, value)))["correct"] is right


EVENTS = st.one_of(
    st.builds(KeyPress, st.just(0.0), st.sampled_from(["1", "5", "return", "space", "x"])),
    st.builds(Nudge, st.just(0.0), st.sampled_from([-1, 1]), st.just(0), st.booleans()),
    st.builds(Scroll, st.just(0.0), st.floats(-3, 3)),
    *(
        st.builds(kind, st.just(0.0), st.integers(-640, 640), st.integers(-500, 500))
        for kind in (PointerPress, PointerMove, PointerRelease)
    ),
    st.builds(Tick, st.just(0.0)),
)


@settings(deadline=None, max_examples=60)
@given(
    st.booleans(),
    st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.3, 2.0])), max_size=20),
    st.booleans(),
)
def test_any_events_give_at_most_one_valid_result(
    line: bool, events: list[tuple[Any, float]], stopped: bool
) -> None:
    limit = {**QUICK, "response_limit_s": 20}
    scale = {"kind": "slider" if line else "likert", "confirm": True}
    activity = begun(PairRating.model_validate({"timing": limit, "scale": scale}))
    found, time = [], 10.0
    for number, (event, wait) in enumerate(events):
        time += wait
        found += feed(activity, replace(event, time=time), Shown(time))
        if stopped and number == 10:
            activity.restart(time)
    assert len(found) <= 1
    if found:
        made = row(found)
        allowed = {None, *range(1, 8)} if not line else None
        assert allowed is None or made["response"] in allowed
        assert made["response"] is None or 0 <= made["response"] <= 7


@pytest.mark.parametrize("size", [(1024, 768), (1280, 800), (1920, 1080), (2560, 1440)])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", ["likert", "slider"])
def test_everything_fits_and_nothing_overlaps(
    size: tuple[int, int], language: str, kind: str
) -> None:
    protocol = PairRating.model_validate({"language": language, "scale": {"kind": kind}})
    layout, (width, height) = lay_out_rating(protocol, View(size)), size
    half = layout.image / 2
    assert -layout.centres[0][0] + half <= width / 2
    assert layout.centres[0][1] + half < layout.prompt_y < height / 2
    assert layout.centres[0][1] - half > layout.track.y + layout.handle[1] / 2
    assert layout.track.y > layout.words_y > -height / 2
    low, high = layout.words(protocol)
    assert low[1] < high[1]
    if layout.done is not None:
        assert layout.words_y > layout.done.y > layout.done.height / 2 - height / 2
    assert list(PreparedRatings.text_faults(protocol, View(size))) == []


def test_words_for_each_point_are_as_many_as_the_points() -> None:
    words = ["none", "some", "much"]
    protocol = PairRating.model_validate({"scale": {"points": 3}, "texts": {"labels": words}})
    layout = lay_out_rating(protocol, VIEW)
    assert [text for text, _, _ in layout.words(protocol)] == words
    with pytest.raises(ValueError, match=r"texts.labels: expected 7, one a point, found 3"):
        PairRating.model_validate({"texts": {"labels": words}})
    with pytest.raises(ValueError, match="key '1' has two meanings"):
        PairRating.model_validate({"answers": {"done_keys": ["1"]}})
