"""What can be done with the images of an arrangement, and the rows it leaves in the events."""

from dataclasses import replace

import numpy as np

from twoalike.tasks._activity import EventRow
from twoalike.tasks._events import KeyPress, Nudge, PointerPress
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._state import ArrangingState, Hold, Look, topmost
from twoalike.tasks.multi_arrangement._trial import Handling, Point

_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


def event_row(
    state: ArrangingState,
    layout: ArenaLayout,
    what: str,
    time: float,
    *,
    item: int | None = None,
    until: float | None = None,
    start: Point | None = None,
    placed: bool = False,
    pointer: str | None = None,
) -> EventRow:
    """Row of the table of events; ``placed`` gives the item's place."""
    place = state.places[item] if placed and item is not None else None
    x, y = (None, None) if place is None else layout.to_arena(*place)
    x_start, y_start = (None, None) if start is None else layout.to_arena(*start)
    return EventRow(
        {
            "onset": float(time),
            "duration": 0.0 if until is None else max(0.0, float(until - time)),
            "trial_type": what,
            "trial_index": state.trial.trial_index,
            "stimulus": None if item is None else state.trial.items[item],
            "x_start": x_start,
            "y_start": y_start,
            "x": x,
            "y": y,
            "inside": None if place is None else layout.inside(*place),
            "pointer": pointer,
        }
    )


def pointing(protocol: MultiArrangement) -> str:
    """Name what moves the images: mouse or touch."""
    return "touch" if protocol.screen.touch else "mouse"


def _with(values: tuple[Point, ...], item: int, value: Point) -> tuple[Point, ...]:
    return (*values[:item], value, *values[item + 1 :])


def take(state: ArrangingState, event: PointerPress, item: int) -> ArrangingState:
    """Take an image where it was pressed, and raise it above the others."""
    place = state.places[item]
    grip = (place[0] - event.x, place[1] - event.y)
    return _hold(state, Hold(item, event.time, place, grip))


def take_next(
    state: ArrangingState, event: KeyPress, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Let go of what keys hold and take the next image around the circle.

    It is one of those outside if there are others than the one let go. What the pointer holds
    stays in its hand.
    """
    held = state.held
    if held is not None and not held.by_key:
        return state
    state = let_go(state, event.time, protocol, layout)
    items = np.argsort(state.trial.seats.order).tolist()
    if event.key in protocol.answers.previous_keys:
        items.reverse()
    if state.taken is not None:
        after = items.index(state.taken) + 1
        items = [*items[after:], *items[:after]]
    but = None if held is None else held.item
    outside = (k for k in items if k != but and not layout.inside(*state.places[k]))
    item = next(outside, items[0])
    return _hold(state, Hold(item, event.time, state.places[item], by_key=True))


def _hold(state: ArrangingState, hold: Hold) -> ArrangingState:
    stack = (*(other for other in state.stack if other != hold.item), hold.item)
    return replace(state, held=hold, taken=hold.item, stack=stack, asked=None)


def follow(state: ArrangingState, layout: ArenaLayout, pointer: Point) -> ArrangingState:
    """Move the held image with the pointer; its centre stays in the window."""
    if state.held is None or state.held.by_key:
        return state
    grip = state.held.grip
    return _moved(state, layout, state.held.item, (pointer[0] + grip[0], pointer[1] + grip[1]))


def nudge(
    state: ArrangingState, event: Nudge, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Move the image that a key has taken one step; one that is shown large covers the others."""
    if state.held is None or not state.held.by_key or state.look is not None:
        return state
    step = protocol.answers.step_fraction * 2 * layout.radius * (_FINE if event.fine else 1)
    x, y = state.places[state.held.item]
    return _moved(state, layout, state.held.item, (x + step * event.dx, y + step * event.dy))


def _moved(state: ArrangingState, layout: ArenaLayout, item: int, to: Point) -> ArrangingState:
    return replace(state, places=_with(state.places, item, layout.clamp(*to)))


def drop(
    state: ArrangingState, time: float, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Let go of the held image where it is; it counts as a move if it went anywhere."""
    held = state.held
    if held is None:
        return state
    state = replace(state, held=None)
    if state.places[held.item] == held.start:
        return state
    row = event_row(
        state,
        layout,
        "drag",
        held.since,
        item=held.item,
        until=time,
        start=held.start,
        placed=True,
        pointer="keyboard" if held.by_key else pointing(protocol),
    )
    before = state.handling[held.item]
    after = replace(
        before,
        n_moves=before.n_moves + 1,
        first_move=held.since if before.first_move is None else before.first_move,
        last_move=max(held.since, time),
    )
    return _handled(state, held.item, after, row)


def _handled(state: ArrangingState, item: int, after: Handling, row: EventRow) -> ArrangingState:
    handling = (*state.handling[:item], after, *state.handling[item + 1 :])
    return replace(state, handling=handling, news=(*state.news, row))


def look_away(
    state: ArrangingState, time: float, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Show no image large any more."""
    look = state.look
    if look is None:
        return state
    pointer = "keyboard" if look.by_key else pointing(protocol)
    row = event_row(
        state, layout, "inspect", look.since, item=look.item, until=time, pointer=pointer
    )
    before = state.handling[look.item]
    after = replace(before, n_inspections=before.n_inspections + 1)
    return _handled(replace(state, look=None), look.item, after, row)


def look_at(
    state: ArrangingState, layout: ArenaLayout, time: float, at: Point | None, *, by_key: bool
) -> ArrangingState:
    """Show the image at a point large; while one is held no other, and that only by a key."""
    held = state.held
    if held is not None:
        item = held.item if held.by_key and by_key else None
    else:
        item = None if at is None else topmost(state, layout, *at)
    return state if item is None else replace(state, look=Look(item, time, by_key))


def let_go(
    state: ArrangingState, time: float, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Drop what is held and look away, as when the window is left."""
    return drop(look_away(state, time, protocol, layout), time, protocol, layout)
