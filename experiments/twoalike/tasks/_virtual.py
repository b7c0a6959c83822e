"""Time and a screen for simulated participants.

The clock is virtual: waiting moves it on and takes no time (or a chosen share of it), so that a
session of minutes runs in seconds while onsets, response times, time limits and breaks come out
as they would for a person.
"""

import time
from collections.abc import Sequence
from typing import Protocol

from twoalike.tasks._conduct import Screen
from twoalike.tasks._events import (
    Button,
    Event,
    KeyPress,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Typed,
)
from twoalike.tasks._scenes import Scene


class VirtualClock:
    """Time that passes when it is told to.

    Parameters
    ----------
    start
        First time, s.
    speed
        Seconds of the run a second of the wall; None passes over all waiting.
    """

    def __init__(self, start: float = 0.0, speed: float | None = None) -> None:
        self._now, self._speed = start, speed

    def now(self) -> float:
        """Time of the run, s."""
        return self._now

    def wait_until(self, moment: float) -> None:
        """Move on to ``moment``; never back."""
        if self._speed is not None and moment > self._now:
            time.sleep((moment - self._now) / self._speed)
        self._now = max(self._now, moment)


class PlayableScreen(Screen, Protocol):
    """A screen whose keys and mouse a program can use."""

    def press_key(self, key: str) -> None:
        """Press and release a key, by name."""

    def type_text(self, text: str) -> None:
        """Enter text."""

    def pointer_press(self, x: float, y: float, button: Button = "left") -> None:
        """Press a button at a point, pixels from the centre, y up."""

    def pointer_move(self, x: float, y: float) -> None:
        """Move the pointer to a point."""

    def pointer_release(self, x: float, y: float, button: Button = "left") -> None:
        """Let a button go at a point."""

    def click(self, x: float, y: float) -> None:
        """Press and release the left button at a point."""


class NoWindow:
    """A screen that shows nothing: for simulated participants and tests.

    Parameters
    ----------
    clock
        Where its times come from.
    size
        Pixels it pretends to have.
    """

    def __init__(self, clock: VirtualClock, size: tuple[int, int] = (1280, 1024)) -> None:
        self._clock, self._size = clock, size
        self._events: list[Event] = []

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self._size

    def now(self) -> float:
        """Time of the run, s."""
        return self._clock.now()

    def show(self, scene: Scene) -> Shown:
        """Show nothing, at once."""
        return Shown(self._clock.now(), None)

    def events(self) -> Sequence[Event]:
        """Presses since the last call."""
        events, self._events = self._events, []
        return events

    def press_key(self, key: str) -> None:
        """Press a key, by name."""
        self._events.append(KeyPress(self._clock.now(), key))

    def type_text(self, text: str) -> None:
        """Enter text."""
        self._events.append(Typed(self._clock.now(), text))

    def pointer_press(self, x: float, y: float, button: Button = "left") -> None:
        """Press a button at a point."""
        self._events.append(PointerPress(self._clock.now(), x, y, button))

    def pointer_move(self, x: float, y: float) -> None:
        """Move the pointer to a point."""
        self._events.append(PointerMove(self._clock.now(), x, y))

    def pointer_release(self, x: float, y: float, button: Button = "left") -> None:
        """Let a button go at a point."""
        self._events.append(PointerRelease(self._clock.now(), x, y, button))

    def click(self, x: float, y: float) -> None:
        """Press and release the left button at a point."""
        self.pointer_press(x, y)
        self.pointer_release(x, y)
