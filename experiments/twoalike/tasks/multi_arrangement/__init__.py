"""The multi-arrangement task: images are dragged into a circle, so that alike ones are close."""

from twoalike.tasks.multi_arrangement._activity import (
    ArrangementActivity,
)
from twoalike.tasks.multi_arrangement._arranging import advance
from twoalike.tasks.multi_arrangement._duration import arrangement_times
from twoalike.tasks.multi_arrangement._hands import ArrangementHands
from twoalike.tasks.multi_arrangement._layout import (
    ArenaLayout,
    Seat,
    arena_lines,
    arena_text_faults,
    lay_out_arena,
)
from twoalike.tasks.multi_arrangement._prepare import PreparedArrangements, prepare_arrangements
from twoalike.tasks.multi_arrangement._protocol import MultiArrangement
from twoalike.tasks.multi_arrangement._simulate import (
    ArrangementPlan,
    Placement,
    drag,
    next_action,
    plan_arrangement,
)
from twoalike.tasks.multi_arrangement._state import (
    ArrangingState,
    Phase,
    n_outside,
)
from twoalike.tasks.multi_arrangement._trial import (
    ArrangementResult,
    ArrangementTrial,
    Seating,
    draw_seats,
    groups_apart,
    replay,
)

__all__ = [
    "ArenaLayout",
    "ArrangementActivity",
    "ArrangementHands",
    "ArrangementPlan",
    "ArrangementResult",
    "ArrangementTrial",
    "ArrangingState",
    "MultiArrangement",
    "Phase",
    "Placement",
    "PreparedArrangements",
    "Seat",
    "Seating",
    "advance",
    "arena_lines",
    "arena_text_faults",
    "arrangement_times",
    "drag",
    "draw_seats",
    "groups_apart",
    "lay_out_arena",
    "n_outside",
    "next_action",
    "plan_arrangement",
    "prepare_arrangements",
    "replay",
]
