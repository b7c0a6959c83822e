"""One trial: known answers; any sequence of events is in ``test_session.py``."""

from copy import copy
from dataclasses import replace

import pytest

from twoalike.record import TRIPLETS
from twoalike.tasks import (
    Event,
    Fixation,
    ImageRow,
    KeyPress,
    OddOneOut,
    Page,
    Phase,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Trial,
    View,
    lay_out,
)
from twoalike.tasks.choosing import TripletActivity

format_row = TRIPLETS.format_row
TRIAL = Trial(1, 1, "main", "t1", ("a", "b", "c"), ("middle", "right", "left"))


def protocol(**timing: float) -> OddOneOut:
    return OddOneOut.model_validate({"timing": timing})


DEFAULT = protocol()
LAYOUT = lay_out(DEFAULT, View((1280, 1024)))


def play(rules: OddOneOut, *events: Event, trial: Trial = TRIAL) -> TripletActivity:
    return after(TripletActivity(trial, rules, LAYOUT), *events)


def after(activity: TripletActivity, *events: Event) -> TripletActivity:
    """A copy of a trial that has taken further events."""
    activity = copy(activity)
    for event in events:
        activity.handle(event)
    return activity


OPENING = (Shown(0.0), Tick(0.6), Shown(0.7))
"""Fixation at 0 s, triplet at 0.7 s."""


def test_a_choice_is_timed_from_the_first_frame_of_the_triplet() -> None:
    state = play(DEFAULT, *OPENING, Shown(0.8, 2), KeyPress(1.9, "down"))
    (row,) = state.result.rows(rt_source="pyglet", pilot=False)
    assert row["response_time"] == pytest.approx(1.2)
    assert (row["onset"], row["dropped_frames"], row["rt_flag"]) == (0.7, 2, None)
    # The middle shows stimulus_1.
    assert (row["response"], row["odd_stimulus"], row["response_position"]) == (1, "a", "middle")
    assert (row["response_key"], row["response_method"]) == ("down", "keyboard")
    format_row(row)


def test_a_click_picks_the_image_it_hits_and_nothing_beside_it() -> None:
    x, y = LAYOUT.centre("right")
    missed = play(DEFAULT, *OPENING, PointerPress(2.0, 0, 400), PointerRelease(2.1, x, y))
    assert missed.phase is Phase.ANSWER
    assert missed.early == 0
    state = play(DEFAULT, *OPENING, PointerPress(2.0, x + 5, y - 5))
    assert state.answer is not None
    assert (state.answer.position, state.answer.method, state.answer.key) == (
        "right",
        "mouse",
        None,
    )


def test_early_presses_are_ignored_and_counted() -> None:
    early = (KeyPress(0.1, "1"), PointerPress(0.2, 0, 0), KeyPress(0.3, "x"))
    # At 0.75 s the triplet is there for 0.05 s only.
    state = play(DEFAULT, Shown(0.0), *early, Tick(0.6), Shown(0.7), KeyPress(0.75, "2"))
    assert state.phase is Phase.ANSWER
    assert state.early == 3
    state = after(state, KeyPress(0.9, "2"))
    assert state.result.early == 3


def test_time_runs_out_into_a_message_that_waits() -> None:
    rules = protocol(response_limit_s=2.0)
    state = play(rules, *OPENING, Tick(2.6))
    assert state.phase is Phase.ANSWER
    state = after(state, KeyPress(2.8, "1"))
    assert state.phase is Phase.MESSAGE
    (row,) = state.result.rows(rt_source="pyglet", pilot=True)
    assert row["timed_out"] is True
    assert row["response"] is None
    format_row(row)
    assert isinstance(state.scene, Page)
    for early in (KeyPress(2.9, "space"), Shown(3.0), KeyPress(3.5, "space"), KeyPress(9.0, "x")):
        state = after(state, early)
        assert state.phase is Phase.MESSAGE
    assert after(state, KeyPress(9.1, "space")).phase is Phase.DONE


def test_scenes_follow_the_phases_and_feedback_keeps_the_chosen_image_only() -> None:
    state = play(DEFAULT)
    assert isinstance(state.scene, Fixation)
    state = play(DEFAULT, *OPENING)
    scene = state.scene
    assert isinstance(scene, ImageRow)
    assert scene.images == ("c", "a", "b")
    state = after(state, KeyPress(2.0, "right"))
    scene = state.scene
    assert isinstance(scene, ImageRow)
    assert (scene.images, scene.prompt) == ((None, None, "b"), "")
    state = after(state, Shown(2.01))
    assert after(state, Tick(2.40)).phase is Phase.FEEDBACK
    assert after(state, Tick(2.42)).phase is Phase.DONE


def test_an_interrupted_trial_starts_again_and_says_so() -> None:
    state = play(DEFAULT, Shown(0.0), KeyPress(0.1, "1"), *OPENING[1:])
    state.restart(4.0)
    assert (state.phase, state.onset, state.early) == (Phase.FIXATION, None, 1)
    for event in (Shown(5.0), Tick(6.0), Shown(6.0), KeyPress(7.0, "1")):
        state = after(state, event)
    result = state.result
    assert (result.flag, result.onset, result.early) == ("interrupted", 6.0, 1)


def test_right_answers_are_known_where_there_are_any() -> None:
    catch = replace(TRIAL, trial_type="catch", expected=1)
    for key, correct in (("down", True), ("left", False)):
        state = play(DEFAULT, *OPENING, KeyPress(2.0, key), trial=catch)
        (row,) = state.result.rows(rt_source="pyglet", pilot=False)
        assert row["correct"] is correct


@pytest.mark.parametrize("feedback", [True, False])
def test_a_wrong_practice_answer_is_shown_the_right_one(feedback: bool) -> None:
    rules = OddOneOut.model_validate({"practice": {"feedback": feedback}})
    trial = replace(TRIAL, trial_type="practice", expected=2)  # b, at the right
    wrong = play(rules, *OPENING, KeyPress(2.0, "left"), trial=trial).scene
    right = play(rules, *OPENING, KeyPress(2.0, "right"), trial=trial).scene
    if not feedback:
        assert (wrong, right) == (ImageRow(("c", None, None)), ImageRow((None, None, "b")))
        return
    # All three stay, so that they can be compared, and the answer expected is marked.
    assert wrong == ImageRow(("c", "a", "b"), verdict=rules.texts.wrong, marked=("b",))
    assert right == ImageRow((None, None, "b"), verdict=rules.texts.right, marked=("b",))
