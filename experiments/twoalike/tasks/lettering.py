"""Texts as lines and images, measured without a window: any script, the same on every system."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from twoalike.study import TwoalikeError, how_to_install

_RIGHT_TO_LEFT = ("R", "AL")
_NOT_FIRST = frozenset(
    "ーヽヾゝゞ々〻〜～…‥％℃"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
)
"""Signs that do not begin a line of Japanese, besides closing brackets and punctuation."""


def shape(text: str) -> str:
    """Join the letters of Arabic scripts."""
    if not any(unicodedata.bidirectional(sign) == "AL" for sign in text):
        return text
    import arabic_reshaper

    return str(arabic_reshaper.reshape(text))


def right_to_left(text: str) -> bool:
    """Whether a text is read from right to left: its first letter says so.

    Examples
    --------
    >>> right_to_left("2 مرحبا"), right_to_left("hello")
    (True, False)
    """
    kinds = (unicodedata.bidirectional(sign) for sign in text)
    return next((kind for kind in kinds if kind in ("L", *_RIGHT_TO_LEFT)), "L") != "L"


def visual_order(line: str, *, rtl: bool) -> str:
    """Signs of a line from left to right."""
    if not any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in line):
        return line
    from bidi.algorithm import get_display

    return str(get_display(line, base_dir="R" if rtl else "L"))


def is_wide(sign: str) -> bool:
    """Whether a sign is East Asian and full-width: lines may break beside it, without a space."""
    return unicodedata.east_asian_width(sign) in "WF"


def pieces(line: str) -> list[str]:
    """Parts between which a line may be broken: words, and East Asian signs.

    Closing marks, small kana and the like stay with the sign before them, opening brackets with
    the one after (the basic rules of kinsoku).

    Examples
    --------
    >>> pieces("so it is"), pieces("「研究」です。")
    (['so ', 'it ', 'is'], ['「研', '究」', 'で', 'す。'])
    """
    found = [""]
    opened = False
    for sign in line:
        wide, kind = is_wide(sign), unicodedata.category(sign)
        joins = kind in ("Pe", "Pf", "Po") or sign in _NOT_FIRST
        opens = wide and kind in ("Ps", "Pi")
        if joins and not found[-1] and len(found) > 1 and (wide or sign in _NOT_FIRST):
            found[-2] += sign
        elif (wide and not joins and not opened) or (opens and not opened):
            found += [sign] if opens else [sign, ""]
        else:
            found[-1] += sign
            if sign == " " or (wide and not opens):
                found.append("")
        opened = opens
    return [piece for piece in found if piece]


_SURE = frozenset([*range(0x20, 0x7F), *range(0xA1, 0x180), *map(ord, "–—‘’‚“”„†•…‹›€←↑→↓−×")])
"""Code points of the standard font that need not be looked up."""
_PREFERRED = ("notosanscjk", "microhei", "droidsansfallback", "msyh", "pingfang", "arial unicode")


@cache
def standard_font(*, bold: bool = False) -> Path:
    """Font file that is preferred for every text."""
    # Found without an import of matplotlib, which takes longer than a simulated session.
    package = find_spec("matplotlib")
    if package is None or not package.submodule_search_locations:
        raise TwoalikeError(
            "texts cannot be laid out without the font that comes with matplotlib. "
            f"{how_to_install('experiments')}"
        )
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(package.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf" / name


def has_character(font: Path, code: int) -> bool:
    """Whether a font has a code point; the standard font has all of Latin-1, arrows and dashes."""
    return (code in _SURE and font in (standard_font(), standard_font(bold=True))) or (
        code in characters(font)
    )


@cache
def characters(font: Path) -> frozenset[int]:
    """Code points a font file has; none where it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(str(font)).get_charmap())
    except RuntimeError:
        return frozenset()


@cache
def _system_fonts() -> tuple[Path, ...]:
    """Font files of this computer, likely ones first."""
    from matplotlib import font_manager

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower().replace("-", "").replace("_", "")
        found = (k for k, known in enumerate(_PREFERRED) if known.replace(" ", "") in name)
        return next(found, len(_PREFERRED)), str(path)

    return tuple(sorted(map(Path, font_manager.findSystemFonts()), key=rank))


@cache
def _fonts(lacking: frozenset[int]) -> tuple[Path, ...] | None:
    """Find the standard font, and one that has the characters it lacks; None if there is none."""
    if not lacking:
        return (standard_font(),)
    other = next((font for font in _system_fonts() if lacking <= characters(font)), None)
    return None if other is None else (standard_font(), other)


def fonts_for(text: str) -> tuple[Path, ...]:
    """Font files that together have every character of ``text``; the first is preferred.

    Examples
    --------
    >>> [font.name for font in fonts_for("Grüße ← →")]
    ['DejaVuSans.ttf']
    """
    codes = frozenset(ord(sign) for sign in shape(text) if not sign.isspace())
    lacking = frozenset(code for code in codes if not has_character(standard_font(), code))
    fonts = _fonts(lacking)
    if fonts is None:
        shown = "".join(map(chr, sorted(lacking)[:8]))
        raise TwoalikeError(
            f"no font of this computer has the characters {shown} of a text in the protocol. "
            "Install one, such as fonts-noto-cjk on Debian and Ubuntu."
        )
    return fonts


def can_draw(text: str) -> bool:
    """Whether the fonts of this computer have every character of a text."""
    try:
        fonts_for(text)
    except TwoalikeError:
        return False
    return True


def check_characters(texts: Iterable[str]) -> None:
    """Check that every text can be shown."""
    for text in texts:
        fonts_for(text)


_PLAIN = ImageFont.Layout.BASIC
"""A richer layout engine, if installed, would reverse lines that are already reversed."""


@cache
def _load(path: Path, height: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, height, layout_engine=_PLAIN)


class Letters:
    """Measures and draws lines, each sign in the first of the fonts that has it."""

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


LINE = 1.35
"""Distance from one line to the next, in heights of the text."""
_PARAGRAPH, _ABOVE_HEADING, _BELOW_HEADING = 0.75, 1.1, 0.3
"""Space between paragraphs and around a heading, in heights of the text."""
_HEADING = re.compile(r"#+\s+")
_HEADING_SCALE = 1.12
_MOST_STRETCH = 0.12
"""Largest space added between two signs; a line that lacks more stays short. Heights of text."""


@dataclass(frozen=True)
class Line:
    """A line of a text, as :func:`set_text` returns it."""

    text: str
    """Its characters in reading order, letters joined."""
    height: int
    """Of the font, in pixels."""
    space: float
    """Above it, in pixels, unless it is the first of a page."""
    width: float
    """As drawn, in pixels."""
    heading: bool = False
    """Whether it belongs to a heading: bold, and never the last line of a page."""
    first: bool = False
    """Whether a paragraph begins with it."""
    stretch: float = 0.0
    """Pixels to add between two East Asian signs, so that the line ends at the edge."""

    @property
    def step(self) -> float:
        """Height that it takes, in pixels."""
        return LINE * self.height


def broken(paragraph: str, letters: Letters, width: float) -> list[str]:
    """Lines of at most ``width`` pixels, as full as they can be.

    A single word that is wider, such as an address, may be broken anywhere.
    """
    lines, line, used = [], "", 0.0
    for piece in pieces(paragraph):
        for part in _split(piece, letters, width):
            if line and used + letters.width(part.rstrip()) > width:
                lines.append(line.rstrip())
                line, used = "", 0.0
            line += part
            used += letters.width(part)
    return [*lines, line.rstrip()]


def _split(piece: str, letters: Letters, width: float) -> list[str]:
    """Parts of a piece that each fit the width."""
    if letters.width(piece.rstrip()) <= width:
        return [piece]
    parts = [""]
    for sign in piece:
        if parts[-1] and letters.width(parts[-1] + sign) > width:
            parts.append("")
        parts[-1] += sign
    return parts


def label_lines(text: str, letters: Letters, width: float) -> list[str]:
    """Lines of at most ``width`` pixels and similar length, so that no line has a single word."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        found = broken(paragraph, letters, width)
        low, high = width / len(found), width
        while len(found) > 1 and high - low > letters.height:
            middle = (low + high) / 2
            if len(narrower := broken(paragraph, letters, middle)) > len(found):
                low = middle
            else:
                found, high = narrower, middle
        lines += found
    return lines


def set_text(text: str, height: int, width: float) -> tuple[Line, ...]:
    r"""Set headings and paragraphs in a column; sizes in pixels.

    A line that begins with ``#`` and a space is a heading; an empty line begins a paragraph; any
    other line end begins a line.

    Examples
    --------
    >>> [line.text for line in set_text("# Aim\nWe study how people see.", 20, 180)]
    ['Aim', 'We study how', 'people see.']
    """
    lines: list[Line] = []
    gap, after_heading = 0.0, False
    for source in text.strip("\n").split("\n"):
        if not source.strip():
            gap = max(gap, _PARAGRAPH * height)
            continue
        heading = bool(_HEADING.match(source))
        words = _HEADING.sub("", source, count=1) if heading else source
        if heading:
            gap = _ABOVE_HEADING * height
        elif after_heading:
            gap = _BELOW_HEADING * height
        found = _set_paragraph(shape(words), height, width, heading=heading)
        lines += [replace(found[0], space=gap if lines else 0.0, first=True), *found[1:]]
        gap, after_heading = 0.0, heading
    return tuple(lines)


def _set_paragraph(words: str, height: int, width: float, *, heading: bool) -> list[Line]:
    size = round(_HEADING_SCALE * height) if heading else height
    letters = Letters(words, size, bold=heading)
    found = broken(words, letters, width)
    lines = [Line(line, size, 0.0, letters.width(line), heading=heading) for line in found]
    return [*(_stretched(line, width) for line in lines[:-1]), *lines[-1:]]


def _stretched(line: Line, width: float) -> Line:
    """Line of East Asian signs that ends at the edge of the column."""
    gaps = sum(is_wide(sign) for sign in line.text[:-1])
    missing = width - line.width
    if line.heading or gaps < len(line.text) / 2 or missing > gaps * _MOST_STRETCH * line.height:
        return line
    return replace(line, width=width, stretch=missing / gaps)


def draw_text(lines: Sequence[Line], colour: str, *, rtl: bool) -> Image.Image:
    """Image of the lines of a text on a transparent ground, aligned at the edge they begin at."""
    wide = even(max(line.width for line in lines))
    high = even(text_height(lines))
    image = Image.new("RGBA", (wide, high), f"{colour}00")
    draw = ImageDraw.Draw(image)
    top = 0.0
    for number, line in enumerate(lines):
        top += line.space if number else 0.0
        letters = Letters(line.text, line.height, bold=line.heading)
        x, y = (wide - line.width if rtl else 0.0), top + line.step / 2
        if line.stretch:
            for sign in line.text:
                letters.draw(draw, sign, x, y, colour)
                x += letters.width(sign) + (line.stretch if is_wide(sign) else 0.0)
        else:
            letters.draw(draw, visual_order(line.text, rtl=rtl), x, y, colour)
        top += line.step
    return image


def text_height(lines: Sequence[Line]) -> float:
    """Height that lines take on a page, in pixels."""
    return sum(line.step + (line.space if number else 0.0) for number, line in enumerate(lines))


def draw_label(text: str, height: int, colour: str, width: float) -> Image.Image:
    """Image of a label on a transparent ground, lines centred."""
    shaped, letters, rtl = shape(text), Letters(text, height), right_to_left(text)
    lines = [visual_order(line, rtl=rtl) for line in label_lines(shaped, letters, width)]
    step = LINE * height
    wide, high = even(max(letters.width(line) for line in lines)), even(step * len(lines))
    image = Image.new("RGBA", (wide, high), f"{colour}00")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        middle = (number + 0.5) * step + (high - step * len(lines)) / 2
        letters.draw(draw, line, (wide - letters.width(line)) / 2, middle, colour)
    return image


def label_size(text: str, height: int, width: float) -> tuple[float, float]:
    """Width and height in pixels that :func:`draw_label` needs for a text.

    Examples
    --------
    >>> label_size("", 20, 100)
    (0.0, 0.0)
    """
    if not text:
        return 0.0, 0.0
    letters = Letters(text, height)
    lines = label_lines(shape(text), letters, width)
    return max(letters.width(line) for line in lines), LINE * height * len(lines)


def tail(text: str, height: int, width: float) -> str:
    """End of a line that fits a width: of a long answer, the part being typed."""
    letters = Letters(text, height)
    shaped = shape(text)
    while letters.width(shaped) > width:
        shaped = shaped[1:]
    return shaped


def even(length: float) -> int:
    """Even number of pixels, so that image and screen pixels coincide around the centre."""
    return max(2, round(length / 2 + 1) * 2)


__all__ = [
    "LINE",
    "Letters",
    "Line",
    "can_draw",
    "check_characters",
    "draw_label",
    "draw_text",
    "label_size",
    "pieces",
    "right_to_left",
    "set_text",
    "tail",
    "text_height",
]
