"""The protocol of a free-sorting session: every knob, with its unit and its reason."""

from typing import Literal, Self

from pydantic import Field, model_validator

from twoalike.tasks._protocol import Breaks, check_format, task_field, texts_field
from twoalike.tasks.multi_arrangement._protocol import (
    PlacedImages,
    PlacingAnswers,
    PlacingProtocol,
    PlacingRules,
    PlacingTexts,
)


class PileSettings(PlacedImages):
    """The images, where they lie ready, and the places of the piles beside them."""

    tray_fraction: float = Field(
        default=0.36,
        ge=0.15,
        le=0.7,
        description="width of the part where images lie ready, as a share of the window's",
    )
    item_fraction: float = Field(
        default=0.14,
        ge=0.02,
        le=0.4,
        description="largest side of an image's square as a share of the window's height; images "
        "are smaller the more a trial, or a pile, has",
    )


class SortingRules(PlacingRules):
    """What ends a trial, and what is allowed in it."""

    min_piles: int = Field(default=2, ge=1, description="fewest piles at Done")
    max_piles: int = Field(
        default=12, ge=2, le=40, description="most piles: places for them on the screen"
    )
    name_piles: bool = Field(
        default=False, description="whether a name of each pile is asked for after Done"
    )
    names_required: bool = Field(
        default=True, description="whether each pile must be named, where names are asked for"
    )

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
    breaks: Breaks = Field(
        default=Breaks(break_every=3), description="Rests between trials; 0: none."
    )
    piles: PileSettings = Field(
        default=PileSettings(), description="The images, and the places of the piles."
    )
    answers: PlacingAnswers = Field(
        default=PlacingAnswers(),
        description="Keys besides the pointer; the arrow keys move an image from pile to pile.",
    )
    rules: SortingRules = Field(
        default=SortingRules(), description="What ends a trial, and what is allowed in it."
    )
    texts: SortingTexts = texts_field(SortingTexts, "free-sorting")
