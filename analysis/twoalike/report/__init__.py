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
    Thumbnails,
    Tile,
    Verbatim,
    image_uri,
    percent,
    render,
)
from twoalike.report._embedding import (
    Dimension,
    category_labels,
    category_levels,
    describe_dimensions,
    few_categories,
    shown_dimensions,
)
from twoalike.report._groups import dimension_weights, top_images
from twoalike.report._inputs import Inputs, Session, read_sessions
from twoalike.report._report import Report, write_report
from twoalike.report._sessions import (
    alike_pair_section,
    anchored_section,
    arrangement_section,
    odd_of_many_section,
    rating_section,
    sorting_section,
    triplet_section,
)

__all__ = [
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
    "Thumbnails",
    "Tile",
    "Verbatim",
    "alike_pair_section",
    "anchored_section",
    "arrangement_section",
    "category_labels",
    "category_levels",
    "describe_dimensions",
    "dimension_weights",
    "few_categories",
    "image_uri",
    "odd_of_many_section",
    "percent",
    "rating_section",
    "read_sessions",
    "render",
    "shown_dimensions",
    "sorting_section",
    "top_images",
    "triplet_section",
    "write_report",
]
