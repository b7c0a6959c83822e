"""A page of text that somebody turns, or that ends by itself."""

from collections.abc import Sequence
from dataclasses import replace

from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import Event, KeyPress, PointerPress, Shown
from twoalike.tasks._scenes import Page
from twoalike.tasks.screens._frame import Frame
from twoalike.tasks.screens._layout import lay_out_page
from twoalike.tasks.screens._turning import GO_ON, Turning


class PageActivity:
    """A page of text; a long text takes several, and ends on the last.

    Parameters
    ----------
    name
        What it is, for the log.
    page
        What it shows.
    frame
        The window, which determines how much of the text fits.
    keys
        Keys that turn it, besides :data:`GO_ON`.
    pointer
        Whether a press of the pointer turns it.
    minimum_s
        Shortest time for each page, so that a stray press skips nothing.
    limit_s
        Longest time in all; 0 for none.
    """

    def __init__(
        self,
        name: str,
        page: Page,
        frame: Frame,
        *,
        keys: frozenset[str] = frozenset(),
        pointer: bool = True,
        minimum_s: float = 0.0,
        limit_s: float = 0.0,
    ) -> None:
        self.name, self._page = name, page
        self._keys, self._pointer = GO_ON | keys, pointer
        self.minimum_s, self._limit_s = minimum_s, limit_s
        self._layout = lay_out_page(page, frame)
        self._turning = Turning(
            name, self._layout, frame.size[0], minimum_s=minimum_s, keys=self._keys
        )
        self._since: float | None = None
        self.finished = False

    @property
    def scene(self) -> Page:
        """The page that is shown now."""
        return replace(self._page, part=self._turning.part)

    @property
    def deadline(self) -> float | None:
        """Time at which the page ends by itself."""
        return self._since + self._limit_s if self._since is not None and self._limit_s else None

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
        elif self.deadline is not None and event.time >= self.deadline:
            return self._end(event.time, "limit")
        turned = self._turning.handle(event)
        if turned is not None:
            return turned
        if self._leaves(event) and self._turning.at_last and self._turning.may_leave(event.time):
            return self._end(event.time, "press")
        return []

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: the page is still there."""
        return []

    def _leaves(self, event: Event) -> bool:
        """Whether an event leaves the last page."""
        match event:
            case KeyPress(key=key):
                return key in self._keys
            case PointerPress(x=x, y=y, button="left"):
                anywhere = self._turning.last == 0
                return self._pointer and (anywhere or self._layout.forward.holds(x, y))
        return False

    def _end(self, time: float, by: str) -> Sequence[Item]:
        self.finished = True
        shown = 0.0 if self._since is None else round(time - self._since, 4)
        return [Note(self.name, time, {"shown_s": shown, "ended_by": by})]
