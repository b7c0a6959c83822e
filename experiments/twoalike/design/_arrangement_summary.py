"""What lists of arrangement trials will show: coverage, exposure, placements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twoalike.study import TwoalikeError


@dataclass(frozen=True)
class ArrangementSummary:
    """Figures of a design; practice counts for trials and placements only.

    What evidence a trial gives depends on where the items are put: it is not known before.

    Attributes
    ----------
    trials
        Trials in all, with practice.
    items_min, items_max
        Smallest and largest trial.
    pairs_shown
        Share of the pairs of objects that some trial shows together, in [0, 1].
    pair_min, pair_median
        Fewest and median number of trials that show a pair.
    exposure_min, exposure_max
        Fewest and most trials that show an object.
    scale_groups
        Into how many groups, without a pair in common, the main trials of a list fall, at
        most over lists. Every trial has its own scale, which only common pairs tie: 1 is well,
        0 where there are no main trials.
    placements
        Images to place, in all.
    """

    trials: int
    items_min: int
    items_max: int
    pairs_shown: float
    pair_min: int
    pair_median: float
    exposure_min: int
    exposure_max: int
    scale_groups: int
    placements: int


def summarize_arrangements(
    tables: Sequence[pd.DataFrame], ids: Sequence[str]
) -> ArrangementSummary:
    """Summarise lists taken together.

    Parameters
    ----------
    tables
        Lists as :func:`twoalike.design.read_arrangement_list` gives them.
    ids
        Objects of the design, m of them; those never shown count as such.

    Raises
    ------
    TwoalikeError
        If there are no trials, or one shows an object not in ``ids``.
    """
    rows = [table.assign(list=number) for number, table in enumerate(tables) if len(table)]
    if not rows:
        raise TwoalikeError("summary: expected trials, found none.")
    table = pd.concat(rows, ignore_index=True)
    place = pd.Index(ids).get_indexer(pd.Index(table["stimulus"]))
    if (place < 0).any():
        raise TwoalikeError("summary: a trial shows an object that is not among the ids given.")
    trial = table.groupby(["list", "trial_index"], sort=False).ngroup().to_numpy()
    sizes = np.bincount(trial)
    judged = (table["trial_type"] != "practice").to_numpy()
    member = np.zeros((len(sizes), len(ids)), dtype=np.int64)
    member[trial[judged], place[judged]] = 1
    pairs = (member.T @ member)[np.triu_indices(len(ids), 1)]
    exposure = member.sum(axis=0)
    return ArrangementSummary(
        trials=len(sizes),
        items_min=int(sizes.min()),
        items_max=int(sizes.max()),
        pairs_shown=float((pairs > 0).mean()),
        pair_min=int(pairs.min()),
        pair_median=float(np.median(pairs)),
        exposure_min=int(exposure.min()),
        exposure_max=int(exposure.max()),
        scale_groups=max(_scale_groups(rows, ids) for rows in tables),
        placements=len(table),
    )


def _scale_groups(table: pd.DataFrame, ids: Sequence[str]) -> int:
    """Count the groups of main trials that no common pair ties."""
    main = table[table["trial_type"] == "main"]
    if main.empty:
        return 0
    trial = main.groupby("trial_index").ngroup().to_numpy()
    member = np.zeros((trial.max() + 1, len(ids)))
    member[trial, pd.Index(ids).get_indexer(pd.Index(main["stimulus"]))] = 1
    shares = member @ member.T >= 2
    waiting = np.ones(len(member), dtype=bool)
    groups = 0
    while waiting.any():
        group = np.arange(len(member)) == waiting.argmax()
        size = 0
        while group.sum() > size:
            size = group.sum()
            group = shares[group].any(axis=0)
        waiting &= ~group
        groups += 1
    return groups
