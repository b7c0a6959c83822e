"""Images to choose from: side by side, in a triangle, on a grid or in a ring; what a click hits."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, model_validator

from twoalike.study import Strict, TwoalikeError
from twoalike.tables import MOST_SHOWN, POSITIONS
from twoalike.tasks._protocol import Protocol
from twoalike.tasks.screens._text_layout import View, frame, is_upright


class ImageSize(Strict):
    """Size of the images; give exactly one of the three ways."""

    image_fraction: float = Field(default=0.26, ge=0, le=0.33)
    """side of an image's square as a share of the window's width, less where the images do not fit;
    in a window higher than wide, such as a phone's, as large as they fit; 0: not used"""
    image_px: NonNegativeInt = 0
    """the same in pixels; 0: not used"""
    image_deg: float = Field(default=0.0, ge=0, le=60)
    """the same in degrees of visual angle, needs a measured screen (twoalike screen); 0: not
    used"""
    gap_px: NonNegativeInt = 40
    """between two images, in pixels"""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if sum(size > 0 for size in (self.image_fraction, self.image_px, self.image_deg)) != 1:
            raise ValueError(
                "give exactly one of image_fraction, image_px and image_deg, set the others to 0"
            )
        return self

    def side(self, view: View, largest: float) -> int:
        """Side of an image's square in pixels: even, so that its pixels are the screen's."""
        side: float = round(view.pixels(self.image_deg)) if self.image_deg else self.image_px
        if not side:
            share = 1.0 if is_upright(view.size) else self.image_fraction
            side = min(share * view.size[0], largest)
        elif view.preview:
            side = min(side, largest)
        return int(side) // 2 * 2


class Images(ImageSize):
    """The three images; give their size in exactly one way."""

    layout: Literal["row", "triangle"] = "row"
    """row: side by side, or one above the other in a window higher than wide; triangle: the middle
    one below the others"""


class GridImages(ImageSize):
    """The images; give their size in exactly one way."""

    layout: Literal["grid", "ring"] = "grid"
    """grid: three images in a row, four to six in two rows; ring: all as far from the centre, the
    first one at the top and the others clockwise, smaller images"""


class ImagesProtocol(Protocol):
    """Protocol of a task that shows images as a :class:`~twoalike.tasks.ImageRow`."""

    middle_above: ClassVar[bool] = False
    """Whether the middle image of a triangle is above the others instead of below."""

    images: Images = Images()


class GridProtocol(Protocol):
    """Protocol of a task that shows three to six images as a :class:`~twoalike.tasks.ImageRow`."""

    images: GridImages = GridImages()


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Geometry of images in a window: pixels, origin in the centre, y up."""

    size: tuple[int, int]
    """Width and height of the window."""
    image: int
    """Side of the square each image is fitted into."""
    text: int
    """Height of a line of text."""
    places: tuple[str, ...]
    """Left, middle and right; or numbers in reading order, or round the ring."""
    centres: tuple[tuple[int, int], ...]
    """Of the images, by place."""
    labels: tuple[tuple[float, float], ...]
    """Centres of their labels."""
    label_widths: tuple[float, ...]
    """Longest line of each label: labels of neighbouring images do not meet."""
    label_room: float
    """Height that a label may take."""
    prompt_y: float
    """Height of the line above the images."""
    prompt_room: float
    """Height that this line may take."""
    timer_y: float

    def centre(self, place: str) -> tuple[int, int]:
        """Centre of the image at a place."""
        return self.centres[self.places.index(place)]

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place, (centre_x, centre_y) in zip(self.places, self.centres, strict=True):
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


_LABEL = 1.6
"""Least height in lines of text between two images one above the other."""
_SHAPES = {
    "row": (11, 1.6, 2.8, 4),
    "column": (9, 0.8, 1.4, 3),
    "tip": (11, 1.6, 1.4, 4),
    "triangle": (11, 1.6, 2.8, 4),
    "grid": (11, 1.2, 1.4, 3.4),
    "ring": (11, 1.2, 1.4, 3.4),
}
"""What each arrangement of images leaves to texts, in lines of text: height of all of them, from an
image to the middle of its label, height of a label, and from the lowest image to the timer. In a
window higher than wide a row is a column. A triangle stands on its ``tip``, as the arrow keys do,
unless its middle image is a reference."""
_NUMBERS = tuple(str(number) for number in range(1, MOST_SHOWN + 1))
_ROWS = {3: (3,), 4: (2, 2), 5: (3, 2), 6: (3, 3)}
"""Images in each row of a grid, from the top."""


def lay_out(protocol: ImagesProtocol | GridProtocol, view: View, n: int = 3) -> Layout:
    """Geometry of a window with ``n`` images; a grid or a ring has 3 to 6.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOfMany, OddOneOut
    >>> lay_out(OddOneOut(), View((1280, 1024))).image
    332
    >>> lay_out(OddOneOfMany(), View((1280, 1024)), 4).centres
    ((-181, 202), (181, 202), (-181, -202), (181, -202))
    """
    size, text = view.size, frame(protocol.screen, view.size).text
    shape, gap = _shape(protocol, size), protocol.images.gap_px
    if shape == "column":
        gap = max(gap, math.ceil(_LABEL * text))
    down = gap + round(_LABEL * text) if isinstance(protocol, GridProtocol) else gap
    lines, away, label_room, timer = _SHAPES[shape]

    def too_large(side: int) -> bool:
        across, up = zip(*_centres(shape, n, side + gap, side + down), strict=True)
        wide, high = math.ceil(2 * max(across)), math.ceil(max(up) - min(up))
        return bool(wide + side > size[0] or high + side > size[1] - lines * text)

    largest = bisect_left(range(1, max(size)), True, key=too_large)
    side = protocol.images.side(view, largest)
    if side < 2 or side > largest:
        raise TwoalikeError(
            f"{n} images of {side} px with gaps of {gap} px and their texts do not fit a window "
            f"of {size[0]} x {size[1]} px. Make the image size or gap_px smaller in the protocol, "
            "show fewer images where their number can be set, or make the window larger."
        )
    centres = _whole(shape, _centres(shape, n, side + gap, side + down))
    top, tip, away = max(y for _, y in centres) + side / 2, shape == "tip", side / 2 + away * text
    prompt_y = top + (3.8 if tip else 2.2) * text
    below = prompt_y - top - ((1.6 + label_room / 2) * text if tip else 0)
    return Layout(
        size=size,
        image=side,
        text=text,
        places=POSITIONS if isinstance(protocol, ImagesProtocol) else _NUMBERS[:n],
        centres=centres,
        labels=tuple((x, y + away if tip and x != 0 else y - away) for x, y in centres),
        label_widths=_label_widths(shape, size[0], side, text, centres),
        label_room=label_room * text,
        prompt_y=prompt_y,
        prompt_room=2 * min(below, size[1] / 2 - prompt_y),
        timer_y=min(y for _, y in centres) - side / 2 - timer * text,
    )


def _shape(protocol: ImagesProtocol | GridProtocol, size: tuple[int, int]) -> str:
    layout = protocol.images.layout
    if layout == "row" and is_upright(size):
        return "column"
    upside = isinstance(protocol, ImagesProtocol) and protocol.middle_above
    return "tip" if layout == "triangle" and not upside else layout


def _centres(shape: str, n: int, across: float, down: float) -> list[tuple[float, float]]:
    if shape in ("tip", "triangle"):
        # Equilateral, with the gap between the two images beside each other and the third.
        x, y = across / math.sqrt(3), (down if shape == "tip" else -down) / 2
        return [(-x, y), (0, -y), (x, y)]
    if shape == "ring":
        # The smallest circle on which no two images come closer than in a grid.
        angles = [math.pi / 2 - 2 * math.pi * place / n for place in range(n)]
        ring = [(math.cos(angle), math.sin(angle)) for angle in angles]
        apart = [
            max(abs(x - other_x) / across, abs(y - other_y) / down)
            for (x, y), (other_x, other_y) in combinations(ring, 2)
        ]
        radius = 1 / min(apart)
        return [(radius * x, radius * y) for x, y in ring]
    rows = {"row": (3,), "column": (1, 1, 1)}.get(shape) or _ROWS[n]
    return [
        ((column - (length - 1) / 2) * across, ((len(rows) - 1) / 2 - row) * down)
        for row, length in enumerate(rows)
        for column in range(length)
    ]


def _whole(shape: str, points: Sequence[tuple[float, float]]) -> tuple[tuple[int, int], ...]:
    if shape in ("grid", "ring"):
        heights = [y for _, y in points]
        middle = (max(heights) + min(heights)) / 2
        return tuple((round(x), round(y - middle)) for x, y in points)
    return tuple((int(math.copysign(math.ceil(abs(x)), x)), math.floor(y)) for x, y in points)


def _label_widths(
    shape: str, width: int, side: int, text: int, centres: Sequence[tuple[int, int]]
) -> tuple[float, ...]:
    pitch = centres[2][0]  # of three images, from the middle one to the next
    wide = {"grid": side, "ring": side, "column": width - text, "row": pitch - text}.get(shape)
    if wide is None:
        return 2 * pitch - text, pitch - text, 2 * pitch - text
    return (wide,) * len(centres)
