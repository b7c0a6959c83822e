"""Seeds: what is random in a session follows from the study's seed, the participant and its number.

In whatever order lists are made, a lost list can be made again, and two participants never share
one by accident. Where sessions share their trials out among them, the whole call fixes them.
"""

import hashlib
from collections.abc import Sequence

import numpy as np


def session_rng(study_seed: int, participant: str, session: int) -> np.random.Generator:
    """Source of randomness of one participant's session."""
    words = [study_seed, participant_number(participant), session]
    return np.random.default_rng(np.random.SeedSequence(words))


def session_secret(study_seed: int, participant: str, session: int) -> int:
    """Seed of one session that does not reveal the study's, 128 bits.

    Whoever arranges in a browser gets it: the study's seed would tell which trials of other
    tasks are attention checks.
    """
    words = f"{study_seed} {participant} {session}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:16], "big")


def participant_number(participant: str) -> int:
    """Turn a label into a number that seeds; Python's own hash differs between processes."""
    return int.from_bytes(hashlib.sha256(participant.encode()).digest()[:8], "big")


def checks_before(participant: str, session: int, catch: int) -> int:
    """Count the attention checks before a session, from a number that is the participant's own."""
    return participant_number(participant) + (session - 1) * catch


def group_rng(seed: int, participants: Sequence[str], sessions: int) -> np.random.Generator:
    """Source of what sessions share out; other participants get another design."""
    whole = participant_number("\t".join(participants))
    return np.random.default_rng(np.random.SeedSequence([seed, whole, sessions, 1]))


def arrangement_rng(
    study_seed: int, participant: str, session: int, trial: int
) -> np.random.Generator:
    """Source of randomness of one trial of a simulated multi-arrangement session.

    Parameters
    ----------
    trial
        Number of the main trial in the session, from 1; 0 is for the list of any session.
    """
    words = [study_seed, participant_number(participant), session, trial]
    return np.random.default_rng(np.random.SeedSequence(words))
