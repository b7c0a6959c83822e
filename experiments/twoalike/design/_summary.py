"""What trial lists will show: coverage, exposure, balance, placements."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._coverage import fewest_trials
from twoalike.design._form import TrialForm
from twoalike.study import Integers, TwoalikeError
from twoalike.tables import (
    CHOICE_COLUMNS,
    MANY_PLACES,
    MANY_STIMULI,
    POSITIONS,
    TRIAL_TYPES,
    choice_columns,
)


@dataclass(frozen=True)
class DesignSummary:
    """Figures of a design; practice trials count in ``trials`` and ``kinds`` only."""

    trials: int
    triplets: int
    """Different triplets, or larger sets, that are judged; of anchored choices a triplet counts
    once a reference."""
    bound: int
    """The fewest of them that show every pair once; of anchored choices a pair is a reference and
    a candidate."""
    pairs_shown: float
    """Share of the pairs of objects that some trial shows, in [0, 1]."""
    pair_min: int
    pair_median: float
    exposure_min: int
    exposure_max: int
    """Numbers of trials that show a pair, or an object."""
    place_spread: int
    """Largest difference, over objects, between an object's counts at two places."""
    kinds: dict[str, int]
    """Trials of each type."""
    conditions: dict[str, float]
    """Share of each condition among the main trials that have one."""
    samplers: dict[str, int]
    """Main trials of each sampler."""
    catch_sides: tuple[int, ...]
    """Attention checks with the right answer left, middle, right, or at each numbered place; of
    right pairs both images count."""


def summarize_design(tables: Sequence[pd.DataFrame], ids: Sequence[str]) -> DesignSummary:
    """Summarise trial lists taken together.

    Parameters
    ----------
    tables
        Trial lists of a task of choices, with columns such as those of
        :data:`twoalike.design.TRIAL_LIST`.
    ids
        Objects of the design, m of them; those never shown count as such.
    """
    table = pd.concat(tables, ignore_index=True)
    judged = table[table["trial_type"] != "practice"]
    if judged.empty:
        raise TwoalikeError("summary: expected trials that are not practice, found none.")
    names = [name for name in MANY_STIMULI if name in table and judged[name].notna().any()]
    items = np.stack([pd.Index(ids).get_indexer(pd.Index(judged[name])) for name in names], axis=1)
    if ((items < 0) & judged[names].notna().to_numpy()).any():
        raise TwoalikeError("summary: a trial shows an object that is not among the ids given.")
    anchored = choice_columns(table.columns) == CHOICE_COLUMNS[1]
    start = 1 if anchored else 0  # the reference stays first
    questions = np.column_stack([items[:, :start], np.sort(items[:, start:], axis=1)])
    places = _place_counts(judged, items, len(ids))
    m = len(ids)
    exposure = places.sum(axis=1)
    main = judged[judged["trial_type"] == "main"]
    shares = main["condition"].dropna().value_counts(normalize=True)
    return DesignSummary(
        trials=len(table),
        triplets=len(np.unique(questions, axis=0)),
        **_pair_figures(items, m, anchored),
        bound=fewest_trials(TrialForm(len(names), anchored), m),
        exposure_min=int(exposure.min()),
        exposure_max=int(exposure.max()),
        place_spread=int((places.max(axis=1) - places.min(axis=1)).max()),
        kinds=_counts(table["trial_type"], TRIAL_TYPES),
        conditions={str(name): float(share) for name, share in sorted(shares.items())},
        samplers=_counts(main["sampler"], sorted(main["sampler"].unique())),
        catch_sides=_catch_sides(judged[judged["trial_type"] == "catch"], _places(judged)),
    )


def _counts(values: "pd.Series[str]", names: Iterable[str]) -> dict[str, int]:
    return {name: count for name in names if (count := int((values == name).sum()))}


def _pair_figures(items: Integers, m: int, anchored: bool) -> dict[str, Any]:
    """How often pairs are shown, without a table of all pairs: there may be millions.

    Of ``anchored`` choices only pairs with the reference count. Items that are missing are -1.
    """
    pairs = [
        pair for pair in combinations(range(items.shape[1]), 2) if pair[0] == 0 or not anchored
    ]
    pairs_of = [np.sort(items[:, list(pair)], axis=1).astype(np.int64) for pair in pairs]
    pairs_of = [pair[pair[:, 0] >= 0] for pair in pairs_of]
    keys = np.concatenate([pair[:, 0] * m + pair[:, 1] for pair in pairs_of])
    counts = np.sort(np.unique(keys, return_counts=True)[1])
    n_pairs = m * (m - 1) // 2
    never = n_pairs - len(counts)

    def ranked(rank: int) -> int:
        return int(counts[rank - never]) if rank >= never else 0

    return {
        "pairs_shown": len(counts) / n_pairs,
        "pair_min": ranked(0),
        "pair_median": (ranked((n_pairs - 1) // 2) + ranked(n_pairs // 2)) / 2,
    }


def _places(judged: pd.DataFrame) -> list[object]:
    """Places of the images, in order: left to right, or numbered."""
    if "n_items" not in judged:
        return list(POSITIONS)
    return list(range(1, int(judged["n_items"].max()) + 1))


def _place_counts(judged: pd.DataFrame, items: Integers, m: int) -> Integers:
    """How often each object is at each place, shape (m, number of places)."""
    places = np.zeros((m, len(_places(judged))), dtype=np.int64)
    for k, name in zip(range(items.shape[1]), MANY_PLACES, strict=False):
        at = pd.Index(_places(judged)).get_indexer(pd.Index(judged[name]))
        there = items[:, k] >= 0
        np.add.at(places, (items[there, k], at[there]), 1)
    return places


def _catch_sides(catch: pd.DataFrame, places: list[object]) -> tuple[int, ...]:
    answers = [name for name in catch.columns if name.startswith("expected_")]
    at = [
        row[MANY_PLACES[int(row[answer]) - 1]]
        for row in catch.to_dict("records")
        for answer in answers
    ]
    return tuple(at.count(place) for place in places)


@dataclass(frozen=True)
class ArrangementSummary:
    """Figures of a design; practice counts for trials and placements only."""

    trials: int
    items_min: int
    items_max: int
    """``items_min``, ``items_max``: Sizes of the smallest and the largest trial."""
    pairs_shown: float
    """Share of the pairs of objects that some trial shows together, in [0, 1]."""
    pair_min: int
    pair_median: float
    exposure_min: int
    exposure_max: int
    """``pair_min``, ``pair_median``, ``exposure_min``, ``exposure_max``: Numbers of trials that
    show a pair, or an object."""
    scale_groups: int
    """Into how many groups, without a pair in common, the main trials of a list fall, at most over
    lists. Every trial has its own scale, which only common pairs tie: 1 is ideal, 0 where there are
    no main trials."""
    placements: int
    """Images to place, in all."""


def summarize_arrangements(
    tables: Sequence[pd.DataFrame], ids: Sequence[str]
) -> ArrangementSummary:
    """Summarise lists taken together.

    Parameters
    ----------
    tables
        Lists with the columns of :data:`twoalike.design.ARRANGEMENT_LIST`.
    ids
        Objects of the design, m of them; those never shown count as such.
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
