"""What a section of the report is made of: texts, frames and figures, for one template.

Text is text: nothing here is HTML, and the template escapes all of it.
"""

import base64
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, overload

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from twoalike.evaluation import Interval
from twoalike.figures import NARROW, WIDE, Panel, panels_chart, to_data_uri
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, inert_cell

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


def thumbnail(picture: Image.Image, size: int) -> Image.Image:
    """Square thumbnail: the whole picture on white, ``size`` pixels wide."""
    image = picture.copy()
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


def image_uri(picture: Image.Image, size: int = 112) -> str:
    """Thumbnail as a JPEG data URI."""
    return _uri(thumbnail(picture, size))


def pair_uri(left: Image.Image, right: Image.Image, size: int = 112) -> str:
    """Thumbnails of two pictures side by side, as a JPEG data URI, twice as wide as high."""
    both = Image.new("RGB", (2 * size, size), "white")
    for place, picture in enumerate((left, right)):
        both.paste(thumbnail(picture, size), (place * size, 0))
    return _uri(both)


def _uri(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


class Thumbnails(Sequence[npt.NDArray[np.uint8]]):
    """Thumbnails of the named objects, shape (size, size, 3) each, read when asked for."""

    def __init__(self, stimuli: StimulusSet, ids: Sequence[str], size: int = 48) -> None:
        self._stimuli, self._ids, self._size = stimuli, ids, size

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self._ids)

    @overload
    def __getitem__(self, row: int) -> npt.NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, row: slice) -> "Thumbnails": ...
    def __getitem__(self, row: int | slice) -> "npt.NDArray[np.uint8] | Thumbnails":
        """Read the thumbnail of an object."""
        if isinstance(row, slice):
            return Thumbnails(self._stimuli, self._ids[row], self._size)
        return np.asarray(thumbnail(self._stimuli.picture(self._ids[row]), self._size), np.uint8)


_SVG = "data:image/svg+xml;base64,"


def render(page: Page) -> str:
    """HTML of a page; all text that comes from data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("twoalike.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("twoalike.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    names = {id(block): name for name, block in named_blocks(page)}
    template = environment.get_template("report.html.j2")
    return template.render(page=page, style=Markup(style), names=names, typeset=typeset, id=id)


def typeset(cell: str) -> str:
    """Give the numbers of a cell their minus sign.

    Examples
    --------
    >>> typeset("-0.1 to 0.2")
    '−0.1 to 0.2'
    """
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", cell)


def named_blocks(page: Page) -> Iterator[tuple[str, Block]]:
    """Every block with a name for its file: its section's, numbered where there are several."""
    for section in page.sections:
        count = 0
        for block in section.blocks:
            if isinstance(block, Picture | Grid | Gallery):
                count += 1
                yield section.anchor + (f"-{count}" if count > 1 else ""), block


def write_files(page: Page, folder: Path) -> None:
    """Write every figure as SVG and every number as CSV into a new folder."""
    strange = [p.name for p in folder.glob("*") if p.suffix not in {".svg", ".csv"}]
    if strange or folder.is_file():
        found = f"{strange[0]} in it" if strange else "a file of that name"
        raise TwoalikeError(
            f"{folder}: expected a new folder, or one of a report's .svg and .csv files, found "
            f"{found}. Choose another."
        )
    with atomic_directory(folder) as temporary:
        for name, block in named_blocks(page):
            if isinstance(block, Picture):
                drawn = base64.b64decode(block.wide.removeprefix(_SVG))
                (temporary / f"{name}.svg").write_bytes(drawn)
            if block.numbers is not None:
                (temporary / f"{name}.csv").write_text(as_csv(block.numbers), encoding="utf-8")
