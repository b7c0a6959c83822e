"""Three to six images on a grid or in a ring: where they are in a window, and what a click hits."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from pydantic import Field

from twoalike.study import TwoalikeError
from twoalike.tasks._protocol import Protocol
from twoalike.tasks.screens._layout import View, frame
from twoalike.tasks.screens._row import ImageSize, ImagesProtocol, Layout, lay_out

_ROWS = {3: (3,), 4: (2, 2), 5: (3, 2), 6: (3, 3)}
"""Images in each row of a grid, from the top."""
_LINES = 11
"""Height in lines of text that is left for the prompt and the timer; half of it above."""
_LABEL = 1.6
"""The same for the label below an image, where another image is below it."""


class GridImages(ImageSize):
    """Size and layout of three to six images."""

    layout: Literal["grid", "ring"] = Field(
        default="grid",
        description="grid: three images in a row, four to six in two rows; ring: all as far from "
        "the centre, the first one at the top and the others clockwise, smaller images",
    )


class GridProtocol(Protocol):
    """Protocol of a task that shows three to six images as a :class:`~twoalike.tasks.ImageRow`."""

    images: GridImages = Field(
        default=GridImages(), description="The images; give their size in exactly one way."
    )


@dataclass(frozen=True)
class GridLayout:
    """Geometry of a window in pixels, origin in the centre, y up; as :class:`Layout`."""

    size: tuple[int, int]
    """Width and height of the window."""
    image: int
    """Side of the square each image is fitted into."""
    text: int
    """Height of a line of text."""
    centres: tuple[tuple[int, int], ...]
    """Centres of the images, by place."""

    @property
    def places(self) -> tuple[str, ...]:
        """Places of the images: their numbers in reading order, or round the ring."""
        return tuple(str(number) for number in range(1, len(self.centres) + 1))

    def centre(self, place: str) -> tuple[int, int]:
        """Centre of the image at ``place``."""
        return self.centres[int(place) - 1]

    def label(self, place: str) -> tuple[float, float]:
        """Centre of the label below an image."""
        x, y = self.centre(place)
        return x, y - self.image / 2 - 1.2 * self.text

    def label_width(self, place: str) -> float:
        """Longest line of a label in pixels."""
        return self.image

    @property
    def label_room(self) -> float:
        """Height that a label may take in pixels: one line."""
        return 1.4 * self.text

    @property
    def _top(self) -> float:
        return max(y for _, y in self.centres) + self.image / 2

    @property
    def prompt_y(self) -> float:
        """Height of the line above the images."""
        return self._top + 2.2 * self.text

    @property
    def prompt_room(self) -> float:
        """Height that the line above the images may take in pixels."""
        return 2 * min(2.2 * self.text, self.size[1] / 2 - self.prompt_y)

    @property
    def timer_y(self) -> float:
        """Height of the timer below the images."""
        return min(y for _, y in self.centres) - self.image / 2 - 3.4 * self.text

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place, (centre_x, centre_y) in zip(self.places, self.centres, strict=True):
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


def _grid(n: int, side: int, gap: int, below: int) -> list[tuple[float, float]]:
    """Centres in rows; ``gap`` between neighbours in a row, ``below`` between rows."""
    rows = _ROWS[n]
    across, down = side + gap, side + below
    return [
        ((column - (length - 1) / 2) * across, ((len(rows) - 1) / 2 - row) * down)
        for row, length in enumerate(rows)
        for column in range(length)
    ]


def _ring(n: int, side: int, gap: int, below: int) -> list[tuple[float, float]]:
    """Centres on the smallest circle on which no two images come closer than in a grid."""
    angles = [math.pi / 2 - 2 * math.pi * place / n for place in range(n)]
    ring = [(math.cos(angle), math.sin(angle)) for angle in angles]
    radius = 0.0
    for (x, y), (other_x, other_y) in combinations(ring, 2):
        apart = max(abs(x - other_x) / (side + gap), abs(y - other_y) / (side + below))
        radius = max(radius, 1 / apart)
    return [(radius * x, radius * y) for x, y in ring]


def _centres(
    protocol: GridProtocol, n: int, side: int, text: int
) -> tuple[tuple[tuple[int, int], ...], tuple[int, int]]:
    """Centres of images of a size, the whole in the middle; width and height of the whole."""
    gap = protocol.images.gap_px
    place = _ring if protocol.images.layout == "ring" else _grid
    centres = place(n, side, gap, gap + round(_LABEL * text))
    wide, high = ([point[axis] for point in centres] for axis in (0, 1))
    middle = (max(high) + min(high)) / 2
    rounded = tuple((round(x), round(y - middle)) for x, y in centres)
    extent = (2 * max(map(abs, wide)), max(high) - min(high))
    return rounded, (math.ceil(extent[0]) + side, math.ceil(extent[1]) + side)


def _largest(protocol: GridProtocol, n: int, room: tuple[int, int], text: int) -> int:
    """Side of the largest images that fit; 0 if none do."""
    low, high = 0, max(0, *room)
    while low < high:
        side = (low + high + 1) // 2
        wide, tall = _centres(protocol, n, side, text)[1]
        if wide <= room[0] and tall <= room[1]:
            low = side
        else:
            high = side - 1
    return low


def lay_out_grid(protocol: GridProtocol, view: View, n: int) -> GridLayout:
    """Geometry of a window with ``n`` images, 3 to 6.

    Examples
    --------
    >>> from twoalike.tasks import OddOneOfMany
    >>> lay_out_grid(OddOneOfMany(), View((1280, 1024)), 4).centres
    ((-181, 202), (181, 202), (-181, -202), (181, -202))
    """
    size, images = view.size, protocol.images
    text = frame(protocol.screen, size).text
    largest = _largest(protocol, n, (size[0], size[1] - _LINES * text), text)
    side = images.side(view, largest)
    if side < 2 or side > largest:
        raise TwoalikeError(
            f"{n} images of {side} px with gaps of {images.gap_px} px and their texts do not fit a "
            f"window of {size[0]} x {size[1]} px. Make the image size or gap_px smaller in the "
            "protocol, show fewer images, or make the window larger."
        )
    return GridLayout(size, side, text, _centres(protocol, n, side, text)[0])


def lay_out_images(
    protocol: ImagesProtocol | GridProtocol, view: View, n: int
) -> Layout | GridLayout:
    """Geometry of a window with ``n`` images of a task that shows rows of images."""
    if isinstance(protocol, GridProtocol):
        return lay_out_grid(protocol, view, n)
    return lay_out(protocol, view)
