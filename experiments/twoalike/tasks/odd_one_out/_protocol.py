"""The protocol of an odd-one-out session: every knob, with its unit and its reason.

The file that a lab edits is rendered from these models (:mod:`twoalike.tasks._template`), so
that the two cannot differ.
"""

from collections import Counter
from typing import Literal, Self

from pydantic import Field, model_validator

from twoalike.design import POSITIONS
from twoalike.study import Strict
from twoalike.tasks._settings import KeyNames, PageTexts, Protocol
from twoalike.tasks._texts import shipped_texts


class Images(Strict):
    """Size of the three images; give exactly one of the three ways."""

    image_fraction: float = Field(
        default=0.26,
        ge=0,
        le=0.33,
        description="side of an image's square as a share of the window's width, less where "
        "three do not fit; 0: not used",
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
    layout: Literal["row", "triangle"] = Field(
        default="row", description="row: side by side; triangle: the middle one below the others"
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if sum(size > 0 for size in (self.image_fraction, self.image_px, self.image_deg)) != 1:
            raise ValueError(
                "give exactly one of image_fraction, image_px and image_deg, set the others to 0"
            )
        return self


class Timing(Strict):
    """How long things last; all in seconds."""

    fixation_s: float = Field(default=0.5, ge=0, description="cross before each triplet")
    minimum_rt_s: float = Field(
        default=0.2,
        ge=0,
        description="presses before this are ignored and counted: nobody sees three images faster",
    )
    response_limit_s: float = Field(
        default=0.0, ge=0, description="longest time for a choice; 0: no limit"
    )
    show_timer: bool = Field(
        default=True, description="whether the time left is shown, where there is a limit"
    )
    timer_from: float = Field(
        default=0.0, ge=0, lt=1, description="share of the limit that passes before it is shown"
    )
    feedback_s: float = Field(
        default=0.4, ge=0, description="after a choice only the chosen image stays, this long"
    )
    flag_fast_s: float = Field(
        default=0.5, ge=0, description="choices faster than this are flagged, never deleted"
    )
    flag_slow_s: float = Field(
        default=10.0, gt=0, description="choices slower than this are flagged, never deleted"
    )

    @model_validator(mode="after")
    def _limit_leaves_time(self) -> Self:
        if 0 < self.response_limit_s <= self.minimum_rt_s:
            raise ValueError("response_limit_s must be longer than minimum_rt_s, or 0")
        return self


class Answers(Strict):
    """How a choice is given."""

    left: KeyNames = Field(
        default=("left", "1", "num_1"),
        description="keys for the left image; num_ is the number pad",
    )
    middle: KeyNames = Field(
        default=("down", "2", "num_2"), description="keys for the middle image"
    )
    right: KeyNames = Field(default=("right", "3", "num_3"), description="keys for the right image")
    mouse: bool = Field(default=True, description="whether a click on an image is an answer")

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        keys = Counter([*self.left, *self.middle, *self.right, "escape"])
        if twice := [key for key, count in keys.items() if count > 1]:
            raise ValueError(f"key {twice[0]!r} has two meanings (escape stops the session)")
        if not (self.mouse or (self.left and self.middle and self.right)):
            raise ValueError("without the mouse, each image needs a key")
        return self

    def position(self, key: str) -> str | None:
        """Place of the image that ``key`` picks; None for any other key."""
        for place in POSITIONS:
            if key in getattr(self, place):
                return place
        return None


class Practice(Strict):
    """The practice trials."""

    feedback: bool = Field(
        default=True,
        description="whether practice trials that have a right answer report whether it was given, "
        "and show which it is",
    )
    feedback_s: float = Field(default=2.5, ge=0, description="how long that stays, in seconds")


class Texts(PageTexts):
    """What the participant reads; UTF-8, any language."""

    prompt: str = Field(description="above the three images")
    labels: tuple[str, str, str] = Field(
        description="shown below the images: the keys of left, middle and right"
    )
    time_out: str = Field(description="page after a trial that timed out")
    right: str = Field(description="after a right answer in practice")
    wrong: str = Field(description="after another answer in practice")


class OddOneOut(Protocol):
    """Protocol of one odd-one-out session."""

    task: Literal["odd-one-out"] = Field(
        default="odd-one-out", description="the task that this protocol is for"
    )
    images: Images = Field(
        default=Images(), description="The three images; give their size in exactly one way."
    )
    timing: Timing = Field(default=Timing(), description="How long things last, in seconds.")
    answers: Answers = Field(default=Answers(), description="How a choice is given.")
    practice: Practice = Field(default=Practice(), description="The practice trials.")
    texts: Texts = Field(
        default_factory=lambda: Texts(**shipped_texts("odd-one-out", "en")),
        description="What the participant reads: UTF-8, any language.",
    )
