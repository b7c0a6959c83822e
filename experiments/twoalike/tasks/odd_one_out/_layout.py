"""Where the three images are in a window, and what a click hits."""

import math
from dataclasses import dataclass

from twoalike.design import POSITIONS
from twoalike.study import TwoalikeError
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.screens import View, frame


@dataclass(frozen=True)
class Layout:
    """Geometry of a window in pixels, origin in the centre, y up.

    Attributes
    ----------
    size
        Width and height of the window.
    image
        Side of the square each image is fitted into.
    pitch
        From the centre of one image to the next, to the right.
    rise
        Height of the middle image's centre above that of the others; 0 in a row.
    text
        Height of a line of text.
    """

    size: tuple[int, int]
    image: int
    pitch: int
    text: int
    rise: int = 0

    def centre(self, place: str) -> tuple[int, int]:
        """Centre of the image at ``place`` (left, middle, right)."""
        column = POSITIONS.index(place) - 1
        return column * self.pitch, (self.rise if column == 0 else 0) - self.rise // 2

    def label(self, place: str) -> tuple[float, float]:
        """Centre of the label of an image: below it, or above a raised one."""
        x, y = self.centre(place)
        away = self.image / 2 + 1.6 * self.text
        return x, y + away if self.rise and x == 0 else y - away

    @property
    def prompt_y(self) -> float:
        """Height of the line above the images."""
        lines = 3.8 if self.rise else 2.2
        return self.centre("middle")[1] + self.image / 2 + lines * self.text

    @property
    def timer_y(self) -> float:
        """Height of the timer below the images."""
        return self.centre("left")[1] - self.image / 2 - 4 * self.text

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place in POSITIONS:
            centre_x, centre_y = self.centre(place)
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


def _image_side(protocol: OddOneOut, view: View) -> int:
    images = protocol.images
    if images.image_deg:
        return round(view.pixels(images.image_deg))
    return images.image_px or round(images.image_fraction * view.size[0])


def lay_out(protocol: OddOneOut, view: View) -> Layout:
    """Geometry of a window.

    Raises
    ------
    TwoalikeError
        If the three images do not fit, naming the settings to change, or sizes are in degrees
        and the screen was not measured.

    Examples
    --------
    >>> lay_out(OddOneOut(), View((1280, 1024))).image
    332
    """
    width, height = size = view.size
    # Even, so that image and screen pixels coincide around the centre.
    side = _image_side(protocol, view) // 2 * 2
    text = frame(protocol.screen, size).text
    clear = side + protocol.images.gap_px
    pitch, rise = clear, 0
    if protocol.images.layout == "triangle":
        # Equilateral, with the gap between the raised image and the two below it.
        pitch, rise = math.ceil(clear / math.sqrt(3)), clear
    if 2 * pitch + side > width or side + rise + 11 * text > height:
        raise TwoalikeError(
            f"three images of {side} px with gaps of {protocol.images.gap_px} px and their texts "
            f"do not fit a window of {width} x {height} px. Make the image size or gap_px smaller "
            "in the protocol, or the window larger."
        )
    return Layout(size, side, pitch, text, rise)
