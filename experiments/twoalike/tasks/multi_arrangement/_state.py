"""What an arrangement under way is: a frozen state, and what can be asked of it."""

from dataclasses import dataclass
from enum import StrEnum

from twoalike.tasks._activity import EventRow
from twoalike.tasks.multi_arrangement._layout import ArenaLayout, Seat
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import ArrangementTrial, Ending, Handling, Point


class Phase(StrEnum):
    """Where a trial stands."""

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
