"""What a section of the report is made of: texts, frames and figures, for one template.

Text is text: nothing here is HTML, and the template escapes all of it.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from twoalike.evaluation import Interval
from twoalike.figures import NARROW, WIDE, Panel, panels_chart, to_data_uri
from twoalike.study import inert_cell

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from twoalike.results import TableView

DASH = "\N{EN DASH}"
"""Stands in a table for what there is none of."""


def as_csv(numbers: pd.DataFrame) -> str:
    r"""Write a frame as comma-separated text; missing values are empty, formulas are disabled.

    Examples
    --------
    >>> as_csv(pd.DataFrame({"name": ["base", "aligned"], "value": [0.4, None]}))
    'name,value\nbase,0.4\naligned,\n'
    """
    inert = numbers.astype(object).map(inert_cell).rename(columns=inert_cell)
    return str(inert.to_csv(index=False, lineterminator="\n"))


class _Block:
    """A block with a name of its kind, by which the template chooses how to show it."""

    kind: ClassVar[str]
    numbers: pd.DataFrame | None = None
    """Numbers behind it, to download; None where there are none."""

    @property
    def csv_uri(self) -> str | None:
        """Its numbers as a data URI of CSV."""
        if self.numbers is None:
            return None
        text = base64.b64encode(as_csv(self.numbers).encode()).decode("ascii")
        return f"data:text/csv;charset=utf-8;base64,{text}"


@dataclass(frozen=True)
class Picture(_Block):
    """A figure with its alternative text and caption, for a page and for a phone."""

    kind: ClassVar[str] = "picture"
    alt: str
    caption: str
    wide: str
    narrow: str
    """``wide``, ``narrow``: Data URIs of both widths."""
    numbers: pd.DataFrame | None = None

    @classmethod
    def draw(
        cls,
        make: Callable[[float], "Figure"],
        *,
        alt: str,
        caption: str,
        numbers: pd.DataFrame | None = None,
    ) -> "Picture":
        """Draw a figure at both widths."""
        return cls(alt, caption, to_data_uri(make(WIDE)), to_data_uri(make(NARROW)), numbers)

    @classmethod
    def of(cls, panels: Sequence[Panel], caption: str, alt: str = "") -> "Picture":
        """Draw panels of estimates, whose numbers are those drawn."""
        lines = [(panel.title or panel.label, line) for panel in panels for line in panel.lines]
        numbers = pd.DataFrame(
            {
                "measure": [of for of, _ in lines],
                "name": [line.name for _, line in lines],
                "series": [line.series for _, line in lines],
                **{
                    end: [getattr(line.measure, end) for _, line in lines]
                    for end in ("value", "low", "high")
                },
            }
        )
        words = " ".join([alt, *(panel.words() for panel in panels)]).strip()
        return cls.draw(
            lambda width: panels_chart(panels, width=width),
            alt=words,
            caption=caption,
            numbers=numbers,
        )


@dataclass(frozen=True)
class Grid(_Block):
    """A table of texts; the index names the rows. A cell's second line is set small."""

    kind: ClassVar[str] = "grid"
    caption: str
    frame: pd.DataFrame
    raw: pd.DataFrame | None = None
    """The same with all digits."""

    @classmethod
    def of(cls, view: "TableView") -> "Grid":
        """Show a table of results."""
        return cls(f"{view.title}. {view.note}".strip(), view.frame.replace("", DASH))

    @property
    def numbers(self) -> pd.DataFrame:  # type: ignore[override]
        """All digits, or else the cells as they are shown."""
        if self.raw is not None:
            return self.raw
        cells = self.frame.rename_axis(str(self.frame.index.name or "name")).reset_index()
        return cells.astype(str).replace("\n", " ", regex=True)


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
class Gallery(_Block):
    """Rows of images, each with a title; ``more`` of them are folded away.

    ``pairs``: each image shows two things side by side, and is twice as wide as high.
    """

    kind: ClassVar[str] = "gallery"
    caption: str
    rows: Sequence[Row]
    more: Sequence[Row] = ()
    pairs: bool = False

    @property
    def numbers(self) -> pd.DataFrame:  # type: ignore[override]
        """Name and note of every image."""
        tiles = [
            (row.title, row.note, tile.name, tile.note)
            for row in (*self.rows, *self.more)
            for tile in row.tiles
        ]
        return pd.DataFrame(tiles, columns=["row", "about", "image", "note"])


@dataclass(frozen=True)
class Text(_Block):
    """A paragraph; a quiet one is set small."""

    kind: ClassVar[str] = "text"
    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Verbatim(_Block):
    """A file shown as it is, folded away."""

    kind: ClassVar[str] = "verbatim"
    title: str
    text: str


@dataclass(frozen=True)
class Missing(_Block):
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


NO_SESSIONS = Missing(
    "There are no sessions in data/raw yet.",
    "twoalike run STUDY --task odd-one-out --participant ID",
)
NO_POSTERIOR = Missing("The embedding has not been fitted yet.", "twoalike fit STUDY")


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


def span(measure: Interval, show: Callable[[float], str] = number) -> str:
    """Return an estimate with its interval.

    Examples
    --------
    >>> span(Interval(0.5, 0.45, 0.55))
    '0.500 [0.450, 0.550]'
    """
    return f"{show(measure.value)} [{show(measure.low)}, {show(measure.high)}]"
