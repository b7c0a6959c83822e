"""The page as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from importlib.resources import files
from typing import TYPE_CHECKING

from twoalike.report._blocks import Page
from twoalike.report._files import csv_uri, named_blocks

if TYPE_CHECKING:
    from jinja2 import Environment


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("twoalike.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(page: Page) -> str:
    """HTML of a page; all text that comes from data is escaped."""
    from markupsafe import Markup

    style = files("twoalike.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    names = {id(block): name for name, block in named_blocks(page)}
    template = _environment().get_template("report.html.j2")
    return template.render(page=page, style=Markup(style), names=names, csv_uri=csv_uri, id=id)
