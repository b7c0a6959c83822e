"""The multi-arrangement task: images are dragged into a circle, so that alike ones are close."""

from twoalike.tasks.multi_arrangement._arranging import (
    Phase,
    n_outside,
)
from twoalike.tasks.multi_arrangement._hands import (
    ArrangementHands,
    drag,
    next_action,
    plan_arrangement,
)
from twoalike.tasks.multi_arrangement._layout import (
    ArenaLayout,
    Seat,
    arena_lines,
    arena_text_faults,
    lay_out_arena,
)
from twoalike.tasks.multi_arrangement._prepare import (
    PreparedArrangements,
    listed_arrangement_times,
    prepare_arrangements,
)
from twoalike.tasks.multi_arrangement._protocol import (
    MultiArrangement,
    arrangement_protocol,
)
from twoalike.tasks.multi_arrangement._script import (
    ArrangementActivity,
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
    "ArrangementResult",
    "ArrangementTrial",
    "MultiArrangement",
    "Phase",
    "PreparedArrangements",
    "Seat",
    "Seating",
    "arena_lines",
    "arena_text_faults",
    "arrangement_protocol",
    "drag",
    "draw_seats",
    "groups_apart",
    "lay_out_arena",
    "listed_arrangement_times",
    "n_outside",
    "next_action",
    "plan_arrangement",
    "prepare_arrangements",
    "replay",
]
