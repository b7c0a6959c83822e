"""Who judged, and how much to trust them: each participant's temperature and lapse.

A lapse rate is the share of answers that are guesses. Its posterior is wide for somebody with
few judgments, so what is asked is not whether the estimate lies above a bound but how probable
it is that the rate does.
"""

from typing import TYPE_CHECKING

import numpy as np

from twoalike.embedding._intervals import central_interval
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding._posterior import Posterior

BOUND = 0.5
"""Lapse rate above which somebody guessed: most of their answers tell nothing."""


def participants_table(
    posterior: "Posterior", level: float = 0.9, *, bound: float = BOUND
) -> "pd.DataFrame":
    """Temperature and lapse of every participant, most doubtful first.

    Parameters
    ----------
    posterior
        S draws.
    level
        Share of the posterior inside the intervals.
    bound
        Lapse rate, between 0 and 1, above which somebody is said to have guessed.

    Returns
    -------
    Table with one row a participant: ``participant``; ``judgments`` (missing where the file does
    not say); ``temperature`` and ``lapse``, posterior medians, with ``_low`` and ``_high`` ends
    of the central interval; ``guessed``, the posterior probability that the lapse rate is above
    the bound. Temperatures are relative: their geometric mean over participants is 1.

    Raises
    ------
    TwoalikeError
        If the bound or the level is no share, or there are fewer than two draws.
    """
    import pandas as pd

    if not 0 < bound < 1:
        raise TwoalikeError(f"--bound: expected a share between 0 and 1, found {bound:g}.")
    temperature, lapse = posterior.temperature, posterior.lapse
    ends = {
        name: central_interval(draws, level)
        for name, draws in (("temperature", temperature), ("lapse", lapse))
    }
    table = pd.DataFrame(
        {
            "participant": list(posterior.participants),
            "judgments": _judgments(posterior),
            "temperature": np.median(temperature, axis=0),
            "temperature_low": ends["temperature"][0],
            "temperature_high": ends["temperature"][1],
            "lapse": np.median(lapse, axis=0),
            "lapse_low": ends["lapse"][0],
            "lapse_high": ends["lapse"][1],
            "guessed": (lapse > bound).mean(axis=0),
        }
    )
    return table.sort_values(
        ["guessed", "lapse"], ascending=False, kind="stable", ignore_index=True
    )


def _judgments(posterior: "Posterior") -> "pd.Series[int]":
    """Count the judgments of each participant, missing where the file does not say."""
    import pandas as pd

    tree = posterior.tree
    if "constant_data" not in tree.children or "judgments" not in tree["constant_data"].dataset:
        return pd.Series([pd.NA] * len(posterior.participants), dtype="Int64")
    return pd.Series(tree["constant_data"].dataset["judgments"].values, dtype="Int64")
