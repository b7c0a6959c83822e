"""A page of text that somebody turns, or that ends by itself."""

from collections.abc import Sequence

from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import Event, KeyPress, PointerPress, Shown
from twoalike.tasks._scenes import Page

GO_ON = frozenset({"space", "return", "num_enter"})
"""Keys that turn a page in every task."""


class PageActivity:
    """A page.

    Parameters
    ----------
    name
        What it is, for the log.
    page
        What it shows.
    keys
        Keys that turn it, besides :data:`GO_ON`.
    pointer
        Whether a press of the pointer turns it.
    minimum_s
        Shortest time, so that a stray press skips nothing.
    limit_s
        Longest time; 0 for none.
    """

    def __init__(
        self,
        name: str,
        page: Page,
        *,
        keys: frozenset[str] = frozenset(),
        pointer: bool = True,
        minimum_s: float = 0.0,
        limit_s: float = 0.0,
    ) -> None:
        self.name, self.scene = name, page
        self._keys, self._pointer = GO_ON | keys, pointer
        self.minimum_s, self._limit_s = minimum_s, limit_s
        self._since: float | None = None
        self.finished = False

    @property
    def deadline(self) -> float | None:
        """Time at which the page ends by itself."""
        return self._since + self._limit_s if self._since is not None and self._limit_s else None

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
            return []
        if self._since is None:
            return []
        if self.deadline is not None and event.time >= self.deadline:
            return self._turn(event.time, "limit")
        pressed = (isinstance(event, KeyPress) and event.key in self._keys) or (
            isinstance(event, PointerPress) and event.button == "left" and self._pointer
        )
        if pressed and event.time - self._since >= self.minimum_s:
            return self._turn(event.time, "press")
        return []

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: the page is still there."""
        return []

    def _turn(self, time: float, by: str) -> Sequence[Item]:
        self.finished = True
        shown = 0.0 if self._since is None else round(time - self._since, 4)
        return [Note(self.name, time, {"shown_s": shown, "ended_by": by})]
