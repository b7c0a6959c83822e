"""Texts as lines and images, measured without a window."""

from twoalike.tasks.lettering._fonts import check_characters
from twoalike.tasks.lettering._lines import (
    LINE,
    Line,
    draw_label,
    draw_text,
    label_size,
    set_text,
    tail,
    text_height,
)
from twoalike.tasks.lettering._script import right_to_left

__all__ = [
    "LINE",
    "Line",
    "check_characters",
    "draw_label",
    "draw_text",
    "label_size",
    "right_to_left",
    "set_text",
    "tail",
    "text_height",
]
