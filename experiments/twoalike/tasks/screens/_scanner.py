"""Waiting for a scanner's trigger: its settings, and the page meanwhile."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from twoalike.study import Strict
from twoalike.tasks._activity import Event, Item, KeyPress, Page, Pulse
from twoalike.tasks._protocol import KeyName
from twoalike.tasks.screens._pages import _BesideTrials


class Scanner(Strict):
    """Start by the trigger of a scanner or another machine."""

    start: Literal["none", "session", "block"] = Field(
        default="none",
        description="what waits for a trigger: nothing; the session's first trial after practice "
        "(again when it is resumed); that, and the first trial after each break",
    )
    key: KeyName = Field(
        default="5",
        description="key that the trigger presses; it starts the trials by hand as well",
    )
    port: str = Field(
        default="",
        description="serial port on which any byte but 0 is a trigger, such as /dev/ttyUSB0 or "
        "COM3; empty: the key alone",
    )
    baud: int = Field(default=115200, gt=0, description="speed of that port, bits a second")


class ScannerActivity(_BesideTrials):
    """Waits for a trigger: a key, or a pulse of the port.

    Attributes
    ----------
    time
        When the trigger came, s of the run; None before.

    Examples
    --------
    >>> from twoalike.tasks import Shown
    >>> waiting = ScannerActivity("Please keep still.", "5")
    >>> events = [Shown(0.0), KeyPress(1.0, "a"), KeyPress(2.5, "5")]
    >>> [item.event for event in events for item in waiting.handle(event)], waiting.time
    (['scanner_trigger'], 2.5)
    """

    name = "scanner"

    def __init__(self, text: str, key: str) -> None:
        self.scene, self.key = Page(text), key
        self.time: float | None = None

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        self._take_frame(event)
        by = "key" if isinstance(event, KeyPress) and event.key == self.key else ""
        by = "port" if isinstance(event, Pulse) else by
        if not by or self._since is None or self.finished:
            return []
        self.time = event.time
        return self._end("scanner_trigger", event.time, by=by)
