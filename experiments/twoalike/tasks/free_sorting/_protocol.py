"""The protocol of free sorting, and where images, piles and buttons are in its window."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from twoalike.study import TwoalikeError
from twoalike.tasks._activity import Box
from twoalike.tasks._protocol import Breaks, check_format, task_field, texts_field
from twoalike.tasks.multi_arrangement._layout import PlacingLayout, arena_lines, corner_buttons
from twoalike.tasks.multi_arrangement._protocol import (
    PlacedImages,
    PlacingAnswers,
    PlacingProtocol,
    PlacingRules,
    PlacingTexts,
)
from twoalike.tasks.screens import Frame, Room, frame, is_upright, widest


class PileSettings(PlacedImages):
    """The images, and the places of the piles."""

    tray_fraction: float = Field(default=0.36, ge=0.15, le=0.7)
    """width of the part where images lie ready, as a share of the window's; in a window higher than
    wide it is above the piles, and this its height as a share of theirs"""
    item_fraction: float = Field(default=0.14, ge=0.02, le=0.4)
    """largest side of an image's square as a share of the window's height; images are smaller the
    more a trial, or a pile, has"""


class SortingRules(PlacingRules):
    """What ends a trial, and what is allowed in it."""

    min_piles: int = Field(default=2, ge=1)
    """fewest piles at Done"""
    max_piles: int = Field(default=12, ge=2, le=40)
    """most piles: places for them on the screen"""
    name_piles: bool = False
    """whether a name of each pile is asked for after Done"""
    names_required: bool = True
    """whether each pile must be named, where names are asked for"""

    @model_validator(mode="after")
    def _fewest_below_most(self) -> Self:
        if self.min_piles > self.max_piles:
            raise ValueError("min_piles must not be more than max_piles")
        return self


class SortingTexts(PlacingTexts):
    """What the participant reads; UTF-8, any language."""

    too_few_piles: str = Field(
        description="in place of the number of images left when Done comes with too few piles; {n} "
        "is the fewest allowed"
    )
    name_prompt: str = Field(description="above the piles while a name is asked for")
    name_enter: str = Field(description="below them")
    name_missing: str = Field(description="in its place where a name is missing")

    @model_validator(mode="after")
    def _piles_is_a_format(self) -> Self:
        check_format("too_few_piles", self.too_few_piles, n=2)
        return self


class FreeSorting(PlacingProtocol):
    """Protocol of one free-sorting session."""

    task: Literal["free-sorting"] = task_field("free-sorting")
    breaks: Breaks = Breaks(break_every=3)
    """Rests between trials; 0: none."""
    piles: PileSettings = PileSettings()
    answers: PlacingAnswers = PlacingAnswers()
    """Keys besides the pointer; the arrow keys move an image from pile to pile."""
    rules: SortingRules = SortingRules()
    texts: SortingTexts = texts_field(SortingTexts, "free-sorting")


type Point = tuple[float, float]

_GAP = 0.5
"""Between two places, and between images and the edge of theirs, in lines of text."""
_APART = 0.1
"""Between two images, as a share of their side."""
NAME_LINES = 3.0
"""From the middle of a name that is typed up to the question for it, in lines of text."""
_NAME = 1.5
"""Height of a pile's name, in lines of text."""


@dataclass(frozen=True, kw_only=True)
class SortingLayout(PlacingLayout):
    """Geometry of a window with places of piles."""

    tray: Box
    """Where images lie that are not sorted."""
    cells: tuple[Box, ...]
    """Places of piles, in the order of reading."""
    columns: int
    """Places in a row."""
    name: float
    """Height that the name of a pile takes in its place; 0 where there are no names."""

    def cell_at(self, x: float, y: float) -> int | None:
        """Place of a pile, from 0, at a point; None beside them."""
        return next((number for number, box in enumerate(self.cells) if box.holds(x, y)), None)

    def tray_places(self, n: int) -> tuple[Point, ...]:
        """Centres of ``n`` images that are not sorted, in the order of reading."""
        return _packed(self.tray, self.text, n, self.item)[1]

    def pile_places(self, cell: int, n: int) -> tuple[float, tuple[Point, ...]]:
        """Side and centres of the ``n`` images of a pile, as large as they can be there."""
        box = self.cells[cell]
        free = Box(box.x, box.y - self.name / 2, box.width, box.height - self.name)
        return _packed(free, self.text, n, self.item)

    def neighbour(self, cell: int | None, x: float, y: float, dx: int, dy: int) -> int | None:
        """Place beside one in a direction; None for the images not sorted, such as one at a point.

        They lie to the left of all places, or above them in a window higher than wide.
        """
        upright, last = is_upright(self.size), (len(self.cells) - 1) // self.columns
        if cell is None:
            if (dy >= 0) if upright else (dx <= 0):
                return None
            if upright:
                return min(range(self.columns), key=lambda number: abs(self.cells[number].x - x))
            first = range(0, len(self.cells), self.columns)
            return min(first, key=lambda number: abs(self.cells[number].y - y))
        row, column = divmod(cell, self.columns)
        row, column = row - dy, column + dx
        if (row if upright else column) < 0:
            return None
        column = min(max(column, 0), self.columns - 1)
        return min(min(max(row, 0), last) * self.columns + column, len(self.cells) - 1)


def _side(room: Box, n: int, columns: int) -> float:
    across, down = columns + (columns - 1) * _APART, -(-n // columns)
    return max(0.0, min(room.width / across, room.height / (down + (down - 1) * _APART)))


def _grid(room: Box, n: int, columns: int, across: float, down: float) -> tuple[Point, ...]:
    rows = -(-n // columns)
    return tuple(
        (
            room.x + (number % columns - (columns - 1) / 2) * across,
            room.y - (number // columns - (rows - 1) / 2) * down,
        )
        for number in range(n)
    )


def _packed(box: Box, text: int, n: int, most: float) -> tuple[float, tuple[Point, ...]]:
    room = Box(box.x, box.y, box.width - 2 * _GAP * text, box.height - 2 * _GAP * text)
    columns = max(range(1, n + 1), key=lambda k: _side(room, n, k), default=1)
    side = min(float(most), _side(room, n, columns))
    return side, _grid(room, n, columns, side * (1 + _APART), side * (1 + _APART))


def _cells(area: Box, n: int, gap: float) -> tuple[tuple[Box, ...], int]:
    def shape(columns: int) -> tuple[float, float]:
        rows = -(-n // columns)
        wide = (area.width - (columns - 1) * gap) / columns
        return wide, (area.height - (rows - 1) * gap) / rows

    columns = max(range(1, n + 1), key=lambda k: min(shape(k)))
    wide, high = shape(columns)
    centres = _grid(area, n, columns, wide + gap, high + gap)
    return tuple(Box(x, y, wide, high) for x, y in centres), columns


def lay_out_sorting(protocol: FreeSorting, size: tuple[int, int], n: int) -> SortingLayout:
    """Geometry of a window of ``size`` pixels for a trial of ``n`` images.

    Examples
    --------
    >>> layout = lay_out_sorting(FreeSorting(), (1280, 1024), 24)
    >>> layout.item, len(layout.cells), layout.columns
    (100, 12, 3)
    """
    width, height = size
    sized = frame(protocol.screen, size)
    lines, text = arena_lines(sized), sized.text
    gap, top, bottom = _GAP * text, lines.top, lines.bottom
    wide, high, share = width - 2 * gap, top - bottom, protocol.piles.tray_fraction
    if is_upright(size):
        tray = Box(0.0, top - share * high / 2, wide, share * high)
        rest = high - tray.height - gap
        area = Box(0.0, bottom + rest / 2, wide, rest)
    else:
        tray = Box((share * width - wide) / 2, (top + bottom) / 2, share * width, high)
        rest = wide - tray.width - gap
        area = Box((wide - rest) / 2, tray.y, rest, high)
    cells, columns = _cells(area, protocol.rules.max_piles, gap)
    most = min(protocol.piles.item_fraction * height, cells[0].width - text, cells[0].height - text)
    item = int(_packed(tray, text, n, most)[0]) // 2 * 2
    done, start_over = corner_buttons(protocol, size, text)
    if item < protocol.piles.minimum_px:
        raise TwoalikeError(
            f"{n} images of {protocol.piles.minimum_px} px and {len(cells)} piles do not fit a "
            f"window of {width} x {height} px. Show fewer in a trial ([free_sorting] items in "
            "study.toml), make rules.max_piles or piles.minimum_px smaller in the protocol, or the "
            "window larger."
        )
    return SortingLayout(
        size=size,
        text=text,
        tray=tray,
        cells=cells,
        columns=columns,
        item=item,
        magnified=round(protocol.piles.magnify_fraction * min(size) / 2) * 2,
        name=_NAME * text if protocol.rules.name_piles else 0.0,
        done=done,
        start_over=start_over,
    )


def between_buttons(layout: SortingLayout) -> float:
    """Width of the room between the buttons, pixels; negative where they overlap."""
    return 2 * (layout.done.x - layout.done.width / 2)


def counter_width(layout: SortingLayout) -> float:
    """Width of the line that says how many images are left: between the buttons, or above them."""
    if is_upright(layout.size):
        return widest(Frame(layout.size, layout.text))
    return between_buttons(layout) - layout.text


def rooms_of(protocol: FreeSorting, layout: SortingLayout, pages: Frame) -> Iterator[Room]:
    """Places of the texts of a trial that are not as wide as their texts."""
    texts, text = protocol.texts, layout.text
    few = texts.too_few_piles.format(n=protocol.rules.min_piles)
    below = {"left": texts.count(99), "left_none": texts.count(0), "too_few": texts.too_few}
    below |= {"too_few_piles": few}
    lines = 2.7 if is_upright(layout.size) else 1.4
    yield Room("texts.prompt", texts.prompt, 1, widest(pages), lines * text)
    if protocol.rules.name_piles:
        below |= {"name_enter": texts.name_enter, "name_missing": texts.name_missing}
        yield Room("texts.name_prompt", texts.name_prompt, 1, layout.tray.width - text, 2.8 * text)
    for key, words in below.items():
        yield Room(f"texts.{key}", words, 1, counter_width(layout), 1.4 * text)
