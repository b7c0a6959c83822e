"""Where things are in the window of an arrangement: circle, seats, buttons, lines of text.

Seats lie on rings around the circle: the innermost first, further out only where they are
needed, and each ring only where its images are whole in the window and clear of the texts above
and the buttons below. Outer rings are arcs at the sides, or above and below in a window higher
than wide, such as a phone's. The images are as large as their number allows: each has a seat, and
room in the circle.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.study import TwoalikeError
from twoalike.tasks._activity import Box
from twoalike.tasks.lettering import label_size
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement, PlacingProtocol
from twoalike.tasks.screens import Frame, frame, is_upright, widest

_WIDE = (1.2, 2.5, 3.2, 2.0, 0.8, 3.0)
_UPRIGHT = (1.85, 3.6, 4.3, 4.3, 3.3, 5.3)
"""Prompt, timer and images from the upper edge, counter, progress and images from the lower one,
in lines of text, by the shape of the window."""
_FINGER = 44
"""Least height of a button, pixels."""
_FIRST_RING = 0.75
"""From the circle's line to the first seats, in images: none touches the circle."""
_PITCH = 1.1
"""From a seat to the next along its ring, in images; more than 1, since a ring is bent."""
_RING_STEP = 1.45
"""From a ring to the next, in images: squares that are neighbours across a corner are apart."""
_USUAL = 0.08
"""Side that crowded images keep if they have seats, as a share of the circle's diameter."""
_COVER = 0.25
"""Share of the circle that larger images may cover together."""
_DECIMALS = 6
_ANGLES = (np.arange(2880) + 0.5) * (2 * np.pi / 2880)


@dataclass(frozen=True)
class Seat:
    """Where an image is when the trial begins: pixels, and degrees counter-clockwise."""

    x: float
    y: float
    angle: float


@dataclass(frozen=True)
class ArenaLines:
    """Heights of the lines of text and the bars, all centred; pixels from the centre, y up."""

    prompt: float
    timer: float
    counter: float
    progress: float
    top: float
    bottom: float
    """``top``, ``bottom``: Between them is room for images."""


def arena_lines(frame: Frame) -> ArenaLines:
    """Lines above and below the arena of a window.

    In one higher than wide the counter is above the buttons instead of between them, and there is
    room for a prompt of two lines.
    """
    top, text = frame.size[1] / 2, frame.text
    prompt, timer, above, counter, progress, below = _UPRIGHT if is_upright(frame.size) else _WIDE
    return ArenaLines(
        prompt=top - prompt * text,
        timer=top - timer * text,
        counter=counter * text - top,
        progress=progress * text - top,
        top=top - above * text,
        bottom=below * text - top,
    )


type _Ring = tuple[float, npt.NDArray[np.float64], int]


@dataclass(frozen=True, kw_only=True)
class PlacingLayout:
    """Geometry of a window in which images are placed: pixels, origin in the centre, y up."""

    size: tuple[int, int]
    """Width and height of the window."""
    text: int
    """Height of a line of text."""
    item: int
    """Largest side of the square each image is fitted into."""
    magnified: int
    """Side of the square of an image looked at large."""
    done: Box
    start_over: Box

    @property
    def lines(self) -> ArenaLines:
        """Heights of the lines above and below."""
        return arena_lines(Frame(self.size, self.text))

    def clamp(self, x: float, y: float) -> tuple[float, float]:
        """Nearest point in the window."""
        width, height = self.size
        return min(max(x, -width / 2), width / 2), min(max(y, -height / 2), height / 2)


def _rings(
    size: tuple[int, int],
    lines: ArenaLines,
    centre: tuple[float, float],
    radius: float,
    item: int,
) -> list[_Ring]:
    """Radius of each ring, its length up to each angle, and how many seats it has.

    The length is counted by the coordinate that changes faster, and only where a seat may be:
    squares whose centres are a side apart in one coordinate do not overlap.
    """
    edge = (size[0] - item) / 2
    low, high = lines.bottom + item / 2, lines.top - item / 2
    rings: list[_Ring] = []
    ring = radius + _FIRST_RING * item
    while ring <= max(edge, high - centre[1]):
        x, y = centre[0] + ring * np.cos(_ANGLES), centre[1] + ring * np.sin(_ANGLES)
        free = (np.abs(x) <= edge) & (y >= low) & (y <= high)
        speed = ring * np.maximum(np.abs(np.cos(_ANGLES)), np.abs(np.sin(_ANGLES)))
        length = np.cumsum(np.where(free, speed, 0.0)) * (_ANGLES[1] - _ANGLES[0])
        rings.append((ring, length, int(length[-1] / (_PITCH * item))))
        ring += _RING_STEP * item
    return rings


@dataclass(frozen=True, kw_only=True)
class ArenaLayout(PlacingLayout):
    """Geometry of a window with a circle."""

    centre: tuple[float, float]
    radius: float

    def to_arena(self, x: float, y: float) -> tuple[float, float]:
        """Pixels to arena units (diameter 1), rounded as they are recorded."""
        scale = 2 * self.radius
        along, up = (x - self.centre[0]) / scale, (y - self.centre[1]) / scale
        # Adding 0 makes a plain zero of a negative one.
        return round(along, _DECIMALS) + 0.0, round(up, _DECIMALS) + 0.0

    def to_pixels(self, x: float, y: float) -> tuple[float, float]:
        """Arena units to pixels."""
        scale = 2 * self.radius
        return self.centre[0] + scale * x, self.centre[1] + scale * y

    def inside(self, x: float, y: float) -> bool:
        """Whether a point in pixels is in the circle, by its recorded coordinates."""
        return math.hypot(*self.to_arena(x, y)) <= 0.5

    def seats(self, n: int, rotation: float) -> tuple[Seat, ...]:
        """``n`` seats, evenly along each ring, counter-clockwise from the right.

        Few seats are at equal angles; many are closer together at the sides, where squares need
        less room than at the corners. ``rotation`` is in degrees.
        """
        seats: list[Seat] = []
        rings = _rings(self.size, self.lines, self.centre, self.radius, self.item)
        for radius, length, most in rings:
            here = min(most, n - len(seats))
            if here > 0 and _round(radius, length) and here * _RING_STEP * self.item <= 6 * radius:
                seats += [
                    self._seat(radius, math.radians(rotation) + 2 * math.pi * seat / here)
                    for seat in range(here)
                ]
            elif here > 0:
                at = (np.arange(here) / here + rotation / 360) % 1 * length[-1]
                angles = np.interp(at, length, _ANGLES)
                seats += [self._seat(radius, float(angle)) for angle in angles]
        return tuple(sorted(seats, key=lambda seat: seat.angle))

    def _seat(self, radius: float, angle: float) -> Seat:
        # An arc may end a fraction of a pixel beyond the edge.
        edge = (self.size[0] - self.item) / 2
        x = min(max(self.centre[0] + radius * math.cos(angle), -edge), edge)
        y = self.centre[1] + radius * math.sin(angle)
        return Seat(x, y, math.degrees(angle) % 360)


def _round(radius: float, length: npt.NDArray[np.float64]) -> bool:
    """Whether a ring goes all the way round: so long is the perimeter by the faster coordinate."""
    return bool(length[-1] > 0.999 * radius * 4 * math.sqrt(2))


def _widest(lines: Iterable[str], text: int) -> float:
    return max(label_size(line, text, math.inf)[0] for line in lines)


def corner_buttons(protocol: PlacingProtocol, size: tuple[int, int], text: int) -> tuple[Box, Box]:
    """Done at the lower right, Start over at the lower left, as wide as their texts need."""
    texts = protocol.texts
    labels = (texts.done, texts.confirm, texts.start_over, texts.confirm_start_over)
    wide = max(6.0 * text, 1.5 * text + _widest(labels, text))
    high, top = max(2.2 * text, _FINGER), max(2.6 * text, _FINGER + 0.25 * text)
    x, y = size[0] / 2 - 0.5 * text - wide / 2, top - (high + size[1]) / 2
    return Box(x, y, wide, high), Box(-x, y, wide, high)


def _lines_fit(protocol: MultiArrangement, frame: Frame, done: Box) -> bool:
    """Whether the counter fits between the buttons, or both fit one above the other."""
    texts, inner = protocol.texts, done.x - done.width / 2
    counter = _widest((texts.too_few, *map(texts.count, (0, 1, 99))), frame.text)
    if is_upright(frame.size):
        return inner >= 0 and counter <= widest(frame)
    return (2 * frame.text + counter) / 2 <= inner


def lay_out_arena(protocol: MultiArrangement, size: tuple[int, int], n: int) -> ArenaLayout:
    """Geometry of a window of ``size`` pixels for a trial of ``n`` images.

    Parameters
    ----------
    n
        At least 1; the size of the images follows from it.

    Examples
    --------
    >>> layout = lay_out_arena(MultiArrangement(), (1280, 1024), 20)
    >>> few = lay_out_arena(MultiArrangement(), (1280, 1024), 5)
    >>> round(2 * layout.radius), layout.item, few.item
    (696, 68, 138)
    """
    width, height = size
    sized = frame(protocol.screen, size)
    lines, text = arena_lines(sized), sized.text
    radius = protocol.arena.arena_fraction * min(size) / 2
    done, start_over = corner_buttons(protocol, size, text)
    if 2 * radius > lines.top - lines.bottom or not _lines_fit(protocol, sized, done):
        raise TwoalikeError(
            f"a circle of {2 * radius:.0f} px, its texts and buttons do not fit a window of "
            f"{width} x {height} px. Make arena.arena_fraction or screen.text_fraction smaller in "
            "the protocol, the texts beside and on the buttons shorter, or the window larger."
        )
    centre = (0.0, (lines.top + lines.bottom) / 2)
    # The largest even side at which the images have seats, and room in the circle to be apart.
    share = max(_USUAL, math.sqrt(_COVER * math.pi / 4 / n))
    wanted = min(protocol.arena.item_fraction, share) * 2 * radius
    largest = max(2, round(wanted) // 2 * 2)
    least = min(largest, protocol.arena.minimum_px)
    for item in range(largest, least - 1, -2):
        if sum(most for _, _, most in _rings(size, lines, centre, radius, item)) >= n:
            break
    else:
        raise TwoalikeError(
            f"{n} images of {least} px do not fit around a circle of {2 * radius:.0f} px in a "
            f"window of {width} x {height} px. Show fewer in a trial ([arrangement] max_items, or "
            "covering_size, in study.toml), make arena.arena_fraction or arena.minimum_px smaller "
            "in the protocol, or the window larger."
        )
    return ArenaLayout(
        size=size,
        text=text,
        centre=centre,
        radius=radius,
        item=item,
        magnified=round(protocol.arena.magnify_fraction * min(size) / 2) * 2,
        done=done,
        start_over=start_over,
    )
