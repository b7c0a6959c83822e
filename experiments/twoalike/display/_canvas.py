"""What scenes are drawn with: texts, images, masks, bars and boxes in a PsychoPy window."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from twoalike.stimuli import StimulusSet, read_picture, scaled, scrambled_mask
from twoalike.tasks import (
    Box,
    Frame,
    Protocol,
    Source,
    Timer,
    between,
    readable_on,
)
from twoalike.tasks.lettering import Line, draw_label, draw_text
from twoalike.tasks.screens import widest


@dataclass(frozen=True)
class Masks:
    """Where masks come from."""

    given: Mapping[str, Path] = field(default_factory=dict)
    """Pictures by name."""
    seed: int = 0
    """Of the study."""


MOST_IMAGES = 400
"""Images kept ready on the graphics card; the one not used for longest goes first."""
_MOST_TEXTS = 80


class Canvas:
    """What all scenes are drawn with: texts, images, bars and boxes in a PsychoPy window."""

    def __init__(
        self,
        window: Any,
        protocol: Protocol,
        frame: Frame,
        stimuli: StimulusSet,
        masks: Masks | None = None,
    ) -> None:
        from psychopy import visual

        self.visual, self.window = visual, window
        self.screen, self.frame = protocol.screen, frame
        self._stimuli, self._masks = stimuli, masks or Masks()
        self._images: dict[Source, OrderedDict[tuple[str, int], Any]] = {}
        self._kept: dict[str, Image.Image] = {}
        self._texts: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._rect = visual.Rect(window, units="pix", lineWidth=2)

    @property
    def faint(self) -> str:
        """Colour of secondary things, such as the empty part of a bar."""
        return between(self.screen.background, self.screen.foreground, 0.25)

    @property
    def thick(self) -> int:
        """Thickness of the rims of boxes in pixels; it grows with the letters."""
        return max(2, round(self.frame.text / 14))

    @property
    def rim(self) -> str:
        """Colour of the rims of boxes."""
        return between(self.screen.background, self.screen.foreground, 0.5)

    def label(
        self,
        text: str,
        x: float,
        y: float,
        *,
        scale: float = 1.0,
        colour: str | None = None,
        width: float | None = None,
    ) -> None:
        """Draw a label around a point; ``scale`` times the usual height, lines up to ``width``."""
        if text:
            most = widest(self.frame) if width is None else width
            height = round(scale * self.frame.text)
            ink = colour or self.screen.foreground
            stimulus = self._lettered(
                (text, height, ink, most), lambda: draw_label(text, height, ink, most)
            )
            # On half pixels the letters would blur.
            stimulus.pos = (round(x), round(y))
            stimulus.draw()

    def text(self, lines: Sequence[Line], edge: float, top: float, *, rtl: bool) -> None:
        """Draw lines that were set, from the edge of reading and the top on."""
        if lines:
            ink = self.screen.foreground
            stimulus = self._lettered(
                (tuple(lines), ink, rtl), lambda: draw_text(lines, ink, rtl=rtl)
            )
            wide, high = stimulus.full_size
            middle = edge - wide / 2 if rtl else edge + wide / 2
            stimulus.pos = (round(middle), round(top - high / 2))
            stimulus.draw()

    def _lettered(self, key: tuple[object, ...], make: Callable[[], Image.Image]) -> Any:
        if key not in self._texts:
            self._texts[key] = self._image_stimulus(make())
            _drop_oldest(self._texts, _MOST_TEXTS)
        self._texts.move_to_end(key)
        return self._texts[key]

    def image(
        self,
        name: str,
        side: int,
        x: float,
        y: float,
        *,
        shown: float | None = None,
        source: Source = "objects",
    ) -> tuple[float, float]:
        """Draw an object's image, or a mask, in a square of ``side`` pixels around a point."""
        stimulus = self.load(name, side, source)
        scale = 1.0 if shown is None else shown / side
        width, height = (length * scale for length in stimulus.full_size)
        stimulus.pos, stimulus.size = (x, y), (width, height)
        stimulus.draw()
        return width, height

    def needs_number(self, name: str) -> bool:
        """Whether an object is a sound without a label, which looks like all others."""
        return self._stimuli.kind(name) == "sound" and not self._stimuli.text(name)

    def load(self, name: str, side: int, source: Source = "objects") -> Any:
        """Get an image or a mask ready."""
        key, ready = (name, side), self._images.setdefault(source, OrderedDict())
        if key not in ready:
            ready[key] = self._image_stimulus(self._made(name, side, source))
            _drop_oldest(ready, MOST_IMAGES)
        ready.move_to_end(key)
        return ready[key]

    def _made(self, name: str, side: int, source: Source) -> Image.Image:
        match source:
            case "objects":
                return self._picture(name, side)
            case "scrambled":
                return scrambled_mask(name, self._picture(name, side), self._masks.seed)
            case "masks":
                return scaled(read_picture(self._masks.given[name]), side)

    def keep(self, name: str, side: int) -> None:
        """Read an image that will be shown at several sizes, up to ``side``.

        A photograph takes a tenth of a second to read; a trial has twenty.
        """
        self._kept[name] = self._fitted(name, side)

    def _picture(self, name: str, side: int) -> Image.Image:
        kept = self._kept.get(name)
        if kept is not None and side <= max(kept.size):
            return scaled(kept, side)
        return self._fitted(name, side)

    def _fitted(self, name: str, side: int) -> Image.Image:
        """Picture scaled into a square: an image as networks see it, a word in our colours."""
        colours = {"ink": self.screen.foreground, "paper": self.screen.background}
        return scaled(self._stimuli.picture(name, **colours), side)

    def _image_stimulus(self, image: Image.Image) -> Any:
        stimulus = self.visual.ImageStim(
            self.window, image, size=image.size, units="pix", interpolate=True
        )
        stimulus.full_size = image.size
        return stimulus

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        line: str | None = None,
        thick: int = 2,
    ) -> None:
        """Draw a rectangle around a point."""
        rect = self._rect
        rect.size, rect.pos = (width, height), (x, y)
        rect.fillColor, rect.lineColor = fill, line
        rect.lineWidth = thick if line else 0
        rect.draw()

    def fill(self, box: Box, fill: str, line: str | None = None, thick: float = 1) -> None:
        """Draw a box of a layout, its rim ``thick`` times as thick as others."""
        wide = round(thick * self.thick)
        self.box(box.x, box.y, box.width, box.height, fill=fill, line=line, thick=wide)

    def button(
        self, box: Box, text: str, fill: str, line: str | None = None, ink: str = "#ffffff"
    ) -> None:
        """Draw a box with a label, in ``ink`` where that is readable on it."""
        self.fill(box, fill, line)
        self.label(text, box.x, box.y, colour=readable_on(fill, ink), width=box.width)

    def timer(self, timer: Timer | None, now: float, y: float, width: float | None = None) -> None:
        """Draw the time left as a bar, once it is due to be shown."""
        if timer is not None and now >= timer.since:
            self.bar((timer.end - now) / timer.length, y, width)

    def bar(self, share: float, y: float, width: float | None = None) -> None:
        """Draw a bar that is full to ``share``."""
        wide = 0.5 * self.frame.size[0] if width is None else width
        height = 0.4 * self.frame.text
        full = min(1.0, max(0.0, share)) * wide
        self.box(0, y, wide, height, fill=self.faint)
        if full > 0:
            self.box((full - wide) / 2, y, full, height, fill=self.screen.accent)


def _drop_oldest(stimuli: OrderedDict[Any, Any], most: int) -> None:
    if len(stimuli) > most:
        _, oldest = stimuli.popitem(last=False)
        oldest.clearTextures()
