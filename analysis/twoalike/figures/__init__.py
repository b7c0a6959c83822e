"""Figures, one function each: arrays in, a matplotlib figure out, all in one style."""

from twoalike.figures._choices import dimension_chart, reliability_curve
from twoalike.figures._estimates import Line, estimates_chart
from twoalike.figures._layout import MapLayout, map_layout
from twoalike.figures._map import MOST_ELLIPSES, embedding_map, moved_apart, visible_images
from twoalike.figures._models import (
    BOUND,
    PEOPLE,
    alignment_chart,
    dot,
    model_colours,
    structure_chart,
)
from twoalike.figures._observers import observer_parameters, response_times
from twoalike.figures._power import power_curves, power_description
from twoalike.figures._similarity import category_order, similarity_heatmap
from twoalike.figures._style import NARROW, WIDE, to_data_uri, to_png, to_svg

__all__ = [
    "BOUND",
    "MOST_ELLIPSES",
    "NARROW",
    "PEOPLE",
    "WIDE",
    "Line",
    "MapLayout",
    "alignment_chart",
    "category_order",
    "dimension_chart",
    "dot",
    "embedding_map",
    "estimates_chart",
    "map_layout",
    "model_colours",
    "moved_apart",
    "observer_parameters",
    "power_curves",
    "power_description",
    "reliability_curve",
    "response_times",
    "similarity_heatmap",
    "structure_chart",
    "to_data_uri",
    "to_png",
    "to_svg",
    "visible_images",
]
