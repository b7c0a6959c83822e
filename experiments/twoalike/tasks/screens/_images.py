"""Images to choose from: side by side, in a triangle, on a grid or in a ring; what a click hits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
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
        """Side of an image's square in pixels: even, so that its pixels are the screen's."""
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


class GridImages(ImageSize):
    """Size and layout of three to six images."""

    layout: Literal["grid", "ring"] = Field(
        default="grid",
        description="grid: three images in a row, four to six in two rows; ring: all as far from "
        "the centre, the first one at the top and the others clockwise, smaller images",
    )


class ImagesProtocol(Protocol):
    """Protocol of a task that shows images as a :class:`~twoalike.tasks.ImageRow`."""

    middle_above: ClassVar[bool] = False
    """Whether the middle image of a triangle is above the others instead of below."""

    images: Images = Field(
        default=Images(), description="The three images; give their size in exactly one way."
    )


class GridProtocol(Protocol):
    """Protocol of a task that shows three to six images as a :class:`~twoalike.tasks.ImageRow`."""

    images: GridImages = Field(
        default=GridImages(), description="The images; give their size in exactly one way."
    )


type Centres = tuple[tuple[int, int], ...]


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
    centres: Centres
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

    def label(self, place: str) -> tuple[float, float]:
        """Centre of its label."""
        return self.labels[self.places.index(place)]

    def label_width(self, place: str) -> float:
        """Longest line of its label."""
        return self.label_widths[self.places.index(place)]

    def hit(self, x: float, y: float) -> str | None:
        """Place of the image square at a point; None beside them."""
        for place, (centre_x, centre_y) in zip(self.places, self.centres, strict=True):
            if max(abs(x - centre_x), abs(y - centre_y)) <= self.image / 2:
                return place
        return None


_ROWS = {3: (3,), 4: (2, 2), 5: (3, 2), 6: (3, 3)}
"""Images in each row of a grid, from the top."""
_LINES, _COLUMN_LINES = 11, 9
"""Height in lines of text that the prompt, the labels and the timer take; in a column, where labels
are between the images."""
_LABEL = 1.6
"""Least height in lines of text between two images one above the other."""


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
    largest: float
    if isinstance(protocol, GridProtocol):
        largest = _largest(protocol, n, (size[0], size[1] - _LINES * text), text)
        gap = protocol.images.gap_px
    else:
        column = protocol.images.layout == "row" and is_upright(size)
        gap = protocol.images.gap_px
        gap = max(gap, math.ceil(_LABEL * text)) if column else gap
        largest = _largest_of_three(protocol.images, size, text, gap)
    side = protocol.images.side(view, largest)
    if side < 2 or side > largest:
        raise TwoalikeError(
            f"{n} images of {side} px with gaps of {gap} px and their texts do not fit a window "
            f"of {size[0]} x {size[1]} px. Make the image size or gap_px smaller in the protocol, "
            "show fewer images where their number can be set, or make the window larger."
        )
    if isinstance(protocol, GridProtocol):
        return _grid_layout(size, side, text, _centres(protocol, n, side, text)[0])
    return _three(protocol, size, side, text, gap)


def _three(
    protocol: ImagesProtocol, size: tuple[int, int], side: int, text: int, gap: int
) -> Layout:
    """Three images side by side, one above the other, or in a triangle.

    A triangle stands on its tip, as the arrow keys do, unless its middle image is a reference.
    """
    pitch, drop = side + gap, 0
    column = protocol.images.layout == "row" and is_upright(size)
    if protocol.images.layout == "triangle":
        # Equilateral, with the gap between the two images beside each other and the third.
        pitch, drop = math.ceil((side + gap) / math.sqrt(3)), side + gap
        drop = -drop if protocol.middle_above else drop
    if column:
        centres: Centres = ((0, pitch), (0, 0), (0, -pitch))
    else:
        beside = drop // 2
        centres = ((-pitch, beside), (0, beside - drop), (pitch, beside))
    away = side / 2 + (0.8 if column else 1.6) * text
    tip = drop > 0
    outer = (2 if drop else 1) * pitch - text
    widths = (outer, pitch - text, outer)
    return _around(
        *(size, side, text, POSITIONS, centres),
        labels=tuple((x, y + away if tip and x != 0 else y - away) for x, y in centres),
        label_widths=(size[0] - text,) * 3 if column else widths,
        label_room=(1.4 if tip or column else 2.8) * text,
        timer=3 if column else 4,
        tip=tip,
    )


def _grid_layout(size: tuple[int, int], side: int, text: int, centres: Centres) -> Layout:
    return _around(
        *(size, side, text, tuple(str(k) for k in range(1, len(centres) + 1)), centres),
        labels=tuple((x, y - side / 2 - 1.2 * text) for x, y in centres),
        label_widths=(side,) * len(centres),
        label_room=1.4 * text,
        timer=3.4,
    )


def _around(
    size: tuple[int, int],
    side: int,
    text: int,
    places: tuple[str, ...],
    centres: Centres,
    *,
    labels: tuple[tuple[float, float], ...],
    label_widths: tuple[float, ...],
    label_room: float,
    timer: float,
    tip: bool = False,
) -> Layout:
    """Put the prompt above the images, over the labels of a triangle on its ``tip``."""
    heights = [y for _, y in centres]
    top = max(heights) + side / 2
    prompt_y = top + (3.8 if tip else 2.2) * text
    below = prompt_y - top - (1.6 * text + label_room / 2 if tip else 0)
    return Layout(
        size=size,
        image=side,
        text=text,
        places=places,
        centres=centres,
        labels=labels,
        label_widths=label_widths,
        label_room=label_room,
        prompt_y=prompt_y,
        prompt_room=2 * min(below, size[1] / 2 - prompt_y),
        timer_y=min(heights) - side / 2 - timer * text,
    )


def _largest_of_three(images: Images, size: tuple[int, int], text: int, gap: int) -> float:
    width, height = size
    free = height - _LINES * text
    if images.layout == "row" and is_upright(size):
        return min(width, (height - _COLUMN_LINES * text - 2 * gap) / 3)
    if images.layout == "row":
        return min((width - 2 * gap) / 3, free)
    # 2 pitch + side in the width, 2 side + gap in the height.
    root = math.sqrt(3)
    return min((root * width - 2 * gap) / (2 + root), (free - gap) / 2)


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
) -> tuple[Centres, tuple[int, int]]:
    """Centres of images of a size, the whole in the middle; width and height of the whole."""
    gap = protocol.images.gap_px
    place = _ring if protocol.images.layout == "ring" else _grid
    centres: Sequence[tuple[float, float]] = place(n, side, gap, gap + round(_LABEL * text))
    wide, high = ([point[axis] for point in centres] for axis in (0, 1))
    middle = (max(high) + min(high)) / 2
    rounded = tuple((round(x), round(y - middle)) for x, y in centres)
    extent = (2 * max(map(abs, wide)), max(high) - min(high))
    return rounded, (math.ceil(extent[0]) + side, math.ceil(extent[1]) + side)


def _largest(protocol: GridProtocol, n: int, room: tuple[int, int], text: int) -> int:
    low, high = 0, max(0, *room)
    while low < high:
        side = (low + high + 1) // 2
        wide, tall = _centres(protocol, n, side, text)[1]
        if wide <= room[0] and tall <= room[1]:
            low = side
        else:
            high = side - 1
    return low
