"""A study's report: one HTML file that opens anywhere, with the summary first.

The parts of a page (sections of pictures, galleries and tables) serve other pages as well.
"""

from twoalike.report._agreement import group_lines
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
from twoalike.report._embedding import (
    Dimension,
    category_labels,
    category_levels,
    describe_dimensions,
    few_categories,
)
from twoalike.report._fit import thinned
from twoalike.report._inputs import Inputs
from twoalike.report._measures import ceiling_lines, distance_lines, transfer_lines
from twoalike.report._people import Session, arrangement_section, read_sessions, triplet_section
from twoalike.report._render import render
from twoalike.report._report import Report, write_report
from twoalike.report._thumbnails import Thumbnails, image_uri

__all__ = [
    "Thumbnails",
    "Caution",
    "Dimension",
    "Fact",
    "Gallery",
    "Grid",
    "Inputs",
    "Page",
    "Picture",
    "Report",
    "Row",
    "Section",
    "Session",
    "Text",
    "Tile",
    "Verbatim",
    "arrangement_section",
    "category_labels",
    "category_levels",
    "ceiling_lines",
    "describe_dimensions",
    "distance_lines",
    "few_categories",
    "group_lines",
    "image_uri",
    "percent",
    "read_sessions",
    "render",
    "thinned",
    "transfer_lines",
    "triplet_section",
    "write_report",
]
