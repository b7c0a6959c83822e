"""The trial list of a participant's session, from the study's seed.

Participant and session fix the list whoever asks for it and in whatever order, so that a lost
list can be made again and two participants never share one by accident.
"""

import hashlib

import numpy as np
import pandas as pd

from twoalike.design._random import random_trial_list
from twoalike.stimuli import StimulusSet
from twoalike.study import Study


def session_rng(study_seed: int, participant: str, session: int) -> np.random.Generator:
    """Source of randomness of one participant's session.

    Parameters
    ----------
    study_seed
        Seed of the study, ``seed`` in ``study.toml``.
    participant
        Label of the participant.
    session
        Number of the session, from 1.
    """
    # Python's own hash of a string differs from process to process.
    label = int.from_bytes(hashlib.sha256(participant.encode()).digest()[:8], "big")
    return np.random.default_rng(np.random.SeedSequence([study_seed, label, session]))


def session_trial_list(
    study: Study, stimuli: StimulusSet, participant: str, session: int
) -> pd.DataFrame:
    """Trial list of one odd-one-out session, always the same for the same study.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design of the study.
    """
    rng = session_rng(study.config.seed, participant, session)
    return random_trial_list(stimuli, study.config.design, rng)
