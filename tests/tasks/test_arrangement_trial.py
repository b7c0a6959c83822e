"""One arrangement: known answers by hand."""

import math
from typing import Any

import pytest
from tests.tasks.scripts import replay

from twoalike.record import ARRANGEMENTS as BEH
from twoalike.tasks._activity import (
    Arena,
    Event,
    EventRow,
    Focus,
    KeyPress,
    Note,
    Nudge,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
)
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

TRIAL = ArrangementTrial(
    trial_index=3,
    trial_type="main",
    items=("a", "b", "c"),
    seats=Seating((2, 0, 1), 30.0),
    scheduler="lift_weakest",
    min_evidence_before=0.04,
    mean_evidence_before=0.2,
)


def begin(trial: ArrangementTrial = TRIAL, **tables: Any) -> ArrangementActivity:
    protocol = MultiArrangement.model_validate(tables)
    activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, (1280, 1024), 12))
    return activity


def play(activity: ArrangementActivity, *events: Event) -> list[Any]:
    return [item for event in events for item in activity.handle(event)]


def seen(activity: ArrangementActivity) -> Arena:
    assert isinstance(activity.scene, Arena)
    return activity.scene


def centre(activity: ArrangementActivity, stimulus: str) -> tuple[float, float]:
    return next((p.x, p.y) for p in seen(activity).images if p.stimulus == stimulus)


def drag(
    activity: ArrangementActivity, stimulus: str, x: float, y: float, time: float
) -> list[Any]:
    """Drag by the centre to a point in arena units, within .5 s."""
    target = activity.layout.to_pixels(x, y)
    start = centre(activity, stimulus)
    return play(
        activity,
        PointerPress(time, *start),
        PointerMove(time + 0.2, 0, 0),
        PointerRelease(time + 0.5, *target),
    )


def arrange(activity: ArrangementActivity, onset: float = 10.0) -> list[Any]:
    """Show it and drag a, b, c inside, one a second."""
    items = play(activity, Shown(onset))
    for number, (name, x, y) in enumerate([("a", -0.3, 0), ("b", -0.2, 0.1), ("c", 0.3, 0)]):
        items += drag(activity, name, x, y, onset + 1 + number)
    return items


def rows_of(items: list[Any]) -> list[Any]:
    return [item.values for item in items if isinstance(item, EventRow)]


def result_of(items: list[Any]) -> ArrangementResult:
    (result,) = (item for item in items if isinstance(item, ArrangementResult))
    return result


def test_a_trial_is_recorded_as_it_was_made() -> None:
    activity = begin()
    items = arrange(activity)
    items += play(activity, KeyPress(15.0, "return"))
    assert activity.finished
    rows = result_of(items).rows(rt_source="pyglet", pilot=False)
    # Whether the trial was seen before is known to the record alone.
    assert [set(row) for row in rows] == [set(BEH.names) - {"seen_before"}] * 3
    a, b, c = rows
    assert (a["stimulus"], a["x"], a["y"], a["inside"]) == ("a", -0.3, 0.0, True)
    assert (a["seat_index"], b["seat_index"], c["seat_index"]) == (3, 1, 2)
    assert (a["n_moves"], a["first_move_time"], a["last_move_time"]) == (1, 1.0, 1.5)
    assert {row["response_time"] for row in rows} == {5.0}
    assert {(row["end_reason"], row["end_method"]) for row in rows} == {("done", "keyboard")}
    assert (a["onset"], a["scheduler"], a["min_evidence_before"]) == (10.0, "lift_weakest", 0.04)
    assert (a["trial_index"], a["n_items"], a["item_size_px"]) == (3, 3, activity.layout.item)
    for row in rows:
        BEH.format_row(row)


def test_an_image_keeps_the_place_where_it_was_gripped() -> None:
    activity = begin()
    play(activity, Shown(0.0))
    x, y = centre(activity, "b")
    play(activity, PointerPress(1.0, x + 11, y - 7), PointerMove(1.1, 111, 93))
    assert centre(activity, "b") == (100.0, 100.0)
    held = seen(activity).images[-1]
    assert (held.stimulus, held.rim) == ("b", "held")
    assert held.size == pytest.approx(1.15 * activity.layout.item)
    play(activity, PointerRelease(1.2, 111, 93))
    assert seen(activity).images[-1].size == activity.layout.item


def test_the_topmost_image_is_taken_and_stays_on_top() -> None:
    activity = begin()
    play(activity, Shown(0.0))
    for number, name in enumerate("abc"):
        drag(activity, name, 0.0, 0.0, 1.0 + number)
    play(activity, PointerPress(5.0, *activity.layout.to_pixels(0, 0)))
    play(activity, PointerRelease(5.5, *activity.layout.to_pixels(0.3, 0)))
    assert centre(activity, "c") == pytest.approx(activity.layout.to_pixels(0.3, 0))
    assert [image.stimulus for image in seen(activity).images] == ["a", "b", "c"]
    drag(activity, "b", -0.3, 0.0, 6.0)
    assert [image.stimulus for image in seen(activity).images] == ["a", "c", "b"]


@pytest.mark.parametrize("loss", [Focus(2.0, False), PointerPress(2.0, 50.0, 60.0)])
def test_a_lost_release_drops_the_image_where_it_is(loss: Event) -> None:
    activity = begin()
    play(activity, Shown(0.0))
    items = play(
        activity,
        PointerPress(1.0, *centre(activity, "a")),
        PointerMove(1.5, 50.0, 60.0),
        loss,
        PointerMove(2.5, -90.0, 10.0),
    )
    assert centre(activity, "a") == (50.0, 60.0)
    (row,) = rows_of(items)
    assert (row["duration"], row["stimulus"]) == (1.0, "a")
    assert seen(activity).images[-1].rim == "inside"


def test_done_waits_for_all_images() -> None:
    activity = begin()
    done = activity.layout.done
    items = play(activity, Shown(0.0))
    drag(activity, "a", 0.0, 0.1, 1.0)
    assert seen(activity).counter == "2 images left"
    drag(activity, "b", 0.0, 0.2, 2.0)
    assert seen(activity).counter == "1 image left"
    assert not seen(activity).buttons[0].enabled
    items += play(activity, KeyPress(3.0, "return"))
    assert seen(activity).counter == activity.protocol.texts.too_few
    items += play(activity, Tick(6.0))
    assert seen(activity).counter == "1 image left"
    items += play(activity, PointerPress(6.5, done.x, done.y), PointerRelease(6.6, done.x, done.y))
    assert not activity.finished
    drag(activity, "c", 0.0, -0.2, 7.0)
    assert seen(activity).buttons[0].enabled
    items += play(activity, PointerPress(9.0, done.x, done.y))
    assert activity.finished
    assert result_of(items).ending.method == "mouse"
    assert not play(activity, PointerRelease(9.1, done.x, done.y), KeyPress(9.2, "return"))


def test_done_can_ask_for_a_second_press() -> None:
    activity = begin(answers={"confirm_done": True})
    arrange(activity, 0.0)
    play(activity, KeyPress(5.0, "return"))
    assert seen(activity).buttons[0].text == activity.protocol.texts.confirm
    assert activity.deadline == 8.0
    play(activity, Tick(8.0))
    assert seen(activity).buttons[0].text == activity.protocol.texts.done
    play(activity, KeyPress(9.0, "return"))
    assert not activity.finished
    play(activity, KeyPress(9.5, "return"))
    assert activity.finished


def test_starting_over_takes_two_presses() -> None:
    activity = begin()
    seats = {name: centre(activity, name) for name in "abc"}
    items = arrange(activity, 0.0)
    button = activity.layout.start_over
    press: list[Event] = [
        PointerPress(5.0, button.x, button.y),
        PointerRelease(5.1, button.x, button.y),
    ]
    assert not play(activity, *press)
    assert seen(activity).buttons[1].text == activity.protocol.texts.confirm_start_over
    # Too late for a second press; that one is a first again.
    assert not play(activity, Tick(8.5), KeyPress(8.6, "backspace"))
    # To take an image says that the first press was a slip.
    items += drag(activity, "a", 0.2, 0.2, 9.0)
    assert not play(activity, KeyPress(9.8, "backspace"))
    reset = play(activity, KeyPress(10.0, "backspace"))
    assert [row["trial_type"] for row in rows_of(reset)] == ["reset"]
    assert {name: centre(activity, name) for name in "abc"} == seats
    assert replay(rows_of(items + reset))[3] == {
        name: activity.layout.to_arena(*place) for name, place in seats.items()
    }


def test_an_image_is_shown_large_while_the_right_button_is_down() -> None:
    activity = begin()
    play(activity, Shown(0.0))
    place = centre(activity, "b")
    play(activity, PointerPress(1.0, *place, "right"))
    assert seen(activity).magnified == "b"
    assert seen(activity).magnified_size == activity.layout.magnified
    (row,) = rows_of(play(activity, PointerRelease(1.8, *place, "right")))
    assert (row["trial_type"], row["stimulus"], row["pointer"]) == ("inspect", "b", "mouse")
    assert row["duration"] == pytest.approx(0.8)
    assert seen(activity).magnified is None


def test_a_key_shows_the_image_at_the_pointer_large_and_small() -> None:
    activity = begin()
    play(activity, Shown(0.0), KeyPress(0.5, "space"))
    assert seen(activity).magnified is None
    place = centre(activity, "c")
    play(activity, PointerMove(1.0, *place), KeyPress(1.5, "space"))
    assert seen(activity).magnified == "c"
    (row,) = rows_of(play(activity, KeyPress(2.5, "space")))
    assert (row["duration"], row["pointer"]) == (1.0, "keyboard")
    play(activity, KeyPress(3.0, "space"))
    # A press ends it and takes nothing that it covers.
    play(activity, PointerPress(3.5, *place), PointerRelease(3.6, 0.0, 0.0))
    assert seen(activity).magnified is None
    assert centre(activity, "c") == place
    assert activity.handling[2].n_inspections == 2


def test_keys_alone_arrange_and_finish() -> None:
    activity = begin(answers={"step_fraction": 0.1})
    seats = {name: centre(activity, name) for name in "abc"}
    step = 0.2 * activity.layout.radius
    items = play(activity, Shown(10.0))
    # Seats 0, 1 and 2 are those of b, c and a.
    for number, name in enumerate("bca"):
        items += play(activity, KeyPress(11.0 + number, "tab"))
        held = seen(activity).images[-1]
        assert (held.stimulus, held.rim) == (name, "held")
        x, y = seats[name]
        across, up = (-1 if x > 0 else 1), (-1 if y > 0 else 1)
        items += play(activity, *[Nudge(11.1 + number, across, 0)] * 3)
        items += play(activity, *[Nudge(11.2 + number, 0, up)] * 3)
        items += play(activity, Nudge(11.3 + number, 0, up, fine=True))
        expected = (x + 3 * step * across, y + 3.2 * step * up)
        assert centre(activity, name) == pytest.approx(expected)
    items += play(activity, KeyPress(20.0, "return"))
    rows = rows_of(items)
    drags = [row for row in rows if row["trial_type"] == "drag"]
    assert [row["stimulus"] for row in drags] == ["b", "c", "a"]
    assert {row["pointer"] for row in drags} == {"keyboard"}
    assert [(row["onset"], row["duration"]) for row in drags] == [(11, 1), (12, 1), (13, 7)]
    result = result_of(items)
    assert result.inside == (True, True, True)
    assert [handled.n_moves for handled in result.handling] == [1, 1, 1]
    places = dict(zip("abc", result.places, strict=True))
    assert replay(rows) == {3: places}


def test_keys_go_round_the_circle_both_ways_and_images_outside_come_first() -> None:
    activity = begin()
    play(activity, Shown(0.0))

    def takes(key: str) -> str:
        play(activity, KeyPress(1.0, key))
        return seen(activity).images[-1].stimulus

    assert [takes(key) for key in ("tab", "tab", "tab", "tab")] == ["b", "c", "a", "b"]
    assert [takes(key) for key in ("pageup", "pageup", "pagedown")] == ["a", "c", "a"]
    drag(activity, "b", 0.0, 0.0, 2.0)
    drag(activity, "c", 0.1, 0.0, 3.0)
    # The one that is left outside, and then the others, so that each can be moved again.
    assert [takes(key) for key in ("tab", "tab", "tab", "tab")] == ["a", "b", "a", "b"]
    drag(activity, "a", 0.1, 0.1, 4.0)
    assert [takes(key) for key in ("tab", "tab", "tab")] == ["b", "c", "a"]
    assert not [row for row in rows_of(play(activity, KeyPress(9.0, "tab")))]  # nothing moved


def test_pointer_and_keys_do_not_move_what_the_other_holds() -> None:
    activity = begin()
    play(activity, Shown(0.0), KeyPress(1.0, "tab"), Nudge(1.5, 0, 1))
    place = centre(activity, "b")
    play(activity, PointerMove(2.0, 5.0, 5.0), PointerRelease(2.1, 5.0, 5.0))
    assert centre(activity, "b") == place and activity.held is not None
    # A press takes it from the keys, at once.
    (row,) = rows_of(play(activity, PointerPress(3.0, *place), PointerMove(3.1, 5.0, 5.0)))
    assert (row["pointer"], row["onset"], row["duration"]) == ("keyboard", 1.0, 2.0)
    assert centre(activity, "b") == pytest.approx((5.0, 5.0))
    play(activity, Nudge(3.2, 1, 0), KeyPress(3.3, "tab"))
    assert centre(activity, "b") == pytest.approx((5.0, 5.0))
    (row,) = rows_of(play(activity, PointerRelease(4.0, 6.0, 6.0)))
    assert row["pointer"] == "mouse"


def test_the_time_limit_ends_the_trial_as_it_is() -> None:
    activity = begin(timing={"trial_limit_s": 20.0})
    items = play(activity, Shown(1.0))
    until = seen(activity).until
    assert until is not None and (until.end, until.length) == (21.0, 20.0)
    assert activity.deadline == 21.0
    items += drag(activity, "a", 0.1, 0.1, 2.0)
    items += play(activity, PointerPress(20.0, *centre(activity, "b")), PointerMove(20.5, 0.0, 0.0))
    items += play(activity, PointerMove(22.0, 600.0, 0.0))
    result = result_of(items)
    assert result.timed_out and result.correct is None
    rows = result.rows(rt_source="pyglet", pilot=False)
    assert [row["inside"] for row in rows] == [True, True, False]
    assert {(row["end_reason"], row["end_method"], row["response_time"]) for row in rows} == {
        ("timeout", "none", 20.0)
    }
    # The held image was let go at the limit, not where the late movement would have it.
    assert rows[1]["last_move_time"] == 20.0
    assert rows[1]["x"] == activity.layout.to_arena(0.0, 0.0)[0]
    assert isinstance(activity.scene, Page) and not activity.finished
    play(activity, KeyPress(22.1, "space"), Shown(22.2), KeyPress(22.5, "space"))
    assert not activity.finished
    play(activity, KeyPress(23.3, "space"))
    assert activity.finished


def test_after_esc_the_trial_goes_on_as_it_was() -> None:
    activity = begin(timing={"trial_limit_s": 60.0})
    items = arrange(activity, 0.0)
    items += play(activity, PointerPress(5.0, *centre(activity, "a")), PointerMove(5.5, 0.0, 90.0))
    restarted = list(activity.restart(105.5))
    assert [row["trial_type"] for row in rows_of(restarted)] == ["drag"]
    (note,) = (item for item in restarted if isinstance(item, Note))
    assert (note.event, note.detail) == ("trial_paused", {"trial_index": 3, "paused_s": 100.0})
    assert centre(activity, "a") == (0.0, 90.0)
    assert activity.deadline == 160.0
    items += play(activity, Shown(105.6), KeyPress(106.0, "return"))
    result = result_of(items)
    # Raw times: the pause is in the note.
    assert (result.onset, result.ending.time) == (0.0, 106.0)


def test_catch_trials_are_right_where_kinds_lie_together() -> None:
    trial = ArrangementTrial(
        trial_index=1,
        trial_type="catch",
        items=("a", "b", "c"),
        seats=Seating((0, 1, 2), 0.0),
        groups=("one", "one", "other"),
    )
    activity = begin(trial)
    right = result_of(arrange(activity) + play(activity, KeyPress(20.0, "return")))
    assert right.correct is True
    activity = begin(trial)
    items = arrange(activity) + drag(activity, "b", 0.4, 0.0, 18.0)
    wrong = result_of(items + play(activity, KeyPress(20.0, "return")))
    assert wrong.correct is False


def test_images_over_a_button_are_taken_not_the_button() -> None:
    activity = begin()
    arrange(activity, 0.0)
    done = activity.layout.done
    drag(activity, "a", *activity.layout.to_arena(done.x, done.y), 5.0)
    play(activity, PointerPress(6.0, done.x, done.y))
    assert activity.held is not None
    assert math.isclose(seen(activity).images[-1].x, done.x, abs_tol=0.01)
