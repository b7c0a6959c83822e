"""Geometry that all pages share: the window, a line of text, a box."""

from dataclasses import dataclass

from twoalike.study import ScreenProfile
from twoalike.tasks._settings import Screen


@dataclass(frozen=True)
class View:
    """A window on a screen.

    Attributes
    ----------
    size
        Width and height of the window in pixels.
    profile
        The screen as it was measured, or not.
    full_width_px
        Width of the whole screen in pixels; 0 takes the window's.
    """

    size: tuple[int, int]
    profile: ScreenProfile = ScreenProfile()
    full_width_px: int = 0

    def pixels(self, degrees: float) -> float:
        """Pixels of a visual angle.

        Raises
        ------
        TwoalikeError
            If the screen was never measured.
        """
        return self.profile.pixels(degrees, self.full_width_px or self.size[0])


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
class Frame:
    """A window of ``size`` pixels with lines of text ``text`` pixels high."""

    size: tuple[int, int]
    text: int


def frame(screen: Screen, size: tuple[int, int]) -> Frame:
    """Geometry of pages in a window of ``size`` pixels.

    Examples
    --------
    >>> frame(Screen(), (1280, 1024)).text
    27
    """
    return Frame(size, max(16, round(screen.text_fraction * size[1])))
