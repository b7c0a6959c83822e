"""From scenes to pixels."""

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from twoalike.display._canvas import MOST_IMAGES, Canvas
from twoalike.stimuli.lettering import LINE, Letters, right_to_left
from twoalike.tasks import (
    Arena,
    Ask,
    Box,
    Countdown,
    Fixation,
    FreeSorting,
    ImageRow,
    ImagesProtocol,
    MultiArrangement,
    Page,
    PairRating,
    Pile,
    Piles,
    Placed,
    Protocol,
    PushButton,
    Rating,
    Scene,
    TextLayout,
    View,
    box_fill,
    lay_out,
    lay_out_page,
    lay_out_question,
)
from twoalike.tasks._protocol import Triggers
from twoalike.tasks._session import shows_images
from twoalike.tasks.free_sorting import NAME_LINES
from twoalike.tasks.lettering import label_size, tail
from twoalike.tasks.multi_arrangement import PlacedImages, PlacingProtocol, arena_lines
from twoalike.tasks.pair_rating import lay_out_rating
from twoalike.tasks.screens import (
    GridProtocol,
    Pad,
    caret_place,
    line_starts,
    option_labels,
    shown_lines,
)


class RatingPainter:
    """Draws pairs with their scale."""

    def __init__(self, canvas: Canvas, protocol: PairRating, view: View) -> None:
        self._canvas, self._protocol = canvas, protocol
        self._layout = lay_out_rating(protocol, view)
        self._words = self._layout.words(protocol)

    def draw(self, rating: Rating, now: float) -> None:
        """Draw ``rating`` as it looks at time ``now``."""
        canvas, layout = self._canvas, self._layout
        for name, centre in zip(rating.images, layout.centres, strict=True):
            wide, high = canvas.image(name, layout.image, *centre)
            if name in rating.marked:
                thick = 2 * canvas.thick
                size = (wide + 2 * thick, high + 2 * thick)
                canvas.box(*centre, *size, line=canvas.screen.accent, thick=thick)
        canvas.label(rating.prompt, 0, layout.prompt_y, scale=1.3)
        canvas.timer(rating.until, now, layout.timer_y)
        if layout.points:
            self._draw_points(rating)
        else:
            self._draw_slider(rating)
        for text, x, width in self._words:
            canvas.label(text, x, layout.words_y, width=width)
        if rating.button and layout.done is not None:
            set_yet = layout.points == () or rating.value is not None
            fill = canvas.screen.accent if set_yet else canvas.faint
            canvas.button(layout.done, rating.button, fill)

    def _draw_points(self, rating: Rating) -> None:
        canvas = self._canvas
        for number, box in enumerate(self._layout.points, start=1):
            chosen = rating.value == number
            fill = canvas.screen.accent if chosen else box_fill(canvas.screen)
            line = canvas.screen.accent if chosen else canvas.rim
            text = str(number) if self._protocol.scale.numbers else ""
            canvas.button(box, text, fill, line, canvas.screen.foreground)

    def _draw_slider(self, rating: Rating) -> None:
        canvas, layout = self._canvas, self._layout
        _draw_track(canvas, layout.track, layout.handle, rating.value, moved=rating.moved)
        if rating.value is not None and self._protocol.scale.show_number:
            number = str(round(100 * rating.value))
            canvas.label(number, 0, layout.words_y)


def _draw_track(
    canvas: Canvas, track: Box, size: tuple[float, float], value: float | None, *, moved: bool
) -> None:
    canvas.fill(track, canvas.rim)
    for side in (-1, 1):
        x = track.x + side * track.width / 2
        canvas.box(x, track.y, canvas.thick, 3 * track.height, fill=canvas.rim)
    if value is not None:
        x, line = track.x + (value - 0.5) * track.width, canvas.screen.accent
        fill = line if moved else box_fill(canvas.screen)
        canvas.box(x, track.y, *size, fill=fill, line=line, thick=canvas.thick)


_EDGES = 256
_RIM, _THIN_RIM = 3, 2
_BAR = 0.3
"""Share of the window's width that timer and progress take."""


class _PlacedPainter:
    """Draws images that are taken and put somewhere, and what is around them."""

    def __init__(self, canvas: Canvas, settings: PlacedImages) -> None:
        self._canvas, self._settings = canvas, settings
        self._fill = box_fill(canvas.screen) if settings.fill == "theme" else settings.fill

    def _draw_over(self, scene: Arena | Piles, now: float, prompt: str) -> None:
        canvas = self._canvas
        lines, bar = arena_lines(canvas.frame), _BAR * canvas.frame.size[0]
        for button in scene.buttons:
            self._draw_button(button)
        bare = [placed.stimulus for placed in scene.images if canvas.needs_number(placed.stimulus)]
        numbers = {name: n for n, name in enumerate(sorted(bare, key=_mixed), start=1)}
        for placed in scene.images:  # above the buttons: an image under one could not be taken
            self._draw_image(placed)
            if placed.stimulus in numbers:
                number, low = str(numbers[placed.stimulus]), placed.y - 0.36 * placed.size
                canvas.label(number, placed.x, low, scale=0.8)
        canvas.label(prompt, 0, lines.prompt)
        canvas.label(scene.counter, 0, lines.counter)
        canvas.timer(scene.until, now, lines.timer, bar)
        if scene.magnified is not None:
            self._draw_magnified(scene.magnified, round(scene.magnified_size))

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
            "playing": (self._canvas.screen.accent, 2 * _RIM),
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
        canvas.button(button, button.text, fill, line, ink)

    def _draw_magnified(self, name: str, side: int) -> None:
        canvas = self._canvas
        canvas.box(0, 0, side + 24, side + 24, fill=self._fill, line=canvas.faint)
        canvas.image(name, side, 0, 0)


def _mixed(name: str) -> bytes:
    """Order of numbers that tells nothing of the manifest's."""
    return hashlib.sha256(name.encode()).digest()


class ArenaPainter(_PlacedPainter):
    """Draws arenas."""

    def __init__(self, canvas: Canvas, protocol: MultiArrangement) -> None:
        super().__init__(canvas, protocol.arena)
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
        self._circle.pos, self._circle.radius = arena.centre, arena.radius
        self._circle.draw()
        if arena.progress is not None:
            bar = _BAR * canvas.frame.size[0]
            canvas.bar(arena.progress, arena_lines(canvas.frame).progress, bar)
        self._draw_over(arena, now, arena.prompt)


class PilesPainter(_PlacedPainter):
    """Draws piles and the images that are to be sorted into them."""

    def __init__(self, canvas: Canvas, protocol: FreeSorting) -> None:
        super().__init__(canvas, protocol.piles)
        self._line = protocol.piles.line

    def draw(self, piles: Piles, now: float) -> None:
        """Draw ``piles`` as they look at time ``now``."""
        canvas = self._canvas
        tray = piles.tray
        canvas.box(tray.x, tray.y, tray.width, tray.height, line=canvas.faint, thick=canvas.thick)
        for pile in piles.piles:
            self._draw_pile(pile)
        asks = piles.entry is not None
        self._draw_over(piles, now, "" if asks else piles.prompt)
        if piles.entry is not None:
            self._draw_entry(piles.prompt, piles.entry, tray)

    def _draw_pile(self, pile: Pile) -> None:
        canvas, target = self._canvas, pile.rim == "target"
        line = canvas.screen.accent if target else self._line
        canvas.fill(pile, self._fill, line, 2 if target else 1)
        if pile.name:
            text, room = canvas.frame.text, pile.width - canvas.frame.text
            shown = tail(pile.name, text, room)
            canvas.label(shown, pile.x, pile.y + pile.height / 2 - 0.8 * text, width=room)

    def _draw_entry(self, prompt: str, entry: str, tray: Box) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        room = tray.width - text
        canvas.label(prompt, tray.x, tray.y + NAME_LINES * text, width=room)
        fill, line = box_fill(canvas.screen), canvas.screen.accent
        canvas.box(tray.x, tray.y, room, 2.4 * text, fill=fill, line=line, thick=canvas.thick)
        canvas.label(tail(f"{entry}|", text, room - text), tray.x, tray.y, width=room)


def photodiode_patch(triggers: Triggers, size: tuple[int, int]) -> Box | None:
    """Place of the square that a photodiode is in front of, if any."""
    if triggers.photodiode == "none":
        return None
    side, corner = round(triggers.photodiode_size * min(size)), triggers.photodiode
    x, y = ((length - side) / 2 for length in size)
    return Box(x if "right" in corner else -x, y if "top" in corner else -y, side, side)


_ARROWS = ("\N{LEFTWARDS ARROW}", "\N{RIGHTWARDS ARROW}")


class Painter:
    """Draws scenes into the back buffer of a window."""

    def __init__(self, canvas: Canvas, protocol: Protocol, view: View) -> None:
        self._canvas = canvas
        self._scrambles = getattr(getattr(protocol, "timing", None), "mask", "none") == "scrambled"
        self._keeps = isinstance(protocol, PlacingProtocol)
        self._drawn: dict[type, Callable[[Any, float], None]] = {
            Fixation: self._draw_cross,
            Page: self._draw_page,
            Countdown: self._draw_countdown,
            Ask: self._draw_question,
        }
        match protocol:
            case ImagesProtocol() | GridProtocol():
                self._lay_out = cache(partial(lay_out, protocol, view))
                self._drawn[ImageRow] = self._draw_row
            case PairRating():
                self._drawn[Rating] = RatingPainter(canvas, protocol, view).draw
            case MultiArrangement():
                self._drawn[Arena] = ArenaPainter(canvas, protocol).draw
            case FreeSorting():
                self._drawn[Piles] = PilesPainter(canvas, protocol).draw
        self._patch = photodiode_patch(protocol.triggers, view.size)
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

        Where images are placed, ``side`` is that of the largest ones.
        """
        names = names[:MOST_IMAGES]
        for number, name in enumerate(names):
            if self._keeps:
                self._canvas.keep(name, side)
            else:
                self._canvas.load(name, side)
            if self._scrambles:
                self._canvas.load(name, side, "scrambled")
            if number % 20 == 0:
                self._canvas.bar(number / len(names), 0)
                self._canvas.window.flip()

    def draw(self, scene: Scene, now: float) -> None:
        """Draw ``scene`` as it looks at time ``now``."""
        self._drawn[type(scene)](scene, now)
        if self._patch is not None:
            self._canvas.fill(self._patch, "#ffffff" if shows_images(scene) else "#000000")

    def _draw_cross(self, cross: Fixation, now: float) -> None:
        """Draw a cross, once what follows it is ready, in the size that so many objects have."""
        if cross.ahead:
            layout = self._lay_out(sum(source == "objects" for source, _ in cross.ahead))
            for source, name in cross.ahead:
                self._canvas.load(name, layout.image, source)
        if cross.prompt is not None:
            self._draw_row(cross.prompt, now)
            self._canvas.window.clearBuffer()
        for line in self._cross:
            line.draw()

    def _draw_row(self, row: ImageRow, now: float) -> None:
        canvas, labels = self._canvas, row.labels or ("",) * len(row.images)
        layout = self._lay_out(len(row.images))
        places = zip(layout.centres, layout.labels, layout.label_widths, strict=True)
        for (centre, below, width), name, label in zip(places, row.images, labels, strict=True):
            if name is not None:
                if name in row.marked:
                    self._draw_frame(name, layout.image, centre)
                point = (0, 0) if row.centred else centre
                canvas.image(name, layout.image, *point, source=row.source)
            canvas.label(label, *below, width=width)
        canvas.label(row.verdict or row.prompt, 0, layout.prompt_y, scale=1.3)
        canvas.timer(row.until, now, layout.timer_y)

    def _draw_frame(self, name: str, side: int, centre: tuple[int, int]) -> None:
        """Draw a frame as two boxes behind an image: thick lines would leave the corners open."""
        canvas, thick = self._canvas, max(4, self._canvas.frame.text // 4)
        wide, high = canvas.load(name, side).full_size
        for margin, fill in ((2 * thick, canvas.screen.accent), (thick, canvas.screen.background)):
            width, height = wide + 2 * margin, high + 2 * margin
            canvas.box(*centre, width, height, fill=fill)

    def _draw_countdown(self, countdown: Countdown, now: float) -> None:
        canvas, text = self._canvas, self._canvas.frame.text
        canvas.label(countdown.text, 0, 4 * text, scale=1.3)
        left = countdown.length if countdown.end is None else countdown.end - now
        canvas.label(str(max(1, math.ceil(left))), 0, 0, scale=3)

    def _draw_page(self, page: Page, _: float) -> None:
        canvas = self._canvas
        layout = lay_out_page(page, canvas.frame)
        self._draw_part(layout, page.part)
        images = layout.below["images"]
        for number, name in enumerate(page.images):
            x = (number - (len(page.images) - 1) / 2) * (images.height + canvas.frame.text)
            canvas.image(name, round(images.height), x, images.y)
        if page.progress is not None:
            done, total = page.progress
            canvas.bar(done / total, layout.below["bar"].y)
        canvas.label(page.caption, 0, layout.below["caption"].y)
        canvas.label(page.footer, 0, layout.below["footer"].y)
        if layout.last:
            self._button(_ARROWS[not layout.rtl], layout.forward)

    def _draw_part(self, layout: TextLayout, part: int) -> None:
        canvas = self._canvas
        edge = layout.column / 2 if layout.rtl else -layout.column / 2
        canvas.text(layout.parts[part], edge, layout.tops[part], rtl=layout.rtl)
        if layout.last:
            canvas.label(f"{part + 1} / {layout.last + 1}", 0, layout.back.y)
        if part > 0:
            self._button(_ARROWS[layout.rtl], layout.back)

    def _button(self, text: str, box: Box) -> None:
        canvas, screen = self._canvas, self._canvas.screen
        canvas.button(box, text, box_fill(screen), canvas.rim, screen.foreground)

    def _draw_box(self, box: Box, line: str) -> None:
        self._canvas.fill(box, box_fill(self._canvas.screen), line)

    def _draw_question(self, ask: Ask, _: float) -> None:
        canvas = self._canvas
        layout = lay_out_question(ask, canvas.frame)
        below = layout.below
        self._draw_part(layout, ask.part)
        if ask.part < layout.last:
            canvas.label(ask.turn, 0, below["footer"].y)
            self._button(_ARROWS[not layout.rtl], layout.forward)
            return
        self._draw_options(option_labels(ask.options, ask.marked), layout)
        if ask.confirm:
            self._button(ask.confirm, below["confirm"])
        if layout.pad is not None:
            self._draw_writing(ask, below["entry"], layout.pad)
        elif ask.entry is not None:
            self._draw_entry(ask.entry, below["entry"])
        if ask.ends is not None:
            self._draw_slider(ask, layout)
        if ask.remark:
            canvas.label(ask.remark, 0, below["remark"].y)
        canvas.label(ask.footer, 0, below["footer"].y)

    def _draw_options(self, labels: Sequence[str], layout: TextLayout) -> None:
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

    def _draw_slider(self, ask: Ask, layout: TextLayout) -> None:
        canvas, text, side = self._canvas, self._canvas.frame.text, -1 if layout.rtl else 1
        (low, high), place, words = ask.limits, layout.below["slider"], layout.below["ends"]
        share = None if ask.value is None else (ask.value - low) / (high - low)
        share = 1 - share if share is not None and layout.rtl else share
        track = Box(place.x, place.y, place.width, 0.25 * text)
        _draw_track(canvas, track, (0.7 * text, 1.6 * text), share, moved=True)
        if ask.value is not None:
            canvas.label(str(ask.value), 0, layout.below["value"].y)
        for line, end in zip(ask.ends or (), (-side, side), strict=True):
            wide = label_size(line, text, place.width / 2)[0]
            x = place.x + end * (place.width - wide) / 2
            canvas.label(line, x, words.y, width=place.width / 2)

    def _draw_writing(self, ask: Ask, box: Box, pad: Pad) -> None:
        canvas, text = self._canvas, ask.entry or ""
        self._draw_box(box, canvas.screen.accent)
        step, rtl = LINE * pad.height, right_to_left(text)
        edge = (1 if rtl else -1) * pad.width / 2
        row, column = caret_place(text, ask.caret or 0, pad)
        first = box.y + (pad.lines - 1) * step / 2
        for number, line in enumerate(shown_lines(text, ask.top, pad)):
            y = first - number * step
            middle = label_size(line.rstrip(), pad.height, 2 * pad.width)[0] / 2
            canvas.label(line.rstrip(), edge + (-middle if rtl else middle), y, width=2 * pad.width)
            if ask.top + number == row:
                written = Letters(line, pad.height).width(line[:column])
                x = edge + (-written if rtl else written)
                canvas.box(round(x), y, 2, 1.1 * pad.height, fill=canvas.screen.foreground)
        n_lines = len(line_starts(text, pad))
        if n_lines > pad.lines:
            track = box.height - 4
            high, share = track * pad.lines / n_lines, ask.top / (n_lines - pad.lines)
            y = box.y + (track - high) * (0.5 - share)
            canvas.box(box.x + box.width / 2 - 6, y, 6, high, fill=canvas.rim)

    def _draw_entry(self, entry: str, box: Box) -> None:
        canvas = self._canvas
        self._draw_box(box, canvas.screen.accent)
        # Of a long answer the end is shown, where text is being typed.
        shown = tail(f"{entry}|", canvas.frame.text, box.width - canvas.frame.text)
        canvas.label(shown, box.x, box.y, width=box.width)
