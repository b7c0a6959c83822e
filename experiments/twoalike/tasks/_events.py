"""What reaches a task from outside: frames shown, presses, the wish to stop, time itself.

Times are seconds of the run's clock. Positions are pixels from the centre of the window, y up.
"""

from dataclasses import dataclass
from typing import Literal

type Button = Literal["left", "right"]
type Pointer = Literal["mouse", "touch"]


@dataclass(frozen=True)
class Shown:
    """A frame with the present scene became visible.

    Attributes
    ----------
    time
        When, by the screen's own count.
    dropped
        Frames that came late since the one before; None where the refresh rate is not known.
    """

    time: float
    dropped: int | None = 0


@dataclass(frozen=True)
class KeyPress:
    """A key went down; ``key`` is its name in small letters (``left``, ``1``, ``num_1``)."""

    time: float
    key: str


@dataclass(frozen=True)
class Nudge:
    """An arrow key is down: once as it goes down, then as often as the system repeats it.

    Attributes
    ----------
    dx, dy
        Its direction, -1, 0 or 1; y up.
    fine
        Whether Shift is down as well.
    """

    time: float
    dx: int
    dy: int
    fine: bool = False


@dataclass(frozen=True)
class Typed:
    """Text was entered, as the keyboard's layout and input method make it."""

    time: float
    text: str


@dataclass(frozen=True)
class PointerPress:
    """A button of the mouse went down, or a finger touched the screen."""

    time: float
    x: float
    y: float
    button: Button = "left"


@dataclass(frozen=True)
class PointerMove:
    """The pointer moved, whether a button is down or not."""

    time: float
    x: float
    y: float


@dataclass(frozen=True)
class PointerRelease:
    """A button of the mouse went up, or the finger left the screen."""

    time: float
    x: float
    y: float
    button: Button = "left"


@dataclass(frozen=True)
class Scroll:
    """The wheel turned, or two fingers moved; positive ``notches`` are up, away from the person."""

    time: float
    notches: float


@dataclass(frozen=True)
class Focus:
    """The window got the keyboard, or lost it to another window."""

    time: float
    here: bool


@dataclass(frozen=True)
class Stop:
    """The session has to end now, in order; ``reason`` goes into the manifest."""

    time: float
    reason: str


@dataclass(frozen=True)
class Tick:
    """Time has passed."""

    time: float


type Event = (
    Shown
    | KeyPress
    | Nudge
    | Typed
    | PointerPress
    | PointerMove
    | PointerRelease
    | Scroll
    | Focus
    | Stop
    | Tick
)
