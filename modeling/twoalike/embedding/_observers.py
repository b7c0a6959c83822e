"""Who judged, and how much to trust them: each participant's temperature and lapse.

A lapse rate is the share of answers that are guesses. Its posterior is wide for somebody with
few judgments, so what is asked is not whether the estimate lies above a bound but how probable
it is that the rate does.

Lapse and temperature trade off: whoever answers at random is described by a lapse rate near 1 or
as well by a high temperature. What both come to is how often somebody gives the answer that the
embedding holds to be the most probable.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from twoalike.choice import log_choice, random_triplets
from twoalike.embedding._intervals import central_interval
from twoalike.study import TwoalikeError

if TYPE_CHECKING:
    import pandas as pd

    from twoalike.embedding._posterior import Posterior

BOUND = 0.5
"""Lapse rate above which somebody guessed: most of their answers tell nothing."""
TRIPLETS = 300  # random ones on which agreement is averaged


def participants_table(
    posterior: "Posterior", level: float = 0.9, *, bound: float = BOUND, seed: int = 0
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
    seed
        Of the triplets on which agreement is averaged.

    Returns
    -------
    Table with one row a participant: ``participant``; ``judgments`` (missing where the file does
    not say); ``temperature``, ``lapse`` and ``agreement`` (see :func:`agreement`), posterior
    medians, with ``_low`` and ``_high`` ends of the central interval; ``guessed``, the posterior
    probability that the lapse rate is above the bound. Temperatures are relative: their
    geometric mean over participants is 1. In the order of ``guessed``, then least agreement.

    Raises
    ------
    TwoalikeError
        If the bound or the level is no share, or there are fewer than two draws.
    """
    import pandas as pd

    if not 0 < bound < 1:
        raise TwoalikeError(f"--bound: expected a share between 0 and 1, found {bound:g}.")
    draws = {
        "temperature": posterior.temperature,
        "lapse": posterior.lapse,
        "agreement": agreement(posterior, seed=seed),
    }
    columns: dict[str, npt.NDArray[np.floating[Any]]] = {}
    for name, values in draws.items():
        low, high = central_interval(values, level)
        median = np.median(values, axis=0)
        columns |= {name: median, f"{name}_low": low, f"{name}_high": high}
    table = pd.DataFrame(
        {
            "participant": list(posterior.participants),
            "judgments": _judgments(posterior),
            **columns,
            "guessed": (draws["lapse"] > bound).mean(axis=0),
        }
    )
    by, ascending = ["guessed", "agreement"], [False, True]
    return table.sort_values(by, ascending=ascending, kind="stable", ignore_index=True)


def agreement(posterior: "Posterior", *, seed: int = 0) -> npt.NDArray[np.float64]:
    """How often each participant gives the answer that the embedding holds most probable.

    It is 1/3 for somebody who only guesses, whether by lapses or at a high temperature, and
    averaged over random triplets of the posterior's objects.

    Parameters
    ----------
    posterior
        S draws of at least three objects and P participants.
    seed
        Of the triplets.

    Returns
    -------
    Shape (S, P).
    """
    rng = np.random.default_rng(seed)
    m = len(posterior.ids)
    i, j, k = random_triplets(m, TRIPLETS, rng).T
    temperature, lapse = posterior.temperature, posterior.lapse
    result = np.empty_like(lapse)
    for draw, x in enumerate(posterior.embedding):
        s = posterior.pair_similarity(x, x)
        pairs = np.sort(np.stack([s[i, j], s[i, k], s[j, k]]), axis=0)[::-1, :, None]
        # The most alike pair stands first, so the answer it leaves over is the third item.
        best = np.exp(log_choice((pairs[0], pairs[1], pairs[2]), temperature[draw])[2])
        result[draw] = (1 - lapse[draw]) * best.mean(axis=0) + lapse[draw] / 3
    return result


def _judgments(posterior: "Posterior") -> "pd.Series[int]":
    """Count the judgments of each participant, missing where the file does not say."""
    import pandas as pd

    tree = posterior.tree
    if "constant_data" not in tree.children or "judgments" not in tree["constant_data"].dataset:
        return pd.Series([pd.NA] * len(posterior.participants), dtype="Int64")
    return pd.Series(tree["constant_data"].dataset["judgments"].values, dtype="Int64")
