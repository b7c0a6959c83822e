"""One arrangement under way: images are taken, moved, let go, looked at, finished.

Time begins with the first frame that shows the trial (:class:`~twoalike.tasks.Shown`); presses
before it are not the trial's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from twoalike.tasks._activity import (
    Arena,
    Event,
    EventRow,
    Focus,
    Item,
    KeyPress,
    Note,
    Nudge,
    Page,
    Placed,
    PointerMove,
    PointerPress,
    PointerRelease,
    PushButton,
    Scene,
    Shown,
    Timer,
    trial_shown,
)
from twoalike.tasks.multi_arrangement._layout import ArenaLayout
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._trial import (
    ArrangementResult,
    ArrangementTrial,
    Ending,
    Handling,
    Point,
)
from twoalike.tasks.screens import GO_ON, Box


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


_FINE = 0.2
"""Step of an arrow key with Shift, times the step without."""


def _button(name: str, text: str, box: Box, *, enabled: bool) -> PushButton:
    return PushButton(name, text, box.x, box.y, box.width, box.height, enabled)


class ArrangementActivity:
    """A trial of the multi-arrangement task, from its first frame to its end.

    After Esc it goes on as it was, with any held image released: arranging fifty images a second
    time would be too much. The time limit is suspended meanwhile; recorded times stay raw, and a
    note gives the length of the pause.

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
    onset
        First frame of the trial, s; None until it was shown.
    asked
        What waits for a second press or is remarked on, and since when.
    result
        Of the trial that has ended.

    Examples
    --------
    >>> from twoalike.tasks.multi_arrangement import MultiArrangement, Seating, lay_out_arena
    >>> trial = ArrangementTrial(
    ...     trial_index=1, trial_type="main", items=("a", "b"), seats=Seating((0, 1), 0.0)
    ... )
    >>> protocol = MultiArrangement()
    >>> activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, (1280, 1024), 2))
    >>> activity.scene.counter
    '2 images left'
    """

    name = "trial"

    def __init__(
        self, trial: ArrangementTrial, protocol: MultiArrangement, layout: ArenaLayout
    ) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        n = len(trial.items)
        ring = layout.seats(n, trial.seats.rotation)
        self.seats = tuple(ring[seat] for seat in trial.seats.order)
        self.places: list[Point] = self._seat_places()
        self.stack = list(range(n))
        self.handling = [Handling()] * n
        self.phase = Phase.ARRANGING
        self.onset: float | None = None
        self.held: Hold | None = None
        self.look: Look | None = None
        self.asked: tuple[Asked, float] | None = None
        self.result: ArrangementResult | None = None
        self._taken: int | None = None
        self._pointer: Point | None = None
        self._paused_s = 0.0
        self._message_since: float | None = None
        self._last: float | None = None
        self._items: list[Item] = []

    def _seat_places(self) -> list[Point]:
        return [(seat.x, seat.y) for seat in self.seats]

    @property
    def open(self) -> bool:
        """Whether images can be moved."""
        return self.phase is Phase.ARRANGING and self.onset is not None

    @property
    def finished(self) -> bool:
        """Whether the next activity's turn has come."""
        return self.phase is Phase.DONE

    @property
    def n_outside(self) -> int:
        """Images whose centre is outside the circle."""
        return sum(not self.layout.inside(*place) for place in self.places)

    @property
    def may_finish(self) -> bool:
        """Whether Done is on offer."""
        return self.open and self.n_outside <= self.protocol.rules.unplaced_allowed

    @property
    def may_start_over(self) -> bool:
        """Whether there is something to undo: an image away from its seat."""
        return self.open and self.places != self._seat_places()

    @property
    def time_limit(self) -> float | None:
        """Time at which the trial ends by itself, s; None if it does not."""
        limit_s = self.protocol.timing.trial_limit_s
        if not self.open or self.onset is None or not limit_s:
            return None
        return self.onset + limit_s + self._paused_s

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        times = [self.time_limit]
        if self.open and self.asked is not None:
            times.append(self.asked[1] + self.protocol.timing.confirm_s)
        return min((time for time in times if time is not None), default=None)

    def topmost(self, x: float, y: float) -> int | None:
        """Item whose image is seen at a point; None beside them."""
        for item in reversed(self.stack):
            place = self.places[item]
            if max(abs(x - place[0]), abs(y - place[1])) <= self.layout.item / 2:
                return item
        return None

    def _asks(self, what: Asked) -> bool:
        return self.asked is not None and self.asked[0] is what

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        texts, timing, layout = self.protocol.texts, self.protocol.timing, self.layout
        if self.phase is Phase.MESSAGE:
            return Page(texts.time_out, texts.go_on)
        limit = self.time_limit if timing.show_timer else None
        early = self._asks(Asked.TOO_FEW)
        return Arena(
            centre=layout.centre,
            radius=layout.radius,
            images=tuple(self._placed(item) for item in self.stack),
            buttons=tuple(self._buttons()),
            prompt=texts.prompt,
            counter=texts.too_few if early else texts.count(self.n_outside),
            until=None if limit is None else Timer(limit, timing.trial_limit_s),
            magnified=None if self.look is None else self.trial.items[self.look.item],
            magnified_size=0.0 if self.look is None else float(layout.magnified),
            progress=self.trial.progress,
        )

    def _placed(self, item: int) -> Placed:
        x, y = self.places[item]
        name, size = self.trial.items[item], self.layout.item
        if self.held is not None and self.held.item == item:
            return Placed(name, x, y, size * self.protocol.arena.held_scale, "held")
        rim = "inside" if self.layout.inside(x, y) else "outside"
        return Placed(name, x, y, float(size), rim)

    def _buttons(self) -> Iterator[PushButton]:
        texts, layout = self.protocol.texts, self.layout
        done = texts.confirm if self._asks(Asked.DONE) else texts.done
        yield _button("done", done, layout.done, enabled=self.may_finish)
        if self.protocol.rules.start_over:
            again = self._asks(Asked.START_OVER)
            text = texts.confirm_start_over if again else texts.start_over
            yield _button("start_over", text, layout.start_over, enabled=self.may_start_over)

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; give the rows of what happened, and at the end the result.

        A press that means nothing now changes nothing.
        """
        if self.finished:
            return []
        self._last = event.time if self._last is None else max(self._last, event.time)
        if isinstance(event, Shown):
            # The frame belongs to the phase that was drawn, so time must not pass first.
            self._show(event.time)
            return self._flush()
        self._pass_time(event.time)
        if isinstance(event, PointerPress | PointerMove | PointerRelease):
            self._pointer = (event.x, event.y)
        if self.phase is Phase.MESSAGE:
            self._turn_page(event)
        elif self.open and self.onset is not None and event.time >= self.onset:
            self._respond(event)
        return self._flush()

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc, from the last event before it: images stay, the time limit waited."""
        since = time if self._last is None else min(self._last, time)
        self._last = time
        if self.phase is not Phase.ARRANGING:
            self.phase = Phase.DONE
        elif self.open:
            self._let_go(since)
            self._paused_s += time - since
            self.asked = None
            detail = {"trial_index": self.trial.trial_index, "paused_s": round(time - since, 4)}
            self._items.append(Note("trial_paused", time, detail))
        return self._flush()

    def _flush(self) -> list[Item]:
        items, self._items = self._items, []
        return items

    def _row(
        self,
        what: str,
        time: float,
        *,
        item: int | None = None,
        until: float | None = None,
        start: Point | None = None,
        placed: bool = False,
        pointer: str | None = None,
    ) -> None:
        """Add a row to the table of events; ``placed`` gives the item's place."""
        place = self.places[item] if placed and item is not None else None
        x, y = (None, None) if place is None else self.layout.to_arena(*place)
        x_start, y_start = (None, None) if start is None else self.layout.to_arena(*start)
        values = {
            "onset": float(time),
            "duration": 0.0 if until is None else max(0.0, float(until - time)),
            "trial_type": what,
            "trial_index": self.trial.trial_index,
            "stimulus": None if item is None else self.trial.items[item],
            "x_start": x_start,
            "y_start": y_start,
            "x": x,
            "y": y,
            "inside": None if place is None else self.layout.inside(*place),
            "pointer": pointer,
        }
        self._items.append(EventRow(values))

    def _show(self, time: float) -> None:
        if self.onset is None:
            self.onset = time
            self._row("trial_start", time)
            for item in range(len(self.places)):
                self._row("seat", time, item=item, placed=True)
            self._items.append(trial_shown(time, self.trial.trial_index))
        elif self.phase is Phase.MESSAGE and self._message_since is None:
            self._message_since = time

    def _pass_time(self, time: float) -> None:
        limit = self.time_limit
        if limit is not None and time >= limit:
            self._end(Ending(limit, "timeout", "none"), Phase.MESSAGE)
        elif self.asked is not None and time >= self.asked[1] + self.protocol.timing.confirm_s:
            self.asked = None

    def _end(self, ending: Ending, phase: Phase) -> None:
        assert self.onset is not None
        self._let_go(ending.time)
        self._row("done", ending.time, pointer=None if ending.method == "none" else ending.method)
        self.phase, self.asked = phase, None
        self.result = ArrangementResult(
            trial=self.trial,
            onset=self.onset,
            places=tuple(self.layout.to_arena(*place) for place in self.places),
            inside=tuple(self.layout.inside(*place) for place in self.places),
            seat_angles=tuple(seat.angle for seat in self.seats),
            handling=tuple(self.handling),
            ending=ending,
            radius_px=self.layout.radius,
            item_px=self.layout.item,
        )
        self._items.append(self.result)

    def _turn_page(self, event: Event) -> None:
        """End the page after the time limit, once it has been shown long enough."""
        turns = (isinstance(event, KeyPress) and event.key in GO_ON) or (
            isinstance(event, PointerPress) and event.button == "left"
        )
        since = self._message_since
        if turns and since is not None and event.time - since >= self.protocol.pages.page_s:
            self.phase = Phase.DONE

    def _respond(self, event: Event) -> None:
        """Take an event while images can be moved."""
        match event:
            case PointerPress(time=time, x=x, y=y, button="right"):
                if self.look is None and self.protocol.answers.magnify_button:
                    self._look_at(time, (x, y), by_key=False)
            case PointerPress():
                self._press(event)
            case PointerMove(x=x, y=y):
                self._follow(x, y)
            case PointerRelease():
                self._release(event)
            case KeyPress():
                self._press_key(event)
            case Nudge():
                self._nudge(event)
            case Focus(time=time, here=False):
                self._let_go(time)

    @property
    def _pointing(self) -> str:
        """What moves the images, besides keys."""
        return "touch" if self.protocol.screen.touch else "mouse"

    def _press(self, event: PointerPress) -> None:
        """Take an image, push a button, or end what was shown large."""
        time, x, y = event.time, event.x, event.y
        if self.look is not None:
            # It covers the others, so the press cannot be meant for one of them.
            self._look_away(time)
            return
        lost = self.held
        self._drop(time)  # keys held it, or the release was lost, for instance to another window
        item = self.topmost(x, y)
        if item is not None:
            if lost is None or lost.by_key or item != lost.item:
                place = self.places[item]
                self._hold(Hold(item, time, place, grip=(place[0] - x, place[1] - y)))
        elif self.layout.done.holds(x, y):
            self._press_done(time, self._pointing)
        elif self.layout.start_over.holds(x, y):
            self._press_start_over(time, self._pointing)

    def _release(self, event: PointerRelease) -> None:
        if event.button == "left":
            if self.held is not None and not self.held.by_key:
                self._follow(event.x, event.y)
                self._drop(event.time)
        elif self.look is not None and not self.look.by_key:
            self._look_away(event.time)

    def _press_key(self, event: KeyPress) -> None:
        answers, time = self.protocol.answers, event.time
        if event.key in answers.done_keys:
            self._press_done(time, "keyboard")
        elif event.key in answers.start_over_keys:
            self._press_start_over(time, "keyboard")
        elif event.key in answers.magnify_keys:
            if self.look is not None:
                self._look_away(time)
            else:
                self._look_at(time, self._pointer, by_key=True)
        elif event.key in (*answers.next_keys, *answers.previous_keys):
            self._take_next(time, backwards=event.key in answers.previous_keys)

    def _press_done(self, time: float, method: str) -> None:
        assert self.onset is not None
        self._drop(time)
        if not self.may_finish:
            self.asked = (Asked.TOO_FEW, time)
        elif time - self.onset < self.protocol.timing.minimum_s:
            return
        elif self.protocol.answers.confirm_done and not self._asks(Asked.DONE):
            self.asked = (Asked.DONE, time)
        else:
            self._end(Ending(time, "done", method), Phase.DONE)

    def _press_start_over(self, time: float, method: str) -> None:
        """Send all images back at the second press: one slip must not cost an hour."""
        if not self.protocol.rules.start_over:
            return
        self._drop(time)
        if not self.may_start_over:
            return
        if not self._asks(Asked.START_OVER):
            self.asked = (Asked.START_OVER, time)
            return
        self._row("reset", time, pointer=method)
        self.places, self.stack = self._seat_places(), list(range(len(self.places)))
        self.asked = None

    def _take_next(self, time: float, *, backwards: bool) -> None:
        """Let go of what keys hold and take the next image around the circle.

        It is one of those outside if there are others than the one let go. What the pointer holds
        stays in its hand.
        """
        held = self.held
        if held is not None and not held.by_key:
            return
        self._let_go(time)
        items = np.argsort(self.trial.seats.order).tolist()
        if backwards:
            items.reverse()
        if self._taken is not None:
            after = items.index(self._taken) + 1
            items = [*items[after:], *items[:after]]
        but = None if held is None else held.item
        outside = (k for k in items if k != but and not self.layout.inside(*self.places[k]))
        item = next(outside, items[0])
        self._hold(Hold(item, time, self.places[item], by_key=True))

    def _hold(self, hold: Hold) -> None:
        """Hold an item, and raise it above the others."""
        self.stack.remove(hold.item)
        self.stack.append(hold.item)
        self.held, self._taken, self.asked = hold, hold.item, None

    def _follow(self, x: float, y: float) -> None:
        """Move the held image with the pointer; its centre stays in the window."""
        if self.held is not None and not self.held.by_key:
            grip = self.held.grip
            self.places[self.held.item] = self.layout.clamp(x + grip[0], y + grip[1])

    def _nudge(self, event: Nudge) -> None:
        """Move the image that a key has taken one step; one shown large covers the others."""
        if self.held is None or not self.held.by_key or self.look is not None:
            return
        fine = _FINE if event.fine else 1
        step = self.protocol.answers.step_fraction * 2 * self.layout.radius * fine
        x, y = self.places[self.held.item]
        self.places[self.held.item] = self.layout.clamp(x + step * event.dx, y + step * event.dy)

    def _drop(self, time: float) -> None:
        """Let go of the held image where it is; it counts as a move if it went anywhere."""
        held, self.held = self.held, None
        if held is None or self.places[held.item] == held.start:
            return
        self._row(
            "drag",
            held.since,
            item=held.item,
            until=time,
            start=held.start,
            placed=True,
            pointer="keyboard" if held.by_key else self._pointing,
        )
        before = self.handling[held.item]
        self.handling[held.item] = replace(
            before,
            n_moves=before.n_moves + 1,
            first_move=held.since if before.first_move is None else before.first_move,
            last_move=max(held.since, time),
        )

    def _look_at(self, time: float, at: Point | None, *, by_key: bool) -> None:
        """Show the image at a point large; while one is held no other, and that only by a key."""
        if self.held is not None:
            item = self.held.item if self.held.by_key and by_key else None
        else:
            item = None if at is None else self.topmost(*at)
        if item is not None:
            self.look = Look(item, time, by_key)

    def _look_away(self, time: float) -> None:
        """Show no image large any more."""
        look, self.look = self.look, None
        if look is None:
            return
        pointer = "keyboard" if look.by_key else self._pointing
        self._row("inspect", look.since, item=look.item, until=time, pointer=pointer)
        before = self.handling[look.item]
        self.handling[look.item] = replace(before, n_inspections=before.n_inspections + 1)

    def _let_go(self, time: float) -> None:
        """Drop what is held and look away, as when the window is left."""
        self._look_away(time)
        self._drop(time)
