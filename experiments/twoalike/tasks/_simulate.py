"""A simulated participant at the keys and the mouse of a screen, in its own time.

The clock is virtual: waiting moves it on and takes no time (or a chosen share of it), so that a
session of minutes runs in seconds while onsets, response times, time limits and breaks come out
as they would for a person.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from twoalike.observers import SimulatedObserver
from twoalike.tasks._conduct import Screen
from twoalike.tasks._events import Event, KeyPress, PointerPress, PointerRelease, Shown
from twoalike.tasks._scenes import Scene
from twoalike.tasks._session import STOP_KEY, Session
from twoalike.tasks._trial import Trial

_READING_S = 2.0
_AGAIN_S = 0.3
_MOUSE_SHARE = 0.2


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

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a point, pixels from the centre, y up."""


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

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a point."""
        moment = self._clock.now()
        self._events += [PointerPress(moment, x, y), PointerRelease(moment, x, y)]


class SimulatedParticipant:
    """Answers a session through a screen as an observer would.

    What it does in a trial depends on the seed and the trial alone, so a session that was
    killed and resumed has the same answers as one that was not.

    Parameters
    ----------
    seed
        Words of the seed; the trial's number is added to them.
    """

    def __init__(
        self,
        observer: SimulatedObserver,
        screen: PlayableScreen,
        clock: VirtualClock,
        seed: Sequence[int],
    ) -> None:
        self._observer, self._screen, self._clock = observer, screen, clock
        self._seed = tuple(seed)
        self._plan: tuple[Trial, float, str, bool] | None = None

    def act(self, session: Session) -> None:
        """Do the next thing: choose, turn the page, or wait for what comes by itself."""
        state = session.state
        if session.asking:
            # Somebody at the real keyboard wants to end the simulation.
            self._screen.press_key(STOP_KEY)
        elif state is None:
            self._turn_page(session)
        elif session.choosing and state.onset is not None:
            self._choose(session, state.trial, state.onset)
        elif session.deadline is not None:
            self._clock.wait_until(session.deadline)
        else:
            self._turn_page(session)

    def _turn_page(self, session: Session) -> None:
        self._clock.wait_until(self._clock.now() + max(_READING_S, session.protocol.timing.page_s))
        self._screen.press_key("space")

    def _choose(self, session: Session, trial: Trial, onset: float) -> None:
        if self._plan is None or self._plan[0] is not trial or self._plan[1] < onset:
            rng = np.random.default_rng([*self._seed, trial.trial_index])
            item, taken = self._observer.respond(trial.stimuli, rng)
            by_mouse = session.protocol.answers.mouse and rng.random() < _MOUSE_SHARE
            self._plan = (trial, onset + taken, trial.positions[item], by_mouse)
        moment = max(self._plan[1], self._clock.now())
        if session.deadline is not None and moment >= session.deadline:
            self._clock.wait_until(session.deadline)
            return
        self._clock.wait_until(moment)
        _, _, place, by_mouse = self._plan
        keys: Sequence[str] = getattr(session.protocol.answers, place)
        if by_mouse or not keys:
            self._screen.click(*session.layout.centre(place))
        else:
            self._screen.press_key(keys[0])
        # If the press came too early to count, press again a little later.
        self._plan = (trial, moment + _AGAIN_S, place, by_mouse)
