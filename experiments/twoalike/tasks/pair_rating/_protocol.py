"""The protocol of a pair-rating session: every knob, with its unit and its reason."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from twoalike.study import Strict
from twoalike.tasks._protocol import (
    KeyNames,
    PageTexts,
    Protocol,
    TrialTiming,
    changed,
    check_each_once,
    task_field,
    texts_field,
)
from twoalike.tasks.screens import ImageSize


class PairImages(ImageSize):
    """Size of the two images; give exactly one of the three ways."""

    image_fraction: float = Field(
        default=0.3,
        ge=0,
        le=0.48,
        description="side of an image's square as a share of the window's width, less where two "
        "and the scale do not fit; 0: not used",
    )
    gap_px: int = Field(default=60, ge=0, description="between the two images, in pixels")


class RatingScale(Strict):
    """What people answer on."""

    kind: Literal["likert", "slider"] = Field(
        default="likert", description="likert: buttons, one a point; slider: a handle on a line"
    )
    points: int = Field(default=7, ge=2, le=11, description="likert: number of points")
    confirm: bool = Field(
        default=False,
        description="likert: whether a point that was chosen can be changed until Done; else the "
        "first press is the answer",
    )
    numbers: bool = Field(
        default=True, description="likert: whether the buttons show the numbers of the points"
    )
    start: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="slider: where the handle is at first, from 0 to 1; left there, it has to be "
        "confirmed by a second press of Done",
    )
    length: float = Field(
        default=0.5,
        ge=0.2,
        le=0.84,
        description="slider: length of the line as a share of the window's width",
    )
    step: float = Field(
        default=0.02,
        gt=0,
        le=0.5,
        description="slider: step of an arrow key and of a notch of the wheel, as a share of the "
        "line; with Shift, an arrow key moves a fifth of it",
    )
    show_number: bool = Field(
        default=False,
        description="slider: whether the place of the handle is shown as a number from 0 to 100",
    )


class RatingTiming(TrialTiming):
    """How long things last; all in seconds."""

    fixation_s: float = changed(TrialTiming, "fixation_s", 0.3)
    feedback_s: float = changed(TrialTiming, "feedback_s", 0.3)
    confirm_s: float = Field(
        default=3.0,
        gt=0,
        description="time for the second press of Done where a slider was not moved",
    )
    flag_fast_s: float = changed(TrialTiming, "flag_fast_s", 0.4)
    flag_slow_s: float = changed(TrialTiming, "flag_slow_s", 15.0)


class RatingAnswers(Strict):
    """How a rating is given: the arrow keys move the choice or the handle, further keys here."""

    keys: KeyNames = Field(
        default=("1", "2", "3", "4", "5", "6", "7", "8", "9", "0"),
        description="likert: keys of the points, from the lowest; of digits those of the number "
        "pad as well; a point without a key is reached by the arrow keys and Done",
    )
    done_keys: KeyNames = Field(
        default=("return", "num_enter"), description="keys for Done, as the button"
    )
    mouse: bool = Field(
        default=True, description="whether the buttons and the slider can be used with the pointer"
    )
    wheel: bool = Field(default=True, description="slider: whether the wheel moves the handle")

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
    images: PairImages = Field(
        default=PairImages(), description="The two images; give their size in exactly one way."
    )
    scale: RatingScale = Field(default=RatingScale(), description="What people answer on.")
    timing: RatingTiming = Field(
        default=RatingTiming(), description="How long things last, in seconds."
    )
    answers: RatingAnswers = Field(
        default=RatingAnswers(), description="How a rating is given, besides the arrow keys."
    )
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
