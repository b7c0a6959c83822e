"""What a trial list, or several together, will show: coverage, exposure, balance, duration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.design._list import PLACES, POSITIONS, STIMULI
from twoalike.study import TwoalikeError

SECONDS_PER_TRIAL = 4.4
"""Fixation 0.5 s, the triplet 3.3 s (median of 448 people judging photographs from different
classes, doi:10.1038/s41586-025-09631-6), feedback 0.4 s, and time to fetch the next images."""


@dataclass(frozen=True)
class DesignSummary:
    """Figures of a design; practice trials count for the duration only.

    Attributes
    ----------
    trials
        Trials in all, with practice.
    pairs_shown
        Share of the pairs of objects that some trial shows, in [0, 1].
    pair_min, pair_median
        Fewest and median number of trials that show a pair.
    exposure_min, exposure_max
        Fewest and most trials that show an object.
    place_spread
        Largest difference, over objects, between an object's counts at two places.
    minutes
        Expected duration without breaks.
    """

    trials: int
    pairs_shown: float
    pair_min: int
    pair_median: float
    exposure_min: int
    exposure_max: int
    place_spread: int
    minutes: float


def summarize_design(tables: Sequence[pd.DataFrame], ids: Sequence[str]) -> DesignSummary:
    """Summarise trial lists taken together.

    Parameters
    ----------
    tables
        Trial lists as :func:`twoalike.design.read_trial_list` gives them.
    ids
        Objects of the design, m of them; those never shown count as such.

    Raises
    ------
    TwoalikeError
        If there is no trial but practice, or a trial shows an object not in ``ids``.
    """
    table = pd.concat(tables, ignore_index=True)
    judged = table[table["trial_type"] != "practice"]
    if judged.empty:
        raise TwoalikeError("summary: expected trials that are not practice, found none.")
    items = np.stack(
        [pd.Index(ids).get_indexer(pd.Index(judged[name])) for name in STIMULI], axis=1
    )
    if (items < 0).any():
        raise TwoalikeError("summary: a trial shows an object that is not among the ids given.")
    m = len(ids)
    pairs = np.zeros((m, m), dtype=np.int64)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        np.add.at(pairs, (items[:, first], items[:, second]), 1)
    counts = (pairs + pairs.T)[np.triu_indices(m, 1)]
    places = np.zeros((m, len(POSITIONS)), dtype=np.int64)
    for k, name in enumerate(PLACES):
        np.add.at(places, (items[:, k], pd.Index(POSITIONS).get_indexer(pd.Index(judged[name]))), 1)
    exposure = places.sum(axis=1)
    return DesignSummary(
        trials=len(table),
        pairs_shown=float((counts > 0).mean()),
        pair_min=int(counts.min()),
        pair_median=float(np.median(counts)),
        exposure_min=int(exposure.min()),
        exposure_max=int(exposure.max()),
        place_spread=int((places.max(axis=1) - places.min(axis=1)).max()),
        minutes=len(table) * SECONDS_PER_TRIAL / 60,
    )
