"""Text as an image: any script, the same on every system.

One font is always there (DejaVu Sans comes with matplotlib, and that with PsychoPy) and has
Latin, Greek, Cyrillic, Arabic and Hebrew; for characters it lacks, a font of the system is
looked for. Lines are broken in the order of reading and only then turned for right-to-left
scripts, so that a paragraph reads from its first line down.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from twoalike.study import TwoalikeError

_LINE = 1.35
"""From one line to the next, in heights of the text."""
_PREFERRED = ("notosanscjk", "microhei", "droidsansfallback", "msyh", "pingfang", "arial unicode")
_RIGHT_TO_LEFT = ("R", "AL")


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
def _font_with(codes: frozenset[int]) -> Path | None:
    standard = _standard_font()
    if codes <= _characters(standard):
        return standard
    return next((font for font in _system_fonts() if codes <= _characters(font)), None)


def font_for(text: str) -> Path:
    """Font file that has every character of ``text``.

    Raises
    ------
    TwoalikeError
        If none is installed.

    Examples
    --------
    >>> font_for("Grüße ← →").name
    'DejaVuSans.ttf'
    """
    codes = frozenset(ord(sign) for sign in _shape(text) if not sign.isspace())
    font = _font_with(codes)
    if font is not None:
        return font
    lacking = sorted(codes - _characters(_standard_font()))
    shown = "".join(map(chr, lacking[:8]))
    raise TwoalikeError(
        f"no font of this computer has the characters {shown} of a text in the protocol. Install "
        "one, such as fonts-noto-cjk on Debian and Ubuntu."
    )


def check_texts(texts: Iterable[str]) -> None:
    """Check that every text can be shown.

    Raises
    ------
    TwoalikeError
        Naming characters that no installed font has.
    """
    for text in texts:
        font_for(text)


def _turned(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT for sign in text)


def _shape(text: str) -> str:
    """Join the letters of Arabic scripts."""
    if not any(unicodedata.bidirectional(sign) == "AL" for sign in text):
        return text
    import arabic_reshaper

    return str(arabic_reshaper.reshape(text))


def _visual(line: str) -> str:
    """Order of the signs from left to right."""
    if not _turned(line):
        return line
    from bidi.algorithm import get_display

    return str(get_display(line))


def _pieces(line: str) -> Iterator[str]:
    """Parts between which a line may be broken: words, and every East Asian sign."""
    word = ""
    for sign in line:
        if unicodedata.east_asian_width(sign) in "WF":
            if word:
                yield word
            word = ""
            yield sign
        elif sign == " ":
            yield word + sign
            word = ""
        else:
            word += sign
    if word:
        yield word


def wrap_text(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines of at most ``width`` pixels, in the order of reading; a long word stays whole."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(paragraph):
            if line and font.getlength((line + piece).rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    return lines


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
    shaped = _shape(text)
    # The plain layout: where a richer one is installed, it would turn the turned lines again.
    font = ImageFont.truetype(str(font_for(text)), height, layout_engine=ImageFont.Layout.BASIC)
    lines = [_visual(line) for line in wrap_text(shaped, font, width)]
    step = _LINE * height
    # Even, so that image and screen pixels coincide around the centre.
    wide = max(2, round(max(font.getlength(line) for line in lines) / 2 + 2) * 2)
    high = max(2, round(step * len(lines) / 2 + 1) * 2)
    image = Image.new("RGBA", (wide, high), f"{colour}00")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        middle = (number + 0.5) * step + (high - step * len(lines)) / 2
        draw.text((wide / 2, middle), line, font=font, fill=colour, anchor="mm")
    return image
