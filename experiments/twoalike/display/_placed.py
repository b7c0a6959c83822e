"""Images in an arena and in piles, from scenes to pixels."""

import hashlib

from twoalike.display._canvas import Canvas
from twoalike.tasks import (
    Arena,
    FreeSorting,
    MultiArrangement,
    Pile,
    Piles,
    Placed,
    PushButton,
    box_fill,
    readable_on,
)
from twoalike.tasks.free_sorting import NAME_LINES
from twoalike.tasks.lettering import tail
from twoalike.tasks.multi_arrangement import PlacedImages, arena_lines

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
        """Draw all but the places where images are put."""
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
        size = (button.width, button.height)
        canvas.box(button.x, button.y, *size, fill=fill, line=line, thick=canvas.thick)
        ink = readable_on(fill, ink)
        canvas.label(button.text, button.x, button.y, colour=ink, width=button.width)

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
        thick = canvas.thick * (2 if target else 1)
        canvas.box(pile.x, pile.y, pile.width, pile.height, fill=self._fill, line=line, thick=thick)
        if pile.name:
            text, room = canvas.frame.text, pile.width - canvas.frame.text
            shown = tail(pile.name, text, room)
            canvas.label(shown, pile.x, pile.y + pile.height / 2 - 0.8 * text, width=room)

    def _draw_entry(self, prompt: str, entry: str, tray: Pile) -> None:
        """Ask for a name where images lay, which are all in piles by then."""
        canvas, text = self._canvas, self._canvas.frame.text
        room = tray.width - text
        canvas.label(prompt, tray.x, tray.y + NAME_LINES * text, width=room)
        fill, line = box_fill(canvas.screen), canvas.screen.accent
        canvas.box(tray.x, tray.y, room, 2.4 * text, fill=fill, line=line, thick=canvas.thick)
        canvas.label(tail(f"{entry}|", text, room - text), tray.x, tray.y, width=room)
