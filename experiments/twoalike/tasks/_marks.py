"""Marks for the recording of another machine: when images appear, when somebody answers."""

from collections.abc import Callable

from twoalike.tasks._activity import Activity, Item, Note, Result
from twoalike.tasks._scenes import Arena, Row, Scene
from twoalike.tasks._session import Session

type SendMark = Callable[[str, float], str | None]
"""Takes the name of an event and its time; says why the mark was not sent, or None."""


def _shows_images(scene: Scene) -> bool:
    """Whether a scene waits for an answer to images."""
    return isinstance(scene, Arena) or (isinstance(scene, Row) and bool(scene.prompt))


class Marks:
    """Watches a session and sends a mark at each event; what fails is noted, never raised.

    Parameters
    ----------
    send
        Sends one mark.
    """

    def __init__(self, send: SendMark) -> None:
        self._send = send
        self._activity: Activity | None = None
        self._onset_of: Activity | None = None
        self._started = False
        self._hidden = False

    def shown(self, session: Session, time: float) -> list[Item]:
        """Take that a frame of the scene became visible at ``time``."""
        events = [] if self._started else ["session_start"]
        self._started = True
        activity = session.activity
        if activity is None or activity.name == "ready":
            # The page after Esc, and the countdown: images appear again afterwards.
            self._hidden = True
            return self._mark(events, time)
        before, self._activity = self._activity, activity
        ended = self._onset_of
        anew = activity is not self._onset_of or self._hidden
        if anew and _shows_images(session.scene):
            # First: a pulse that waits for the end of another would come late.
            self._onset_of, self._hidden = activity, False
            events.append("image_onset")
        if activity is not before:
            if ended is not None and ended is before:
                events.append("trial_end")
            if activity.name == "break":
                events.append("break_")
        return self._mark(events, time)

    def kept(self, item: Item, time: float) -> list[Item]:
        """Take that an item arose at ``time``: a result is an answer."""
        answered = isinstance(item, Result) and not item.timed_out
        return self._mark(["response"] if answered else [], time)

    def ended(self, time: float) -> list[Item]:
        """Take that the session is over."""
        return self._mark(["session_end"], time)

    def _mark(self, events: list[str], time: float) -> list[Item]:
        failures = [(event, self._send(event, time)) for event in events]
        return [
            Note("trigger_failed", time, {"trigger": event, "reason": reason})
            for event, reason in failures
            if reason is not None
        ]
