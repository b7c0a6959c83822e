"""From scenes to pixels."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from twoalike.design import POSITIONS
from twoalike.display._arena import ArenaPainter
from twoalike.display._lettering import letter
from twoalike.tasks import (
    Arena,
    Ask,
    Fixation,
    Frame,
    Layout,
    MultiArrangement,
    OddOneOut,
    Page,
    Protocol,
    Row,
    Scene,
    Timer,
    View,
    lay_out,
)

_MOST_IMAGES = 400
"""Images kept ready on the graphics card; the one not used for longest goes first."""
_MOST_TEXTS = 80


def fit_image(path: Path, side: int) -> Image.Image:
    """Image scaled into a square of ``side`` pixels; what is transparent stays so.

    Width and height come out even, so that image and screen pixels coincide.
    """
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGBA")
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    opaque = image.getchannel("A").getextrema() == (255, 255)
    return image.convert("RGB") if opaque else image


def between(first: str, second: str, share: float) -> str:
    """Colour ``share`` of the way from the first to the second.

    Examples
    --------
    >>> between("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = ((int(first[at : at + 2], 16), int(second[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round((1 - share) * a + share * b):02x}" for a, b in pairs)


class Canvas:
    """What all scenes are drawn with: texts, images, bars and boxes in a PsychoPy window.

    Parameters
    ----------
    window
        The PsychoPy window, in pixels.
    protocol
        Colours.
    find_image
        Image file of an object.
    """

    def __init__(
        self, window: Any, protocol: Protocol, frame: Frame, find_image: Callable[[str], Path]
    ) -> None:
        from psychopy import visual

        self.visual, self.window = visual, window
        self.screen, self.frame = protocol.screen, frame
        self._find_image = find_image
        self._images: OrderedDict[tuple[str, int], Any] = OrderedDict()
        self._texts: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._rect = visual.Rect(window, units="pix", lineWidth=2)

    @property
    def faint(self) -> str:
        """Colour of what is there but says little."""
        return between(self.screen.background, self.screen.foreground, 0.25)

    def text(
        self,
        text: str,
        x: float,
        y: float,
        *,
        scale: float = 1.0,
        colour: str | None = None,
        width: float | None = None,
    ) -> None:
        """Draw a text around a point; ``scale`` times the usual height, lines up to ``width``."""
        if text:
            stimulus = self._lettered(text, scale, colour or self.screen.foreground, width)
            # On half pixels the letters would blur.
            stimulus.pos = (round(x), round(y))
            stimulus.draw()

    def _lettered(self, text: str, scale: float, colour: str, width: float | None) -> Any:
        most = 0.84 * self.frame.size[0] if width is None else width
        key = (text, scale, colour, most)
        if key not in self._texts:
            image = letter(text, round(scale * self.frame.text), colour, most)
            self._texts[key] = self._image_stimulus(image)
            _drop_oldest(self._texts, _MOST_TEXTS)
        self._texts.move_to_end(key)
        return self._texts[key]

    def text_height(self, text: str, scale: float = 1.0) -> float:
        """Height of a text in pixels."""
        return float(self._lettered(text, scale, self.screen.foreground, None).size[1])

    def image(
        self,
        name: str,
        side: int,
        x: float,
        y: float,
        *,
        shown: float | None = None,
    ) -> tuple[float, float]:
        """Draw an object's image in a square of ``side`` pixels around a point.

        Parameters
        ----------
        shown
            Side it is drawn at, if it is not ``side``.

        Returns
        -------
        Width and height as drawn.
        """
        stimulus = self.load(name, side)
        scale = 1.0 if shown is None else shown / side
        width, height = (length * scale for length in stimulus.full_size)
        stimulus.pos, stimulus.size = (x, y), (width, height)
        stimulus.draw()
        return width, height

    def load(self, name: str, side: int) -> Any:
        """Get an image ready."""
        key = (name, side)
        if key not in self._images:
            image = fit_image(self._find_image(name), side)
            self._images[key] = self._image_stimulus(image)
            _drop_oldest(self._images, _MOST_IMAGES)
        self._images.move_to_end(key)
        return self._images[key]

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
        """Draw the time left as a bar, from the moment on that it is to be shown."""
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


class Painter:
    """Draws scenes into the back buffer of a window.

    Parameters
    ----------
    canvas
        What to draw with.
    protocol, view
        Where things are.
    """

    def __init__(self, canvas: Canvas, protocol: Protocol, view: View) -> None:
        self._canvas = canvas
        self._layout: Layout | None = None
        self._arena: ArenaPainter | None = None
        if isinstance(protocol, OddOneOut):
            self._layout = lay_out(protocol, view)
        elif isinstance(protocol, MultiArrangement):
            self._arena = ArenaPainter(canvas, protocol)
        arm = canvas.frame.text
        self._cross = [
            canvas.visual.Line(
                canvas.window,
                start,
                end,
                units="pix",
                lineWidth=3,
                lineColor=canvas.screen.foreground,
            )
            for start, end in (((-arm, 0), (arm, 0)), ((0, -arm), (0, arm)))
        ]

    def preload(self, names: Sequence[str], side: int) -> None:
        """Get the first images ready, so that no trial waits for them; a bar shows the progress."""
        names = names[:_MOST_IMAGES]
        for number, name in enumerate(names):
            self._canvas.load(name, side)
            if number % 20 == 0:
                self._canvas.bar(number / len(names), 0)
                self._canvas.window.flip()

    def draw(self, scene: Scene, now: float) -> None:
        """Draw ``scene`` as it looks at time ``now``."""
        match scene:
            case Fixation():
                for line in self._cross:
                    line.draw()
            case Row():
                assert self._layout is not None
                self._draw_row(scene, self._layout, now)
            case Page():
                self._draw_page(scene)
            case Ask():
                self._draw_question(scene)
            case Arena():
                assert self._arena is not None
                self._arena.draw(scene, now)

    def _draw_row(self, row: Row, layout: Layout, now: float) -> None:
        canvas = self._canvas
        for place, name, label in zip(POSITIONS, row.images, row.labels, strict=True):
            if name is not None:
                canvas.image(name, layout.image, *layout.centre(place))
            canvas.text(label, *layout.label(place))
        canvas.text(row.verdict or row.prompt, 0, layout.prompt_y, scale=1.3)
        canvas.timer(row.until, now, layout.timer_y)

    def _draw_page(self, page: Page) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        bottom = -canvas.frame.size[1] / 2
        if page.images:
            side = round(canvas.frame.size[0] / (len(page.images) + 2) / 2) * 2
            side = min(side, round(canvas.frame.size[1] * 0.28 / 2) * 2)
            y = bottom + 5 * text + side / 2
            canvas.text(page.text, 0, (canvas.frame.size[1] / 2 + y + side / 2) / 2, scale=1.3)
            for number, name in enumerate(page.images):
                x = (number - (len(page.images) - 1) / 2) * (side + text)
                canvas.image(name, side, x, y)
        else:
            canvas.text(page.text, 0, 2 * text, scale=1.3)
        if page.progress is not None:
            done, total = page.progress
            canvas.bar(done / total, bottom + 8 * text)
        canvas.text(page.caption, 0, bottom + 6.2 * text)
        canvas.text(page.footer, 0, bottom + 3 * text)

    def _draw_question(self, ask: Ask) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        top, bottom = canvas.frame.size[1] / 2, -canvas.frame.size[1] / 2
        boxes = canvas.frame.option_boxes(len(ask.options))
        if ask.options:
            above = boxes[0].y + boxes[0].height / 2
            canvas.text(ask.text, 0, (top + above) / 2, scale=1.1)
        else:
            canvas.text(ask.text, 0, 4 * text, scale=1.3)
        for number, (box, option) in enumerate(zip(boxes, ask.options, strict=True), start=1):
            canvas.box(box.x, box.y, box.width, box.height, fill="#ffffff", line=canvas.faint)
            canvas.text(f"{number}   {option}", box.x, box.y, width=0.96 * box.width)
        if ask.entry is not None:
            box = canvas.frame.entry_box
            canvas.box(
                box.x, box.y, box.width, box.height, fill="#ffffff", line=canvas.screen.accent
            )
            # Of a long answer the end is what is being typed.
            canvas.text(f"{ask.entry[-60:]}|", box.x, box.y, width=2 * box.width)
        canvas.text(ask.remark, 0, -5 * text, colour=canvas.screen.accent)
        canvas.text(ask.footer, 0, bottom + 3 * text)
