"""What is on the screen: scenes as data, drawn by the display, equal if they look the same."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fixation:
    """A cross in the middle."""


@dataclass(frozen=True)
class Row:
    """Images side by side.

    Attributes
    ----------
    images
        Object ids from left to right; None leaves the place empty.
    prompt
        Line above the images, or nothing.
    labels
        Lines below the images, or nothing.
    until
        Time at which the choice is cut off, and how long it takes in all, for the timer.
    """

    images: tuple[str | None, str | None, str | None]
    prompt: str = ""
    labels: tuple[str, str, str] = ("", "", "")
    until: tuple[float, float] | None = None


@dataclass(frozen=True)
class Page:
    """Text in the middle.

    Attributes
    ----------
    footer
        Line at the bottom.
    progress
        Trials done and in all, for a bar; None shows no bar.
    caption
        Line below the bar.
    """

    text: str
    footer: str = ""
    progress: tuple[int, int] | None = None
    caption: str = ""


type Scene = Fixation | Row | Page
