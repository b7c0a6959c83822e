"""The trial lists of participants' sessions, from the study's seed.

Participant and session fix a random list, in whatever order lists are made, so that a lost list
can be made again and two participants never share one by accident. Where sessions share their
triplets out among them, the whole call fixes them.
"""

import hashlib
from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._assemble import assemble
from twoalike.design._levels import (
    check_conditions,
    level_practice,
    level_session,
    level_sessions,
    object_classes,
)
from twoalike.design._list import TRIAL_LIST
from twoalike.design._objects import shown_table
from twoalike.design._triplets import Chosen, balanced_triplets, fresh_triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Integers, Study, TwoalikeError
from twoalike.tables import read_table


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


def require_posterior(sampler: str, table: str) -> None:
    """Refuse the adaptive sampler where no posterior is at hand."""
    if sampler == "adaptive":
        raise TwoalikeError(
            f"{table}: the adaptive sampler chooses by a posterior. Name it: `posterior=P.nc`."
        )


def stands_alone(config: DesignConfig) -> bool:
    """Whether a session's list depends on no other's, so that it can be made by itself."""
    return config.sampler == "random" or (
        config.sampler == "levels" and not config.lists_per_triplet
    )


def checks_before(participant: str, session: int, catch: int) -> int:
    """Count the attention checks before a session, from a number that is the participant's own."""
    return participant_number(participant) + (session - 1) * catch


def with_dealt_checks(config: DesignConfig, before: int) -> DesignConfig:
    """Fix how often the odd one of a session's attention checks is left, middle and right.

    Places are dealt in turn, from one that depends on the participant, on through the sessions
    (``before`` as :func:`checks_before` counts): over all checks of a participant left, middle and
    right are within one of equally often, and the one that comes once more differs between
    participants. What the study asks for stays.

    Examples
    --------
    >>> config = DesignConfig(catch=2)
    >>> [with_dealt_checks(config, checks_before("01", k, 2)).catch_sides for k in (1, 2, 3)]
    [[1, 0, 1], [0, 1, 1], [1, 1, 0]]
    """
    if config.catch_sides or not config.catch:
        return config
    sides = np.bincount((before % 3 + np.arange(config.catch)) % 3, minlength=3)
    return config.model_copy(update={"catch_sides": sides.tolist()})


def level_lists(
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[tuple[str, int]],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make trial lists of odd-one-out sessions by levels, as :attr:`ListDesign.make` describes."""
    config, seed = study.config.design, study.config.seed
    shown = shown_table(stimuli, config.exclude)
    require_triplets(config, len(shown))
    rngs = [session_rng(seed, label, number) for label, number in sessions]
    classes = _classes(study, shown, stimuli)
    people = len({label for label, _ in sessions})
    mains = (
        level_sessions(classes, config, people, len(sessions) // people, shared)
        if config.lists_per_triplet
        else [level_session(classes, config, rng) for rng in rngs]
    )
    tables = []
    for session, main, rng in zip(sessions, mains, rngs, strict=True):
        dealt = with_dealt_checks(config, checks_before(*session, config.catch))
        practice = level_practice(classes, config, main, rng)
        tables.append(assemble(shown, stimuli.levels, dealt, practice, main, rng))
    return tables


def own_trial_list(study: Study, stimuli: StimulusSet, path: Path) -> pd.DataFrame:
    """Read a list that the study brings, and check its levels where the study names classes."""
    table = read_table(path, TRIAL_LIST, "a trial list", stimuli.ids)
    if study.config.design.level or study.config.design.features:
        classes = _classes(study, stimuli.table, stimuli)
        check_conditions(path, table, stimuli.ids, classes)
    return table


def _classes(study: Study, shown: pd.DataFrame, stimuli: StimulusSet) -> Integers:
    # Clusters must not differ between the sessions of a study.
    rng = np.random.default_rng([study.config.seed, 2])
    return object_classes(shown, stimuli.levels, study.config.design, study.root, rng)


def group_rng(seed: int, participants: Sequence[str], sessions: int) -> np.random.Generator:
    """Source of what sessions share out; other participants get another design."""
    whole = participant_number("\t".join(participants))
    return np.random.default_rng(np.random.SeedSequence([seed, whole, sessions, 1]))


def random_trial_list(
    stimuli: StimulusSet, config: DesignConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design a session of random triplets, which favour no hypothesis and test any model.

    No triplet comes twice but for the repeats. Over the main trials each object is shown
    within one of equally often, and within one of equally often at each place.

    Parameters
    ----------
    config
        Numbers of trials, and objects to leave out.

    Returns
    -------
    Trial list, one row a trial in the order shown; columns as in
    :data:`twoalike.design.TRIAL_LIST`.
    """
    shown = shown_table(stimuli, config.exclude)
    require_triplets(config, len(shown))
    main = random_triplets(len(shown), config, rng)
    practice = random_practice(config, len(shown), main, rng)
    return assemble(shown, stimuli.levels, config, practice, main, rng)


def random_triplets(m: int, config: DesignConfig, rng: np.random.Generator) -> Chosen:
    """Draw random main triplets of ``m`` objects."""
    return Chosen.of(balanced_triplets(m, config.trials, rng), "random")


def random_practice(config: DesignConfig, m: int, main: Chosen, rng: np.random.Generator) -> Chosen:
    """Draw practice triplets of ``m`` objects that are none of the main ones."""
    used = {tuple(row) for row in main.triplets.tolist()}
    return Chosen.of(fresh_triplets(m, config.practice, used, rng), "random")


def require_triplets(config: DesignConfig, m: int) -> None:
    """Refuse numbers of trials that ``m`` objects do not allow."""
    available = comb(m, 3)
    refuse_too_many(config, "design", available, f"{m} objects have only {available} triplets")


def refuse_too_many(config: Any, table: str, available: int, have: str) -> None:
    """Refuse more trials than there are different ones, and more repeats than main trials."""
    if config.trials + config.practice > available:
        raise TwoalikeError(
            f"{table}: asked for {config.trials} main and {config.practice} practice trials, but "
            f"{have}. Lower {table}.trials or add stimuli."
        )
    if config.repeats > config.trials:
        raise TwoalikeError(
            f"{table}: asked for {config.repeats} repeats of {config.trials} main trials. Lower "
            f"{table}.repeats."
        )
