"""A countdown before trials that follow a page, so that no trial appears without warning."""

from collections.abc import Callable, Sequence

from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import Event, Shown
from twoalike.tasks._scenes import Countdown
from twoalike.tasks._settings import PageTexts, Protocol


class ReadyActivity:
    """Counts ``length_s`` seconds down from its first frame; no key shortens it."""

    name = "ready"

    def __init__(self, text: str, length_s: float) -> None:
        self._text, self._length_s = text, length_s
        self._since: float | None = None
        self.finished = False

    @property
    def scene(self) -> Countdown:
        """The word and the seconds left."""
        return Countdown(self._text, self._length_s, self.deadline)

    @property
    def deadline(self) -> float | None:
        """Time at which the countdown ends."""
        return None if self._since is None else self._since + self._length_s

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
            return []
        if self._since is None or event.time < self._since + self._length_s:
            return []
        self.finished = True
        return [Note(self.name, event.time, {"shown_s": round(event.time - self._since, 4)})]

    def restart(self, time: float) -> Sequence[Item]:
        """Start the countdown again after Esc."""
        self._since = None
        return []


def getting_ready(protocol: Protocol, texts: PageTexts) -> Callable[[], ReadyActivity] | None:
    """Return a function that makes countdowns; None if the protocol has none."""
    length_s = protocol.breaks.ready_s
    return (lambda: ReadyActivity(texts.ready, length_s)) if length_s else None
