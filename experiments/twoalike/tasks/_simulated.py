"""A simulated participant at the keys and the mouse of a screen, in its own time."""

import time
from collections.abc import Callable
from typing import Protocol

from twoalike.tasks._activity import Activity
from twoalike.tasks._session import STOP_KEY, Session
from twoalike.tasks._virtual import PlayableScreen, VirtualClock
from twoalike.tasks.screens import PageActivity, QuestionActivity, ReadyActivity, WaitActivity

_READING_S = 2.0
_POLL_S = 0.02
_SAID = {"age": "30", "number": "1", "text": "A simulated observer has no strategy."}


class Hands(Protocol):
    """Does the trials of one task."""

    def act(self, activity: Activity) -> None:
        """Do the next thing in a trial."""


def read_on(screen: PlayableScreen, clock: VirtualClock, minimum_s: float) -> None:
    """Read a page, and turn it."""
    clock.wait_until(clock.now() + max(_READING_S, minimum_s))
    screen.press_key("space")


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
            read_on(self._screen, self._clock, activity.minimum_s)
        elif isinstance(activity, QuestionActivity) and not activity.at_last:
            read_on(self._screen, self._clock, activity.page_s)
        elif isinstance(activity, QuestionActivity):
            self._answer(activity)
        elif isinstance(activity, ReadyActivity):
            self._clock.wait_until(activity.deadline or 0.0)
        elif isinstance(activity, WaitActivity):
            self._sleep(_POLL_S)  # the work takes real time
        elif activity is not None:
            self._hands.act(activity)

    def _answer(self, activity: QuestionActivity) -> None:
        self._clock.wait_until(
            self._clock.now() + max(_READING_S, activity.minimum_s, activity.page_s)
        )
        if activity.question.options:
            self._screen.press_key("1")
        else:
            for _ in activity.scene.entry or "":  # what somebody at the real keyboard typed
                self._screen.press_key("backspace")
            self._screen.type_text(_SAID[activity.question.kind])
            self._screen.press_key("return")
