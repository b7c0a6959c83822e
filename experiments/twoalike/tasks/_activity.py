"""What a session is made of: pages, questions and trials, all driven the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from twoalike.record import TRIAL_SHOWN
from twoalike.tasks._events import Event
from twoalike.tasks._scenes import Scene


@dataclass(frozen=True)
class Note:
    """Something that happened besides the trials, for the log."""

    event: str
    time: float
    detail: Mapping[str, object] = field(default_factory=dict)


def trial_shown(time: float, trial_index: int) -> Note:
    """Note that a trial appeared: the record derives ``seen_before`` from it."""
    return Note(TRIAL_SHOWN, time, {"trial_index": trial_index})


@dataclass(frozen=True)
class EventRow:
    """A row of the run's table of events, such as one drag; kept as it happens."""

    values: Mapping[str, object]


@dataclass(frozen=True)
class Given:
    """What the participant said outside the trials: consent, the form, the debriefing.

    Attributes
    ----------
    measure
        ``consent``, ``form`` or ``debrief``.
    values
        Answers by question id; None for a question left open.
    """

    measure: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class MoreShown:
    """Trials that were chosen while the session runs: further rows of its trial list."""

    table: pd.DataFrame


@runtime_checkable
class Result(Protocol):
    """A trial that was shown to its end."""

    @property
    def trial_index(self) -> int:
        """Number of the trial in the run, from 1."""

    @property
    def trial_type(self) -> str:
        """Why it was shown: practice, main, catch, repeat."""

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where there is no right answer, or no answer."""

    @property
    def timed_out(self) -> bool:
        """Whether its time passed before it was finished."""

    def rows(self, *, rt_source: str, pilot: bool) -> Sequence[Mapping[str, Any]]:
        """Rows of the raw table, written together or not at all."""


type Item = Note | EventRow | Given | MoreShown | Result
"""What a session gives to be kept."""


@runtime_checkable
class Activity(Protocol):
    """Something on the screen that takes events until it is finished."""

    @property
    def name(self) -> str:
        """What it is, for the log."""

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""

    @property
    def finished(self) -> bool:
        """Whether the next activity's turn has come."""

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; give what is to be kept."""

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: what was open starts again, what was decided is over."""
