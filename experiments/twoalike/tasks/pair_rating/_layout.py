"""Where the two images, the scale below them and its words are in a window."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from twoalike.study import TwoalikeError
from twoalike.tasks.lettering import label_size
from twoalike.tasks.pair_rating._protocol import PairRating
from twoalike.tasks.screens import Box, Frame, Room, View, frame, widest

_MARGIN, _BUTTON, _GAP = 1.0, 2.4, 1.0
"""Heights in lines of text: margin of the window, button or point, between two things."""
_WORDS, _PROMPT, _TIMER = 2.8, 2.6, 1.6
"""The same of the words below the scale, the line above the images, and the timer."""
_PITCH = 4.0
"""From a point of the scale to the next, where there are no words for each, in lines of text."""


@dataclass(frozen=True)
class RatingLayout:
    """Geometry of a window in pixels, origin in the centre, y up."""

    size: tuple[int, int]
    """Width and height of the window."""
    text: int
    """Height of a line of text."""
    image: int
    """Side of the square each image is fitted into."""
    centres: tuple[tuple[int, int], ...]
    """Of the images, left and right."""
    prompt_y: float
    timer_y: float
    points: tuple[Box, ...]
    """Buttons of a Likert scale, from the lowest; empty for a slider."""
    track: Box
    """Line of a slider; of a Likert scale, the box around all its buttons."""
    handle: tuple[float, float]
    """Width and height of a slider's handle."""
    words_y: float
    done: Box | None
    """Button that ends an answer; None where none is needed."""

    def x_of(self, value: float) -> float:
        """Centre of a slider's handle."""
        return self.track.x + (value - 0.5) * self.track.width

    def value_at(self, x: float) -> float:
        """Value of the place on the line that is nearest."""
        share = (x - self.track.x) / self.track.width + 0.5
        return round(min(max(share, 0.0), 1.0), 4)

    def point_at(self, x: float, y: float) -> int | None:
        """Point of a Likert scale, from 1, whose button is hit; None beside them."""
        found = (number for number, box in enumerate(self.points, 1) if box.holds(x, y))
        return next(found, None)

    def on_track(self, x: float, y: float) -> bool:
        """Whether a press is meant for the slider: its line, with the height of the handle."""
        reach = Box(
            self.track.x, self.track.y, self.track.width + self.handle[0], 1.2 * self.handle[1]
        )
        return reach.holds(x, y)

    def words(self, protocol: PairRating) -> tuple[tuple[str, float, float], ...]:
        """Words below the scale: text, centre, and the most width each may take."""
        if protocol.texts.labels:
            pitch = self.track.width / len(self.points)
            return tuple(
                (text, box.x, pitch - 0.4 * self.text)
                for text, box in zip(protocol.texts.labels, self.points, strict=True)
            )
        ends = ((protocol.texts.low, -1), (protocol.texts.high, 1))
        return tuple((text, *self._end(text, side)) for text, side in ends)

    def _end(self, text: str, side: int) -> tuple[float, float]:
        """Centre and room of the words at an end: below it, but in the window and on its side."""
        room = widest(Frame(self.size, self.text)) / 2 - self.text
        half = (label_size(text, self.text, room)[0] + self.text) / 2
        edge = self.points[-1].x if self.points else self.track.width / 2
        return side * min(max(edge, half), self.size[0] / 2 - half), room


def rooms_of(protocol: PairRating, layout: RatingLayout, pages: Frame) -> Iterator[Room]:
    """Places of the texts of a trial."""
    texts, text = protocol.texts, layout.text
    yield Room("texts.prompt", texts.prompt, 1.3, widest(pages), _PROMPT * text)
    keys = ["texts.labels"] * len(texts.labels) or ["texts.low", "texts.high"]
    for key, (words, _, most) in zip(keys, layout.words(protocol), strict=True):
        yield Room(key, words, 1, most, _WORDS * text)
    if layout.done is not None:
        label = max((texts.done, texts.confirm), key=lambda one: label_size(one, text, 1e9))
        yield Room("texts.done", label, 1, widest(pages) - text, 1.4 * text)


def lay_out_rating(protocol: PairRating, view: View, n: int = 2) -> RatingLayout:
    """Geometry of a window.

    Examples
    --------
    >>> lay_out_rating(PairRating(), View((1280, 1024))).image
    384
    """
    width, height = size = view.size
    text = frame(protocol.screen, size).text
    lines = 2 * _MARGIN + _PROMPT + _TIMER + _BUTTON + _WORDS + 2 * _GAP
    lines += _BUTTON + _GAP if protocol.has_button else 0
    gap = protocol.images.gap_px
    largest = min(height - lines * text, (width - gap - 2 * text) / 2)
    side = protocol.images.side(view, largest)
    if side < 2 or side > largest:
        raise TwoalikeError(
            f"two images of {side} px with a gap of {gap} px, their texts and the scale do not fit "
            f"a window of {width} x {height} px. Make the image size or gap_px smaller in the "
            "protocol, or the window larger."
        )
    floor = -height / 2 + _MARGIN * text + (height - lines * text - side) / 2
    done = None
    if protocol.has_button:
        done = Box(0.0, floor + _BUTTON * text / 2, _done_width(protocol, text), _BUTTON * text)
        floor += (_BUTTON + _GAP) * text
    words_y = floor + _WORDS * text / 2
    scale_y = floor + (_WORDS + _BUTTON / 2) * text
    image_y = round(floor + (_WORDS + _BUTTON + 2 * _GAP) * text + side / 2)
    points, track = _scale(protocol, size, text, scale_y)
    timer_y = image_y + side / 2 + _TIMER * text / 2
    x = math.ceil((side + gap) / 2)
    return RatingLayout(
        size=size,
        text=text,
        image=side,
        centres=((-x, image_y), (x, image_y)),
        prompt_y=timer_y + (_TIMER + _PROMPT) * text / 2,
        timer_y=timer_y,
        points=points,
        track=track,
        handle=(0.7 * text, 1.8 * text),
        words_y=words_y,
        done=done,
    )


def _done_width(protocol: PairRating, text: int) -> float:
    labels = (protocol.texts.done, protocol.texts.confirm)
    return max(6.0 * text, 1.5 * text + max(label_size(one, text, math.inf)[0] for one in labels))


def _scale(
    protocol: PairRating, size: tuple[int, int], text: int, y: float
) -> tuple[tuple[Box, ...], Box]:
    """Buttons of the points, and the box around them; or no buttons, and the line of a slider."""
    scale = protocol.scale
    if scale.kind == "slider":
        return (), Box(0.0, y, round(scale.length * size[0]), 0.3 * text)
    room = widest(Frame(size, text)) / scale.points
    pitch = room if protocol.texts.labels else min(_PITCH * text, room)
    wide = min(pitch - 0.5 * text, _PITCH * text)
    points = tuple(
        Box((number - (scale.points - 1) / 2) * pitch, y, wide, _BUTTON * text)
        for number in range(scale.points)
    )
    return points, Box(0.0, y, pitch * scale.points, _BUTTON * text)
