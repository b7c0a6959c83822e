"""The trials of a multi-arrangement session that are fixed before it starts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from twoalike.design._arrangement_list import ListedArrangement, arrangement_table
from twoalike.design._catch import kinds
from twoalike.design._next_arrangement import arrangement_rng
from twoalike.design._shown import shown_table
from twoalike.design._subsets import covering_sets
from twoalike.stimuli import StimulusSet
from twoalike.study import ArrangementConfig, Study, TwoalikeError

CATCH_SIDE = 3
"""Most images of the one kind, and of the others, in an attention check."""


def arrangement_trial_list(
    stimuli: StimulusSet, config: ArrangementConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design what can be fixed of a multi-arrangement session.

    Practice first, then the main trials of the designs ``full`` and ``covering``, then the
    attention checks. With ``lift_weakest`` there are no main trials here: each is chosen
    during the session, see :func:`twoalike.design.next_arrangement`.

    Parameters
    ----------
    stimuli
        The objects.
    config
        Table ``[arrangement]`` of the study.
    rng
        Source of randomness; see :func:`twoalike.design.arrangement_rng`.

    Returns
    -------
    One row an item of a trial, as :func:`twoalike.design.read_arrangement_list` returns it;
    no rows where nothing is fixed.

    Raises
    ------
    TwoalikeError
        If the objects and their categories do not allow what is asked for, or the scheduler
        is ``list``.
    """
    if config.scheduler == "list":
        raise TwoalikeError(
            'arrangement: scheduler = "list" shows a list that you put into design/; there is '
            "nothing to design. Choose lift_weakest, full or covering to have one made."
        )
    shown = shown_table(stimuli, config.exclude, "arrangement")
    ids = shown["id"].tolist()
    n_practice = min(config.practice_items, len(ids))
    practice = [rng.choice(len(ids), size=n_practice, replace=False).tolist()]
    levels = shown[list(stimuli.levels)]
    planned = [
        *(("practice", items, "random") for items in practice if items),
        *(("main", items, scheduler) for items, scheduler in _main_sets(len(ids), config, rng)),
        *(("catch", items, "categories") for items in _catch_sets(levels, config, rng)),
    ]
    trials = [
        ListedArrangement(kind, tuple(ids[at] for at in rng.permutation(items)), scheduler)
        for kind, items, scheduler in planned
    ]
    return arrangement_table(trials)


def session_arrangement_list(
    study: Study, stimuli: StimulusSet, participant: str, session: int
) -> pd.DataFrame:
    """Design the fixed trials of a session, always the same for the same study.

    Raises
    ------
    TwoalikeError
        As :func:`arrangement_trial_list`.
    """
    rng = arrangement_rng(study.config.seed, participant, session, 0)
    return arrangement_trial_list(stimuli, study.config.arrangement, rng)


def _main_sets(
    m: int, config: ArrangementConfig, rng: np.random.Generator
) -> list[tuple[Sequence[int], str]]:
    if config.scheduler == "full":
        return [(range(m), "all")] * config.full_trials
    if config.scheduler == "covering":
        return [(items, "covering") for items in covering_sets(m, config.covering_size, rng)]
    return []


def _catch_sets(
    levels: pd.DataFrame, config: ArrangementConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Images of one kind and others far from it; the kinds take turns."""
    if config.catch == 0:
        return []
    usable = [(near, far) for near, far in kinds(levels) if len(near) > 1]
    if not usable:
        raise TwoalikeError(
            f"arrangement: asked for {config.catch} attention checks, the categories allow "
            "none: each needs two objects of one finest category and one of another coarsest "
            "category. Set arrangement.catch = 0 or add categories to the manifest."
        )
    order = rng.permutation(len(usable))
    limit = config.max_items or 2 * CATCH_SIDE
    sets = []
    for number in range(config.catch):
        near, far = usable[order[number % len(order)]]
        n_near = min(CATCH_SIDE, len(near), limit - 1)
        n_far = min(CATCH_SIDE, len(far), limit - n_near)
        chosen = [
            *rng.choice(near, size=n_near, replace=False).tolist(),
            *rng.choice(far, size=n_far, replace=False).tolist(),
        ]
        sets.append(chosen)
    return sets
