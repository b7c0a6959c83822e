"""From scenes to pixels."""

import math
from collections.abc import Callable, Sequence

from twoalike.display._canvas import MOST_IMAGES, Canvas
from twoalike.tables import POSITIONS
from twoalike.tasks import (
    Arena,
    Ask,
    Box,
    Countdown,
    Fixation,
    ImageRow,
    ImagesProtocol,
    Layout,
    MultiArrangement,
    Page,
    Placed,
    Protocol,
    PushButton,
    Scene,
    TextLayout,
    View,
    box_fill,
    lay_out,
    lay_out_page,
    lay_out_question,
    option_labels,
    readable_on,
)
from twoalike.tasks.lettering import label_size, tail
from twoalike.tasks.multi_arrangement import arena_lines
from twoalike.tasks.odd_one_out import ChoiceProtocol

_EDGES = 256
_RIM, _THIN_RIM = 3, 2
_BAR = 0.3
"""Share of the window's width that timer and progress take."""


class ArenaPainter:
    """Draws arenas."""

    def __init__(self, canvas: Canvas, protocol: MultiArrangement) -> None:
        self._canvas, self._settings = canvas, protocol.arena
        own = protocol.arena.fill
        self._fill = box_fill(protocol.screen) if own == "theme" else own
        self._circle = canvas.visual.Circle(
            canvas.window,
            edges=_EDGES,
            units="pix",
            lineWidth=2,
            fillColor=self._fill,
            lineColor=protocol.arena.line,
        )

    def draw(self, arena: Arena, now: float) -> None:
        """Draw ``arena`` as it looks at time ``now``."""
        canvas = self._canvas
        lines, bar = arena_lines(canvas.frame), _BAR * canvas.frame.size[0]
        self._circle.pos, self._circle.radius = arena.centre, arena.radius
        self._circle.draw()
        for button in arena.buttons:
            self._draw_button(button)
        for placed in arena.images:  # above the buttons: an image under one could not be taken
            self._draw_image(placed)
        canvas.label(arena.prompt, 0, lines.prompt)
        canvas.label(arena.counter, 0, lines.counter)
        canvas.timer(arena.until, now, lines.timer, bar)
        if arena.progress is not None:
            canvas.bar(arena.progress, lines.progress, bar)
        if arena.magnified is not None:
            self._draw_magnified(arena.magnified, round(arena.magnified_size))

    def _draw_image(self, placed: Placed) -> None:
        # One texture serves both sizes: made for the larger, which is the one looked at.
        side = round(placed.size * (1 if placed.rim == "held" else self._settings.held_scale))
        wide, high = self._canvas.image(
            placed.stimulus, side, placed.x, placed.y, shown=placed.size
        )
        colour, thick = {
            "inside": (self._settings.rim, _THIN_RIM),
            "outside": (self._settings.outside_rim, _RIM),
            "held": (self._settings.held_rim, _RIM),
        }[placed.rim]
        size = (wide + thick, high + thick)
        self._canvas.box(placed.x, placed.y, *size, line=colour, thick=thick)

    def _draw_button(self, button: PushButton) -> None:
        canvas, screen = self._canvas, self._canvas.screen
        fill, ink, line = canvas.faint, screen.foreground, None
        if button.enabled and button.name == "done":
            fill, ink = screen.accent, "#ffffff"
        elif button.enabled:  # outlined, so that only the button of every trial stands out
            fill, line = box_fill(screen), canvas.rim
        size = (button.width, button.height)
        canvas.box(button.x, button.y, *size, fill=fill, line=line, thick=canvas.thick)
        ink = readable_on(fill, ink)
        canvas.label(button.text, button.x, button.y, colour=ink, width=button.width)

    def _draw_magnified(self, name: str, side: int) -> None:
        canvas = self._canvas
        canvas.box(0, 0, side + 24, side + 24, fill=self._fill, line=canvas.faint)
        canvas.image(name, side, 0, 0)


_ARROWS = ("\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}")


class Painter:
    """Draws scenes into the back buffer of a window."""

    def __init__(self, canvas: Canvas, protocol: Protocol, view: View) -> None:
        self._canvas = canvas
        self._layout: Layout | None = None
        self._arena: ArenaPainter | None = None
        self._scrambles = (
            isinstance(protocol, ChoiceProtocol) and protocol.timing.mask == "scrambled"
        )
        if isinstance(protocol, ImagesProtocol):
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
        """Get the first images ready, so that no trial waits for them; a bar shows the progress.

        In arrangements ``side`` is that of the largest ones.
        """
        names = names[:MOST_IMAGES]
        prepare: Callable[[str, int], object] = self._load
        if self._arena is not None:
            prepare = self._canvas.keep
        for number, name in enumerate(names):
            prepare(name, side)
            if number % 20 == 0:
                self._canvas.bar(number / len(names), 0)
                self._canvas.window.flip()

    def _load(self, name: str, side: int) -> None:
        self._canvas.load(name, side)
        if self._scrambles:
            self._canvas.load(name, side, "scrambled")

    def draw(self, scene: Scene, now: float) -> None:
        """Draw ``scene`` as it looks at time ``now``."""
        match scene:
            case Fixation(ahead=ahead):
                for source, name in ahead:
                    assert self._layout is not None
                    self._canvas.load(name, self._layout.image, source)
                for line in self._cross:
                    line.draw()
            case ImageRow():
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

    def _draw_row(self, row: ImageRow, layout: Layout, now: float) -> None:
        canvas, labels = self._canvas, row.labels or ("",) * len(row.images)
        for place, name, label in zip(POSITIONS, row.images, labels, strict=True):
            if name is not None:
                if name == row.marked:
                    self._draw_frame(name, layout, place)
                point = (0, 0) if row.centred else layout.centre(place)
                canvas.image(name, layout.image, *point, source=row.source)
            canvas.label(label, *layout.label(place), width=layout.label_width(place))
        canvas.label(row.verdict or row.prompt, 0, layout.prompt_y, scale=1.3)
        canvas.timer(row.until, now, layout.timer_y)

    def _draw_frame(self, name: str, layout: Layout, place: str) -> None:
        """Draw a frame as two boxes behind an image: thick lines would leave the corners open."""
        canvas, thick = self._canvas, max(4, self._canvas.frame.text // 4)
        wide, high = canvas.load(name, layout.image).full_size
        for margin, fill in ((2 * thick, canvas.screen.accent), (thick, canvas.screen.background)):
            width, height = wide + 2 * margin, high + 2 * margin
            canvas.box(*layout.centre(place), width, height, fill=fill)

    def _draw_countdown(self, countdown: Countdown, now: float) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        canvas.label(countdown.text, 0, 4 * text, scale=1.3)
        left = countdown.length if countdown.end is None else countdown.end - now
        canvas.label(str(max(1, math.ceil(left))), 0, 0, scale=3)

    def _draw_page(self, page: Page) -> None:
        canvas = self._canvas
        layout = lay_out_page(page, canvas.frame)
        self._draw_part(layout, page.part)
        step = layout.image_side + canvas.frame.text
        for number, name in enumerate(page.images):
            x = (number - (len(page.images) - 1) / 2) * step
            canvas.image(name, layout.image_side, x, layout.images_y)
        if page.progress is not None:
            done, total = page.progress
            canvas.bar(done / total, layout.bar_y)
        canvas.label(page.caption, 0, layout.caption_y)
        canvas.label(page.footer, 0, layout.footer_y)
        if layout.last:
            self._button(_ARROWS[not layout.rtl], layout.forward)

    def _draw_part(self, layout: TextLayout, part: int) -> None:
        """Draw one page of a text; if there are several, also its number and the buttons."""
        canvas = self._canvas
        edge = layout.column / 2 if layout.rtl else -layout.column / 2
        canvas.text(layout.parts[part], edge, layout.tops[part], rtl=layout.rtl)
        if layout.last:
            canvas.label(f"{part + 1} / {layout.last + 1}", 0, layout.back.y)
        if part > 0:
            self._button(_ARROWS[layout.rtl], layout.back)

    def _button(self, text: str, box: Box) -> None:
        self._draw_box(box, self._canvas.rim)
        self._canvas.label(text, box.x, box.y, width=box.width - self._canvas.frame.text)

    def _draw_box(self, box: Box, line: str) -> None:
        fill, size = box_fill(self._canvas.screen), (box.width, box.height)
        self._canvas.box(box.x, box.y, *size, fill=fill, line=line, thick=self._canvas.thick)

    def _draw_question(self, ask: Ask) -> None:
        canvas = self._canvas
        layout = lay_out_question(ask, canvas.frame)
        self._draw_part(layout, ask.part)
        if ask.part < layout.last:
            canvas.label(ask.turn, 0, layout.footer_y)
            self._button(_ARROWS[not layout.rtl], layout.forward)
            return
        self._draw_options(option_labels(ask.options), layout)
        if ask.entry is not None and layout.entry is not None:
            self._draw_entry(ask.entry, layout.entry)
        canvas.label(ask.remark, 0, layout.remark_y)
        canvas.label(ask.footer, 0, layout.footer_y)

    def _draw_options(self, labels: Sequence[str], layout: TextLayout) -> None:
        """Draw the boxes of the options, with their numbers below one another."""
        canvas, text = self._canvas, self._canvas.frame.text
        widths = [
            label_size(label, text, box.width - text)[0]
            for label, box in zip(labels, layout.options, strict=True)
        ]
        for label, box, width in zip(labels, layout.options, widths, strict=True):
            self._draw_box(box, canvas.rim)
            indent = (max(widths) - width) / 2
            x = box.x + indent if layout.rtl else box.x - indent
            canvas.label(label, x, box.y, width=box.width - text)

    def _draw_entry(self, entry: str, box: Box) -> None:
        canvas = self._canvas
        self._draw_box(box, canvas.screen.accent)
        # Of a long answer the end is shown, where text is being typed.
        shown = tail(f"{entry}|", canvas.frame.text, box.width - canvas.frame.text)
        canvas.label(shown, box.x, box.y, width=box.width)
