"""What a page is made of: texts, frames and figures for one template, and the words around them.

Text is text: nothing here is HTML, and the template escapes all of it. The words of the report are
in ``templates/words.toml``, by section; code gives the values in them.
"""

import base64
import io
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from twoalike.evaluation import Interval
from twoalike.figures import NARROW, WIDE, Panel, Thumbnails, panels_chart, to_data_uri
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, counted, inert_cell

if TYPE_CHECKING:
    from jinja2 import Environment, Template
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


class Block:
    """A part of a section; the template shows it by its kind."""

    numbers: pd.DataFrame | None = None
    """Numbers behind it, to download; None where there are none."""

    @property
    def kind(self) -> str:
        return type(self).__name__.lower()

    @property
    def csv_uri(self) -> str | None:
        if self.numbers is None:
            return None
        text = base64.b64encode(as_csv(self.numbers).encode()).decode("ascii")
        return f"data:text/csv;charset=utf-8;base64,{text}"


@dataclass(frozen=True)
class Picture(Block):
    """A figure with its alternative text and caption, as data URIs for a page and for a phone."""

    alt: str
    caption: str
    wide: str
    narrow: str
    numbers: pd.DataFrame | None = None

    @classmethod
    def draw(
        cls,
        make: "Callable[[float], Figure]",
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
        return cls.draw(
            lambda width: panels_chart(panels, width=width),
            alt=" ".join([alt, *(panel.words() for panel in panels)]).strip(),
            caption=caption,
            numbers=pd.DataFrame(
                [
                    (panel.title or panel.label, line.name, line.series)
                    + (line.measure.value, line.measure.low, line.measure.high)
                    for panel in panels
                    for line in panel.lines
                ],
                columns=["measure", "name", "series", "value", "low", "high"],
            ),
        )


@dataclass(frozen=True)
class Grid(Block):
    """A table of texts; the index names the rows. A cell's second line is set small."""

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


class Tile(NamedTuple):
    """One image of a gallery; a name stands in for an image that is missing."""

    name: str
    image: str | None
    note: str


class Row(NamedTuple):
    """One line of a gallery."""

    title: str
    note: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Gallery(Block):
    """Rows of images, each with a title; ``more`` of them are folded away.

    ``pairs``: each image shows two things side by side, and is twice as wide as high.
    """

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
class Text(Block):
    """A paragraph; a quiet one is set small."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Verbatim(Block):
    """A file shown as it is, folded away."""

    title: str
    text: str


@dataclass(frozen=True)
class Missing(Block):
    """What is not there, and the command that makes it."""

    text: str
    command: str


class Section(NamedTuple):
    """One section: its address in the page, and how to read it in a sentence or two (lead)."""

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Block]


class Caution(NamedTuple):
    """Something to distrust; ``grave`` if no conclusion should be drawn before it is mended."""

    text: str
    grave: bool = False


class Fact(NamedTuple):
    """A headline number."""

    value: str
    label: str


class Page(NamedTuple):
    """The whole report."""

    title: str
    subtitle: str
    facts: Sequence[Fact]
    findings: Sequence[str]
    cautions: Sequence[Caution]
    sections: Sequence[Section]


def number(value: float, digits: int = 3, sign: str = "") -> str:
    """Return a number with fixed digits and a true minus sign; the ``sign`` + is shown, too.

    Examples
    --------
    >>> number(-0.0512, 2), number(0.0512, 2, "+")
    ('−0.05', '+0.05')
    """
    return f"{value:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 3) -> str:
    return number(value, digits, "+")


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage, with a space that does not break."""
    return f"{number(100 * value, digits)}\N{NO-BREAK SPACE}%"


def span(measure: Interval, show: Callable[..., str] = number, *digits: int) -> str:
    """Return an estimate with its interval.

    Examples
    --------
    >>> span(Interval(0.5, 0.45, 0.55))
    '0.500 [0.450, 0.550]'
    """
    value, low, high = (show(end, *digits) for end in (measure.value, measure.low, measure.high))
    return f"{value} [{low}, {high}]"


def _environment(*, html: bool) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("twoalike.report", "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    of_numbers = {of.__name__: of for of in (number, signed, percent, span, counted, typeset)}
    environment.filters |= {**of_numbers, "thousands": "{:,}".format}
    environment.globals |= of_numbers
    return environment


@cache
def _words() -> "dict[str, Template]":
    environment = _environment(html=False)
    text = files("twoalike.report").joinpath("templates/words.toml").read_text(encoding="utf-8")
    return {
        f"{section}.{name}": environment.from_string(words)
        for section, parts in tomllib.loads(text).items()
        for name, words in parts.items()
    }


def say(key: str, **values: Any) -> str:
    """Words of the report by their key, such as ``map.caption``, with the values in them."""
    return re.sub("[ \n]+", " ", _words()[key].render(values)).strip()


def section(anchor: str, *blocks: Block, **values: Any) -> Section:
    title, lead = (say(f"{anchor}.{part}", **values) for part in ("title", "lead"))
    return Section(anchor, title, lead, blocks)


def picture(
    key: str,
    make: "Callable[[float], Figure]",
    numbers: pd.DataFrame | None = None,
    **values: Any,
) -> Picture:
    """Draw a figure with its words, the caption and the alternative text below a key."""
    alt, caption = (say(f"{key}.{part}", **values) for part in ("alt", "caption"))
    return Picture.draw(make, alt=alt, caption=caption, numbers=numbers)


def no_sessions() -> Missing:
    return Missing(say("none.sessions"), "twoalike run STUDY --task odd-one-out --participant ID")


def no_posterior() -> Missing:
    return Missing(say("none.posterior"), "twoalike fit STUDY")


def thumbnail(picture: Image.Image, size: int) -> Image.Image:
    """Square thumbnail: the whole picture on white, ``size`` pixels wide."""
    image = picture.copy()
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size, size), "white")
    square.paste(image, ((size - image.width) // 2, (size - image.height) // 2))
    return square


def image_uri(*pictures: Image.Image, size: int = 112) -> str:
    """Thumbnails side by side, as a JPEG data URI."""
    strip = Image.new("RGB", (len(pictures) * size, size), "white")
    for place, one in enumerate(pictures):
        strip.paste(thumbnail(one, size), (place * size, 0))
    buffer = io.BytesIO()
    strip.save(buffer, format="JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def thumbnails(stimuli: StimulusSet, ids: Sequence[str], size: int = 48) -> Thumbnails:
    """Give the thumbnail of each named object by its row, shape (size, size, 3), when asked for."""
    return lambda row: np.asarray(thumbnail(stimuli.picture(ids[row]), size), np.uint8)


def render(page: Page) -> str:
    """HTML of a page; all text that comes from data is escaped."""
    from markupsafe import Markup

    style = files("twoalike.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    names = {id(block): name for name, block in named_blocks(page)}
    template = _environment(html=True).get_template("report.html.j2")
    return template.render(page=page, style=Markup(style), names=names, id=id)


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
    for part in page.sections:
        shown = [block for block in part.blocks if isinstance(block, Picture | Grid | Gallery)]
        for place, block in enumerate(shown, start=1):
            yield part.anchor + (f"-{place}" if place > 1 else ""), block


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
                drawn = base64.b64decode(block.wide.partition(",")[2])
                (temporary / f"{name}.svg").write_bytes(drawn)
            if block.numbers is not None:
                (temporary / f"{name}.csv").write_text(as_csv(block.numbers), encoding="utf-8")
