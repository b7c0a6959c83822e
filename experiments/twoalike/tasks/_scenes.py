"""What is on the screen: scenes as data, drawn by the display, equal if they look the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fixation:
    """A cross in the middle."""


@dataclass(frozen=True)
class Timer:
    """Time that runs out: when, how long it is in all, and from when on that is shown; s."""

    end: float
    length: float
    since: float = float("-inf")


@dataclass(frozen=True)
class Row:
    """Images side by side.

    Attributes
    ----------
    images
        Object ids at left, middle and right; None leaves the place empty.
    prompt
        Line above the images, or nothing.
    labels
        Lines below the images, or nothing.
    until
        When the choice is cut off; None where it is not, or not shown.
    verdict
        Line in place of the prompt after an answer in practice: right or not.
    marked
        Object shown in a frame, the expected answer; empty for none.
    """

    images: tuple[str | None, str | None, str | None]
    prompt: str = ""
    labels: tuple[str, str, str] = ("", "", "")
    until: Timer | None = None
    verdict: str = ""
    marked: str = ""


@dataclass(frozen=True)
class Page:
    """A page of text; :func:`twoalike.tasks.screens.lay_out_page` says where its lines are.

    Attributes
    ----------
    footer
        Line at the bottom.
    progress
        Trials done and in all, for a bar; None shows no bar.
    caption
        Line below the bar.
    images
        Object ids of an example shown below the text.
    part
        Page of a long text, counted from 0.
    """

    text: str
    footer: str = ""
    progress: tuple[int, int] | None = None
    caption: str = ""
    images: tuple[str, ...] = ()
    part: int = 0


@dataclass(frozen=True)
class Countdown:
    """A word above the seconds left: ``length`` before the first frame, then until ``end``; s."""

    text: str
    length: float
    end: float | None = None


@dataclass(frozen=True)
class Ask:
    """A question with an answer to choose or to type.

    Attributes
    ----------
    options
        Answers to choose from, numbered from 1 on the screen; empty where text is typed.
    entry
        Text typed so far; None where there are options.
    remark
        Line below: why the answer is not taken yet.
    turn
        Line at the bottom of all pages but the last, in place of ``footer``.
    part
        Page of a long text, counted from 0; only the last one has the answers.
    """

    text: str
    options: tuple[str, ...] = ()
    entry: str | None = None
    footer: str = ""
    remark: str = ""
    turn: str = ""
    part: int = 0


@dataclass(frozen=True)
class Placed:
    """An image at a point of the arena's window; sizes and points in pixels, y up.

    Attributes
    ----------
    size
        Side of the square the image is fitted into.
    rim
        ``inside``, ``held`` (under the pointer's button) or ``outside`` (still to be placed).
    """

    stimulus: str
    x: float
    y: float
    size: float
    rim: str = "inside"


@dataclass(frozen=True)
class PushButton:
    """A button to press with the pointer: its text, centre and size in pixels."""

    name: str
    text: str
    x: float
    y: float
    width: float
    height: float
    enabled: bool = True


@dataclass(frozen=True)
class Arena:
    """A circular arena with images on and around it.

    Attributes
    ----------
    centre, radius
        Of the circle, pixels from the centre of the window, y up.
    images
        From the lowest to the topmost.
    prompt, counter
        Lines above and below the arena: what to do, how many images are left.
    until
        When the trial is cut off; None where it is not, or not shown.
    magnified
        Object shown large on top of all; None for none.
    magnified_size
        Side of its square, pixels.
    progress
        Share of the session that is over, in [0, 1]; None shows no bar.
    """

    centre: tuple[float, float]
    radius: float
    images: tuple[Placed, ...]
    buttons: tuple[PushButton, ...] = ()
    prompt: str = ""
    counter: str = ""
    until: Timer | None = None
    magnified: str | None = None
    magnified_size: float = 0.0
    progress: float | None = None


type Scene = Fixation | Row | Page | Countdown | Ask | Arena
