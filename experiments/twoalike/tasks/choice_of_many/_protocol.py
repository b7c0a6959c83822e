"""Protocols of odd-one-of-many and most-alike-pair, which differ in their texts alone."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from twoalike.study import TwoalikeError
from twoalike.tables import MOST_SHOWN
from twoalike.tasks._protocol import KeyNames, shipped_texts
from twoalike.tasks.odd_one_out import ChoiceTexts, Choosing, PlaceKeys, Timing, choice_text_faults
from twoalike.tasks.screens import GridProtocol, View, lay_out_grid

_FEWEST = 3
_PLACES = tuple(str(number) for number in range(1, MOST_SHOWN + 1))


class ManyTiming(Timing):
    """How long things last: in seconds, those that are counted in frames in milliseconds."""

    most_images: ClassVar[int] = MOST_SHOWN
    """Images of a trial, at most."""

    flag_slow_s: float = Field(
        default=20.0, gt=0, description="choices slower than this are flagged, never deleted"
    )


class Answers(PlaceKeys):
    """Keys of the images."""

    image_keys: tuple[KeyNames, ...] = Field(
        default=tuple((place, f"num_{place}") for place in _PLACES),
        min_length=MOST_SHOWN,
        max_length=MOST_SHOWN,
        description="keys of images 1 to 6, in reading order; num_ is the number pad; a key beyond "
        "the images of a trial means nothing in it",
    )
    mouse: bool = Field(default=True, description="whether a click on an image is an answer")

    def keys(self, place: str) -> tuple[str, ...]:
        """Keys for the image at a place."""
        return self.image_keys[int(place) - 1]

    @property
    def places(self) -> tuple[str, ...]:
        """Places of the images, in reading order."""
        return _PLACES


class Texts(ChoiceTexts):
    """What the participant reads; UTF-8, any language."""

    labels: tuple[str, ...] = Field(
        min_length=MOST_SHOWN,
        max_length=MOST_SHOWN,
        description="shown below images 1 to 6, in reading order: their keys",
    )


class ManyProtocol(Choosing, GridProtocol):  # the bases in this order put images first
    """Protocol of one session of choices among three to six images."""

    timing: ManyTiming = Field(
        default=ManyTiming(),
        description="How long things last: in seconds, or in milliseconds where the key says so.",
    )
    answers: Answers = Field(default=Answers(), description="How a choice is given.")


class OddOneOfMany(ManyProtocol):
    """Protocol of one odd-one-of-many session."""

    task: Literal["odd-one-of-many"] = Field(
        default="odd-one-of-many", description="the task that this protocol is for"
    )
    texts: Texts = Field(
        default_factory=lambda: Texts(**shipped_texts("odd-one-of-many", "en")),
        description="What the participant reads: UTF-8, any language.",
    )


class MostAlikePair(ManyProtocol):
    """Protocol of one most-alike-pair session."""

    task: Literal["most-alike-pair"] = Field(
        default="most-alike-pair", description="the task that this protocol is for"
    )
    texts: Texts = Field(
        default_factory=lambda: Texts(**shipped_texts("most-alike-pair", "en")),
        description="What the participant reads: UTF-8, any language.",
    )


def many_text_faults(protocol: ManyProtocol, view: View) -> Iterator[tuple[str, str]]:
    """Yield the key of each text of a trial that does not fit a window, with the reason.

    Texts are measured beside the most images that fit: how many a trial shows is no setting of the
    protocol. A session whose own images do not fit is refused when its window opens.
    """
    for n in range(MOST_SHOWN, _FEWEST - 1, -1):
        try:
            layout = lay_out_grid(protocol, view, n)
        except TwoalikeError as error:
            if n == _FEWEST and view.profile.measured:
                yield "", str(error)
            continue
        yield from choice_text_faults(protocol, layout)
        return
