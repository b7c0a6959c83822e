"""What a section of the report is made of: plain data, turned into HTML by the template.

Text is text: nothing here is HTML, and the template escapes all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from twoalike.evaluation import Interval
from twoalike.figures import NARROW, WIDE, Line, estimates_chart, to_data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure


DASH = "\N{EN DASH}"
"""Stands in a table for what there is none of."""

type Numbers = Mapping[str, Sequence[object]]
"""The numbers behind a picture or a table: name of each column, and its values."""


@dataclass(frozen=True)
class Picture:
    """A figure with its alternative text and caption."""

    kind: ClassVar[str] = "picture"
    alt: str  # what it shows, with its main numbers, for whoever cannot see it
    caption: str
    wide: str  # data URI for a page
    narrow: str | None = None  # data URI for a phone, where it has a form of its own there
    numbers: Numbers | None = None  # what is drawn; None for pages that offer no numbers

    @classmethod
    def draw(
        cls,
        make: Callable[[float], "Figure"],
        *,
        alt: str,
        caption: str,
        numbers: Numbers | None = None,
    ) -> "Picture":
        """Draw a figure at both widths."""
        return cls(alt, caption, to_data_uri(make(WIDE)), to_data_uri(make(NARROW)), numbers)


@dataclass(frozen=True)
class Grid:
    """A table; the first column names the row. A cell's second line is set small.

    ``numbers`` are the same with all digits; None where the cells are text.
    """

    kind: ClassVar[str] = "grid"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Numbers | None = None


@dataclass(frozen=True)
class Tile:
    """One image of a gallery; a name stands in for an image that is missing."""

    name: str
    image: str | None
    note: str


@dataclass(frozen=True)
class Row:
    """One line of a gallery."""

    title: str
    note: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Gallery:
    """Rows of images, each with a title; ``more`` of them are folded away.

    ``pairs``: each image shows two things side by side, and is twice as wide as high.
    """

    kind: ClassVar[str] = "gallery"
    caption: str
    rows: Sequence[Row]
    more: Sequence[Row] = ()
    pairs: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph; a quiet one is set small."""

    kind: ClassVar[str] = "text"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Verbatim:
    """A file shown as it is, folded away."""

    kind: ClassVar[str] = "verbatim"
    title: str
    text: str


@dataclass(frozen=True)
class Missing:
    """What is not there, and the command that makes it."""

    kind: ClassVar[str] = "missing"
    text: str
    command: str


type Block = Picture | Grid | Gallery | Text | Verbatim | Missing


@dataclass(frozen=True)
class Section:
    """One section: its address in the page, and how to read it in a sentence or two (lead)."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Caution:
    """Something to distrust; ``grave`` if no conclusion should be drawn before it is mended."""

    text: str
    grave: bool = False


@dataclass(frozen=True)
class Fact:
    """A headline number."""

    value: str
    label: str


@dataclass(frozen=True)
class Page:
    """The whole report."""

    title: str
    subtitle: str
    facts: Sequence[Fact]
    findings: Sequence[str]
    cautions: Sequence[Caution]
    sections: Sequence[Section]
    meta: dict[str, Any] = field(default_factory=dict)


def number(value: float, digits: int = 3) -> str:
    """Return a number with fixed digits and a true minus sign.

    Examples
    --------
    >>> number(-0.0512, 2)
    '−0.05'
    """
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 3) -> str:
    """Return a number with its sign.

    Examples
    --------
    >>> signed(0.0512, 2)
    '+0.05'
    """
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage, with a space that does not break.

    Examples
    --------
    >>> percent(0.416).replace("\N{NO-BREAK SPACE}", " ")
    '42 %'
    """
    return f"{number(100 * value, digits)}\N{NO-BREAK SPACE}%"


def span(measure: Interval, show: Callable[[float], str] = number, between: str = " ") -> str:
    """Return an estimate with its interval; in tables ``between`` is a line break.

    Examples
    --------
    >>> span(Interval(0.5, 0.45, 0.55))
    '0.500 [0.450, 0.550]'
    """
    return f"{show(measure.value)}{between}[{show(measure.low)}, {show(measure.high)}]"


def estimates(measures: Mapping[str, Interval | None]) -> dict[str, list[object]]:
    """Columns ``name``, ``value``, ``low``, ``high`` of several estimates.

    Examples
    --------
    >>> estimates({"base": Interval(0.4, 0.3, 0.5), "control": None})["value"]
    [0.4, None]
    """
    columns: dict[str, list[object]] = {"name": list(measures)}
    for part in ("value", "low", "high"):
        columns[part] = [getattr(of, part, None) for of in measures.values()]
    return columns


def lines_picture(
    lines: Sequence[Line],
    label: str,
    *,
    alt: str,
    caption: str,
    reference: float | None = None,
    digits: int = 3,
) -> Picture:
    """Draw estimates with their intervals, from top to bottom; those of one name share a row."""
    return Picture.draw(
        lambda width: estimates_chart(
            lines, label, reference=reference, digits=digits, width=width
        ),
        alt=alt,
        caption=caption,
        numbers=estimates({f"{line.series} {line.name}".lstrip(): line.measure for line in lines}),
    )
