"""From scenes to pixels."""

import math
from collections.abc import Sequence

from twoalike.design import POSITIONS
from twoalike.display._arena import ArenaPainter
from twoalike.display._canvas import MOST_IMAGES, Canvas
from twoalike.tasks import (
    Arena,
    Ask,
    Countdown,
    Fixation,
    Layout,
    MultiArrangement,
    OddOneOut,
    Page,
    Protocol,
    Row,
    Scene,
    View,
    lay_out,
)


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
        names = names[:MOST_IMAGES]
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
            case Countdown():
                self._draw_countdown(scene, now)
            case Ask():
                self._draw_question(scene)
            case Arena():
                assert self._arena is not None
                self._arena.draw(scene, now)

    def _draw_row(self, row: Row, layout: Layout, now: float) -> None:
        canvas = self._canvas
        for place, name, label in zip(POSITIONS, row.images, row.labels, strict=True):
            if name is not None:
                if name == row.marked:
                    self._draw_frame(name, layout, place)
                canvas.image(name, layout.image, *layout.centre(place))
            canvas.text(label, *layout.label(place))
        canvas.text(row.verdict or row.prompt, 0, layout.prompt_y, scale=1.3)
        canvas.timer(row.until, now, layout.timer_y)

    def _draw_frame(self, name: str, layout: Layout, place: str) -> None:
        """Draw what shows around an image: corners of thick lines would be open."""
        canvas, thick = self._canvas, max(4, self._canvas.frame.text // 4)
        wide, high = canvas.load(name, layout.image).full_size
        for margin, fill in ((2 * thick, canvas.screen.accent), (thick, canvas.screen.background)):
            width, height = wide + 2 * margin, high + 2 * margin
            canvas.box(*layout.centre(place), width, height, fill=fill)

    def _draw_countdown(self, countdown: Countdown, now: float) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        canvas.text(countdown.text, 0, 4 * text, scale=1.3)
        if countdown.end is not None:
            canvas.text(str(max(1, math.ceil(countdown.end - now))), 0, 0, scale=3)

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
