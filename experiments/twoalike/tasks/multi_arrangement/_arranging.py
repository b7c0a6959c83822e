"""One arrangement as a state machine: images are taken, moved, let go, looked at, finished.

Pure: a state and an event give the next state, and with it the rows of the table of events that
the event brought (``news``). Time begins with the first frame that shows the trial
(:class:`~twoalike.tasks.Shown`); presses before it are not the trial's.
"""

from dataclasses import replace

from twoalike.tasks._events import (
    Event,
    Focus,
    KeyPress,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
)
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._moves import (
    drop,
    event_row,
    follow,
    let_go,
    look_at,
    look_away,
    nudge,
    pointing,
    take,
    take_next,
)
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._state import (
    ArrangingState,
    Asked,
    Phase,
    may_finish,
    may_start_over,
    time_limit,
    topmost,
)
from twoalike.tasks.multi_arrangement._trial import Ending
from twoalike.tasks.screens import GO_ON


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
        # It covers the others: nobody can mean one of them.
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
    """End the page after the time limit, once somebody has seen it."""
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
    """State after the page for Esc was shown: images stay, the time limit has waited.

    Parameters
    ----------
    since, time
        When the trial was left, and when it goes on, s.
    """
    state = replace(state, news=())
    if state.phase is not Phase.ARRANGING:
        return replace(state, phase=Phase.DONE)
    if state.onset is None:
        return state
    state = let_go(state, since, protocol, layout)
    paused = state.paused_s + max(0.0, time - since)
    return replace(state, paused_s=paused, asked=None)
