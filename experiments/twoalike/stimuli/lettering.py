"""Letters of any script: fonts that have them, their order and forms, line breaks, and words."""

import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features

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
    from matplotlib import font_manager

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower().replace("-", "").replace("_", "")
        found = (k for k, known in enumerate(_PREFERRED) if known.replace(" ", "") in name)
        return next(found, len(_PREFERRED)), str(path)

    return tuple(sorted(map(Path, font_manager.findSystemFonts()), key=rank))


@cache
def _other_font(lacking: frozenset[int]) -> Path | None:
    return next((font for font in _system_fonts() if lacking <= characters(font)), None)


def fonts_for(text: str, of: str = "of a text in the protocol") -> tuple[Path, ...]:
    """Font files that together have every character of ``text``; the first is preferred.

    Examples
    --------
    >>> [font.name for font in fonts_for("Grüße ← →")]
    ['DejaVuSans.ttf']
    """
    codes = frozenset(ord(sign) for sign in shape(text) if not sign.isspace())
    lacking = frozenset(code for code in codes if not has_character(standard_font(), code))
    if not lacking:
        return (standard_font(),)
    if (other := _other_font(lacking)) is None:
        raise _no_font(lacking, of)
    return standard_font(), other


def _no_font(lacking: frozenset[int], of: str) -> TwoalikeError:
    shown = "".join(map(chr, sorted(lacking)[:8]))
    return TwoalikeError(
        f"no font of this computer has the characters {shown} {of}. "
        "Install one, such as fonts-noto-cjk on Debian and Ubuntu."
    )


_PLAIN = ImageFont.Layout.BASIC
"""A richer layout engine, if installed, would reverse lines that are already reversed."""


@cache
def _load(path: Path, height: int, engine: ImageFont.Layout = _PLAIN) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, height, layout_engine=engine)


class Letters:
    """Measures and draws lines, each sign in the first of the fonts that has it."""

    def __init__(self, text: str, height: int, *, bold: bool = False, of: str = "") -> None:
        self.height = height
        self._bold = standard_font(bold=True) if bold else None
        fonts = fonts_for(text, of) if of else fonts_for(text)
        self._paths = [*([self._bold] if self._bold else []), *fonts]
        self._widths: dict[str, float] = {}

    def _runs(self, line: str) -> Iterator[tuple[str, Path, ImageFont.FreeTypeFont]]:
        for path, run in groupby(line, key=self._font):
            yield "".join(run), path, _load(path, self.height)

    def _font(self, sign: str) -> Path:
        having = (path for path in self._paths if has_character(path, ord(sign)))
        return next(having, self._paths[0])

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


def broken(paragraph: str, letters: "Letters | ShapedLetters", width: float) -> list[str]:
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


def _split(piece: str, letters: "Letters | ShapedLetters", width: float) -> list[str]:
    if letters.width(piece.rstrip()) <= width:
        return [piece]
    parts = [""]
    for sign in piece:
        if parts[-1] and letters.width(parts[-1] + sign) > width:
            parts.append("")
        parts[-1] += sign
    return parts


_SHAPED = ((0x0900, 0x109F), (0x1780, 0x18AF), (0x1950, 0x1AAF), (0x1B00, 0x1C4F))
"""Code points from India to Bali: letters that change form and place among others."""


def is_shaped(text: str) -> bool:
    """Whether a font's own rules are needed to draw a text: signs above letters, or clusters."""
    text = unicodedata.normalize("NFC", text)
    return any(
        unicodedata.category(sign) in ("Mn", "Mc", "Me")
        or any(low <= ord(sign) <= high for low, high in _SHAPED)
        for sign in text
    )


class ShapedLetters:
    """Measures and draws lines by the rules of the one font that has them all (HarfBuzz)."""

    def __init__(self, text: str, height: int, of: str) -> None:
        if not features.check_feature("raqm"):
            raise TwoalikeError(
                f"the script {of} needs Pillow's layout engine Raqm, which this computer lacks. "
                "Install FriBiDi (libfribidi0 on Debian and Ubuntu)."
            )
        codes = frozenset(ord(sign) for sign in text if not sign.isspace())
        fonts = (standard_font(), *_system_fonts())
        path = next((font for font in fonts if codes <= characters(font)), None)
        if path is None:
            lacking = codes - characters(standard_font())
            raise _no_font(lacking or codes, of)
        self.height = height
        self._font = _load(path, height, ImageFont.Layout.RAQM)
        self._direction = "rtl" if right_to_left(text) else "ltr"

    def width(self, line: str) -> float:
        """Width of a line in pixels."""
        return self._font.getlength(line, direction=self._direction)

    def draw(self, draw: ImageDraw.ImageDraw, line: str, x: float, y: float, colour: str) -> None:
        """Draw a line, in the order of reading, from ``x`` on, its middle at ``y``."""
        draw.text(
            (x, y), line, font=self._font, fill=colour, anchor="lm", direction=self._direction
        )


SIDE = 768
"""Width of the picture of a word in pixels, and its largest height."""
_ROOM = 0.9
"""Share of the picture that the letters may take."""
_LARGEST, _SMALLEST = SIDE // 4, 24
"""Heights of the letters in pixels: of a set of short words, and where long texts are cut."""


class Words:
    """Draws the words of a set, by object, in one size of letters, as large as the longest allows.

    A word is drawn when it is needed, in the colours of the screen; the manifest keeps the text.

    Examples
    --------
    >>> words = Words({"cat": "cat", "big": "thunderstorm"})
    >>> words.draw("cat").size == words.draw("big").size
    True
    """

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = {
            name: unicodedata.normalize("NFC", text.strip()) for name, text in texts.items()
        }
        self.height = min(map(self._largest, self._texts), default=_LARGEST)
        """Height of the letters in pixels."""
        n_lines = max((len(self._set(name, self.height)[1]) for name in self._texts), default=1)
        step = LINE * self.height
        self._size = (SIDE, min(SIDE, round((n_lines * step + step / 2) / 2) * 2))

    def draw(self, name: str, *, ink: str = "#000000", paper: str = "#ffffff") -> Image.Image:
        """Picture of a word, mode RGB; all words of the set have the same size in pixels."""
        image = Image.new("RGB", self._size, paper)
        draw = ImageDraw.Draw(image)
        letters, lines, _ = self._set(name, self.height)
        rtl, step = right_to_left(self._texts[name]), LINE * self.height
        y = (self._size[1] - step * (len(lines) - 1)) / 2
        for line in lines:
            ordered = line if isinstance(letters, ShapedLetters) else visual_order(line, rtl=rtl)
            letters.draw(draw, ordered, (SIDE - letters.width(line)) / 2, y, ink)
            y += step
        return image

    def _set(self, name: str, height: int) -> "tuple[Letters | ShapedLetters, list[str], bool]":
        """Letters and lines of a word in a height, and whether it fits the square.

        It does if no part had to be broken, and the lines are not too many.
        """
        text, of = self._texts[name], f"of the word {self._texts[name]!r} (object {name!r})"
        letters: Letters | ShapedLetters
        if is_shaped(text):
            letters = ShapedLetters(text, height, of)
        else:
            letters, text = Letters(text, height, of=of), shape(text)
        room = _ROOM * SIDE
        lines = broken(text, letters, room)
        whole = all(letters.width(part.rstrip()) <= room for part in pieces(text))
        return letters, lines, whole and len(lines) * LINE * height <= room

    def _largest(self, name: str) -> int:
        """Largest height at which a word keeps its parts whole and fits the square."""
        low, high = _SMALLEST, _LARGEST
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._set(name, middle)[2] else (low, middle - 1)
        return low
