"""An anchored-choice session: its files; script and trials are those of the odd-one-out task."""

from typing import Any

import pandas as pd

from twoalike.design import read_anchored_list, session_anchored_list
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tables import ANCHORED_CHOICE
from twoalike.tasks._duration import Times
from twoalike.tasks._prepare import Sitting, check_list, check_sitting
from twoalike.tasks._protocol_file import load_protocol
from twoalike.tasks.anchored_choice._protocol import AnchoredChoice
from twoalike.tasks.odd_one_out import (
    PreparedTriplets,
    prepared_choices,
    trials_from_table,
    triplet_times,
)


def prepare_anchored(sitting: Sitting) -> PreparedTriplets:
    """Read and check protocol, stimuli and trial list of a session.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    study = check_sitting(sitting).study
    protocol, stimuli = load_protocol(study, AnchoredChoice), StimulusSet.load(study.stimuli)
    session = (sitting.participant, sitting.session)
    listed = study.trial_list(ANCHORED_CHOICE, *session)
    if listed.exists():
        table = read_anchored_list(listed, stimuli.ids)
        check_list(sitting, stimuli, ANCHORED_CHOICE)
    else:
        table = session_anchored_list(study, stimuli, *session)
    return prepared_choices(sitting, protocol, stimuli, table)


def anchored_times(
    protocol: AnchoredChoice,
    study: Study,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    simulated: Any = None,
) -> Times:
    """Time for the trials of a list; a choice takes as long as that of an odd one."""
    return triplet_times(protocol, trials_from_table(table))
