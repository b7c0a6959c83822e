"""What can be done with the images of an arrangement, and the rows it leaves in the events."""

from dataclasses import replace

from twoalike.tasks._activity import EventRow
from twoalike.tasks._events import PointerPress
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._state import ArrangingState, Hold, Look, topmost
from twoalike.tasks.multi_arrangement._trial import Handling, Point


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
    stack = (*(other for other in state.stack if other != item), item)
    return replace(state, held=Hold(item, event.time, place, grip), stack=stack, asked=None)


def follow(state: ArrangingState, layout: ArenaLayout, pointer: Point) -> ArrangingState:
    """Move the held image with the pointer; its centre stays in the window."""
    if state.held is None:
        return state
    grip = state.held.grip
    place = layout.clamp(pointer[0] + grip[0], pointer[1] + grip[1])
    return replace(state, places=_with(state.places, state.held.item, place))


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
        pointer=pointing(protocol),
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
    """Show the image at a point large; no other while one is held."""
    item = None if at is None or state.held is not None else topmost(state, layout, *at)
    return state if item is None else replace(state, look=Look(item, time, by_key))


def let_go(
    state: ArrangingState, time: float, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Drop what is held and look away, as when the window is left."""
    return drop(look_away(state, time, protocol, layout), time, protocol, layout)
