"""Text as an image: any script, the same on every system.

One font is always there (DejaVu Sans comes with matplotlib, and that with PsychoPy) and has
Latin, Greek, Cyrillic, Arabic and Hebrew; for characters it lacks, a font of the system is
looked for. Lines are broken in the order of reading and only then turned for right-to-left
scripts, so that a paragraph reads from its first line down.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from twoalike.study import TwoalikeError

_LINE = 1.35
"""From one line to the next, in heights of the text."""
_PREFERRED = ("notosanscjk", "microhei", "droidsansfallback", "msyh", "pingfang", "arial unicode")
_RIGHT_TO_LEFT = ("R", "AL")
_PLAIN = ImageFont.Layout.BASIC


def _standard_font() -> Path:
    import matplotlib as mpl

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@cache
def _characters(font: Path) -> frozenset[int]:
    """Characters a font file has; none where it cannot be read."""
    import freetype

    try:
        face = freetype.Face(str(font))
    except freetype.FT_Exception:
        return frozenset()
    return frozenset(code for code, _ in face.get_chars())


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
        return (_standard_font(),)
    other = next((font for font in _system_fonts() if lacking <= _characters(font)), None)
    return None if other is None else (_standard_font(), other)


def fonts_for(text: str) -> tuple[Path, ...]:
    """Font files that together have every character of ``text``; the first is preferred.

    Raises
    ------
    TwoalikeError
        If they are not installed.

    Examples
    --------
    >>> [font.name for font in fonts_for("Grüße ← →")]
    ['DejaVuSans.ttf']
    """
    codes = frozenset(ord(sign) for sign in _shape(text) if not sign.isspace())
    lacking = codes - _characters(_standard_font())
    fonts = _fonts(lacking)
    if fonts is None:
        shown = "".join(map(chr, sorted(lacking)[:8]))
        raise TwoalikeError(
            f"no font of this computer has the characters {shown} of a text in the protocol. "
            "Install one, such as fonts-noto-cjk on Debian and Ubuntu."
        )
    return fonts


class _Letters:
    """Measures and draws lines, each sign in the first of the fonts that has it."""

    def __init__(self, text: str, height: int) -> None:
        self.height = height
        self._fonts = [
            # The plain layout: where a richer one is installed, it would turn turned lines again.
            (_characters(path), ImageFont.truetype(path, height, layout_engine=_PLAIN))
            for path in fonts_for(text)
        ]

    def _runs(self, line: str) -> Iterator[tuple[str, ImageFont.FreeTypeFont]]:
        chosen = (self._font(sign) for sign in line)
        for font, run in groupby(zip(line, chosen, strict=True), key=lambda pair: pair[1]):
            yield "".join(sign for sign, _ in run), font

    def _font(self, sign: str) -> ImageFont.FreeTypeFont:
        has = (font for known, font in self._fonts if ord(sign) in known)
        return next(has, self._fonts[0][1])

    def width(self, line: str) -> float:
        """Width of a line in pixels."""
        return sum(font.getlength(run) for run, font in self._runs(line))

    def draw(self, draw: ImageDraw.ImageDraw, line: str, x: float, y: float, colour: str) -> None:
        """Draw a line around ``x``, its middle at ``y``."""
        x -= self.width(line) / 2
        for run, font in self._runs(line):
            draw.text((x, y), run, font=font, fill=colour, anchor="lm")
            x += font.getlength(run)


def check_texts(texts: Iterable[str]) -> None:
    """Check that every text can be shown.

    Raises
    ------
    TwoalikeError
        Naming characters that no installed font has.
    """
    for text in texts:
        fonts_for(text)


def _shape(text: str) -> str:
    """Join the letters of Arabic scripts."""
    if not any(unicodedata.bidirectional(sign) == "AL" for sign in text):
        return text
    import arabic_reshaper

    return str(arabic_reshaper.reshape(text))


def _right_to_left(text: str) -> bool:
    """Whether a text is in a right-to-left script: its first letter says so."""
    kinds = (unicodedata.bidirectional(sign) for sign in text)
    return next((kind for kind in kinds if kind in ("L", *_RIGHT_TO_LEFT)), "L") != "L"


def _visual(line: str, *, right_to_left: bool) -> str:
    """Order of the signs from left to right."""
    if not any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in line):
        return line
    from bidi.algorithm import get_display

    return str(get_display(line, base_dir="R" if right_to_left else "L"))


def _pieces(line: str) -> list[str]:
    """Parts between which a line may be broken: words, and East Asian signs.

    Marks that close or end something stay with the sign before them.
    """
    pieces = [""]
    for sign in line:
        wide = unicodedata.east_asian_width(sign) in "WF"
        closes = unicodedata.category(sign) in ("Pe", "Pf", "Po")
        if wide and not closes:
            pieces += [sign, ""]
        elif wide and len(pieces) > 1 and not pieces[-1]:
            pieces[-2] += sign
        else:
            pieces[-1] += sign
            if sign == " " or wide:
                pieces.append("")
    return [piece for piece in pieces if piece]


def _wrap(text: str, letters: _Letters, width: float) -> list[str]:
    """Lines of at most ``width`` pixels, in the order of reading; a long word stays whole.

    The lines of a paragraph are about equally long, so that no word stands alone in the last.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        pieces = _pieces(paragraph)
        found = _break(pieces, letters, width)
        low, high = width / len(found), width
        while len(found) > 1 and high - low > letters.height:
            middle = (low + high) / 2
            if len(narrower := _break(pieces, letters, middle)) > len(found):
                low = middle
            else:
                found, high = narrower, middle
        lines += found
    return lines


def _break(pieces: Sequence[str], letters: _Letters, width: float) -> list[str]:
    lines, line = [], ""
    for piece in pieces:
        if line and letters.width((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = ""
        line += piece
    return [*lines, line.rstrip()]


def letter(text: str, height: int, colour: str, width: float) -> Image.Image:
    """Image of a text, transparent around it, lines centred.

    Parameters
    ----------
    height
        Of the letters' font in pixels.
    colour
        As ``#rrggbb``.
    width
        Longest line in pixels.

    Raises
    ------
    TwoalikeError
        If no font has its characters.
    """
    shaped, letters = _shape(text), _Letters(text, height)
    turned = _right_to_left(text)
    lines = [_visual(line, right_to_left=turned) for line in _wrap(shaped, letters, width)]
    step = _LINE * height
    # Even, so that image and screen pixels coincide around the centre.
    wide = max(2, round(max(letters.width(line) for line in lines) / 2 + 2) * 2)
    high = max(2, round(step * len(lines) / 2 + 1) * 2)
    image = Image.new("RGBA", (wide, high), f"{colour}00")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        middle = (number + 0.5) * step + (high - step * len(lines)) / 2
        letters.draw(draw, line, wide / 2, middle, colour)
    return image
