"""A study's report: one HTML file that opens anywhere, with the summary first.

The parts of a page (sections of pictures, galleries and tables) serve other pages as well.
"""

from twoalike.report._blocks import (
    Caution,
    Fact,
    Gallery,
    Grid,
    Page,
    Picture,
    Row,
    Section,
    Text,
    Tile,
    Verbatim,
    percent,
)
from twoalike.report._embedding import Dimension, describe_dimensions
from twoalike.report._people import Session, read_sessions
from twoalike.report._render import render
from twoalike.report._report import write_report
from twoalike.report._thumbnails import Thumbnails, image_uri

__all__ = [
    "Thumbnails",
    "Caution",
    "Dimension",
    "Fact",
    "Gallery",
    "Grid",
    "Page",
    "Picture",
    "Row",
    "Section",
    "Session",
    "Text",
    "Tile",
    "Verbatim",
    "describe_dimensions",
    "image_uri",
    "percent",
    "read_sessions",
    "render",
    "write_report",
]
