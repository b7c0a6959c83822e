"""A page as one HTML file that needs nothing else, and its figures and numbers as files.

The HTML has no scripts and loads nothing from a network; all text that comes from data is escaped.
"""

import base64
import csv
import io
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from twoalike.report._blocks import Block, Gallery, Grid, Numbers, Page, Picture
from twoalike.study import TwoalikeError, atomic_directory, inert_cell

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
    return template.render(page=page, style=Markup(style), names=names, csv_uri=csv_uri, id=id)


def as_csv(numbers: Numbers) -> str:
    r"""Write columns as comma-separated text; missing values are empty, formulas are disabled.

    Examples
    --------
    >>> as_csv({"name": ["base", "aligned"], "value": [0.4, None]})
    'name,value\nbase,0.4\naligned,\n'
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    rows = [tuple(numbers), *zip(*numbers.values(), strict=True)]
    writer.writerows([map(inert_cell, row) for row in rows])
    return buffer.getvalue()


def numbers_of(block: Block) -> Numbers | None:
    """Find the numbers of a picture, a table or a gallery; None where there are none."""
    if isinstance(block, Picture):
        return block.numbers
    if isinstance(block, Grid):
        if block.numbers is not None:
            return block.numbers
        cells = [[cell.replace("\n", " ") for cell in row] for row in block.rows]
        return {name: [row[k] for row in cells] for k, name in enumerate(block.columns)}
    if isinstance(block, Gallery):
        tiles = [(row, tile) for row in (*block.rows, *block.more) for tile in row.tiles]
        return {
            "row": [row.title for row, _ in tiles],
            "about": [row.note for row, _ in tiles],
            "image": [tile.name for _, tile in tiles],
            "note": [tile.note for _, tile in tiles],
        }
    return None


def named_blocks(page: Page) -> Iterator[tuple[str, Block]]:
    """Every block with a name for its file: its section's, numbered where there are several."""
    for section in page.sections:
        count = 0
        for block in section.blocks:
            if isinstance(block, Picture | Grid | Gallery):
                count += 1
                yield section.anchor + (f"-{count}" if count > 1 else ""), block


def csv_uri(block: Block) -> str | None:
    """Give a block's numbers as a data URI of CSV; None where there are none."""
    numbers = numbers_of(block)
    if numbers is None:
        return None
    text = base64.b64encode(as_csv(numbers).encode("utf-8")).decode("ascii")
    return f"data:text/csv;charset=utf-8;base64,{text}"


def write_files(page: Page, folder: Path) -> int:
    """Write every figure as SVG and every number as CSV into a new folder; how many files."""
    strange = [p.name for p in folder.glob("*") if p.suffix not in {".svg", ".csv"}]
    if strange or folder.is_file():
        found = f"{strange[0]} in it" if strange else "a file of that name"
        raise TwoalikeError(
            f"{folder}: expected a new folder, or one of a report's .svg and .csv files, found "
            f"{found}. Choose another."
        )
    count = 0
    with atomic_directory(folder) as temporary:
        for name, block in named_blocks(page):
            if isinstance(block, Picture):
                drawn = base64.b64decode(block.wide.removeprefix(_SVG))
                (temporary / f"{name}.svg").write_bytes(drawn)
                count += 1
            numbers = numbers_of(block)
            if numbers is not None:
                (temporary / f"{name}.csv").write_text(as_csv(numbers), encoding="utf-8")
                count += 1
    return count
