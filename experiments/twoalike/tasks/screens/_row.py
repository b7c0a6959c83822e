"""Images side by side, or in a triangle: where they are in a window, and what a click hits."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from twoalike.study import Strict, TwoalikeError
from twoalike.tables import POSITIONS
from twoalike.tasks._protocol import Protocol
from twoalike.tasks.screens._layout import View, frame, is_upright


class ImageSize(Strict):
    """Size of the images; give exactly one of the three ways."""

    image_fraction: float = Field(
        default=0.26,
        ge=0,
        le=0.33,
        description="side of an image's square as a share of the window's width, less where "
        "the images do not fit; in a window higher than wide, such as a phone's, as large as they "
        "fit; 0: not used",
    )
    image_px: int = Field(default=0, ge=0, description="the same in pixels; 0: not used")
    image_deg: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="the same in degrees of visual angle, needs a measured screen (twoalike "
        "screen); 0: not used",
    )
    gap_px: int = Field(default=40, ge=0, description="between two images, in pixels")

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if sum(size > 0 for size in (self.image_fraction, self.image_px, self.image_deg)) != 1:
            raise ValueError(
                "give exactly one of image_fraction, image_px and image_deg, set the others to 0"
            )
        return self

    def side(self, view: View, largest: float) -> int:
        """Even side of an image's square in pixels, rounded down to fit.

        Even, so that image and screen pixels coincide around the centre. A share of the width is
        at most ``largest``; in a preview, so is any size.
        """
        side: float = round(view.pixels(self.image_deg)) if self.image_deg else self.image_px
        if not side:
            share = 1.0 if is_upright(view.size) else self.image_fraction
            side = min(share * view.size[0], largest)
        elif view.preview:
            side = min(side, largest)
        return int(side) // 2 * 2


class Images(ImageSize):
    """Size and layout of the three images."""

    layout: Literal["row", "triangle"] = Field(
        default="row",
        description="row: side by side, or one above the other in a window higher than wide; "
        "triangle: the middle one below the others",
    )


class ImagesProtocol(Protocol):
    """Protocol of a task that shows images as a :class:`~twoalike.tasks.ImageRow`."""

    middle_above: ClassVar[bool] = False
    """Whether the middle image of a triangle is above the others instead of below."""

    images: Images = Field(
        default=Images(), description="The three images; give their size in exactly one way."
    )


@dataclass(frozen=True)
class Layout:
    """Geometry of a window in pixels, origin in the centre, y up."""

    size: tuple[int, int]
    """Width and height of the window."""
    image: int
    """Side of the square each image is fitted into."""
    pitch: int
    """From the centre of one image to the next, to the right."""
    text: int
    """Height of a line of text."""
    drop: int = 0
    """Depth of the middle image's centre below that of the others; 0 in a row. A triangle stands on
    its tip, as the arrow keys do, unless the middle one is a reference above (negative)."""
    column: bool = False
    """Whether the row stands upright: the left image at the top, the right one at the bottom."""

    @property
    def places(self) -> tuple[str, ...]:
        """Places of the images, from left to right."""
        return POSITIONS

    def centre(self, place: str) -> tuple[int, int]:
        """Centre of the image at ``place`` (left, middle, right)."""
        along = (POSITIONS.index(place) - 1) * self.pitch
        if self.column:
            return 0, -along
        return along, self.drop // 2 - (self.drop if along == 0 else 0)

    def label(self, place: str) -> tuple[float, float]:
        """Centre of the label of an image: below it, or above the upper two of a triangle."""
        x, y = self.centre(place)
        away = self.image / 2 + (0.8 if self.column else 1.6) * self.text
        return x, y + away if self.drop > 0 and x != 0 else y - away

    @property
    def prompt_y(self) -> float:
        """Height of the line above the images."""
        lines = 3.8 if self.drop > 0 else 2.2
        return self._top + lines * self.text

    @property
    def _top(self) -> float:
        """Upper edge of the highest image."""
        return max(self.centre(place)[1] for place in POSITIONS) + self.image / 2

    @property
    def timer_y(self) -> float:
        """Height of the timer below the images."""
        lowest = min(self.centre(place)[1] for place in POSITIONS)
        return lowest - self.image / 2 - (3 if self.column else 4) * self.text

    def label_width(self, place: str) -> float:
        """Longest line of a label in pixels: labels of neighbouring images do not meet."""
        if self.column:
            return self.size[0] - self.text
        beside = 2 if self.drop and place != "middle" else 1
        return beside * self.pitch - self.text

    @property
    def label_room(self) -> float:
        """Height that a label may take in pixels: two lines, or one between two images."""
        return (1.4 if self.drop > 0 or self.column else 2.8) * self.text

    @property
    def prompt_room(self) -> float:
        """Height that the line above the images may take in pixels."""
        below = self.prompt_y - self._top
        if self.drop > 0:
            below -= 1.6 * self.text + self.label_room / 2
        return 2 * min(below, self.size[1] / 2 - self.prompt_y)

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place in POSITIONS:
            centre_x, centre_y = self.centre(place)
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


_LINES, _COLUMN_LINES = 11, 9
"""Height in lines of text that the prompt, the labels and the timer take; in a column, where labels
are between the images."""
_LABEL = 1.6
"""Least height in lines of text between two images of a column."""


def _largest_side(images: Images, size: tuple[int, int], text: int, gap: int) -> float:
    """Side of the largest images that fit a window."""
    width, height = size
    free = height - _LINES * text
    if images.layout == "row" and is_upright(size):
        return min(width, (height - _COLUMN_LINES * text - 2 * gap) / 3)
    if images.layout == "row":
        return min((width - 2 * gap) / 3, free)
    # 2 pitch + side in the width, 2 side + gap in the height; see the pitch in lay_out.
    root = math.sqrt(3)
    return min((root * width - 2 * gap) / (2 + root), (free - gap) / 2)


def lay_out(protocol: ImagesProtocol, view: View) -> Layout:
    """Geometry of a window.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOut
    >>> lay_out(OddOneOut(), View((1280, 1024))).image
    332
    """
    width, height = size = view.size
    images, text = protocol.images, frame(protocol.screen, size).text
    column = images.layout == "row" and is_upright(size)
    gap = max(images.gap_px, math.ceil(_LABEL * text)) if column else images.gap_px
    largest = _largest_side(images, size, text, gap)
    side = images.side(view, largest)
    pitch, drop = side + gap, 0
    if images.layout == "triangle":
        # Equilateral, with the gap between the two images beside each other and the third.
        pitch, drop = math.ceil((side + gap) / math.sqrt(3)), side + gap
        drop = -drop if protocol.middle_above else drop
    if side < 2 or side > largest:
        raise TwoalikeError(
            f"three images of {side} px with gaps of {gap} px and their texts "
            f"do not fit a window of {width} x {height} px. Make the image size or gap_px smaller "
            "in the protocol, or the window larger."
        )
    return Layout(size, side, pitch, text, drop, column)
