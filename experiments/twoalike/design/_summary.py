"""What trial lists will show: coverage, exposure, balance, placements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._coverage import fewest_trials
from twoalike.design._form import TrialForm
from twoalike.study import TwoalikeError
from twoalike.tables import (
    CHOICE_COLUMNS,
    MANY_PLACES,
    MANY_STIMULI,
    POSITIONS,
    TRIAL_TYPES,
    choice_columns,
)

_ANSWERS = ("expected_odd", "expected_response", "expected_1", "expected_2")
"""Columns that name an image as the right answer."""


@dataclass(frozen=True, kw_only=True)
class DesignSummary:
    """Figures of a design; practice counts in ``trials``, ``kinds`` and ``placements`` only."""

    trials: int
    triplets: int
    """Different triplets, or larger sets, that are judged; of anchored choices a triplet counts
    once a reference."""
    bound: int
    """The fewest of them that show every pair once; of anchored choices a pair is a reference and
    a candidate."""
    items_min: int
    items_max: int
    """``items_min``, ``items_max``: Sizes of the smallest and the largest trial."""
    pairs_shown: float
    """Share of the pairs of objects that some trial shows, in [0, 1]."""
    pair_min: int
    pair_median: float
    exposure_min: int
    exposure_max: int
    """Numbers of trials that show a pair, or an object."""
    place_spread: int
    """Largest difference, over objects, between an object's counts at two places; 0 without."""
    kinds: dict[str, int]
    """Trials of each type."""
    conditions: dict[str, float]
    """Share of each condition among the main trials that have one."""
    samplers: dict[str, int]
    """Main trials of each sampler."""
    catch_sides: tuple[int, ...]
    """Attention checks with the right answer left, middle, right, or at each numbered place; of
    right pairs both images count."""
    scale_groups: int
    """Into how many groups, without a pair in common, the main trials of a list fall, at most over
    lists. Every arrangement has its own scale, which only common pairs tie: 1 is ideal, 0 where
    there are no main trials."""
    placements: int
    """Images to show or to place, in all."""


def summarize_design(tables: Sequence[pd.DataFrame], ids: Sequence[str]) -> DesignSummary:
    """Summarise trial lists taken together.

    Parameters
    ----------
    tables
        Trial lists of any task: one row a trial, or an item of a trial.
    ids
        Objects of the design, m of them; those never shown count as such.
    """
    from scipy.sparse import csr_array, triu

    whole = pd.concat([table.assign(list=k) for k, table in enumerate(tables)], ignore_index=True)
    long = _one_a_row(whole)
    judged = long[long["trial_type"] != "practice"]
    if judged.empty:
        raise TwoalikeError("summary: expected trials that are not practice, found none.")
    item = pd.Index(ids).get_indexer(pd.Index(judged["stimulus"]))
    if (item < 0).any():
        raise TwoalikeError("summary: a trial shows an object that is not among the ids given.")
    trial = judged.groupby(["list", "trial_index"], sort=False).ngroup().to_numpy()
    shape, ones = (trial.max() + 1, len(ids)), np.ones(len(trial), dtype=np.int64)
    member = csr_array((ones, (trial, item)), shape=shape)
    # Of anchored choices only pairs with the reference count.
    anchored = choice_columns(whole.columns) == CHOICE_COLUMNS[1]
    first = (judged["number"] == 1).to_numpy() & anchored
    reference = csr_array((ones[first], (trial[first], item[first])), shape=shape)
    pairs = reference.T @ (member - reference) if anchored else member.T @ member
    exposure, sizes = member.sum(axis=0), long.groupby(["list", "trial_index"]).size()
    rows = whole.drop_duplicates(["list", "trial_index"])
    main = rows[rows["trial_type"] == "main"]
    conditions = main.get("condition", pd.Series(dtype=str)).dropna()
    shares = conditions.value_counts(normalize=True)
    chosen = main["scheduler" if "scheduler" in main else "sampler"]
    return DesignSummary(
        trials=len(sizes),
        triplets=len(
            {
                (*row[:1], *sorted(row[1:])) if anchored else (*sorted(row),)
                for row in judged.groupby(trial)["stimulus"].agg(list)
            }
        ),
        bound=fewest_trials(TrialForm(int(sizes.max()), anchored), len(ids)),
        items_min=int(sizes.min()),
        items_max=int(sizes.max()),
        **_pair_figures(triu(pairs + pairs.T if anchored else pairs, k=1).data, len(ids)),
        exposure_min=int(exposure.min()),
        exposure_max=int(exposure.max()),
        place_spread=_place_spread(judged),
        kinds=_counts(rows["trial_type"], TRIAL_TYPES),
        conditions={str(name): float(share) for name, share in sorted(shares.items())},
        samplers=_counts(chosen, sorted(chosen.unique())),
        catch_sides=_catch_sides(rows[rows["trial_type"] == "catch"], _places(rows)),
        scale_groups=max(_scale_groups(own) for _, own in long.groupby("list")),
        placements=len(long),
    )


def _one_a_row(table: pd.DataFrame) -> pd.DataFrame:
    """List with a row an item of a trial: ``number`` of the object in the trial, and ``place``."""
    names = [name for name in MANY_STIMULI if name in table]
    if not names:
        return table.assign(number=0, place=0)
    keys = table[["list", "trial_index", "trial_type"]]
    parts = [
        keys.assign(number=k, stimulus=table[name], place=table.get(f"position_{k}"))
        for k, name in enumerate(names, start=1)
    ]
    long = pd.concat(parts).dropna(subset="stimulus")
    return long.sort_values(["list", "trial_index", "number"], ignore_index=True)


def _counts(values: "pd.Series[str]", names: Iterable[str]) -> dict[str, int]:
    return {name: count for name in names if (count := int((values == name).sum()))}


def _pair_figures(counts: np.ndarray, m: int) -> dict[str, Any]:
    """How often pairs are shown; ``counts`` are of those that are: there may be millions."""
    n_pairs = m * (m - 1) // 2
    counts, never = np.sort(counts), n_pairs - len(counts)

    def ranked(rank: int) -> int:
        return int(counts[rank - never]) if rank >= never else 0

    return {
        "pairs_shown": len(counts) / n_pairs,
        "pair_min": ranked(0),
        "pair_median": (ranked((n_pairs - 1) // 2) + ranked(n_pairs // 2)) / 2,
    }


def _places(rows: pd.DataFrame) -> list[object]:
    """Places of the images, in order: left to right, or numbered."""
    if "n_items" not in rows:
        return list(POSITIONS)
    return list(range(1, int(rows["n_items"].max()) + 1))


def _place_spread(judged: pd.DataFrame) -> int:
    table = pd.crosstab(judged["stimulus"], judged["place"]).to_numpy()
    return int(np.ptp(table, axis=1).max()) if table.shape[1] > 1 else 0


def _catch_sides(catch: pd.DataFrame, places: list[object]) -> tuple[int, ...]:
    answers = [name for name in _ANSWERS if name in catch]
    at = [
        row[MANY_PLACES[int(row[answer]) - 1]]
        for row in catch.to_dict("records")
        for answer in answers
    ]
    return tuple(at.count(place) for place in places)


def _scale_groups(long: pd.DataFrame) -> int:
    """Count the groups of main trials of a list that no common pair ties."""
    from scipy.sparse.csgraph import connected_components

    main = long[long["trial_type"] == "main"]
    if main.empty:
        return 0
    member = pd.crosstab(main["trial_index"], main["stimulus"]).to_numpy()
    return int(connected_components(member @ member.T >= 2, directed=False)[0])
