"""The protocol of an odd-one-out session: every knob, with its unit and its reason.

The file that a lab edits is rendered from these models (:mod:`twoalike.tasks._template`), so
that the two cannot differ.
"""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from twoalike.design import POSITIONS

type Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]
type KeyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Screen(_Settings):
    """The screen and what is on it at all times."""

    number: int = Field(default=0, ge=0, description="which screen, 0 is the first")
    width_m: float = Field(
        default=0.0,
        ge=0,
        description="width of the visible picture in metres; 0: not measured (then no image_deg)",
    )
    distance_m: float = Field(
        default=0.0, ge=0, description="from the eyes to the screen in metres; 0: not measured"
    )
    background: Colour = Field(
        default="#e6e6e6", description="colour behind the images; light grey spares the eyes"
    )
    foreground: Colour = Field(default="#262626", description="colour of texts and fixation")
    accent: Colour = Field(
        default="#0072b2", description="colour of progress and timer; kept by the colour-blind"
    )
    text_fraction: float = Field(
        default=0.026,
        ge=0.02,
        le=0.1,
        description="height of text as a share of the window's height; under .02 is hard to read",
    )


class Images(_Settings):
    """Size of the three images; give exactly one of the three ways."""

    image_fraction: float = Field(
        default=0.26,
        ge=0,
        le=0.33,
        description="side of an image's square as a share of the window's width; 0: not used",
    )
    image_px: int = Field(default=0, ge=0, description="the same in pixels; 0: not used")
    image_deg: float = Field(
        default=0.0,
        ge=0,
        le=60,
        description="the same in degrees of visual angle, needs width_m and distance_m; 0: not "
        "used",
    )
    gap_px: int = Field(default=40, ge=0, description="between two images, in pixels")

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if sum(size > 0 for size in (self.image_fraction, self.image_px, self.image_deg)) != 1:
            raise ValueError(
                "give exactly one of image_fraction, image_px and image_deg, set the others to 0"
            )
        return self


class Timing(_Settings):
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
    feedback_s: float = Field(
        default=0.4, ge=0, description="after a choice only the chosen image stays, this long"
    )
    page_s: float = Field(
        default=1.0,
        ge=0,
        description="shortest time for a page of text, so that a stray press skips none",
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


class Answers(_Settings):
    """How a choice is given."""

    left: tuple[KeyName, ...] = Field(
        default=("left", "1", "num_1"),
        description="keys for the left image; num_ is the number pad",
    )
    middle: tuple[KeyName, ...] = Field(
        default=("down", "2", "num_2"), description="keys for the middle image"
    )
    right: tuple[KeyName, ...] = Field(
        default=("right", "3", "num_3"), description="keys for the right image"
    )
    labels: tuple[str, str, str] = Field(
        default=("← or 1", "↓ or 2", "→ or 3"), description="shown below the images"
    )
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


class Breaks(_Settings):
    """Rests between trials."""

    break_every: int = Field(
        default=60, ge=0, description="trials between two breaks, practice not counted; 0: none"
    )
    break_limit_s: float = Field(
        default=120.0, ge=0, description="longest break in seconds; 0: no limit"
    )


class Texts(_Settings):
    """What the participant reads; UTF-8, any language."""

    instruction: tuple[str, ...] = Field(
        default=(
            "You will see three images side by side.\n\n"
            "Pick the one that is the odd one out:\n"
            "the image that is least like the other two.\n\n"
            "There is no right or wrong.\n"
            "If you do not know what you see, go by your best guess.",
            "Choose with the keys ← ↓ → or 1 2 3, or click on the image.\n\n"
            "You may stop at any time, without giving a reason:\npress Esc.",
        ),
        min_length=1,
        description="pages shown before the first trial",
    )
    practice_end: str = Field(
        default="That was the practice.\n\nNow the session begins.",
        description="page after the practice trials",
    )
    prompt: str = Field(
        default="Which one is the odd one out?", description="above the three images"
    )
    pause: str = Field(
        default="Time for a break.\n\nRest your eyes and go on when you are ready.",
        description="page of a break",
    )
    time_out: str = Field(
        default="No choice was made in time.\n\nIf you are unsure, go by your first impression.",
        description="page after a trial that timed out",
    )
    resume: str = Field(
        default="Welcome back.\n\nThe session goes on where it was left.",
        description="page shown instead of the instruction when a session is resumed",
    )
    stop: str = Field(
        default="Stop here?\n\nEsc again to stop, any other key to go on.",
        description="page after Esc",
    )
    end: str = Field(
        default="That was the last one.\n\nThank you for taking part!",
        description="page at the end",
    )
    go_on: str = Field(
        default="Press the space bar to go on",
        description="line at the bottom of the pages",
    )
    progress: str = Field(
        default="{done} of {total} done",
        description="line of the break page; {done} and {total} are numbers of trials",
    )

    @model_validator(mode="after")
    def _progress_is_a_format(self) -> Self:
        try:
            self.progress.format(done=1, total=2)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("progress knows {done} and {total} only") from error
        return self


class OddOneOut(_Settings):
    """Protocol of one odd-one-out session."""

    schema_version: Literal[1] = Field(default=1, description="version of this file's format")
    task: Literal["odd-one-out"] = Field(
        default="odd-one-out", description="the task that this protocol is for"
    )
    screen: Screen = Field(default=Screen(), description="The screen.")
    images: Images = Field(
        default=Images(), description="The three images; give their size in exactly one way."
    )
    timing: Timing = Field(default=Timing(), description="How long things last, in seconds.")
    answers: Answers = Field(default=Answers(), description="How a choice is given.")
    breaks: Breaks = Field(default=Breaks(), description="Rests between trials.")
    texts: Texts = Field(
        default=Texts(), description="What the participant reads: UTF-8, any language."
    )

    @model_validator(mode="after")
    def _degrees_need_distances(self) -> Self:
        if self.images.image_deg > 0 and not (self.screen.width_m and self.screen.distance_m):
            raise ValueError("image_deg needs screen.width_m and screen.distance_m")
        return self
