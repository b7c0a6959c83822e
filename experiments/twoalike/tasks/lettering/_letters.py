"""Letters of one height: measured and drawn."""

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

from twoalike.tasks.lettering._fonts import fonts_for, has_character, standard_font

_PLAIN = ImageFont.Layout.BASIC
"""A richer layout engine, if installed, would reverse lines that are already reversed."""


@cache
def _load(path: Path, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, height, layout_engine=_PLAIN)


class Letters:
    """Measures and draws lines, each sign in the first of the fonts that has it.

    Parameters
    ----------
    text
        Everything that will be measured or drawn: it determines the fonts.
    height
        Of the font, in pixels.
    bold
        Whether the letters are heavy: in the bold standard font, or drawn with a thicker pen
        where only a font of the system has them.

    Raises
    ------
    TwoalikeError
        If no font has a character of the text.
    """

    def __init__(self, text: str, height: int, *, bold: bool = False) -> None:
        self.height = height
        self._bold = standard_font(bold=True) if bold else None
        paths = [*([self._bold] if self._bold else []), *fonts_for(text)]
        self._fonts = [(path, _load(path, height)) for path in paths]
        self._widths: dict[str, float] = {}

    def _runs(self, line: str) -> Iterator[tuple[str, Path, ImageFont.FreeTypeFont]]:
        chosen = (self._font(sign) for sign in line)
        for number, run in groupby(zip(line, chosen, strict=True), key=lambda pair: pair[1]):
            yield "".join(sign for sign, _ in run), *self._fonts[number]

    def _font(self, sign: str) -> int:
        fonts = enumerate(self._fonts)
        has = (number for number, (path, _) in fonts if has_character(path, ord(sign)))
        return next(has, 0)

    def width(self, line: str) -> float:
        """Width of a line in pixels."""
        if line not in self._widths:
            self._widths[line] = sum(font.getlength(run) for run, _, font in self._runs(line))
        return self._widths[line]

    def draw(self, draw: ImageDraw.ImageDraw, line: str, x: float, y: float, colour: str) -> None:
        """Draw a line from ``x`` on, its middle at ``y``."""
        for run, path, font in self._runs(line):
            pen = round(self.height / 28) if self._bold not in (None, path) else 0
            draw.text((x, y), run, font=font, fill=colour, anchor="lm", stroke_width=pen)
            x += font.getlength(run)
