"""Images under the hands of a person: taken, moved, let go, looked at, sent back, finished.

Time begins with the first frame that shows the trial (:class:`~twoalike.tasks.Shown`); presses
before it are not the trial's.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import ClassVar, Protocol

from twoalike.tasks._activity import (
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
    Result,
    Scene,
    Shown,
    Timer,
    trial_shown,
)
from twoalike.tasks.multi_arrangement._protocol import PlacingProtocol
from twoalike.tasks.multi_arrangement._trial import (
    Asked,
    Ending,
    Handling,
    Hold,
    Look,
    Phase,
    Point,
)
from twoalike.tasks.screens import GO_ON, Box


def push_button(name: str, text: str, box: Box, *, enabled: bool) -> PushButton:
    """Make a button where its box is."""
    return PushButton(name, text, box.x, box.y, box.width, box.height, enabled)


class PlacingTrial(Protocol):
    """What a trial of any such task has: its number in the run, and object ids."""

    @property
    def trial_index(self) -> int: ...
    @property
    def items(self) -> tuple[str, ...]: ...


class PlacingLayout(Protocol):
    """What the geometry of any such task has, in pixels.

    Sides of the squares of images, as they lie and looked at large; the buttons Done and Start
    over; and the nearest point in the window.
    """

    @property
    def item(self) -> int: ...
    @property
    def magnified(self) -> int: ...
    @property
    def done(self) -> Box: ...
    @property
    def start_over(self) -> Box: ...
    def clamp(self, x: float, y: float) -> Point: ...


class PlacingActivity(ABC):
    """A trial in which images are taken and put somewhere, from its first frame to its end.

    After Esc it goes on as it was, with any held image released: placing fifty images a second
    time would be too much. The time limit is suspended meanwhile; recorded times stay raw, and a
    note gives the length of the pause.

    Attributes
    ----------
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
    """

    name = "trial"
    nowhere: ClassVar[Mapping[str, object]]
    """Columns of the table of events that say where an item was and is, empty."""
    trial: PlacingTrial
    protocol: PlacingProtocol
    layout: PlacingLayout

    def __init__(
        self, trial: PlacingTrial, protocol: PlacingProtocol, layout: PlacingLayout
    ) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        n = len(trial.items)
        self.places: list[Point] = []
        self.stack = list(range(n))
        self.handling = [Handling()] * n
        self.phase = Phase.ARRANGING
        self.onset: float | None = None
        self.held: Hold | None = None
        self.look: Look | None = None
        self.asked: tuple[Asked, float] | None = None
        self.result: Result | None = None
        self._taken: int | None = None
        self._pointer: Point | None = None
        self._paused_s = 0.0
        self._message_since: float | None = None
        self._last: float | None = None
        self._items: list[Item] = []

    @abstractmethod
    def inside(self, item: int) -> bool:
        """Whether an image lies where images are to be put."""

    @abstractmethod
    def size_of(self, item: int) -> float:
        """Side of an image's square where it lies, pixels."""

    @property
    @abstractmethod
    def may_finish(self) -> bool:
        """Whether Done is on offer."""

    @property
    @abstractmethod
    def may_start_over(self) -> bool:
        """Whether there is something to undo."""

    @property
    @abstractmethod
    def _trial_scene(self) -> Scene:
        """What is shown while images can be moved."""

    @abstractmethod
    def _order(self) -> list[int]:
        """Items in the order in which a key takes them."""

    def _row(
        self,
        what: str,
        time: float,
        *,
        item: int | None = None,
        until: float | None = None,
        where: Mapping[str, object] = MappingProxyType({}),
        pointer: str | None = None,
    ) -> None:
        """Add a row to the table of events; ``where`` are columns of :attr:`nowhere`."""
        values = {
            "onset": float(time),
            "duration": 0.0 if until is None else max(0.0, float(until - time)),
            "trial_type": what,
            "trial_index": self.trial.trial_index,
            "stimulus": None if item is None else self.trial.items[item],
            **self.nowhere,
            **where,
            "pointer": pointer,
        }
        self._items.append(EventRow(values))

    @abstractmethod
    def _begin(self, time: float) -> None:
        """Add the rows of a trial that begins."""

    @abstractmethod
    def _reset(self) -> None:
        """Send all images back."""

    @abstractmethod
    def _nudge(self, event: Nudge) -> None:
        """Move the image that a key has taken one step; one shown large covers the others."""

    @abstractmethod
    def _place(self, held: Hold, time: float) -> bool:
        """Put down an image that was held; return whether it is somewhere else now."""

    @abstractmethod
    def _make_result(self, ending: Ending) -> Result:
        """Make the result of a trial that ends."""

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
        """Images that are still to be placed."""
        return sum(not self.inside(item) for item in self.stack)

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
            if max(abs(x - place[0]), abs(y - place[1])) <= self.size_of(item) / 2:
                return item
        return None

    def _asks(self, what: Asked) -> bool:
        return self.asked is not None and self.asked[0] is what

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        if self.phase is Phase.MESSAGE:
            return Page(self.protocol.texts.time_out, self.protocol.texts.go_on)
        return self._trial_scene

    @property
    def _until(self) -> Timer | None:
        timing, limit = self.protocol.timing, self.time_limit
        shown = limit is not None and timing.show_timer
        return Timer(limit, timing.trial_limit_s) if shown and limit is not None else None

    @property
    def _magnified(self) -> tuple[str | None, float]:
        """Object that is shown large, and its size."""
        if self.look is None:
            return None, 0.0
        return self.trial.items[self.look.item], float(self.layout.magnified)

    def _placed(self, item: int, held_scale: float) -> Placed:
        (x, y), name = self.places[item], self.trial.items[item]
        if self.held is not None and self.held.item == item:
            return Placed(name, x, y, self.layout.item * held_scale, "held")
        return Placed(name, x, y, self.size_of(item), "inside" if self.inside(item) else "outside")

    def _buttons(self) -> Iterator[PushButton]:
        texts, layout = self.protocol.texts, self.layout
        done = texts.confirm if self._asks(Asked.DONE) else texts.done
        yield push_button("done", done, layout.done, enabled=self.may_finish)
        if self.protocol.rules.start_over:
            again = self._asks(Asked.START_OVER)
            text = texts.confirm_start_over if again else texts.start_over
            yield push_button("start_over", text, layout.start_over, enabled=self.may_start_over)

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
        self._take(event)
        return self._flush()

    def _take(self, event: Event) -> None:
        """Take an event by the phase of the trial."""
        if self.phase is Phase.MESSAGE:
            self._turn_page(event)
        elif self.open and self.onset is not None and event.time >= self.onset:
            self._respond(event)

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc, from the last event before it: images stay, the time limit waited."""
        since = time if self._last is None else min(self._last, time)
        self._last = time
        if self.phase is Phase.MESSAGE:
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

    def _show(self, time: float) -> None:
        if self.onset is None:
            self.onset = time
            self._row("trial_start", time)
            self._begin(time)
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
        self._stop_moving(ending)
        self._close(ending, phase)

    def _stop_moving(self, ending: Ending) -> None:
        """Let go of everything; from now on nothing moves."""
        self._let_go(ending.time)
        self._row("done", ending.time, pointer=None if ending.method == "none" else ending.method)
        self.asked = None

    def _close(self, ending: Ending, phase: Phase) -> None:
        self.phase = phase
        self.result = self._make_result(ending)
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
            self._finish(Ending(time, "done", method))

    def _finish(self, ending: Ending) -> None:
        self._end(ending, Phase.DONE)

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
        self._reset()
        self.stack, self.asked = list(range(len(self.places))), None

    def _take_next(self, time: float, *, backwards: bool) -> None:
        """Let go of what keys hold and take the next image around the circle.

        It is one of those outside if there are others than the one let go. What the pointer holds
        stays in its hand.
        """
        held = self.held
        if held is not None and not held.by_key:
            return
        self._let_go(time)
        items = self._order()
        if backwards:
            items.reverse()
        if self._taken is not None:
            after = items.index(self._taken) + 1
            items = [*items[after:], *items[:after]]
        but = None if held is None else held.item
        outside = (k for k in items if k != but and not self.inside(k))
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

    def _drop(self, time: float) -> None:
        """Let go of the held image where it is; it counts as a move if it went anywhere."""
        held, self.held = self.held, None
        if held is None or not self._place(held, time):
            return
        before = self.handling[held.item]
        self.handling[held.item] = replace(
            before,
            n_moves=before.n_moves + 1,
            first_move=held.since if before.first_move is None else before.first_move,
            last_move=max(held.since, time),
        )

    def _pointer_of(self, held: Hold) -> str:
        return "keyboard" if held.by_key else self._pointing

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
