"""Protocol and files of an anchored-choice session; keys and layout differ from odd-one-out."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from twoalike.tasks._protocol import KeyNames, preset_texts, shipped_texts
from twoalike.tasks.odd_one_out import (
    ChoiceProtocol,
    ChoiceTexts,
    PlaceKeys,
)
from twoalike.tasks.screens import Images


class AnchoredImages(Images):
    """Size and layout of the reference and the two candidates."""

    layout: Literal["row", "triangle"] = Field(
        default="triangle",
        description="triangle: the reference above the candidates; row: between them; the shipped "
        "texts then speak of the image in the middle, your own must do so too",
    )


class Answers(PlaceKeys):
    """Keys of the two candidates."""

    left: KeyNames = Field(
        default=("left", "1", "num_1"),
        description="keys for the left candidate; num_ is the number pad",
    )
    right: KeyNames = Field(
        default=("right", "2", "num_2"), description="keys for the right candidate"
    )
    mouse: bool = Field(default=True, description="whether a click on a candidate is an answer")


class Texts(ChoiceTexts):
    """What the participant reads; UTF-8, any language."""

    labels: tuple[str, str] = Field(
        description="shown below the candidates: the keys of left and right"
    )


class AnchoredChoice(ChoiceProtocol):
    """Protocol of one anchored-choice session."""

    middle_above: ClassVar[bool] = True

    task: Literal["anchored-choice"] = Field(
        default="anchored-choice", description="the task that this protocol is for"
    )
    images: AnchoredImages = Field(
        default=AnchoredImages(),
        description="The three images; give their size in exactly one way.",
    )
    answers: Answers = Field(default=Answers(), description="How a choice is given.")
    texts: Texts = Field(
        default_factory=lambda: Texts(**shipped_texts("anchored-choice", "en")),
        description="What the participant reads: UTF-8, any language.",
    )

    @classmethod
    def shipped(cls, values: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Texts of the task in a language; in a row they speak of the image in the middle."""
        texts = super().shipped(values, language)
        images = values.get("images", {})
        layout = images.get("layout") if isinstance(images, Mapping) else images.layout
        row = texts and layout == "row"
        return texts | preset_texts("anchored_choice_row", language) if row else texts
