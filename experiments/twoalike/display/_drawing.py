"""From scenes to pixels."""

import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from twoalike.design import POSITIONS
from twoalike.tasks import Fixation, Layout, OddOneOut, Page, Row, Scene

_MOST_IMAGES = 300
"""Images kept ready on the graphics card; the one not used for longest goes first."""
_FONT = {"win32": "Segoe UI", "darwin": "Helvetica Neue"}.get(sys.platform, "DejaVu Sans")


def fit_image(path: Path, side: int, background: str) -> Image.Image:
    """Image scaled into a square of ``side`` pixels, transparency laid on the background.

    Width and height come out even, so that image and screen pixels coincide.
    """
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened).convert("RGBA")
    scale = side / max(image.size)
    width, height = (max(2, round(length * scale / 2) * 2) for length in image.size)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", image.size, background)
    return Image.alpha_composite(ground, image).convert("RGB")


class Painter:
    """Draws scenes into the back buffer of a PsychoPy window.

    Parameters
    ----------
    window
        The PsychoPy window, in pixels.
    protocol, layout
        Colours, texts and geometry.
    find_image
        Image file of an object.
    """

    def __init__(
        self,
        window: Any,
        protocol: OddOneOut,
        layout: Layout,
        find_image: Callable[[str], Path],
    ) -> None:
        from psychopy import visual

        self._visual, self._window = visual, window
        self._screen, self._layout = protocol.screen, layout
        self._find_image = find_image
        self._images: OrderedDict[str, Any] = OrderedDict()
        self._texts: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._bar = visual.Rect(window, units="pix", lineWidth=0, anchor="left")
        arm = layout.text
        self._cross = [
            visual.Line(
                window, start, end, units="pix", lineWidth=3, lineColor=self._screen.foreground
            )
            for start, end in (((-arm, 0), (arm, 0)), ((0, -arm), (0, arm)))
        ]

    def preload(self, names: tuple[str, ...]) -> None:
        """Get the first images ready, so that no trial waits for them; a bar shows the progress."""
        names = names[:_MOST_IMAGES]
        for number, name in enumerate(names):
            self._image(name)
            if number % 20 == 0:
                self._draw_bar(number / len(names), 0)
                self._window.flip()

    def draw(self, scene: Scene, now: float) -> None:
        """Draw ``scene`` as it looks at time ``now``."""
        match scene:
            case Fixation():
                for line in self._cross:
                    line.draw()
            case Row():
                self._draw_row(scene, now)
            case Page():
                self._draw_page(scene)

    def _draw_row(self, row: Row, now: float) -> None:
        layout = self._layout
        edge = layout.image / 2
        for place, name, label in zip(POSITIONS, row.images, row.labels, strict=True):
            x, y = layout.centre(place)
            if name is not None:
                stimulus = self._image(name)
                stimulus.pos = (x, y)
                stimulus.draw()
            if label:
                self._text(label, (x, y - edge - 1.6 * layout.text)).draw()
        if row.prompt:
            self._text(row.prompt, (0, edge + 2.2 * layout.text), scale=1.3).draw()
        if row.until is not None:
            end, length = row.until
            share = min(1.0, max(0.0, (end - now) / length))
            self._draw_bar(share, -edge - 4 * layout.text)

    def _draw_page(self, page: Page) -> None:
        layout = self._layout
        bottom = -layout.size[1] / 2
        self._text(page.text, (0, 2 * layout.text), scale=1.2).draw()
        if page.progress is not None:
            done, total = page.progress
            self._draw_bar(done / total, bottom + 8 * layout.text)
        if page.caption:
            self._text(page.caption, (0, bottom + 6.2 * layout.text)).draw()
        if page.footer:
            self._text(page.footer, (0, bottom + 3 * layout.text)).draw()

    def _draw_bar(self, share: float, y: float) -> None:
        width, height = 0.5 * self._layout.size[0], 0.4 * self._layout.text
        for part, colour in ((1.0, _between(self._screen)), (share, self._screen.accent)):
            if part > 0:
                self._bar.size = (part * width, height)
                self._bar.pos = (-width / 2, y)
                self._bar.fillColor = colour
                self._bar.draw()

    def _image(self, name: str) -> Any:
        if name not in self._images:
            image = fit_image(self._find_image(name), self._layout.image, self._screen.background)
            self._images[name] = self._visual.ImageStim(
                self._window, image, size=image.size, units="pix", interpolate=False
            )
            if len(self._images) > _MOST_IMAGES:
                _, oldest = self._images.popitem(last=False)
                oldest.clearTextures()
        self._images.move_to_end(name)
        return self._images[name]

    def _text(self, text: str, position: tuple[float, float], scale: float = 1.0) -> Any:
        key = (text, position, scale)
        if key not in self._texts:
            self._texts[key] = self._visual.TextStim(
                self._window,
                text,
                pos=position,
                height=round(scale * self._layout.text),
                font=_FONT,
                color=self._screen.foreground,
                units="pix",
                wrapWidth=0.8 * self._layout.size[0],
            )
            if len(self._texts) > 50:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return self._texts[key]


def _between(screen: Any) -> str:
    """Colour of the empty part of a bar: a quarter of the way from background to foreground."""
    ground, front = (
        [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        for colour in (screen.background, screen.foreground)
    )
    mixed = [round(0.75 * a + 0.25 * b) for a, b in zip(ground, front, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)
