"""An odd-one-out session from its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from twoalike.design import STIMULI, read_trial_list, session_trial_list, shown_objects
from twoalike.record import Progress
from twoalike.stimuli import StimulusSet
from twoalike.tasks._duration import Times
from twoalike.tasks._prepare import Prepared, check_objects, run_plan, stimuli_inputs
from twoalike.tasks._protocol_file import load_protocol
from twoalike.tasks._session import Script
from twoalike.tasks._simulated import Hands
from twoalike.tasks._sitting import Sitting, check_list, check_sitting
from twoalike.tasks._virtual import PlayableScreen, VirtualClock
from twoalike.tasks.odd_one_out._duration import triplet_times
from twoalike.tasks.odd_one_out._hands import TripletHands
from twoalike.tasks.odd_one_out._layout import lay_out
from twoalike.tasks.odd_one_out._protocol import OddOneOut, Texts
from twoalike.tasks.odd_one_out._script import MoreTrials, triplet_script
from twoalike.tasks.odd_one_out._trial import Trial, trials_from_table
from twoalike.tasks.screens import View

TASK = "oddoneout"
PILOT_TRIALS = 12
"""Trials of a pilot run after its practice: enough to see every kind of page."""


@dataclass(frozen=True, kw_only=True)
class PreparedTriplets(Prepared):
    """An odd-one-out session that can start.

    Attributes
    ----------
    trials
        Trials known before the session.
    more
        Where later blocks come from; None where ``trials`` are all.
    """

    protocol: OddOneOut
    trials: tuple[Trial, ...]
    more: MoreTrials | None = None

    @property
    def texts(self) -> Texts:
        """What the participant reads."""
        return self.protocol.texts

    def checks_done(self, rows: Sequence[Mapping[str, str]]) -> list[bool | None]:
        """Read what the rows say."""
        said = {"true": True, "false": False}
        return [said.get(row["correct"]) for row in rows if row["trial_type"] == "catch"]

    def first_images(self, progress: Progress) -> tuple[str, ...]:
        """Objects in the order of the trials."""
        ahead = self.trials[progress.n_done :]
        pages = [name for page in self.protocol.pages.images for name in page]
        shown = [name for trial in ahead for name in trial.stimuli]
        return tuple(dict.fromkeys([*pages, *shown]))

    def image_size(self, view: View) -> int:
        """Side of the images' squares."""
        return lay_out(self.protocol, view).image

    def script(self, view: View, progress: Progress) -> Script:
        """Pages, trials, breaks."""
        return triplet_script(
            self.protocol,
            lay_out(self.protocol, view),
            self.trials,
            self.opening(progress),
            n_done=progress.n_done,
            more=self.more,
        )

    def times(self, progress: Progress) -> Times:
        """Time left after the instruction."""
        judged = sum(trial.trial_type != "practice" for trial in self.trials)
        return triplet_times(
            self.protocol,
            self.trials,
            n_done=progress.n_done,
            further=0 if self.more is None else self.more.total - judged,
            per_block=self.sitting.study.config.design.trials_per_block,
        )

    def hands(self, screen: PlayableScreen, clock: VirtualClock) -> Hands:
        """Hands that choose."""
        assert self.sitting.observer is not None
        return TripletHands(self.sitting.observer, screen, clock, self.sitting.seed)


def triplet_table(sitting: Sitting, stimuli: StimulusSet) -> pd.DataFrame:
    """Trial list of a session: the one in the study's ``design`` folder, or else made anew.

    Raises
    ------
    TwoalikeError
        If it is damaged or out of date, or the stimuli do not allow the design.
    """
    study = sitting.study
    listed = study.trial_list(TASK, sitting.participant, sitting.session)
    if listed.exists():
        table = read_trial_list(listed, stimuli.ids)
        check_list(sitting, stimuli, TASK)
        return table
    return session_trial_list(study, stimuli, sitting.participant, sitting.session)


def _pilot_part(table: pd.DataFrame) -> pd.DataFrame:
    """Cut a trial list short: the practice, and the first trials that need none left out."""
    main = (table["trial_type"] != "practice").cumsum()
    return table[main <= PILOT_TRIALS].reset_index(drop=True)


def prepare_triplets(
    sitting: Sitting, *, table: pd.DataFrame | None = None, more: MoreTrials | None = None
) -> PreparedTriplets:
    """Read and check protocol, stimuli and trial list of a session.

    Parameters
    ----------
    table
        Trial list to use instead of the study's.
    more
        Where later blocks come from, in a session that adapts.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    study = check_sitting(sitting).study
    protocol = load_protocol(study, OddOneOut)
    stimuli = StimulusSet.load(study.stimuli)
    if table is None:
        table = triplet_table(sitting, stimuli)
    if sitting.pilot:
        table = _pilot_part(table)
    trials = trials_from_table(table)
    shown = set(table[list(STIMULI)].to_numpy().ravel())
    if more is not None:
        shown |= set(shown_objects(stimuli, study.config.design))
    check_objects(sitting, protocol, stimuli, shown)
    plan = run_plan(
        sitting,
        TASK,
        protocol,
        stimuli,
        shown=shown,
        trials=table,
        n_trials=len(table) if more is None else more.n_trials,
    )
    return PreparedTriplets(
        sitting=sitting,
        protocol=protocol,
        stimuli=stimuli,
        plan=plan,
        inputs=stimuli_inputs(study, study.protocol_of(TASK)),
        trials=trials,
        more=more,
    )
