"""A page as one HTML file that needs nothing else, and its figures and numbers as files.

The HTML has no scripts and loads nothing from a network; all text that comes from data is escaped.
"""

import base64
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from twoalike.report._blocks import Block, Gallery, Grid, Page, Picture, as_csv
from twoalike.study import TwoalikeError, atomic_directory

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
