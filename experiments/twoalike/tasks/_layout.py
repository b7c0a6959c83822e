"""Where things are in a window, and what a click hits."""

import math
from dataclasses import dataclass

from twoalike.design import POSITIONS
from twoalike.study import TwoalikeError
from twoalike.tasks._protocol import OddOneOut


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
        From the centre of one image to the next.
    text
        Height of a line of text.
    """

    size: tuple[int, int]
    image: int
    pitch: int
    text: int

    def centre(self, place: str) -> tuple[int, int]:
        """Centre of the image at ``place`` (left, middle, right)."""
        return (POSITIONS.index(place) - 1) * self.pitch, 0

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place in POSITIONS:
            centre_x, centre_y = self.centre(place)
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


def _image_side(protocol: OddOneOut, width: int) -> int:
    images, screen = protocol.images, protocol.screen
    if images.image_deg:
        metres = 2 * screen.distance_m * math.tan(math.radians(images.image_deg) / 2)
        return round(metres * width / screen.width_m)
    return images.image_px or round(images.image_fraction * width)


def lay_out(protocol: OddOneOut, size: tuple[int, int]) -> Layout:
    """Geometry of a window of ``size`` pixels.

    Raises
    ------
    TwoalikeError
        If the three images do not fit, naming the settings to change.

    Examples
    --------
    >>> lay_out(OddOneOut(), (1280, 1024)).image
    332
    """
    width, height = size
    # Even, so that image and screen pixels coincide around the centre.
    side = _image_side(protocol, width) // 2 * 2
    text = max(16, round(protocol.screen.text_fraction * height))
    row = 3 * side + 2 * protocol.images.gap_px
    if row > width or side + 10 * text > height:
        raise TwoalikeError(
            f"three images of {side} px with gaps of {protocol.images.gap_px} px and their texts "
            f"do not fit a window of {width} x {height} px. Make the image size or gap_px smaller "
            "in the protocol, or the window larger."
        )
    return Layout(size, side, side + protocol.images.gap_px, text)
