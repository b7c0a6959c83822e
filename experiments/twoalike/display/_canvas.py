"""What scenes are drawn with: texts, images, bars and boxes in a PsychoPy window."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from twoalike.display._masks import Masks
from twoalike.stimuli import read_picture
from twoalike.tasks import Frame, Protocol, Source, Timer, between, widest
from twoalike.tasks.lettering import Line, draw_label, draw_text

MOST_IMAGES = 400
"""Images kept ready on the graphics card; the one not used for longest goes first."""
_MOST_TEXTS = 80


def scaled(image: Image.Image, side: int) -> Image.Image:
    """Image scaled into a square of ``side`` pixels.

    Width and height come out even, so that image and screen pixels coincide.
    """
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def fit_image(path: Path, side: int) -> Image.Image:
    """Picture scaled into a square of ``side`` pixels, as networks see it."""
    return scaled(read_picture(path), side)


class Canvas:
    """What all scenes are drawn with: texts, images, bars and boxes in a PsychoPy window."""

    def __init__(
        self,
        window: Any,
        protocol: Protocol,
        frame: Frame,
        find_image: Callable[[str], Path],
        masks: Masks | None = None,
    ) -> None:
        from psychopy import visual

        self.visual, self.window = visual, window
        self.screen, self.frame = protocol.screen, frame
        self._find_image, self._masks = find_image, masks or Masks()
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
                return self._masks.scrambled(name, self._picture(name, side))
            case "masks":
                return fit_image(self._masks.given[name], side)

    def keep(self, name: str, side: int) -> None:
        """Read an image that will be shown at several sizes, up to ``side``.

        A photograph takes a tenth of a second to read; a trial has twenty.
        """
        self._kept[name] = fit_image(self._find_image(name), side)

    def _picture(self, name: str, side: int) -> Image.Image:
        kept = self._kept.get(name)
        if kept is not None and side <= max(kept.size):
            return scaled(kept, side)
        return fit_image(self._find_image(name), side)

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
