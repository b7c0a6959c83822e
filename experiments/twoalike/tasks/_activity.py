"""What a session is made of: activities take events, show scenes and give items to keep.

Times are seconds of the run's clock. Positions are pixels from the centre of the window, y up.
Scenes are data, equal if they look the same; the display draws them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import pandas as pd

from twoalike.record import TRIAL_SHOWN

type Button = Literal["left", "right"]


@dataclass(frozen=True)
class Event:
    """Something that happens while a session is under way, or time that has passed."""

    time: float


@dataclass(frozen=True)
class Shown(Event):
    """A frame with the present scene became visible: when, by the screen's own count."""

    dropped: int | None = 0
    """Frames that came late since the one before; None where the refresh rate is not known."""


@dataclass(frozen=True)
class KeyPress(Event):
    """A key went down; ``key`` is its name in small letters (``left``, ``1``, ``num_1``)."""

    key: str


@dataclass(frozen=True)
class Nudge(Event):
    """An arrow key is down: once as it goes down, then as often as the system repeats it."""

    dx: int
    dy: int
    """``dx``, ``dy``: Its direction, -1, 0 or 1; y up."""
    fine: bool = False  # Shift is down as well


@dataclass(frozen=True)
class Typed(Event):
    """Text was entered, as the keyboard's layout and input method make it."""

    text: str


@dataclass(frozen=True)
class PointerEvent(Event):
    """What the mouse does, or a finger on the screen, at a point."""

    x: float
    y: float


@dataclass(frozen=True)
class PointerMove(PointerEvent):
    """The pointer moved, whether a button is down or not."""


@dataclass(frozen=True)
class PointerPress(PointerEvent):
    """A button of the mouse went down, or a finger touched the screen."""

    button: Button = "left"


@dataclass(frozen=True)
class PointerRelease(PointerEvent):
    """A button of the mouse went up, or the finger left the screen."""

    button: Button = "left"


@dataclass(frozen=True)
class Scroll(Event):
    """The wheel turned, or two fingers moved; positive ``notches`` are up, away from the person."""

    notches: float


@dataclass(frozen=True)
class Focus(Event):
    """The window got the keyboard, or lost it to another window."""

    here: bool


@dataclass(frozen=True)
class Stop(Event):
    """The session has to end now, in order; ``reason`` goes into the manifest."""

    reason: str


@dataclass(frozen=True)
class Pulse(Event):
    """A trigger came from another machine, such as a scanner."""


@dataclass(frozen=True)
class Tick(Event):
    """Time has passed."""


type Source = Literal["objects", "scrambled", "masks"]
"""Where a picture comes from: an object's image, that image with scrambled phases, or a mask."""


@dataclass(frozen=True)
class Box:
    """A rectangle: centre and size in pixels from the centre of the window, y up."""

    x: float
    y: float
    width: float
    height: float

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies in it."""
        return abs(x - self.x) <= self.width / 2 and abs(y - self.y) <= self.height / 2


@dataclass(frozen=True)
class Fixation:
    """A cross in the middle."""

    ahead: tuple[tuple[Source, str], ...] = ()
    """Pictures to make ready before it appears, so that no later frame waits for them."""
    prompt: "ImageRow | None" = None
    """Scene without pictures that comes after them, whose texts are made ready as well."""


@dataclass(frozen=True)
class Timer:
    """Time that runs out: when, how long it is in all, and from when on that is shown; s."""

    end: float
    length: float
    since: float = float("-inf")


@dataclass(frozen=True)
class ImageRow:
    """Images side by side, on a grid or in a ring."""

    images: tuple[str | None, ...]
    """Object ids by place (left, middle, right; or numbered); None leaves the place empty."""
    prompt: str = ""
    """Line above the images, or nothing."""
    labels: tuple[str, ...] = ()
    """Lines below the images by place, or nothing."""
    until: Timer | None = None
    """When the choice is cut off; None where it is not, or not shown."""
    verdict: str = ""
    """Line in place of the prompt after an answer in practice: right or not."""
    marked: tuple[str, ...] = ()
    """Objects shown in a frame: the expected answer, or what has been chosen so far."""
    source: Source = "objects"
    """What ``images`` name."""
    centred: bool = False
    """Whether images are in the centre of the window instead of at their places."""


@dataclass(frozen=True)
class Page:
    """A page of text; :func:`twoalike.tasks.screens.lay_out_page` says where its lines are."""

    text: str
    footer: str = ""
    """Line at the bottom."""
    progress: tuple[int, int] | None = None
    """Trials done and in all, for a bar; None shows no bar."""
    caption: str = ""
    """Line below the bar."""
    images: tuple[str, ...] = ()
    """Object ids of an example shown below the text."""
    part: int = 0
    """Page of a long text, counted from 0."""


@dataclass(frozen=True)
class Countdown:
    """A word above the seconds left: ``length`` before the first frame, then until ``end``; s."""

    text: str
    length: float
    end: float | None = None


@dataclass(frozen=True)
class Ask:
    """A question with an answer to choose or to type."""

    text: str
    options: tuple[str, ...] = ()
    """Answers to choose from, numbered from 1 on the screen; empty where text is typed."""
    entry: str | None = None
    """Text typed so far; None where there are options."""
    footer: str = ""
    remark: str = ""
    """Line below: why the answer is not taken yet."""
    turn: str = ""
    """Line at the bottom of all pages but the last, in place of ``footer``."""
    part: int = 0
    """Page of a long text, counted from 0; only the last one has the answers."""
    marked: tuple[int, ...] | None = None
    """Places of the options that are ticked, where several may be; None where one is chosen."""
    confirm: str = ""
    """Words of the button that ends the answer; empty for none."""
    caret: int | None = None
    """Characters of ``entry`` before the caret, where several lines are written; else None."""
    top: int = 0
    """First line that is shown then."""
    ends: tuple[str, ...] | None = None
    """Words at the ends of a slider; None where there is none."""
    limits: tuple[int, int] = (0, 0)
    """Numbers of its ends."""
    value: int | None = None
    """Where its handle is; None until it was moved."""


@dataclass(frozen=True)
class Placed:
    """An image at a point of the arena's window; sizes and points in pixels, y up."""

    stimulus: str
    x: float
    y: float
    size: float
    """Side of the square the image is fitted into."""
    rim: str = "inside"
    """``inside``, ``held`` (under the pointer's button), ``outside`` (still to be placed) or
    ``playing`` (a sound that is heard)."""


@dataclass(frozen=True)
class PushButton(Box):
    """A button to press with the pointer."""

    name: str
    text: str
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class PlacedScene:
    """Images that are taken and put somewhere, with what is around them."""

    images: tuple[Placed, ...]
    """From the lowest to the topmost."""
    buttons: tuple[PushButton, ...] = ()
    prompt: str = ""
    counter: str = ""
    """``prompt``, ``counter``: Lines above and below: what to do, how many images are left."""
    until: Timer | None = None
    """When the trial is cut off; None where it is not, or not shown."""
    magnified: str | None = None
    """Object shown large on top of all; None for none."""
    magnified_size: float = 0.0
    """Side of its square, pixels."""


@dataclass(frozen=True, kw_only=True)
class Arena(PlacedScene):
    """A circular arena with images on and around it."""

    centre: tuple[float, float]
    radius: float
    """``centre``, ``radius``: Of the circle, pixels from the centre of the window, y up."""
    progress: float | None = None
    """Share of the session that is over, in [0, 1]; None shows no bar."""


@dataclass(frozen=True)
class Rating:
    """Two images above a scale; the task's layout says where everything is."""

    images: tuple[str, ...]
    """Object ids at left and right."""
    marked: tuple[str, ...] = ()
    """Objects shown in a frame: a sound that is played."""
    prompt: str = ""
    """Line above the images."""
    value: float | None = None
    """Chosen point of a Likert scale, from 1, or place of the slider's handle, from 0 to 1."""
    moved: bool = True
    """Whether the handle of a slider was set by the participant."""
    button: str = ""
    """Text of the button that ends the answer; empty for none."""
    until: Timer | None = None
    """When the trial is cut off; None where it is not, or not shown."""


@dataclass(frozen=True)
class Pile(Box):
    """A place for images that belong together."""

    name: str = ""
    """Line at its upper edge."""
    rim: str = "plain"
    """``plain``, or ``target`` (a held image would go here, or its name is being asked)."""


@dataclass(frozen=True, kw_only=True)
class Piles(PlacedScene):
    """Images to be sorted beside the places of piles."""

    tray: Box
    """Where images lie that are not sorted."""
    piles: tuple[Pile, ...]
    entry: str | None = None
    """Name of a pile typed so far; None where none is asked."""


type Scene = Fixation | ImageRow | Page | Countdown | Ask | Arena | Rating | Piles


@dataclass(frozen=True)
class Playing:
    """A sound that is played: since when and until when it would last, s of the run."""

    name: str
    since: float
    until: float
    by: str
    """``mouse``, ``touch`` or ``keyboard``."""


@dataclass(frozen=True)
class Note:
    """Something that happened besides the trials, for the log."""

    event: str
    time: float
    detail: Mapping[str, object] = field(default_factory=dict)


def trial_shown(time: float, trial_index: int) -> Note:
    """Note that a trial appeared: the record derives ``seen_before`` from it."""
    return Note(TRIAL_SHOWN, time, {"trial_index": trial_index})


ANSWERED = "answered"
"""Event of a note: an answer came while timed images were still to be shown to their end."""


def answered(time: float, trial_index: int) -> Note:
    """Note that an answer came before the result of its trial."""
    return Note(ANSWERED, time, {"trial_index": trial_index})


@dataclass(frozen=True)
class EventRow:
    """A row of the run's table of events, such as one drag; kept as it happens."""

    values: Mapping[str, object]


@dataclass(frozen=True)
class QuestionAnswers:
    """Answers outside the trials: to consent, the form or the debriefing."""

    measure: str
    """``consent``, ``form``, ``blocks`` or ``debrief``."""
    values: Mapping[str, object]
    """Answers by question id; None for a question left open."""


@dataclass(frozen=True)
class MoreShown:
    """Trials that were chosen while the session runs: further rows of its trial list."""

    table: pd.DataFrame


@runtime_checkable
class Result(Protocol):
    """A trial that was shown to its end."""

    @property
    def trial_index(self) -> int: ...
    @property
    def trial_type(self) -> str: ...
    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where there is no right answer, or no answer."""

    @property
    def timed_out(self) -> bool: ...

    def rows(self, *, rt_source: str, pilot: bool) -> Sequence[Mapping[str, Any]]:
        """Rows of the raw table, written together or not at all."""


@dataclass(frozen=True)
class OneRowResult:
    """A trial that is one row of the raw table, in a task that needs no result of its own."""

    trial_index: int
    values: Mapping[str, Any]
    """Cells of the row by column, besides ``trial_index``, ``trial_type`` and ``pilot``."""
    trial_type: str = "main"
    correct: bool | None = None
    timed_out: bool = False

    def rows(self, *, rt_source: str, pilot: bool) -> Sequence[Mapping[str, Any]]:
        """Give the row of the raw table."""
        shared = {"trial_index": self.trial_index, "trial_type": self.trial_type, "pilot": pilot}
        return [{**shared, **self.values}]


type Item = Note | EventRow | QuestionAnswers | MoreShown | Result
"""What a session gives to be kept."""


@runtime_checkable
class Activity(Protocol):
    """Something on the screen that takes events until it is finished."""

    @property
    def name(self) -> str: ...
    @property
    def scene(self) -> Scene: ...
    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""

    @property
    def finished(self) -> bool: ...

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; return the items to keep."""

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: what was open starts again, what was decided is over."""
