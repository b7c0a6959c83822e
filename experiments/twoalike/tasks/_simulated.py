"""Simulated participants: a clock of their own, a screen without a window, hands at the keys.

The clock is virtual: waiting moves it on and takes no time (or a chosen share of it), so that a
session of minutes runs in seconds while onsets, response times, time limits and breaks come out
as they would for a person.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from twoalike.tasks._activity import (
    Activity,
    Button,
    Event,
    KeyPress,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Scene,
    Shown,
    Typed,
)
from twoalike.tasks._listening import Listening
from twoalike.tasks._session import STOP_KEY, Screen, Session
from twoalike.tasks.screens import (
    PageActivity,
    QuestionActivity,
    ReadyActivity,
    ScannerActivity,
    WaitActivity,
)

_ROUNDING = 1e-6
"""Share of a frame."""


class VirtualClock:
    """A clock that moves only when it is moved, in s of the run.

    ``speed``: seconds of the run a second of the wall; None passes over all waiting.
    ``refresh_hz``: frames a second that its screens show; None shows them whenever they are drawn.
    """

    def __init__(
        self, start: float = 0.0, speed: float | None = None, refresh_hz: float | None = None
    ) -> None:
        self._now, self._speed, self.refresh_hz = start, speed, refresh_hz

    def now(self) -> float:
        return self._now

    def wait_until(self, moment: float) -> None:
        """Move on to ``moment``; never back."""
        if self._speed is not None and moment > self._now:
            time.sleep((moment - self._now) / self._speed)
        self._now = max(self._now, moment)

    def next_frame(self) -> float:
        """Move on to the next frame and return its time; without a refresh rate, stay."""
        if self.refresh_hz is not None:
            passed = math.floor(self._now * self.refresh_hz + _ROUNDING)
            self.wait_until((passed + 1) / self.refresh_hz)
        return self._now


class PlayableScreen(Screen, Protocol):
    """A screen whose keys and mouse a program can use, as the system would report it."""

    def play(self, event: Event) -> None:
        """Let an event happen; points are pixels from the centre, y up."""

    def press_key(self, key: str) -> None:
        self.play(KeyPress(self.now(), key))

    def nudge(self, dx: int, dy: int) -> None:
        self.play(Nudge(self.now(), dx, dy))

    def type_text(self, text: str) -> None:
        self.play(Typed(self.now(), text))

    def pointer_press(self, x: float, y: float, button: Button = "left") -> None:
        self.play(PointerPress(self.now(), x, y, button))

    def pointer_move(self, x: float, y: float) -> None:
        self.play(PointerMove(self.now(), x, y))

    def pointer_release(self, x: float, y: float, button: Button = "left") -> None:
        self.play(PointerRelease(self.now(), x, y, button))

    def click(self, x: float, y: float) -> None:
        """Press and release the left button at a point."""
        self.pointer_press(x, y)
        self.pointer_release(x, y)


class NoWindow(PlayableScreen):
    """A screen of ``size`` pixels that shows nothing: for simulated participants and tests."""

    def __init__(self, clock: VirtualClock, size: tuple[int, int] = (1280, 1024)) -> None:
        self._clock, self._size = clock, size
        self._events: list[Event] = []

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    def now(self) -> float:
        return self._clock.now()

    def show(self, scene: Scene) -> Shown:
        return Shown(self._clock.next_frame(), None if self._clock.refresh_hz is None else 0)

    def events(self) -> Sequence[Event]:
        events, self._events = self._events, []
        return events

    def play(self, event: Event) -> None:
        self._events.append(event)


_READING_S = 2.0
_SCANNER_S = 1.0
"""Until a simulated scanner sends its trigger."""
_POLL_S = 0.02
_SAID = {
    "age": "30",
    "number": "1",
    "text": "A simulated observer has no strategy.",
    "long_text": "A simulated observer has no strategy.\nAnd nothing to add.",
}


class Hands(Protocol):
    """Does the trials of one task."""

    def act(self, activity: Activity) -> None:
        """Do the next thing in a trial."""


class SeededHands[O]:
    """Hands that do what an observer would.

    What they do in a trial depends on the seed and the trial alone, so a session that was killed
    and resumed has the same answers as one that was not.
    """

    def __init__(
        self, observer: O, screen: PlayableScreen, clock: VirtualClock, seed: Sequence[int]
    ) -> None:
        self.observer, self._screen, self._clock = observer, screen, clock
        self._seed = tuple(seed)

    def _rng(self, *words: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, *words])


def read_on(
    screen: PlayableScreen, clock: VirtualClock, minimum_s: float, key: str = "space"
) -> None:
    """Read a page, and turn it."""
    clock.wait_until(clock.now() + max(_READING_S, minimum_s))
    screen.press_key(key)


def drag(
    screen: PlayableScreen,
    clock: VirtualClock,
    points: Sequence[tuple[float, float]],
    duration_s: float,
) -> None:
    """Press at the first point, move evenly through the others, release at the last.

    Takes ``duration_s`` of the clock.
    """
    begin = clock.now()
    screen.pointer_press(*points[0])
    for number, point in enumerate(points[1:], start=1):
        clock.wait_until(begin + duration_s * number / (len(points) - 1))
        screen.pointer_move(*point)
    screen.pointer_release(*points[-1])


class SimulatedParticipant:
    """Goes through a session: pages, questions, and the trials by the task's hands."""

    def __init__(
        self,
        hands: Hands,
        screen: PlayableScreen,
        clock: VirtualClock,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hands, self._screen, self._clock = hands, screen, clock
        self._sleep = sleep

    def act(self, session: Session) -> None:
        """Do the next thing."""
        activity = session.activity
        if session.asking:
            # Somebody at the real keyboard wants to end the simulation.
            self._screen.press_key(STOP_KEY)
        elif isinstance(activity, PageActivity):
            key = "space" if "space" in activity.keys else min(activity.keys)
            read_on(self._screen, self._clock, activity.minimum_s, key)
        elif isinstance(activity, QuestionActivity) and not activity.at_last:
            read_on(self._screen, self._clock, activity.page_s)
        elif isinstance(activity, QuestionActivity):
            self._answer(activity)
        elif isinstance(activity, ReadyActivity):
            self._clock.wait_until(activity.deadline or 0.0)
        elif isinstance(activity, ScannerActivity):
            self._clock.wait_until(self._clock.now() + _SCANNER_S)
            self._screen.press_key(activity.key)
        elif isinstance(activity, WaitActivity):
            self._sleep(_POLL_S)  # the work takes real time
        elif isinstance(activity, Listening):
            self._listen(activity)
        elif activity is not None:
            self._hands.act(activity)

    def _listen(self, activity: Listening) -> None:
        if activity.playing is not None and activity.to_hear:
            self._clock.wait_until(activity.playing.until)
        elif activity.to_hear:
            tile = activity.to_hear[0]
            self._screen.pointer_press(tile.x, tile.y)
            self._screen.pointer_release(tile.x, tile.y)
        else:
            self._hands.act(activity.trial)

    def _answer(self, activity: QuestionActivity) -> None:
        self._clock.wait_until(
            self._clock.now() + max(_READING_S, activity.minimum_s, activity.page_s)
        )
        asked, low, most = activity.question, *activity.question.limits
        if activity.scene.ends is not None:
            unset = activity.scene.value is None
            self._screen.nudge(1, 0) if unset else self._screen.press_key("return")
            return
        if asked.options:
            if not activity.scene.marked:
                known = map(asked.value, range(len(asked.options)))
                number = [*known].index(asked.expected) if asked.expected else 0
                self._screen.press_key(str(number + 1))
            if activity.scene.marked is not None:
                self._screen.press_key("return")
            return
        for _ in activity.scene.entry or "":  # typed at the real keyboard
            self._screen.press_key("backspace")
        said = _SAID[asked.kind]
        if said.isdigit():
            said = str(asked.expected or min(max(int(said), low), most))
        elif not low <= len(said) <= most:
            said = (said * low)[: max(low, most // 2)].replace(" ", "-")
        for number, line in enumerate(said.split("\n")):
            if number:
                self._screen.press_key("return")
            self._screen.type_text(line)
        self._screen.press_key("return" if activity.scene.caret is None else "tab")
