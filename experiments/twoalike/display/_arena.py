"""The arena and what lies on it, in pixels."""

from twoalike.display._canvas import Canvas
from twoalike.tasks import (
    Arena,
    MultiArrangement,
    Placed,
    PushButton,
    arena_lines,
    box_fill,
    readable_on,
)

_EDGES = 256
_RIM, _THIN_RIM = 3, 2
_BAR = 0.3
"""Share of the window's width that timer and progress take."""


class ArenaPainter:
    """Draws arenas.

    Parameters
    ----------
    canvas
        What to draw with.
    protocol
        Colours and sizes.
    """

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
        elif button.enabled:  # outlined: what is to be pressed in every trial stands out alone
            fill, line = box_fill(screen), canvas.rim
        size = (button.width, button.height)
        canvas.box(button.x, button.y, *size, fill=fill, line=line, thick=canvas.thick)
        ink = readable_on(fill, ink)
        canvas.label(button.text, button.x, button.y, colour=ink, width=button.width)

    def _draw_magnified(self, name: str, side: int) -> None:
        canvas = self._canvas
        canvas.box(0, 0, side + 24, side + 24, fill=self._fill, line=canvas.faint)
        canvas.image(name, side, 0, 0)
