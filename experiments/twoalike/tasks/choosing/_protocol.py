"""Protocols of choices among shown images; tasks differ in layout, keys, texts and defaults."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from twoalike.study import Strict, changed
from twoalike.tables import MOST_SHOWN, POSITIONS
from twoalike.tasks._presentation import PresentationTiming
from twoalike.tasks._protocol import (
    KeyNames,
    PageTexts,
    Protocol,
    check_each_once,
    preset_texts,
    task_field,
    texts_field,
)
from twoalike.tasks.screens import GO_ON, GridProtocol, Images, ImagesProtocol, Scanner

_NUMBERS = tuple(str(number) for number in range(1, MOST_SHOWN + 1))


class Timing(PresentationTiming):
    """How long things last: in seconds, or in milliseconds where the key says so."""

    most_images: ClassVar[int] = len(POSITIONS)
    """Images of a trial, at most."""

    timer_from: float = Field(default=0.0, ge=0, lt=1)
    """share of the limit that passes before it is shown"""

    @model_validator(mode="after")
    def _presentation_leaves_time(self) -> Self:
        if 0 < self.response_limit_s <= self.presentation_s(self.most_images):
            raise ValueError(
                "response_limit_s counts from the first image and must be longer than the "
                "presentation, or 0"
            )
        return self


class ManyTiming(Timing):
    """How long things last: in seconds, or in milliseconds where the key says so."""

    most_images: ClassVar[int] = MOST_SHOWN
    flag_slow_s: float = changed(Timing, "flag_slow_s", 20.0)


class PlaceKeys(Strict):
    """How a choice is given: keys of the images that can be chosen, by their place."""

    if TYPE_CHECKING:  # each task's own, after its keys
        mouse: bool

    def keys(self, place: str) -> tuple[str, ...]:
        """Keys for the image at a place; none for one that cannot be chosen."""
        return getattr(self, place, ())

    @property
    def places(self) -> tuple[str, ...]:
        """Places of the images that can be chosen, from left to right."""
        return tuple(place for place in POSITIONS if place in type(self).model_fields)

    def position(self, key: str) -> str | None:
        """Place of the image that ``key`` picks; None for any other key."""
        return next((place for place in self.places if key in self.keys(place)), None)

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        check_each_once(key for place in self.places for key in self.keys(place))
        if not (self.mouse or all(map(self.keys, self.places))):
            raise ValueError("without the mouse, each image needs a key")
        return self


class Answers(PlaceKeys):
    """How a choice is given."""

    left: KeyNames = ("left", "1", "num_1")
    """keys for the left image; num_ is the number pad"""
    middle: KeyNames = ("down", "2", "num_2")
    """keys for the middle image"""
    right: KeyNames = ("right", "3", "num_3")
    """keys for the right image"""
    mouse: bool = True
    """whether a click on an image is an answer"""


class AnchoredAnswers(PlaceKeys):
    """How a choice is given."""

    left: KeyNames = ("left", "1", "num_1")
    """keys for the left candidate; num_ is the number pad"""
    right: KeyNames = ("right", "2", "num_2")
    """keys for the right candidate"""
    mouse: bool = True
    """whether a click on a candidate is an answer"""


class ManyAnswers(PlaceKeys):
    """How a choice is given."""

    image_keys: tuple[KeyNames, ...] = Field(
        default=tuple((place, f"num_{place}") for place in _NUMBERS),
        min_length=MOST_SHOWN,
        max_length=MOST_SHOWN,
    )
    """keys of images 1 to 6, in reading order; num_ is the number pad; a key beyond the images of a
    trial means nothing in it"""
    mouse: bool = True
    """whether a click on an image is an answer"""

    def keys(self, place: str) -> tuple[str, ...]:
        """Keys for the image at a place."""
        return self.image_keys[int(place) - 1]

    @property
    def places(self) -> tuple[str, ...]:
        return _NUMBERS


class Practice(Strict):
    """The practice trials."""

    feedback: bool = True
    """whether practice trials that have a right answer report whether it was given, and show which
    it is"""
    feedback_s: NonNegativeFloat = 2.5
    """how long that stays, in seconds"""


class ChoiceTexts(PageTexts):
    """What the participant reads; UTF-8, any language."""

    prompt: str = Field(description="above the images")
    labels: tuple[str, ...] = Field(
        description="shown below the images that can be chosen: their keys, from left to right or "
        "in reading order"
    )
    time_out: str = Field(description="page after a trial that timed out")
    right: str = Field(description="after a right answer in practice")
    wrong: str = Field(description="after another answer in practice")


class Choosing(Protocol):
    """What the protocols of all tasks of choices have in common."""

    plays_sounds: ClassVar[bool] = True

    if TYPE_CHECKING:
        texts: ChoiceTexts

    timing: Timing = Timing()
    answers: PlaceKeys
    """How a choice is given."""
    practice: Practice = Practice()
    scanner: Scanner = Scanner()

    @model_validator(mode="after")
    def _each_place_has_a_label(self) -> Self:
        expected, found = len(self.answers.places), len(self.texts.labels)
        if found != expected:
            raise ValueError(f"texts.labels: expected {expected}, one an image, found {found}")
        return self

    @model_validator(mode="after")
    def _trigger_is_awaited(self) -> Self:
        if self.scanner.start == "none":
            return self
        key = self.scanner.key
        if self.answers.position(key) is not None or key in {*GO_ON, "escape"}:
            raise ValueError(f"scanner.key {key!r} has another meaning in this task")
        if not self.texts.scanner:
            raise ValueError("scanner.start needs texts.scanner: the page while it waits")
        return self

    def labels_at(self, places: Sequence[str]) -> tuple[str, ...]:
        """Labels of the images at places of the screen; empty for one that is no answer."""
        labels = dict(zip(self.answers.places, self.texts.labels, strict=True))
        return tuple(labels.get(place, "") for place in places)


class OddOneOut(Choosing, ImagesProtocol):  # the bases in this order put images first
    """Protocol of one odd-one-out session."""

    task: Literal["odd-one-out"] = task_field("odd-one-out")
    answers: Answers = Answers()
    texts: ChoiceTexts = texts_field(ChoiceTexts, "odd-one-out")


class AnchoredImages(Images):
    """The three images; give their size in exactly one way."""

    layout: Literal["row", "triangle"] = "triangle"
    """triangle: the reference above the candidates; row: between them; the shipped texts then speak
    of the image in the middle, your own must do so too"""


class AnchoredChoice(Choosing, ImagesProtocol):
    """Protocol of one anchored-choice session."""

    middle_above: ClassVar[bool] = True

    task: Literal["anchored-choice"] = task_field("anchored-choice")
    images: AnchoredImages = AnchoredImages()
    answers: AnchoredAnswers = AnchoredAnswers()
    texts: ChoiceTexts = texts_field(ChoiceTexts, "anchored-choice")

    @classmethod
    def shipped(cls, values: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Texts of the task in a language; in a row they speak of the image in the middle."""
        texts = super().shipped(values, language)
        images = values.get("images", {})
        layout = images.get("layout") if isinstance(images, Mapping) else images.layout
        row = texts and layout == "row"
        return texts | preset_texts("anchored_choice_row", language) if row else texts


class ManyProtocol(Choosing, GridProtocol):
    """Protocol of one session of choices among three to six images."""

    timing: ManyTiming = ManyTiming()
    answers: ManyAnswers = ManyAnswers()


class OddOneOfMany(ManyProtocol):
    """Protocol of one odd-one-of-many session."""

    task: Literal["odd-one-of-many"] = task_field("odd-one-of-many")
    texts: ChoiceTexts = texts_field(ChoiceTexts, "odd-one-of-many")


class MostAlikePair(ManyProtocol):
    """Protocol of one most-alike-pair session."""

    task: Literal["most-alike-pair"] = task_field("most-alike-pair")
    texts: ChoiceTexts = texts_field(ChoiceTexts, "most-alike-pair")


def answer_keys(protocol: Choosing) -> frozenset[str]:
    """Keys that answer; they turn pages as well."""
    answers = protocol.answers
    return frozenset(key for place in answers.places for key in answers.keys(place))
