"""A page that stays until some work in the background is done."""

from collections.abc import Callable, Sequence

from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import Event, Shown
from twoalike.tasks._scenes import Page


class WaitActivity:
    """A page that asks ``ready`` at every event and is finished when it says so."""

    def __init__(self, name: str, page: Page, ready: Callable[[], bool]) -> None:
        self.name, self.scene = name, page
        self._ready = ready
        self._since: float | None = None
        self.finished = False

    @property
    def deadline(self) -> float | None:
        """Nobody knows when."""
        return None

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        if isinstance(event, Shown) and self._since is None:
            self._since = event.time
        if self._since is None or not self._ready():
            return []
        self.finished = True
        return [Note(self.name, event.time, {"shown_s": round(event.time - self._since, 4)})]

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: the work went on meanwhile."""
        return []
