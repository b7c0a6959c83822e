"""One arrangement as a state machine: images are taken, moved, let go, looked at, finished.

Pure: a state and an event give the next state, and with it the rows of the table of events that
the event brought (``news``). Time begins with the first frame that shows the trial
(:class:`~twoalike.tasks.Shown`); presses before it are not the trial's.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from twoalike.tasks._activity import (
    Event,
    EventRow,
    Focus,
    KeyPress,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
)
from twoalike.tasks.multi_arrangement._layout import ArenaLayout, Seat
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import ArrangementTrial, Ending, Handling, Point
from twoalike.tasks.screens import GO_ON


class Phase(StrEnum):
    """Phases of a trial."""

    ARRANGING = "arranging"
    MESSAGE = "message"
    DONE = "done"


class Asked(StrEnum):
    """What was pressed and does nothing yet: to be confirmed, or too early."""

    DONE = "done"
    START_OVER = "start_over"
    TOO_FEW = "too_few"


@dataclass(frozen=True)
class Hold:
    """The item that is held: from when and where, where in the image it was taken, and by what."""

    item: int
    since: float
    start: Point
    grip: Point = (0.0, 0.0)
    by_key: bool = False


@dataclass(frozen=True)
class Look:
    """The item shown large: since when, and whether a key or the right button shows it."""

    item: int
    since: float
    by_key: bool


@dataclass(frozen=True, kw_only=True)
class ArrangingState:
    """An arrangement under way.

    Attributes
    ----------
    seats
        Of the items, in their order.
    places
        Centres of the images, pixels.
    stack
        Items from the lowest to the topmost.
    handling
        What was done with each item.
    taken
        Item that was taken last; None before the first.
    pointer
        Where the pointer was last; None before it moved.
    onset
        First frame of the trial, s; None until it was shown.
    asked
        What waits for a second press or is remarked on, and since when.
    paused_s
        Time spent on the page after Esc: the time limit waits for it.
    since
        First frame of the page after the time limit.
    news
        Rows that the last event brought.
    """

    trial: ArrangementTrial
    seats: tuple[Seat, ...]
    places: tuple[Point, ...]
    stack: tuple[int, ...]
    handling: tuple[Handling, ...]
    taken: int | None = None
    pointer: Point | None = None
    onset: float | None = None
    held: Hold | None = None
    look: Look | None = None
    asked: tuple[Asked, float] | None = None
    paused_s: float = 0.0
    phase: Phase = Phase.ARRANGING
    since: float | None = None
    ending: Ending | None = None
    news: tuple[EventRow, ...] = ()

    @property
    def open(self) -> bool:
        """Whether images can be moved."""
        return self.phase is Phase.ARRANGING and self.onset is not None


def begin_arrangement(trial: ArrangementTrial, layout: ArenaLayout) -> ArrangingState:
    """First state of a trial: all images on their seats."""
    n = len(trial.items)
    ring = layout.seats(n, trial.seats.rotation)
    seats = tuple(ring[seat] for seat in trial.seats.order)
    return ArrangingState(
        trial=trial,
        seats=seats,
        places=tuple((seat.x, seat.y) for seat in seats),
        stack=tuple(range(n)),
        handling=(Handling(),) * n,
    )


def n_outside(state: ArrangingState, layout: ArenaLayout) -> int:
    """Images whose centre is outside the circle."""
    return sum(not layout.inside(*place) for place in state.places)


def may_finish(state: ArrangingState, protocol: MultiArrangement, layout: ArenaLayout) -> bool:
    """Whether Done is on offer."""
    return state.open and n_outside(state, layout) <= protocol.rules.unplaced_allowed


def may_start_over(state: ArrangingState) -> bool:
    """Whether there is something to undo: an image away from its seat."""
    return state.open and any(
        place != (seat.x, seat.y) for place, seat in zip(state.places, state.seats, strict=True)
    )


def time_limit(state: ArrangingState, protocol: MultiArrangement) -> float | None:
    """Time at which the trial ends by itself; None if it does not."""
    if not state.open or state.onset is None or not protocol.timing.trial_limit_s:
        return None
    return state.onset + protocol.timing.trial_limit_s + state.paused_s


def next_change(state: ArrangingState, protocol: MultiArrangement) -> float | None:
    """Time of the next change that comes by itself, s."""
    times = [time_limit(state, protocol)]
    if state.open and state.asked is not None:
        times.append(state.asked[1] + protocol.timing.confirm_s)
    return min((time for time in times if time is not None), default=None)


def topmost(state: ArrangingState, layout: ArenaLayout, x: float, y: float) -> int | None:
    """Item whose image is seen at a point; None beside them."""
    for item in reversed(state.stack):
        place = state.places[item]
        if max(abs(x - place[0]), abs(y - place[1])) <= layout.item / 2:
            return item
    return None


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


def _begin(state: ArrangingState, time: float, layout: ArenaLayout) -> ArrangingState:
    rows = [event_row(state, layout, "trial_start", time)]
    rows += [
        event_row(state, layout, "seat", time, item=item, placed=True)
        for item in range(len(state.places))
    ]
    return replace(state, onset=time, news=tuple(rows))


def _end(
    state: ArrangingState,
    ending: Ending,
    phase: Phase,
    protocol: MultiArrangement,
    layout: ArenaLayout,
) -> ArrangingState:
    state = let_go(state, ending.time, protocol, layout)
    pointer = None if ending.method == "none" else ending.method
    row = event_row(state, layout, "done", ending.time, pointer=pointer)
    return replace(state, ending=ending, phase=phase, asked=None, news=(*state.news, row))


def _pass_time(
    state: ArrangingState, time: float, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    limit = time_limit(state, protocol)
    if limit is not None and time >= limit:
        return _end(state, Ending(limit, "timeout", "none"), Phase.MESSAGE, protocol, layout)
    if state.asked is not None and time >= state.asked[1] + protocol.timing.confirm_s:
        return replace(state, asked=None)
    return state


def _press_done(
    state: ArrangingState,
    time: float,
    method: str,
    protocol: MultiArrangement,
    layout: ArenaLayout,
) -> ArrangingState:
    state = drop(state, time, protocol, layout)
    if not may_finish(state, protocol, layout):
        return replace(state, asked=(Asked.TOO_FEW, time))
    if state.onset is None or time - state.onset < protocol.timing.minimum_s:
        return state
    confirmed = state.asked is not None and state.asked[0] is Asked.DONE
    if protocol.answers.confirm_done and not confirmed:
        return replace(state, asked=(Asked.DONE, time))
    return _end(state, Ending(time, "done", method), Phase.DONE, protocol, layout)


def _press_start_over(
    state: ArrangingState,
    time: float,
    method: str,
    protocol: MultiArrangement,
    layout: ArenaLayout,
) -> ArrangingState:
    """Send all images back to their seats, at the second press: one slip must not cost an hour."""
    if not protocol.rules.start_over:
        return state
    state = drop(state, time, protocol, layout)
    if not may_start_over(state):
        return state
    if state.asked is None or state.asked[0] is not Asked.START_OVER:
        return replace(state, asked=(Asked.START_OVER, time))
    row = event_row(state, layout, "reset", time, pointer=method)
    return replace(
        state,
        places=tuple((seat.x, seat.y) for seat in state.seats),
        stack=tuple(range(len(state.places))),
        asked=None,
        news=(*state.news, row),
    )


def _press(
    state: ArrangingState, event: PointerPress, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """Take an image, push a button, or end what was shown large."""
    if state.look is not None:
        # It covers the others, so the press cannot be meant for one of them.
        return look_away(state, event.time, protocol, layout)
    lost = state.held
    if lost is not None:
        # Keys hold it, or the release was lost, for instance to another window.
        state = drop(state, event.time, protocol, layout)
    item = topmost(state, layout, event.x, event.y)
    if lost is not None and not lost.by_key and item == lost.item:
        return state
    if item is not None:
        return take(state, event, item)
    method = pointing(protocol)
    if layout.done.holds(event.x, event.y):
        return _press_done(state, event.time, method, protocol, layout)
    if layout.start_over.holds(event.x, event.y):
        return _press_start_over(state, event.time, method, protocol, layout)
    return state


def _press_right(
    state: ArrangingState, event: PointerPress, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    if state.look is not None or not protocol.answers.magnify_button:
        return state
    return look_at(state, layout, event.time, (event.x, event.y), by_key=False)


def _press_key(
    state: ArrangingState, event: KeyPress, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    answers = protocol.answers
    if event.key in answers.done_keys:
        return _press_done(state, event.time, "keyboard", protocol, layout)
    if event.key in answers.start_over_keys:
        return _press_start_over(state, event.time, "keyboard", protocol, layout)
    if event.key in answers.magnify_keys:
        if state.look is not None:
            return look_away(state, event.time, protocol, layout)
        return look_at(state, layout, event.time, state.pointer, by_key=True)
    if event.key in (*answers.next_keys, *answers.previous_keys):
        return take_next(state, event, protocol, layout)
    return state


def _release(
    state: ArrangingState, event: PointerRelease, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    if event.button == "left":
        if state.held is not None and state.held.by_key:
            return state
        state = follow(state, layout, (event.x, event.y))
        return drop(state, event.time, protocol, layout)
    if state.look is not None and not state.look.by_key:
        return look_away(state, event.time, protocol, layout)
    return state


def _turn_page(state: ArrangingState, event: Event, protocol: MultiArrangement) -> ArrangingState:
    """End the page after the time limit, once it has been shown long enough."""
    turns = (isinstance(event, KeyPress) and event.key in GO_ON) or (
        isinstance(event, PointerPress) and event.button == "left"
    )
    seen = state.since is not None and event.time - state.since >= protocol.pages.page_s
    return replace(state, phase=Phase.DONE) if turns and seen else state


def _show(state: ArrangingState, event: Shown, layout: ArenaLayout) -> ArrangingState:
    if state.onset is None:
        return _begin(state, event.time, layout)
    if state.phase is Phase.MESSAGE and state.since is None:
        return replace(state, since=event.time)
    return state


def _respond(
    state: ArrangingState, event: Event, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """State after an event while images can be moved."""
    match event:
        case PointerPress(button="right"):
            state = _press_right(state, event, protocol, layout)
        case PointerPress():
            state = _press(state, event, protocol, layout)
        case PointerMove(x=x, y=y):
            state = follow(state, layout, (x, y))
        case PointerRelease():
            state = _release(state, event, protocol, layout)
        case KeyPress():
            state = _press_key(state, event, protocol, layout)
        case Nudge():
            state = nudge(state, event, protocol, layout)
        case Focus(here=False):
            state = let_go(state, event.time, protocol, layout)
        case _:
            pass
    return state


def advance(
    state: ArrangingState, event: Event, protocol: MultiArrangement, layout: ArenaLayout
) -> ArrangingState:
    """State after ``event``; a press that means nothing now changes nothing."""
    state = replace(state, news=())
    if isinstance(event, Shown):
        # The frame belongs to the phase that was drawn, so time must not pass first.
        return _show(state, event, layout)
    state = _pass_time(state, event.time, protocol, layout)
    if isinstance(event, PointerPress | PointerMove | PointerRelease):
        state = replace(state, pointer=(event.x, event.y))
    if state.phase is Phase.MESSAGE:
        return _turn_page(state, event, protocol)
    if not state.open or state.onset is None or event.time < state.onset:
        return state
    return _respond(state, event, protocol, layout)


def interrupt(
    state: ArrangingState,
    since: float,
    time: float,
    protocol: MultiArrangement,
    layout: ArenaLayout,
) -> ArrangingState:
    """State after the page for Esc was shown: images stay, the time limit has waited."""
    state = replace(state, news=())
    if state.phase is not Phase.ARRANGING:
        return replace(state, phase=Phase.DONE)
    if state.onset is None:
        return state
    state = let_go(state, since, protocol, layout)
    paused = state.paused_s + max(0.0, time - since)
    return replace(state, paused_s=paused, asked=None)
