"""The protocol of a multi-arrangement session: every knob, with its unit and its reason."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, model_validator

from twoalike.study import Strict
from twoalike.tasks._protocol import (
    Breaks,
    Colour,
    KeyNames,
    PageTexts,
    Protocol,
    ThemeColour,
    check_each_once,
    check_format,
    task_field,
    texts_field,
)


class PlacedImages(Strict):
    """Images that are taken and put somewhere: their sizes and colours."""

    minimum_px: int = Field(default=32, ge=8)
    """side of an image's square below which nothing is shown"""
    held_scale: float = Field(default=1.15, ge=1, le=2)
    """size of an image while it is held, times its size"""
    magnify_fraction: float = Field(default=0.5, ge=0.1, le=1)
    """side of an image looked at large as a share of the window's smaller side"""
    fill: ThemeColour = "theme"
    """colour of the place where images are put; theme: lighter than a light background, darker than
    a dark one"""
    line: Colour = "#8c8c8c"
    """colour of the line around it"""
    rim: Colour = "#8c8c8c"
    """rim of images that are placed: those with a background like that of their place would run
    into each other"""
    held_rim: Colour = "#0072b2"
    """rim of the image that is held"""
    outside_rim: Colour = "#d55e00"
    """rim of images still to be placed; safe for the colour-blind"""


class ArenaSettings(PlacedImages):
    """The circle, and the images in and around it."""

    arena_fraction: float = Field(default=0.68, ge=0.3, le=0.95)
    """diameter of the circle as a share of the window's smaller side"""
    item_fraction: float = Field(default=0.2, ge=0.02, le=0.2)
    """largest side of an image's square as a share of the circle's diameter; images are smaller the
    more a trial has, so that they fit around the circle and in it"""


class PlacingTiming(Strict):
    """How long things last, in seconds."""

    trial_limit_s: NonNegativeFloat = 0.0
    """longest time for a trial; 0: no limit"""
    show_timer: bool = True
    """whether a bar shows the time left"""
    minimum_s: NonNegativeFloat = 1.0
    """Done counts from this time on: nobody is faster"""
    confirm_s: PositiveFloat = 3.0
    """time for the second press where one must confirm; remarks stay as long"""

    @model_validator(mode="after")
    def _limit_leaves_time(self) -> Self:
        if 0 < self.trial_limit_s <= self.minimum_s:
            raise ValueError("trial_limit_s must be longer than minimum_s, or 0")
        return self


class PlacingAnswers(Strict):
    """Keys besides the pointer; the left button or a finger moves images, or the arrow keys."""

    done_keys: KeyNames = ("return", "num_enter")
    """keys for Done, as the button"""
    start_over_keys: KeyNames = ("backspace",)
    """keys for Start over, as the button"""
    magnify_keys: KeyNames = ("space",)
    """keys that show large, and small, the image at the pointer or the one that keys have taken"""
    magnify_button: bool = True
    """whether the right button shows an image large while it is down"""
    next_keys: KeyNames = ("tab", "pagedown")
    """keys that take the next image, of those still to be placed if there are any; the arrow keys
    then move it"""
    previous_keys: KeyNames = ("pageup",)
    """the same, the other way round"""
    confirm_done: bool = False
    """whether Done has to be pressed a second time"""

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        keys = [*self.done_keys, *self.start_over_keys, *self.magnify_keys]
        keys += [*self.next_keys, *self.previous_keys, "left", "right", "up", "down"]
        check_each_once(keys, why="escape stops the session, arrows move images")
        return self


class ArrangementAnswers(PlacingAnswers):
    """Keys besides the pointer."""

    step_fraction: float = Field(default=0.02, gt=0, le=0.2)
    """step of an arrow key as a share of the circle's diameter; held, it repeats, and with Shift it
    is a fifth"""


class PlacingRules(Strict):
    """What ends a trial, and what is allowed in it."""

    start_over: bool = True
    """whether all images can be sent back to where they were at first"""


class ArrangementRules(PlacingRules):
    """What ends a trial, and what is allowed in it."""

    unplaced_allowed: NonNegativeInt = 0
    """images that may stay outside the circle at Done"""


class PlacingTexts(PageTexts):
    """What the participant reads; UTF-8, any language."""

    prompt: str = Field(description="above the images: what to do")
    left: str = Field(
        description="how many images are still to be placed; {n} is their number, 2 or more"
    )
    left_one: str = Field(description="the same for one image")
    left_none: str = Field(description="the same for none")
    too_few: str = Field(description="in its place when Done comes too early")
    done: str = Field(description="button that ends the trial")
    confirm: str = Field(description="on that button, where Done must be confirmed")
    start_over: str = Field(description="button that sends all images back")
    confirm_start_over: str = Field(description="on that button after the first press")
    time_out: str = Field(description="page after a trial that timed out")

    @model_validator(mode="after")
    def _left_is_a_format(self) -> Self:
        check_format("left", self.left, n=2)
        return self

    def count(self, n: int) -> str:
        """Line that says how many images are left."""
        return {0: self.left_none, 1: self.left_one}.get(n, self.left.format(n=n))


class PlacingProtocol(Protocol):
    """Protocol of a task in which images are taken and put somewhere."""

    plays_sounds: ClassVar[bool] = True

    if TYPE_CHECKING:  # each task's own
        texts: PlacingTexts
        rules: PlacingRules
        answers: PlacingAnswers

    timing: PlacingTiming = PlacingTiming()


class MultiArrangement(PlacingProtocol):
    """Protocol of one multi-arrangement session."""

    task: Literal["multi-arrangement"] = task_field("multi-arrangement")
    breaks: Breaks = Breaks(break_every=10)
    """Rests between trials; 0: none."""
    arena: ArenaSettings = ArenaSettings()
    answers: ArrangementAnswers = ArrangementAnswers()
    rules: ArrangementRules = ArrangementRules()
    texts: PlacingTexts = texts_field(PlacingTexts, "multi-arrangement")
