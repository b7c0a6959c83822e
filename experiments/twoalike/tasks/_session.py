"""A session as a state machine: activities in order, and Esc at any time."""

from collections.abc import Callable, Generator, Sequence

from twoalike.tasks._activity import Activity, Item, Note
from twoalike.tasks._events import Event, Focus, KeyPress, PointerPress, Stop
from twoalike.tasks._scenes import Page, Scene

STOP_KEY = "escape"
_LAST_PAGES = {"end": "completed", "declined": "declined"}
"""Pages after which nothing comes, and how a session ended that is left there."""
type EndReason = str
"""``completed``, ``declined`` (no consent), ``stopped`` (Esc), or the reason of a Stop."""
type Script = Generator[Activity | Item, None, EndReason]
"""Gives activities one after the other, and items to keep between them; returns how it ended."""


class Session:
    """A session under way: events in, scene out; results and notes as they arise.

    Parameters
    ----------
    script
        What is shown, in order. It goes on when an activity is finished, so it may look at
        the outcome of those before.
    stop_text
        Page after Esc.
    ready
        Makes the countdown before each trial that does not follow another one, and before one
        that Esc has interrupted; None for no countdown.

    Examples
    --------
    >>> from twoalike.tasks import Frame, PageActivity, Shown
    >>> def script():
    ...     yield PageActivity("end", Page("Thank you!"), Frame((1280, 800), 21))
    ...     return "completed"
    >>> session = Session(script(), "Stop here?")
    >>> events = [Shown(0.0), KeyPress(1.5, "space")]
    >>> [item.event for event in events for item in session.handle(event)]
    ['end', 'session_end']
    >>> session.end_reason
    'completed'
    """

    def __init__(
        self, script: Script, stop_text: str, ready: Callable[[], Activity] | None = None
    ) -> None:
        self._script, self._stop_text, self._ready = script, stop_text, ready
        self._asking = False
        self._activity: Activity | None = None
        self._before: Activity | None = None
        self._left = False
        self._waiting: list[Item] = []
        self.end_reason: EndReason | None = None
        self._go_on(0.0)

    @property
    def finished(self) -> bool:
        """Whether the session has ended; ``end_reason`` says how."""
        return self.end_reason is not None

    @property
    def activity(self) -> Activity | None:
        """What is under way; None while the page after Esc is shown, and at the end."""
        return None if self._asking else self._before or self._activity

    @property
    def asking(self) -> bool:
        """Whether the page after Esc is shown."""
        return self._asking

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        if self.activity is None:
            return Page(self._stop_text if self._asking else "")
        return self.activity.scene

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        return None if self.activity is None else self.activity.deadline

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; give what is to be kept. After the end nothing happens."""
        if self.finished:
            return self._flush([])
        items: list[Item] = []
        match event:
            case Stop(time=time, reason=reason):
                return self._flush(self._finish(reason, time))
            case KeyPress(time=time, key=key) if key == STOP_KEY:
                return self._flush(self._escape(time))
            case Focus(time=time, here=here):
                items.append(Note("focus", time, {"here": here}))
        if self._asking:
            return self._flush([*items, *self._answer_stop(event)])
        assert self.activity is not None
        items += self.activity.handle(event)
        items += self._advance(event.time)
        return self._flush(items)

    def _flush(self, items: list[Item]) -> list[Item]:
        items, self._waiting = [*items, *self._waiting], []
        return items

    def _advance(self, time: float) -> list[Item]:
        """Move on to the next activity if the one shown has finished."""
        items: list[Item] = []
        if self._before is not None and self._before.finished:
            self._before = None
            items += self._return(time)
        if self._before is None and self._activity is not None and self._activity.finished:
            self._go_on(time)
        return items

    def _return(self, time: float) -> Sequence[Item]:
        """Restart the activity that Esc has interrupted, if there is one."""
        left, self._left = self._left, False
        return self._activity.restart(time) if left and self._activity is not None else []

    def _go_on(self, time: float) -> None:
        """Take the script's next activity, and the items on the way there."""
        while True:
            try:
                step = next(self._script)
            except StopIteration as end:
                self._activity = None
                self._waiting += self._finish(str(end.value), time)
                return
            if isinstance(step, Activity):
                if _is_trial(step) and not _is_trial(self._activity):
                    self._before = self._ready() if self._ready is not None else None
                self._activity = step
                return
            self._waiting.append(step)

    def _finish(self, reason: EndReason, time: float) -> list[Item]:
        self.end_reason = self._settled or reason
        self._script.close()  # lets it end what it has started
        return [Note("session_end", time, {"reason": self.end_reason})]

    @property
    def _settled(self) -> EndReason | None:
        """How the session has ended already, if it only shows its last page."""
        return None if self._activity is None else _LAST_PAGES.get(self._activity.name)

    def _escape(self, time: float) -> list[Item]:
        if self._asking or self._settled is not None:
            return self._finish("stopped", time)
        self._asking = True
        return [Note("stop_asked", time)]

    def _answer_stop(self, event: Event) -> list[Item]:
        if not isinstance(event, KeyPress | PointerPress):
            return []
        self._asking = False
        items: list[Item] = [Note("went_on", event.time)]
        if self._before is not None:
            return [*items, *self._before.restart(event.time)]
        self._left = True
        if self._ready is not None and _is_trial(self._activity):
            self._before = self._ready()
            return items
        return [*items, *self._return(event.time), *self._advance(event.time)]


def _is_trial(activity: Activity | None) -> bool:
    return activity is not None and activity.name == "trial"
