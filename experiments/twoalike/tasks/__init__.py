"""The tasks as state machines: no window, no file, nothing but events and scenes."""

from twoalike.tasks._activity import (
    Activity,
    EventRow,
    Given,
    Item,
    MoreShown,
    Note,
    Result,
)
from twoalike.tasks._conduct import Keep, Screen, catch_signals, run_session
from twoalike.tasks._events import (
    Button,
    Event,
    Focus,
    KeyPress,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Stop,
    Tick,
    Typed,
)
from twoalike.tasks._keep import Keeper
from twoalike.tasks._marks import Marks
from twoalike.tasks._prepare import Prepared, Sitting
from twoalike.tasks._presets import PRESETS, arrangement_protocol, triplet_protocol
from twoalike.tasks._ready import prepare_session
from twoalike.tasks._scenes import Arena, Ask, Fixation, Page, Placed, PushButton, Row, Scene, Timer
from twoalike.tasks._session import EndReason, Script, Session
from twoalike.tasks._settings import Protocol
from twoalike.tasks._settings import Screen as ScreenSettings
from twoalike.tasks._simulated import Hands, SimulatedParticipant
from twoalike.tasks._template import protocol_template
from twoalike.tasks._texts import languages
from twoalike.tasks._virtual import NoWindow, PlayableScreen, VirtualClock
from twoalike.tasks.multi_arrangement import (
    ArenaLayout,
    ArrangementActivity,
    ArrangementResult,
    MultiArrangement,
    lay_out_arena,
)
from twoalike.tasks.odd_one_out import (
    Answer,
    Layout,
    OddOneOut,
    Phase,
    Trial,
    TrialResult,
    TrialState,
    TripletActivity,
    advance,
    begin_trial,
    lay_out,
    trial_scene,
    trials_from_table,
    triplet_script,
)
from twoalike.tasks.screens import Frame, Opening, PageActivity, QuestionActivity, View, frame

__all__ = [
    "PRESETS",
    "Activity",
    "Answer",
    "Arena",
    "ArenaLayout",
    "ArrangementActivity",
    "ArrangementResult",
    "Ask",
    "Button",
    "EndReason",
    "Event",
    "EventRow",
    "Fixation",
    "Focus",
    "Frame",
    "Given",
    "Hands",
    "Item",
    "Keep",
    "Keeper",
    "KeyPress",
    "Layout",
    "Marks",
    "MoreShown",
    "MultiArrangement",
    "NoWindow",
    "Note",
    "OddOneOut",
    "Opening",
    "Page",
    "PageActivity",
    "Phase",
    "Placed",
    "PlayableScreen",
    "PointerMove",
    "PointerPress",
    "PointerRelease",
    "Prepared",
    "Protocol",
    "PushButton",
    "QuestionActivity",
    "Result",
    "Row",
    "Scene",
    "Screen",
    "ScreenSettings",
    "Script",
    "Session",
    "Shown",
    "SimulatedParticipant",
    "Sitting",
    "Stop",
    "Tick",
    "Timer",
    "Trial",
    "TrialResult",
    "TrialState",
    "TripletActivity",
    "Typed",
    "View",
    "VirtualClock",
    "advance",
    "arrangement_protocol",
    "begin_trial",
    "catch_signals",
    "frame",
    "languages",
    "lay_out",
    "lay_out_arena",
    "prepare_session",
    "protocol_template",
    "run_session",
    "trial_scene",
    "trials_from_table",
    "triplet_protocol",
    "triplet_script",
]
