"""Whatever somebody, or a cat, does at mouse and keys: what is recorded is what was done."""

import math
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.scripts import replay

from twoalike.record import ARRANGEMENT_EVENTS as EVENTS
from twoalike.record import ARRANGEMENTS as BEH
from twoalike.tasks import (
    Arena,
    EventRow,
    Focus,
    KeyPress,
    Nudge,
    Page,
    Phase,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Typed,
)
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

NOW = st.just(0.0)
KEYS = st.sampled_from(["tab", "pageup", "return", "backspace", "space", "x"])
PLACES = st.tuples(
    st.sampled_from(["image", "arena", "done", "start_over", "far"]),
    st.floats(-1, 1),
    st.floats(-1, 1),
)
BUTTONS = st.sampled_from(["left", "left", "right"])
POINTER = st.one_of(
    st.tuples(st.sampled_from([PointerPress, PointerRelease]), PLACES, BUTTONS),
    st.tuples(st.just(PointerMove), PLACES),
)
STEPS = st.one_of(
    POINTER,
    POINTER,
    st.builds(KeyPress, NOW, KEYS),
    st.builds(Nudge, NOW, st.integers(-1, 1), st.integers(-1, 1), st.booleans()),
    st.builds(Typed, NOW, KEYS),
    st.builds(Focus, NOW, st.booleans()),
    st.builds(Tick, NOW),
    st.just("escape"),
)


def at(activity: ArrangementActivity, place: tuple[str, float, float]) -> tuple[float, float]:
    """Somewhere: at an image, a button, in the arena, or far away."""
    (kind, x, y), layout = place, activity.layout
    if kind == "image":
        found = activity.places[round(abs(x) * 1000) % len(activity.places)]
        return found[0] + 20 * y, found[1] + 20 * x
    if kind == "arena":
        return layout.to_pixels(0.45 * x, 0.2 * y)
    box = layout.done if kind == "done" else layout.start_over
    return (3000 * x, 3000 * y) if kind == "far" else (box.x, box.y)


def check_state(activity: ArrangementActivity) -> None:
    width, height = activity.layout.size
    assert sorted(activity.stack) == list(range(len(activity.places)))
    assert all(abs(x) <= width / 2 and abs(y) <= height / 2 for x, y in activity.places)
    assert activity.held is None or activity.stack[-1] == activity.held.item
    scene = activity.scene
    if isinstance(scene, Arena):
        assert {placed.stimulus for placed in scene.images} == set(activity.trial.items)
        allowed = activity.protocol.rules.unplaced_allowed
        assert scene.buttons[0].enabled == (activity.open and activity.n_outside <= allowed)
    else:
        assert isinstance(scene, Page) and activity.phase is Phase.MESSAGE


def check_record(activity: ArrangementActivity, items: list[Any]) -> None:
    events = [item.values for item in items if isinstance(item, EventRow)]
    for event in events:
        EVENTS.format_row(event)
    if activity.held is None:
        places = (activity.layout.to_arena(*place) for place in activity.places)
        assert replay(events)[1] == dict(zip(activity.trial.items, places, strict=True))
    results = [item for item in items if isinstance(item, ArrangementResult)]
    assert len(results) == (activity.result is not None)
    for result in results:
        for row in result.rows(rt_source="pyglet", pilot=False):
            BEH.format_row(row)
            own = [event for event in events if event["stimulus"] == row["stimulus"]]
            drags = [event for event in own if event["trial_type"] == "drag"]
            assert row["n_moves"] == len(drags)
            assert row["n_inspections"] == sum(e["trial_type"] == "inspect" for e in own)
            assert (row["first_move_time"] is None) == (not drags)
            if drags:
                first, last = drags[0]["onset"], drags[-1]["onset"] + drags[-1]["duration"]
                assert math.isclose(row["first_move_time"], first - result.onset, abs_tol=1e-6)
                assert math.isclose(row["last_move_time"], last - result.onset, abs_tol=1e-6)
        outside = sum(not inside for inside in result.inside)
        assert result.timed_out or outside <= activity.protocol.rules.unplaced_allowed


@settings(deadline=None, max_examples=80)
@given(
    steps=st.lists(st.tuples(STEPS, st.sampled_from([0.0, 0.01, 0.5, 2.0, 4.0])), max_size=60),
    order=st.permutations(range(4)),
    limit=st.sampled_from([0.0, 15.0, 60.0]),
    unplaced=st.sampled_from([0, 1]),
    confirm=st.booleans(),
)
def test_any_events_lead_to_a_valid_record(
    steps: list[tuple[Any, float]], order: list[int], limit: float, unplaced: int, confirm: bool
) -> None:
    settings = {"timing": {"trial_limit_s": limit}, "rules": {"unplaced_allowed": unplaced}}
    protocol = MultiArrangement.model_validate({**settings, "answers": {"confirm_done": confirm}})
    names = ("a", "b", "c", "d")
    seats = Seating(tuple(order), 30.0)
    trial = ArrangementTrial(trial_index=1, trial_type="main", items=names, seats=seats)
    activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, (1280, 1024), 4))
    items, time = [*activity.handle(Shown(100.0))], 100.0
    for step, wait in steps:
        time += wait
        if step == "escape":
            items += [] if activity.finished else activity.restart(time)
        elif isinstance(step, tuple):
            kind, place, *button = step
            items += activity.handle(kind(time, *at(activity, place), *button))
        else:
            items += activity.handle(replace(step, time=time))
        items += [*activity.handle(Shown(time)), *activity.handle(Tick(time))]
        assert activity.deadline is None or activity.deadline > time
        check_state(activity)
        check_record(activity, items)
