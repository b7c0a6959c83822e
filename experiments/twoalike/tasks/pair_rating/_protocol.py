"""The protocol of pair ratings, and where images, scale and words are in their window."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, model_validator

from twoalike.study import Strict, TwoalikeError, changed
from twoalike.tasks._activity import Box
from twoalike.tasks._protocol import (
    KeyNames,
    PageTexts,
    Protocol,
    TrialTiming,
    check_each_once,
    task_field,
    texts_field,
)
from twoalike.tasks.lettering import label_size
from twoalike.tasks.screens import Frame, ImageSize, Room, View, frame, widest


class PairImages(ImageSize):
    """The two images; give their size in exactly one way."""

    image_fraction: float = Field(default=0.3, ge=0, le=0.48)
    """side of an image's square as a share of the window's width, less where two and the scale do
    not fit; 0: not used"""
    gap_px: NonNegativeInt = 60
    """between the two images, in pixels"""


class RatingScale(Strict):
    """What people answer on."""

    kind: Literal["likert", "slider"] = "likert"
    """likert: buttons, one a point; slider: a handle on a line"""
    points: int = Field(default=7, ge=2, le=11)
    """likert: number of points"""
    confirm: bool = False
    """likert: whether a point that was chosen can be changed until Done; else the first press is
    the answer"""
    numbers: bool = True
    """likert: whether the buttons show the numbers of the points"""
    start: float = Field(default=0.5, ge=0, le=1)
    """slider: where the handle is at first, from 0 to 1; left there, it has to be confirmed by a
    second press of Done"""
    length: float = Field(default=0.5, ge=0.2, le=0.84)
    """slider: length of the line as a share of the window's width"""
    step: float = Field(default=0.02, gt=0, le=0.5)
    """slider: step of an arrow key and of a notch of the wheel, as a share of the line; with Shift,
    an arrow key moves a fifth of it"""
    show_number: bool = False
    """slider: whether the place of the handle is shown as a number from 0 to 100"""


class RatingTiming(TrialTiming):
    """How long things last, in seconds."""

    fixation_s: float = changed(TrialTiming, "fixation_s", 0.3)
    feedback_s: float = changed(TrialTiming, "feedback_s", 0.3)
    confirm_s: PositiveFloat = 3.0
    """time for the second press of Done where a slider was not moved"""
    flag_fast_s: float = changed(TrialTiming, "flag_fast_s", 0.4)
    flag_slow_s: float = changed(TrialTiming, "flag_slow_s", 15.0)


class RatingAnswers(Strict):
    """How a rating is given, besides the arrow keys."""

    keys: KeyNames = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "0")
    """likert: keys of the points, from the lowest; of digits those of the number pad as well; a
    point without a key is reached by the arrow keys and Done"""
    done_keys: KeyNames = ("return", "num_enter")
    """keys for Done, as the button"""
    mouse: bool = True
    """whether the buttons and the slider can be used with the pointer"""
    wheel: bool = True
    """slider: whether the wheel moves the handle"""

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        keys = (*self.keys, *self.done_keys, "left", "right", "up", "down")
        check_each_once(keys, why="escape stops the session, arrows move")
        if not self.done_keys:
            raise ValueError("Done needs a key")
        return self

    def point(self, key: str, points: int) -> int | None:
        """Point of a scale of so many points that a key picks; None for any other key."""
        keys = self.keys[:points]
        name = key.removeprefix("num_") if key.removeprefix("num_").isdigit() else key
        found = key if key in keys else name
        return keys.index(found) + 1 if found in keys else None


class RatingTexts(PageTexts):
    """What the participant reads; UTF-8, any language."""

    prompt: str = Field(description="above the two images")
    low: str = Field(description="at the lower end of the scale")
    high: str = Field(description="at its upper end")
    labels: tuple[str, ...] = Field(
        default=(),
        description="likert: words below each point, as many as there are points, in place of "
        "those at the ends; empty: none",
    )
    done: str = Field(description="button that ends the answer, where there is one")
    confirm: str = Field(description="on that button, where a slider was not moved")
    time_out: str = Field(description="page after a trial that timed out")


class PairRating(Protocol):
    """Protocol of one pair-rating session."""

    plays_sounds: ClassVar[bool] = True

    task: Literal["pair-rating"] = task_field("pair-rating")
    images: PairImages = PairImages()
    scale: RatingScale = RatingScale()
    timing: RatingTiming = RatingTiming()
    answers: RatingAnswers = RatingAnswers()
    texts: RatingTexts = texts_field(RatingTexts, "pair-rating")

    @model_validator(mode="after")
    def _a_label_for_each_point(self) -> Self:
        found, scale = len(self.texts.labels), self.scale
        if found and (scale.kind == "slider" or found != scale.points):
            expected = "none with a slider" if scale.kind == "slider" else str(scale.points)
            raise ValueError(f"texts.labels: expected {expected}, one a point, found {found}")
        return self

    @property
    def has_button(self) -> bool:
        """Whether an answer is ended by a button."""
        return self.scale.kind == "slider" or self.scale.confirm


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
    """Geometry of a window."""
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
