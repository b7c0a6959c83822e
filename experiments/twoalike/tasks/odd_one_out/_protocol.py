"""The protocol of an odd-one-out session: every knob, with its unit and its reason.

The file that a lab edits is rendered from these models (:mod:`twoalike.tasks._protocol_file`), so
that the two cannot differ.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from twoalike.study import Strict, TwoalikeError
from twoalike.tables import POSITIONS
from twoalike.tasks._activity import Page
from twoalike.tasks._presentation import PresentationTiming
from twoalike.tasks._protocol import KeyNames, PageTexts, Protocol, shipped_texts
from twoalike.tasks.screens import (
    GO_ON,
    Frame,
    GridLayout,
    ImagesProtocol,
    Layout,
    Room,
    Scanner,
    View,
    lay_out,
    room_faults,
    single_page_faults,
    widest,
)


class Timing(PresentationTiming):
    """How long things last: in seconds, those that are counted in frames in milliseconds."""

    most_images: ClassVar[int] = len(POSITIONS)
    """Images of a trial, at most."""

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
        if 0 < self.response_limit_s <= self.presentation_s(self.most_images):
            raise ValueError(
                "response_limit_s counts from the first image and must be longer than the "
                "presentation, or 0"
            )
        return self


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
        counts = Counter(["escape", *(key for place in self.places for key in self.keys(place))])
        if twice := [key for key, count in counts.items() if count > 1]:
            raise ValueError(f"key {twice[0]!r} has two meanings (escape stops the session)")
        if not (self.mouse or all(map(self.keys, self.places))):
            raise ValueError("without the mouse, each image needs a key")
        return self


class Answers(PlaceKeys):
    """Keys of the three images."""

    left: KeyNames = Field(
        default=("left", "1", "num_1"),
        description="keys for the left image; num_ is the number pad",
    )
    middle: KeyNames = Field(
        default=("down", "2", "num_2"), description="keys for the middle image"
    )
    right: KeyNames = Field(default=("right", "3", "num_3"), description="keys for the right image")
    mouse: bool = Field(default=True, description="whether a click on an image is an answer")


class Practice(Strict):
    """The practice trials."""

    feedback: bool = Field(
        default=True,
        description="whether practice trials that have a right answer report whether it was given, "
        "and show which it is",
    )
    feedback_s: float = Field(default=2.5, ge=0, description="how long that stays, in seconds")
    tones: bool = Field(
        default=False,
        description="whether a high tone tells of a right answer as well, and a low one of another",
    )


class ChoiceTexts(PageTexts):
    """What the participant reads in a task of choices; UTF-8, any language."""

    prompt: str = Field(description="above the three images")
    labels: tuple[str, ...] = Field(
        description="shown below the images that can be chosen: their keys, from left to right"
    )
    time_out: str = Field(description="page after a trial that timed out")
    right: str = Field(description="after a right answer in practice")
    wrong: str = Field(description="after another answer in practice")


class Texts(ChoiceTexts):
    """What the participant reads; UTF-8, any language."""

    labels: tuple[str, str, str] = Field(
        description="shown below the images: the keys of left, middle and right"
    )


class Choosing(Protocol):
    """What the protocols of all tasks of choices have in common."""

    plays_sounds: ClassVar[bool] = True

    if TYPE_CHECKING:
        texts: ChoiceTexts

    timing: Timing = Field(
        default=Timing(),
        description="How long things last: in seconds, or in milliseconds where the key says so.",
    )
    answers: PlaceKeys = Field(description="How a choice is given.")
    practice: Practice = Field(default=Practice(), description="The practice trials.")
    scanner: Scanner = Field(
        default=Scanner(), description="Start by a trigger, such as that of a scanner."
    )

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


class ChoiceProtocol(Choosing, ImagesProtocol):  # the bases in this order put images first
    """Protocol of one session of choices among three images, or two of them."""


class OddOneOut(ChoiceProtocol):
    """Protocol of one odd-one-out session."""

    task: Literal["odd-one-out"] = Field(
        default="odd-one-out", description="the task that this protocol is for"
    )
    answers: Answers = Field(default=Answers(), description="How a choice is given.")
    texts: Texts = Field(
        default_factory=lambda: Texts(**shipped_texts("odd-one-out", "en")),
        description="What the participant reads: UTF-8, any language.",
    )


def triplet_text_faults(protocol: ChoiceProtocol, view: View) -> Iterator[tuple[str, str]]:
    """Yield the key of each text of a trial that does not fit a window, with the reason.

    Images that do not fit have no key, and are passed over on a screen that was not measured: they
    may be meant for a larger one.
    """
    try:
        layout = lay_out(protocol, view)
    except TwoalikeError as error:
        if view.profile.measured:
            yield "", str(error)
        return
    yield from choice_text_faults(protocol, layout)


def choice_text_faults(
    protocol: Choosing, layout: Layout | GridLayout
) -> Iterator[tuple[str, str]]:
    """Yield the key of each text that does not fit beside the images, with the reason."""
    texts = protocol.texts
    pages = Frame(layout.size, layout.text)
    above = [
        ("prompt", texts.prompt),
        ("listen", texts.listen),
        ("right", texts.right),
        ("wrong", texts.wrong),
    ]
    rooms = [
        Room(f"texts.{key}", text, 1.3, widest(pages), layout.prompt_room) for key, text in above
    ]
    rooms += [
        Room("texts.labels", text, 1, layout.label_width(place), layout.label_room)
        for place, text in zip(layout.places, protocol.labels_at(layout.places), strict=True)
        if text
    ]
    yield from room_faults(rooms, pages)
    single = [("texts.time_out", Page(texts.time_out, texts.go_on))]
    if protocol.scanner.start != "none":
        single.append(("texts.scanner", Page(texts.scanner)))
    yield from single_page_faults(single, pages)
