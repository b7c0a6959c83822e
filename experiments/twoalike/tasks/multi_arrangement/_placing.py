"""Images under the hands of a person: taken, moved, let go, looked at, sent back, finished."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

from twoalike.tasks._activity import (
    Box,
    Event,
    EventRow,
    Focus,
    Item,
    KeyPress,
    Note,
    Nudge,
    Placed,
    PointerEvent,
    PointerMove,
    PointerPress,
    PointerRelease,
    PushButton,
    Shown,
)
from twoalike.tasks._trial import Asked, OfTrial, Phase, TrialActivity

type Point = tuple[float, float]


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


@dataclass(frozen=True)
class Handling:
    """What was done with an item; times in s of the run."""

    n_moves: int = 0
    first_move: float | None = None
    last_move: float | None = None
    n_inspections: int = 0


@dataclass(frozen=True)
class Ending:
    """When, why (done, timeout) and how (keyboard, mouse, touch, none) a trial ended."""

    time: float
    reason: str
    method: str


@dataclass(frozen=True, kw_only=True)
class PlacedResult(OfTrial):
    """Images placed in a trial that was shown to its end."""

    trial: Any
    onset: float
    """First frame of the trial, s of the run."""
    handling: tuple[Handling, ...]
    """What was done with the images."""
    ending: Ending
    item_px: float
    """Largest side of an image's square."""

    @property
    def timed_out(self) -> bool:
        return self.ending.reason == "timeout"

    def rows(self, *, rt_source: str, pilot: bool) -> Sequence[Mapping[str, Any]]:
        trial = self.trial
        shared = {
            "trial_index": trial.trial_index,
            "trial_type": trial.trial_type,
            "n_items": len(trial.items),
            "onset": float(self.onset),
            "response_time": self._since(self.ending.time),
            "end_reason": self.ending.reason,
            "end_method": self.ending.method,
            "item_size_px": float(self.item_px),
            "rt_source": rt_source,
            "pilot": pilot,
            **self._shared(),
        }
        return [
            {
                "stimulus": name,
                "n_moves": handled.n_moves,
                "first_move_time": self._since(handled.first_move),
                "last_move_time": self._since(handled.last_move),
                "n_inspections": handled.n_inspections,
                **self._item(number),
                **shared,
            }
            for number, (name, handled) in enumerate(zip(trial.items, self.handling, strict=True))
        ]

    @abstractmethod
    def _item(self, number: int) -> dict[str, Any]:
        """Columns of the task's own for one image."""

    @abstractmethod
    def _shared(self) -> dict[str, Any]:
        """Columns of the task's own that all images of the trial share."""

    def _since(self, time: float | None) -> float | None:
        return None if time is None else max(0.0, float(time - self.onset))


def push_button(name: str, text: str, box: Box, *, enabled: bool) -> PushButton:
    """Make a button where its box is."""
    return PushButton(box.x, box.y, box.width, box.height, name, text, enabled)


class PlacingActivity(TrialActivity):
    """A trial in which images are taken and put somewhere.

    After Esc it goes on as it was, with any held image released: placing fifty images a second time
    would be too much. The time limit is suspended meanwhile; recorded times stay raw, and a note
    gives the length of the pause. ``places`` are centres and ``sizes`` the sides of the images'
    squares in pixels, ``order`` says in which a key takes the items, ``stack`` names them from the
    lowest to the topmost.
    """

    made: ClassVar[type[PlacedResult]]
    """What a trial ends as."""
    nowhere: ClassVar[Mapping[str, object]]
    """Columns of the table of events that say where an item was and is, empty."""

    def __init__(self, trial: Any, protocol: Any, layout: Any) -> None:
        n = len(trial.items)
        self.places: list[Point] = []
        self.sizes = [float(layout.item)] * n
        self.order = list(range(n))
        self.stack = list(range(n))
        self.handling = [Handling()] * n
        self.held: Hold | None = None
        self.look: Look | None = None
        self._taken: int | None = None
        self._pointer: Point | None = None
        self._paused_s = 0.0
        self._last: float | None = None
        super().__init__(trial, protocol, layout)

    @abstractmethod
    def inside(self, item: int) -> bool:
        """Whether an image lies where images are to be put."""

    @property
    @abstractmethod
    def may_finish(self) -> bool:
        """Whether Done is on offer."""

    @property
    @abstractmethod
    def may_start_over(self) -> bool:
        """Whether there is something to undo."""

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
    def _reset(self) -> None:
        """Send all images back."""

    @abstractmethod
    def _nudge(self, event: Nudge) -> None:
        """Move the image that a key has taken one step; one shown large covers the others."""

    @abstractmethod
    def _place(self, held: Hold, time: float) -> bool:
        """Put down an image that was held; return whether it is somewhere else now."""

    @abstractmethod
    def _cells(self) -> dict[str, Any]:
        """Give the fields of the result that say where images ended."""

    @property
    def n_outside(self) -> int:
        """Images that are still to be placed."""
        return sum(not self.inside(item) for item in self.stack)

    @property
    def limit_s(self) -> float:
        return float(self.protocol.timing.trial_limit_s)

    @property
    def phase_end(self) -> float | None:
        if not self.open or self.onset is None or not self.limit_s:
            return None
        return self.onset + self.limit_s + self._paused_s

    def topmost(self, x: float, y: float) -> int | None:
        """Item whose image is seen at a point; None beside them."""
        for item in reversed(self.stack):
            place = self.places[item]
            if max(abs(x - place[0]), abs(y - place[1])) <= self.sizes[item] / 2:
                return item
        return None

    def _shown(self, held_scale: float) -> dict[str, Any]:
        look = self.look
        return {
            "images": tuple(self._placed(item, held_scale) for item in self.stack),
            "buttons": tuple(self._buttons()),
            "prompt": self.protocol.texts.prompt,
            "until": self._timer,
            "magnified": None if look is None else self.trial.items[look.item],
            "magnified_size": 0.0 if look is None else float(self.layout.magnified),
        }

    def _placed(self, item: int, held_scale: float) -> Placed:
        (x, y), name = self.places[item], self.trial.items[item]
        if self.held is not None and self.held.item == item:
            return Placed(name, x, y, self.layout.item * held_scale, "held")
        return Placed(name, x, y, self.sizes[item], "inside" if self.inside(item) else "outside")

    def _buttons(self) -> Iterator[PushButton]:
        texts, layout = self.protocol.texts, self.layout
        done = texts.confirm if self._asks(Asked.DONE) else texts.done
        yield push_button("done", done, layout.done, enabled=self.may_finish)
        if self.protocol.rules.start_over:
            again = self._asks(Asked.START_OVER)
            text = texts.confirm_start_over if again else texts.start_over
            yield push_button("start_over", text, layout.start_over, enabled=self.may_start_over)

    def handle(self, event: Event) -> Sequence[Item]:
        if self.finished:
            return []
        self._last = event.time if self._last is None else max(self._last, event.time)
        if isinstance(event, PointerEvent):
            self._pointer = (event.x, event.y)
        return super().handle(event)

    def _take(self, event: Event) -> None:
        if self.open and self.onset is not None and event.time >= self.onset:
            self._respond(event)

    def restart(self, time: float) -> Sequence[Item]:
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

    def _show(self, event: Shown) -> None:
        if self.onset is None:
            self._row("trial_start", event.time)
        super()._show(event)

    def _run_out(self, time: float) -> None:
        self._stop_moving(ending := Ending(time, "timeout", "none"))
        self._end(ending)

    def _stop_moving(self, ending: Ending) -> None:
        self._let_go(ending.time)
        self._row("done", ending.time, pointer=None if ending.method == "none" else ending.method)
        self.asked = None

    def _respond(self, event: Event) -> None:
        match event:
            case PointerPress(time=time, x=x, y=y, button="right"):
                if self.look is None and self.protocol.answers.magnify_button:
                    self._look_at(time, (x, y), by_key=False)
            case PointerPress(time=time) if self.look is not None:
                # It covers the others, so the press cannot be meant for one of them.
                self._look_away(time)
            case PointerPress():
                self._press(event)
            case PointerMove(x=x, y=y):
                self._follow(x, y)
            case PointerRelease(time=time, button="right"):
                if self.look is not None and not self.look.by_key:
                    self._look_away(time)
            case PointerRelease(time=time, x=x, y=y):
                if self.held is not None and not self.held.by_key:
                    self._follow(x, y)
                    self._drop(time)
            case KeyPress():
                self._press_key(event)
            case Nudge():
                self._nudge(event)
            case Focus(time=time, here=False):
                self._let_go(time)

    def _press(self, event: PointerPress) -> None:
        (time, x, y), lost = (event.time, event.x, event.y), self.held
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
        self._stop_moving(ending)
        self._end(ending)
        self._enter(Phase.DONE)

    def _end(self, ending: Ending) -> None:
        assert self.onset is not None
        self.result = self.made(
            trial=self.trial,
            onset=self.onset,
            handling=tuple(self.handling),
            ending=ending,
            item_px=self.layout.item,
            **self._cells(),
        )

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
        items = self.order[::-1] if backwards else self.order
        if self._taken is not None:
            after = items.index(self._taken) + 1
            items = [*items[after:], *items[:after]]
        but = None if held is None else held.item
        outside = (k for k in items if k != but and not self.inside(k))
        item = next(outside, items[0])
        self._hold(Hold(item, time, self.places[item], by_key=True))

    def _hold(self, hold: Hold) -> None:
        self.stack.remove(hold.item)
        self.stack.append(hold.item)
        self.held, self._taken, self.asked = hold, hold.item, None

    def _follow(self, x: float, y: float) -> None:
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

    def _pointer_of(self, by: Hold | Look) -> str:
        return "keyboard" if by.by_key else self._pointing

    def _look_at(self, time: float, at: Point | None, *, by_key: bool) -> None:
        """Show the image at a point large; while one is held no other, and that only by a key."""
        if self.held is not None:
            item = self.held.item if self.held.by_key and by_key else None
        else:
            item = None if at is None else self.topmost(*at)
        if item is not None:
            self.look = Look(item, time, by_key)

    def _look_away(self, time: float) -> None:
        look, self.look = self.look, None
        if look is None:
            return
        pointer = self._pointer_of(look)
        self._row("inspect", look.since, item=look.item, until=time, pointer=pointer)
        before = self.handling[look.item]
        self.handling[look.item] = replace(before, n_inspections=before.n_inspections + 1)

    def _let_go(self, time: float) -> None:
        self._look_away(time)
        self._drop(time)
