"""Who sits down for which session, and whether the list of trials is the one to show."""

import re
from dataclasses import dataclass
from pathlib import Path

from twoalike.design import check_list_is_current, participant_number
from twoalike.observers import SimulatedObserver
from twoalike.record import RunName, participant_label
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError

_LIST = re.compile(
    r"sub-(?P<who>[^_]+)_ses-(?P<session>\d+)_task-(?P<task>oddoneout|multiarrangement)_trials\.tsv"
)


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Who sits down for which session, in which study.

    Attributes
    ----------
    pilot
        Whether the session goes to the study's pilot data set.
    observer
        Simulated observer who answers; None for a person.
    """

    study: Study
    participant: str
    session: int
    pilot: bool = False
    observer: SimulatedObserver | None = None

    @property
    def root(self) -> Path:
        """Data set the session is recorded in."""
        return self.study.pilot if self.pilot else self.study.raw

    @property
    def seed(self) -> tuple[int, int, int]:
        """Words of the seed of the session; trials add their number."""
        return self.study.config.seed, participant_number(self.participant), self.session


def check_sitting(sitting: Sitting) -> Sitting:
    """Check participant and session.

    Raises
    ------
    TwoalikeError
        If the code is no code, or the session no session.
    """
    participant_label(sitting.participant)
    if sitting.session < 1:
        raise TwoalikeError(f"--session {sitting.session}: sessions count from 1.")
    return sitting


def check_list(sitting: Sitting, stimuli: StimulusSet, task: str) -> None:
    """Check that the trial list is what the study asks for now, unless the session has begun.

    Raises
    ------
    TwoalikeError
        Naming what changed since the list was made.
    """
    name = RunName(sitting.participant, sitting.session, task)
    if not name.rows(sitting.root).exists():
        check_list_is_current(sitting.study, stimuli, task, name.participant, name.session)


def check_lists(study: Study) -> list[str]:
    """Say which lists of sessions to come the study no longer asks for, one line each."""
    names = [_LIST.fullmatch(path.name) for path in sorted((study.root / "design").glob("*.tsv"))]
    found = [match for match in names if match is not None]
    stimuli = StimulusSet.load(study.stimuli, verify=False) if found else None
    faults = []
    for match in found:
        assert stimuli is not None
        sitting = Sitting(study=study, participant=match["who"], session=int(match["session"]))
        try:
            check_list(sitting, stimuli, match["task"])
        except TwoalikeError as error:
            faults.append(str(error))
    return faults
