"""The odd-one-out task as state machines: no window, no file, nothing but events and scenes."""

from twoalike.tasks._answering import Phase, TrialState, advance, begin_trial, trial_scene
from twoalike.tasks._conduct import Keep, Screen, catch_signals, keep_in, run_session
from twoalike.tasks._events import (
    Event,
    KeyPress,
    PointerPress,
    PointerRelease,
    Shown,
    Stop,
    Tick,
)
from twoalike.tasks._layout import Layout, lay_out
from twoalike.tasks._prepare import PreparedSession, observer_seed, prepare_session
from twoalike.tasks._protocol import OddOneOut
from twoalike.tasks._scenes import Fixation, Page, Row, Scene
from twoalike.tasks._session import EndReason, Note, PageStep, Session, plan_steps
from twoalike.tasks._simulate import (
    NoWindow,
    PlayableScreen,
    SimulatedParticipant,
    VirtualClock,
)
from twoalike.tasks._template import protocol_template
from twoalike.tasks._trial import Answer, Trial, TrialResult, trials_from_table

__all__ = [
    "Answer",
    "EndReason",
    "Event",
    "Fixation",
    "Keep",
    "KeyPress",
    "Layout",
    "NoWindow",
    "Note",
    "OddOneOut",
    "Page",
    "PageStep",
    "Phase",
    "PlayableScreen",
    "PointerPress",
    "PointerRelease",
    "PreparedSession",
    "Row",
    "Scene",
    "Screen",
    "Session",
    "Shown",
    "SimulatedParticipant",
    "Stop",
    "Tick",
    "Trial",
    "TrialResult",
    "TrialState",
    "VirtualClock",
    "advance",
    "begin_trial",
    "catch_signals",
    "keep_in",
    "lay_out",
    "observer_seed",
    "plan_steps",
    "prepare_session",
    "protocol_template",
    "run_session",
    "trial_scene",
    "trials_from_table",
]
