"""An anchored-choice session: its files; script and trials are those of the odd-one-out task."""

from typing import Any

import pandas as pd

from twoalike.design import ANCHORED_LISTS
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tasks._duration import Times
from twoalike.tasks._prepare import Sitting, check_sitting, session_list
from twoalike.tasks._protocol_file import load_protocol
from twoalike.tasks.anchored_choice._protocol import AnchoredChoice
from twoalike.tasks.odd_one_out import (
    MoreTrials,
    PreparedTriplets,
    Trial,
    choice_times,
    prepared_choices,
    trials_from_table,
)


def prepare_anchored(
    sitting: Sitting, *, table: pd.DataFrame | None = None, more: MoreTrials[Trial] | None = None
) -> PreparedTriplets:
    """Read and check protocol, stimuli and trial list of a session.

    Parameters
    ----------
    table, more
        As for :func:`prepare_triplets`.

    Raises
    ------
    TwoalikeError
        If something is missing, damaged or does not fit.
    """
    study = check_sitting(sitting).study
    protocol, stimuli = load_protocol(study, AnchoredChoice), StimulusSet.load(study.stimuli)
    if table is None:
        table = session_list(sitting, stimuli, ANCHORED_LISTS)
    return prepared_choices(sitting, protocol, stimuli, table, more)


def anchored_times(
    protocol: AnchoredChoice,
    study: Study,
    stimuli: StimulusSet,
    table: pd.DataFrame,
    simulated: Any = None,
) -> Times:
    """Time for the trials of a list; a choice takes as long as that of an odd one."""
    return choice_times(protocol, trials_from_table(table), study.config.anchored)
