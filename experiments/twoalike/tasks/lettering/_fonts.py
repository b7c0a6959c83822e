"""Which font files have the characters of a text.

One font is always there (DejaVu Sans comes with matplotlib, and that with PsychoPy) and has
Latin, Greek, Cyrillic, Arabic and Hebrew; for characters it lacks, a font of the system is
looked for. Nothing here opens a window, so texts can be measured on any computer.
"""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from twoalike.study import TwoalikeError, how_to_install
from twoalike.tasks.lettering._script import shape

_SURE = frozenset([*range(0x20, 0x7F), *range(0xA1, 0x180), *map(ord, "–—‘’‚“”„†•…‹›€←↑→↓−×")])
"""Code points of the standard font that need not be looked up."""
_PREFERRED = ("notosanscjk", "microhei", "droidsansfallback", "msyh", "pingfang", "arial unicode")


@cache
def standard_font(*, bold: bool = False) -> Path:
    """Font file that is preferred for every text.

    Raises
    ------
    TwoalikeError
        If matplotlib is not installed.
    """
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

    Raises
    ------
    TwoalikeError
        If they are not installed.

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


def check_characters(texts: Iterable[str]) -> None:
    """Check that every text can be shown.

    Raises
    ------
    TwoalikeError
        Naming characters that no installed font has.
    """
    for text in texts:
        fonts_for(text)
