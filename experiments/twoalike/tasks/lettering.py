"""Texts of pages as lines and images, measured without a window, the same on every system."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from twoalike.stimuli.lettering import (
    LINE,
    Letters,
    broken,
    fonts_for,
    is_wide,
    right_to_left,
    shape,
    visual_order,
)
from twoalike.study import TwoalikeError


def can_draw(text: str) -> bool:
    """Whether the fonts of this computer have every character of a text."""
    try:
        fonts_for(text)
    except TwoalikeError:
        return False
    return True


def strings_in(content: object) -> Iterator[str]:
    """Every text in tables and lists within each other."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping | list | tuple):
        for part in content.values() if isinstance(content, Mapping) else content:
            yield from strings_in(part)


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
    """Width and height in pixels that :func:`draw_label` needs for a text."""
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
