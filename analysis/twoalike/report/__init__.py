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
from twoalike.report._dimensions import Dimension, describe_dimensions
from twoalike.report._html import render
from twoalike.report._sessions import Session, read_sessions
from twoalike.report._thumbnails import Thumbnails, image_uri
from twoalike.report._write import write_report

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
