"""The trial list of one session with triplets chosen at random.

Random triplets are the honest default: they favour no hypothesis, serve as a test set for any
model, and agree with the large public data sets.
"""

from math import comb

import numpy as np
import pandas as pd

from twoalike.design._assemble import assemble
from twoalike.design._chosen import Chosen
from twoalike.design._shown import shown_table
from twoalike.design._triplets import balanced_triplets, fresh_triplets
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, TwoalikeError


def random_trial_list(
    stimuli: StimulusSet, config: DesignConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design a session of random triplets.

    No triplet comes twice but for the repeats. Over the main trials each object is shown
    within one of equally often, and within one of equally often at each place. Repeats come
    at least ten trials after the first showing, with every object at a new place.

    Parameters
    ----------
    stimuli
        The objects.
    config
        Numbers of trials, and objects to leave out.
    rng
        Source of randomness; see :func:`twoalike.design.session_rng`.

    Returns
    -------
    Trial list, one row a trial in the order shown; columns as in
    :func:`twoalike.design.read_trial_list`.

    Raises
    ------
    TwoalikeError
        If the objects and their categories do not allow the trials asked for.
    """
    shown = shown_table(stimuli, config.exclude)
    require_triplets(config, len(shown))
    main = balanced_triplets(len(shown), config.trials, rng)
    practice = random_practice(config, len(shown), Chosen.of(main, "random"), rng)
    return assemble(shown, stimuli.levels, config, practice, Chosen.of(main, "random"), rng)


def random_practice(config: DesignConfig, m: int, main: Chosen, rng: np.random.Generator) -> Chosen:
    """Draw practice triplets of ``m`` objects that are none of the main ones."""
    used = {tuple(row) for row in main.triplets.tolist()}
    return Chosen.of(fresh_triplets(m, config.practice, used, rng), "random")


def require_triplets(config: DesignConfig, m: int) -> None:
    """Refuse numbers of trials that ``m`` objects do not allow.

    Raises
    ------
    TwoalikeError
        If a session would need a triplet twice.
    """
    available = comb(m, 3)
    if config.trials + config.practice > available:
        raise TwoalikeError(
            f"design: asked for {config.trials} main and {config.practice} practice trials, but "
            f"{m} objects have only {available} triplets. Lower design.trials or add stimuli."
        )
    if config.repeats > config.trials:
        raise TwoalikeError(
            f"design: asked for {config.repeats} repeats of {config.trials} main trials. Lower "
            "design.repeats."
        )
