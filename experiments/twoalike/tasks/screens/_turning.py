"""Turning the pages of a text: by key, wheel, button, or a finger drawn across the screen.

Forward only after a page was shown for its shortest time; back, and forward again to pages seen
before, at any time.
"""

from collections.abc import Sequence

from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import (
    Event,
    KeyPress,
    PointerPress,
    PointerRelease,
    Scroll,
    Shown,
)
from twoalike.tasks.screens._layout import TextLayout

GO_ON = frozenset({"space", "return", "num_enter"})
"""Keys that turn a page in every task."""
_FORWARD, _BACK = frozenset({"down", "pagedown"}), frozenset({"up", "pageup"})
_WHEEL_REST_S = 0.35
"""A flick of the wheel is many notches; those within this time count as one."""
_SWIPE = 0.06
"""Shortest movement of a finger that turns a page, as a share of the window's width."""


class Turning:
    """Which page of a text is shown.

    Parameters
    ----------
    name
        Name of the text, for the log.
    layout
        Its pages.
    width
        Of the window in pixels.
    minimum_s
        Shortest time for each page.
    keys
        Keys that turn forward, besides the usual ones.

    Attributes
    ----------
    part
        Number of the page that is shown, from 0.
    """

    def __init__(
        self,
        name: str,
        layout: TextLayout,
        width: int,
        *,
        minimum_s: float = 0.0,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        self._name, self._layout, self._width = name, layout, width
        self._minimum_s = minimum_s
        ahead, behind = ("left", "right") if layout.rtl else ("right", "left")
        self._back = _BACK | {behind}
        self._forward = (GO_ON | _FORWARD | {ahead} | keys) - self._back
        self._wheel = float("-inf")
        self._touched: tuple[float, float] | None = None
        self.part, self.last = 0, layout.last
        self._read = 0
        self._since: float | None = None

    @property
    def at_last(self) -> bool:
        """Whether the last page is shown."""
        return self.part == self.last

    def may_leave(self, time: float) -> bool:
        """Whether the page has been shown for its shortest time, now or before."""
        if self._since is None:
            return False
        return self.part < self._read or time - self._since >= self._minimum_s

    def handle(self, event: Event) -> Sequence[Item] | None:
        """Take one event; return what to log, or None if the event does not concern turning."""
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
            return None
        if self._since is None or self.last == 0:
            return None
        found = self._meaning(event)
        if found is None:
            return None
        step, by = found
        following = self.part + step
        in_vain = not 0 <= following <= self.last or (step > 0 and not self.may_leave(event.time))
        if step == 0 or in_vain:
            return []
        return [self._turn(following, event.time, by)]

    def _meaning(self, event: Event) -> tuple[int, str] | None:
        """Pages to turn (0 for none), and by what; None if the event does not concern turning."""
        match event:
            case KeyPress(key=key) if key in self._back:
                return -1, "key"
            case KeyPress(key=key) if key in self._forward and not self.at_last:
                return 1, "key"
            case Scroll(time=time, notches=notches):
                rested = time - self._wheel >= _WHEEL_REST_S
                self._wheel = time
                return (-1 if notches > 0 else 1, "wheel") if rested else (0, "wheel")
            case PointerPress(x=x, y=y, button="left"):
                return self._press(x, y)
            case PointerRelease(x=x, y=y, button="left"):
                return self._release(x, y)
        return None

    def _press(self, x: float, y: float) -> tuple[int, str] | None:
        if self._layout.back.holds(x, y):
            return -1, "button"
        if self._layout.forward.holds(x, y) and not self.at_last:
            return 1, "button"
        self._touched = (x, y)
        return None

    def _release(self, x: float, y: float) -> tuple[int, str] | None:
        if self._touched is None:
            return None
        (dx, dy), self._touched = (x - self._touched[0], y - self._touched[1]), None
        if max(abs(dx), abs(dy)) < _SWIPE * self._width:
            return None
        # The text follows the finger: moving it up, or against the reading direction, turns on.
        on = dy > 0 if abs(dy) > abs(dx) else (dx > 0) == self._layout.rtl
        return (1 if on else -1), "drag"

    def _turn(self, part: int, time: float, by: str) -> Note:
        shown = 0.0 if self._since is None else round(time - self._since, 4)
        detail = {"text": self._name, "page": self.part + 1, "pages": self.last + 1}
        detail |= {"to": part + 1, "shown_s": shown, "by": by}
        if part > self.part:
            self._read = max(self._read, part)
        self.part, self._since, self._touched = part, None, None
        return Note("page_turned", time, detail)
