"""Pages and questions around the trials, as activities."""

from twoalike.tasks.screens._around import (
    Opening,
    after_trials,
    before_trials,
    consent_text_hash,
    pause_page,
    text_page,
)
from twoalike.tasks.screens._frame import Box, Frame, View, frame
from twoalike.tasks.screens._layout import (
    TextLayout,
    lay_out_page,
    lay_out_question,
    option_labels,
    widest,
)
from twoalike.tasks.screens._page import PageActivity
from twoalike.tasks.screens._question import QuestionActivity
from twoalike.tasks.screens._ready import ReadyActivity, getting_ready
from twoalike.tasks.screens._rooms import Room, page_faults, room_faults, single_page_faults
from twoalike.tasks.screens._turning import GO_ON
from twoalike.tasks.screens._wait import WaitActivity

__all__ = [
    "GO_ON",
    "Box",
    "Frame",
    "Opening",
    "PageActivity",
    "QuestionActivity",
    "ReadyActivity",
    "Room",
    "TextLayout",
    "View",
    "WaitActivity",
    "after_trials",
    "before_trials",
    "consent_text_hash",
    "frame",
    "getting_ready",
    "lay_out_page",
    "lay_out_question",
    "option_labels",
    "page_faults",
    "pause_page",
    "room_faults",
    "single_page_faults",
    "text_page",
    "widest",
]
