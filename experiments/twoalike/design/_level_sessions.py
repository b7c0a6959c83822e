"""Sessions of the levels design, each for itself or many that judge the same triplets."""

import numpy as np

from twoalike.design._chosen import Chosen
from twoalike.design._classes import Classes
from twoalike.design._deal import deal
from twoalike.design._levels import LevelSampler, level_counts
from twoalike.study import DesignConfig, LevelShares, TwoalikeError


def level_session(classes: Classes, config: DesignConfig, rng: np.random.Generator) -> Chosen:
    """Draw the main triplets of one session, in the shares that ``config`` wants.

    Raises
    ------
    TwoalikeError
        If the classes do not allow so many.
    """
    return _draw(LevelSampler(classes, set(), rng), level_counts(config.trials, config.shares))


def level_practice(
    classes: Classes, config: DesignConfig, main: Chosen, rng: np.random.Generator
) -> Chosen:
    """Practice triplets that are none of the main ones, equally many of each level in use."""
    used = {(a, b, c) for a, b, c in main.triplets.tolist()}
    in_use = {name: share > 0 for name, share in config.shares.model_dump().items()}
    equal = LevelShares(**{name: on / sum(in_use.values()) for name, on in in_use.items()})
    return _draw(LevelSampler(classes, used, rng), level_counts(config.practice, equal))


def level_sessions(
    classes: Classes,
    config: DesignConfig,
    participants: int,
    sessions: int,
    rng: np.random.Generator,
) -> list[Chosen]:
    """Draw main triplets of sessions in which several people judge each triplet.

    Each triplet goes to exactly ``config.lists_per_triplet`` participants. They fall into as
    many groups; each group sees all triplets, dealt anew, so that two people who share one
    triplet rarely share more.

    Returns
    -------
    All sessions of the first participant, then of the second, and so on.

    Raises
    ------
    TwoalikeError
        If the participants do not fall into groups of one size, or the classes allow too few
        triplets.
    """
    groups = config.lists_per_triplet
    if participants % groups:
        raise TwoalikeError(
            f"design: with design.lists_per_triplet {groups}, the participants designed in one "
            f"call must be a multiple of {groups}, found {participants}. Name all of them in "
            "--participants, or set design.lists_per_triplet to 0."
        )
    lists = participants // groups * sessions
    counts = level_counts(config.trials, config.shares)
    pool = _draw(LevelSampler(classes, set(), rng), {name: n * lists for name, n in counts.items()})
    dealt = [deal(pool.triplets, pool.conditions, lists, len(classes), rng) for _ in range(groups)]
    return [
        pool.take(rng.permutation(dealt[who % groups][who // groups * sessions + session]))
        for who in range(participants)
        for session in range(sessions)
    ]


def _draw(sampler: LevelSampler, counts: dict[str, int]) -> Chosen:
    try:
        return sampler.draw(counts)
    except ValueError as error:
        raise TwoalikeError(
            f"design: {error} Lower design.trials or change design.shares or the classes."
        ) from error
