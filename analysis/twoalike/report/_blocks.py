"""What a page is made of: texts, frames and figures for one template, and the words around them.

Text is text: nothing here is HTML, and the template escapes all of it. The words of the report are
in ``templates/words.toml``, by section; code gives the values in them.
"""

import base64
import hashlib
import io
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from twoalike.evaluation import Interval
from twoalike.figures import (
    NARROW,
    WIDE,
    Panel,
    Thumbnails,
    panels_chart,
    to_pdf,
    to_png,
    to_svg,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError, atomic_directory, counted, inert_cell

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from markupsafe import Markup
    from matplotlib.figure import Figure

    from twoalike.results import TableView

DASH = "\N{EN DASH}"
"""Stands in a table for what there is none of."""


def as_csv(numbers: pd.DataFrame) -> str:
    r"""Write a frame as comma-separated text; missing values are empty, formulas are disabled."""
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
        """The numbers as a data URI; None for a table that is too long for a page to carry."""
        if self.numbers is None or len(self.numbers) > MOST_ROWS:
            return None
        return _data_uri("text/csv;charset=utf-8", as_csv(self.numbers).encode())


_SLIM = 5.0
"""Inches up to which a figure shrinks to a phone and is still read."""
MOST_ROWS = 1000
"""Of a table of numbers in the page; longer ones are among the report's files only."""


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _svg_uri(svg: bytes) -> str:
    """Make a data URI for an attribute in double quotes, without the third that base64 adds."""
    text = " ".join(svg.decode().split())
    for mark, code in {"%": "%25", "#": "%23", "&": "%26", '"': "%22"}.items():
        text = text.replace(mark, code)
    return f"data:image/svg+xml,{text}"


@dataclass(frozen=True)
class Picture(Block):
    """A figure with its alternative text and caption; ``make`` draws it so many inches wide."""

    make: "Callable[[float], Figure]"
    alt: str
    caption: str
    numbers: pd.DataFrame | None = None

    @cached_property
    def svg(self) -> bytes:
        return to_svg(self.make(WIDE))

    @cached_property
    def pdf(self) -> bytes:
        return to_pdf(self.make(WIDE))

    @property
    def png(self) -> bytes:
        return to_png(self.make(WIDE), dpi=300)

    @property
    def wide(self) -> str:
        return _svg_uri(self.svg)

    @cached_property
    def narrow(self) -> str:
        """For a phone; empty where the page's figure is hardly wider."""
        slim = self.make(WIDE).get_figwidth() <= _SLIM
        return "" if slim else _svg_uri(to_svg(self.make(NARROW)))

    @property
    def pdf_uri(self) -> str:
        return _data_uri("application/pdf", self.pdf)

    @classmethod
    def of(cls, panels: Sequence[Panel], caption: str, alt: str = "") -> "Picture":
        """Draw panels of estimates, whose numbers are those drawn."""
        return cls(
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
    """A paragraph, or one a line; a quiet one is set small, one with a title below its heading."""

    text: str
    quiet: bool = False
    title: str = ""


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
    private: bool = True
    """Whether it shows participants' codes."""
    images: bool = True
    refresh: int = 0
    """Seconds after which it is loaded again; 0: never."""


def number(value: float, digits: int = 3, sign: str = "") -> str:
    """Return a number with fixed digits and a true minus sign; the ``sign`` + is shown, too."""
    return f"{value:{sign}.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float, digits: int = 3) -> str:
    return number(value, digits, "+")


def percent(value: float, digits: int = 0) -> str:
    """Return a share as a percentage, with a space that does not break."""
    return f"{number(100 * value, digits)}\N{NO-BREAK SPACE}%"


def span(measure: Interval, show: Callable[..., str] = number, *digits: int) -> str:
    """Return an estimate with its interval: 0.500 [0.450, 0.550]."""
    value, low, high = (show(end, *digits) for end in (measure.value, measure.low, measure.high))
    return f"{value} [{low}, {high}]"


def typeset(cell: str) -> str:
    """Give the numbers of a cell their minus sign."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", cell)


def bare(value: float, digits: int = 2) -> str:
    """Return a number that cannot exceed 1 as the APA sets it: .93, −.05."""
    return number(value, digits).replace("0.", ".", 1)


def p_value(p: float) -> str:
    """Return a p-value as the APA sets it, with its sign: p = .031, p < .001."""
    return "p < .001" if p < 0.001 else f"p = {bare(p, 3)}"


def confidence(measure: Interval, show: Callable[..., str] = number, *digits: int) -> str:
    """Return the interval of an estimate in words: 95 % CI [0.450, 0.550]."""
    low, high = show(measure.low, *digits), show(measure.high, *digits)
    return f"95\N{NO-BREAK SPACE}% CI [{low}, {high}]"


def at(text: object, anchor: str) -> str:
    """Mark what a sentence says as taken from a section of the page."""
    return f"\x02{anchor}\x03{text}\x03" if anchor else str(text)


_MARKED = re.compile("\x02([^\x02\x03]*)\x03([^\x02\x03]*)\x03")


def linked(text: str, anchors: Collection[str]) -> "Markup":
    """Escaped text, in which what is marked leads to its section, if that is in the page.

    Options of commands are code, which is not broken after a dash.
    """
    from markupsafe import Markup, escape

    parts = _MARKED.split(text)
    made = [escape(parts[0])]
    for anchor, marked, after in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        link = Markup('<a href="#{}">{}</a>').format(anchor, marked)
        made += [link if anchor in anchors else escape(marked), escape(after)]
    return Markup(re.sub(r"(?<![\w-])--[a-z-]+", r"<code>\g<0></code>", "".join(made)))  # noqa: S704


_OF_NUMBERS = (number, signed, percent, span, counted, typeset, bare, p_value, confidence, at)


def _environment(*, html: bool) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("twoalike.report", "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    of_numbers = {of.__name__: of for of in _OF_NUMBERS}
    environment.filters |= {**of_numbers, "thousands": "{:,}".format, "linked": linked}
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
    return Picture(make, alt, caption, numbers)


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
    return _data_uri("image/jpeg", buffer.getvalue())


_PAIRS = 8


def pair_tiles(
    pairs: Iterable[tuple[str, str]], notes: Iterable[str], stimuli: StimulusSet | None
) -> list[Tile]:
    """Tiles of the first pairs of objects, each object in two of them at most."""
    seen, tiles = Counter[str](), list[Tile]()
    for pair, note in zip(pairs, notes, strict=True):
        if len(tiles) < _PAIRS and max(seen[name] for name in pair) < 2:
            seen.update(pair)
            image = image_uri(*map(stimuli.picture, pair)) if stimuli is not None else None
            tiles.append(Tile(", ".join(pair), image, note))
    return tiles


def thumbnails(
    stimuli: StimulusSet | None, ids: Sequence[str], size: int = 48
) -> Thumbnails | None:
    """Give the thumbnail of each named object by its row, shape (size, size, 3), when asked for.

    It has few colours, which files of figures store in a third of the space. None where objects are
    words or sounds: these are named instead, since their pictures cannot be read so small.
    """
    if stimuli is None or any(stimuli.kind(name) != "image" for name in ids):
        return None

    def drawn(row: int) -> npt.NDArray[np.uint8]:
        small = thumbnail(stimuli.picture(ids[row]), size)
        return np.asarray(small.quantize(64).convert("RGB"), np.uint8)

    return drawn


def render(page: Page) -> str:
    """HTML of a page; all text that comes from data is escaped, and no script but ours may run."""
    from markupsafe import Markup

    folder = files("twoalike.report") / "templates"
    style, script = (
        Markup((folder / name).read_text(encoding="utf-8")) for name in ("report.css", "report.js")
    )
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode("ascii")
    return (
        _environment(html=True)
        .get_template("report.html.j2")
        .render(
            page=page,
            style=style,
            script=script,
            digest=digest,
            names={id(block): name for name, block in named_blocks(page)},
            anchors={part.anchor for part in page.sections},
            id=id,
        )
    )


def named_blocks(page: Page) -> Iterator[tuple[str, Block]]:
    """Every block with a name for its file: its section's, numbered where there are several."""
    for part in page.sections:
        shown = [block for block in part.blocks if isinstance(block, Picture | Grid | Gallery)]
        for place, block in enumerate(shown, start=1):
            yield part.anchor + (f"-{place}" if place > 1 else ""), block


_FIGURE = ("svg", "pdf", "png")
"""A figure's files, 173 mm wide, with fonts embedded or drawn."""


def write_files(page: Page, folder: Path) -> None:
    """Write every figure as SVG, PDF and PNG, and every number as CSV, into a new folder."""
    known = {".csv", *(f".{ending}" for ending in _FIGURE)}
    strange = [p.name for p in folder.glob("*") if p.suffix not in known]
    if strange or folder.is_file():
        found = f"{strange[0]} in it" if strange else "a file of that name"
        raise TwoalikeError(
            f"{folder}: expected a new folder, or one of a report's {', '.join(sorted(known))} "
            f"files, found {found}. Choose another."
        )
    with atomic_directory(folder) as temporary:
        for name, block in named_blocks(page):
            if isinstance(block, Picture):
                for ending in _FIGURE:
                    (temporary / f"{name}.{ending}").write_bytes(getattr(block, ending))
            if block.numbers is not None:
                (temporary / f"{name}.csv").write_text(as_csv(block.numbers), encoding="utf-8")
