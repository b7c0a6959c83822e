"""Two images above a scale, from a scene to pixels."""

from twoalike.display._canvas import Canvas
from twoalike.tasks import PairRating, Rating, View, box_fill, readable_on
from twoalike.tasks.pair_rating import lay_out_rating


class RatingPainter:
    """Draws pairs with their scale."""

    def __init__(self, canvas: Canvas, protocol: PairRating, view: View) -> None:
        self._canvas, self._protocol = canvas, protocol
        self._layout = lay_out_rating(protocol, view)
        self._words = self._layout.words(protocol)

    def draw(self, rating: Rating, now: float) -> None:
        """Draw ``rating`` as it looks at time ``now``."""
        canvas, layout = self._canvas, self._layout
        for name, centre in zip(rating.images, (layout.left, layout.right), strict=True):
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
            canvas.box(
                layout.done.x, layout.done.y, layout.done.width, layout.done.height, fill=fill
            )
            ink = readable_on(fill)
            canvas.label(rating.button, layout.done.x, layout.done.y, colour=ink)

    def _draw_points(self, rating: Rating) -> None:
        canvas = self._canvas
        for number, box in enumerate(self._layout.points, start=1):
            chosen = rating.value == number
            fill = canvas.screen.accent if chosen else box_fill(canvas.screen)
            line = canvas.screen.accent if chosen else canvas.rim
            canvas.box(
                box.x, box.y, box.width, box.height, fill=fill, line=line, thick=canvas.thick
            )
            if self._protocol.scale.numbers:
                ink = readable_on(fill, canvas.screen.foreground)
                canvas.label(str(number), box.x, box.y, colour=ink)

    def _draw_slider(self, rating: Rating) -> None:
        canvas, layout, track = self._canvas, self._layout, self._layout.track
        canvas.box(track.x, track.y, track.width, track.height, fill=canvas.rim)
        for side in (-1, 1):
            x = track.x + side * track.width / 2
            canvas.box(x, track.y, canvas.thick, 3 * track.height, fill=canvas.rim)
        if rating.value is None:
            return
        x, (wide, high) = layout.x_of(rating.value), layout.handle
        fill = canvas.screen.accent if rating.moved else box_fill(canvas.screen)
        canvas.box(x, track.y, wide, high, fill=fill, line=canvas.screen.accent, thick=canvas.thick)
        if self._protocol.scale.show_number:
            number = str(round(100 * rating.value))
            canvas.label(number, 0, layout.words_y)
