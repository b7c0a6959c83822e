"""Views of ratings and sortings: what each rater answered, and the trials of each sorter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._columns import PAIR, trial_numbers
from twoalike.study import Floats, Integers, TwoalikeError, counted
from twoalike.tables import JUDGED, item_indices


@dataclass(frozen=True, eq=False)
class RatingSource:
    """Ratings of one person on one scale.

    Attributes
    ----------
    label
        The participant, with the scale where they used several.
    points
        Of a Likert scale; None of a slider.
    pairs
        Object indices, shape (n, 2).
    rating
        Shape (n,).
    """

    label: str
    participant: str
    points: int | None
    pairs: Integers
    rating: Floats


def rating_sources(
    ratings: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[RatingSource], tuple[str, ...]]:
    """List the main and repeated ratings by person and scale, in order of first appearance.

    Parameters
    ----------
    ratings
        Table of ratings.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    The sources; the ids their pairs point into.

    Raises
    ------
    TwoalikeError
        If an object rated is not among ``ids``, or there is no such rating.
    """
    table = judged_rows(ratings, "ratings")
    pairs, names = item_indices(table, PAIR, ids)
    people = table["participant"].astype(str).to_numpy(dtype=object)
    points = table["scale_points"].to_numpy(np.float64)
    labels = _rater_labels(people, points)
    rating = table["rating"].to_numpy(np.float64)
    sources = []
    for label in dict.fromkeys(labels):
        rows = np.flatnonzero(labels == label)
        scale = points[rows[0]]
        of = None if np.isnan(scale) else int(scale)
        sources.append(RatingSource(label, people[rows[0]], of, pairs[rows], rating[rows]))
    return sources, names


def judged_rows(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Select the main and repeated trials of a table; refuse one without any."""
    used = table[table["trial_type"].isin(JUDGED)]
    if used.empty:
        raise TwoalikeError(
            f"expected {kind} of main or repeated trials, found none among "
            f"{counted(len(table), 'row')}."
        )
    return used


def _rater_labels(people: npt.NDArray[Any], points: Floats) -> npt.NDArray[Any]:
    """Label of each rating's source, shape (n,)."""
    several = pd.Series(points).fillna(0).groupby(people).transform("nunique").to_numpy() > 1
    scales = ["slider" if np.isnan(one) else f"{one:.0f} points" for one in points]
    return np.where(several, people + ", " + np.array(scales, dtype=object), people)


@dataclass(frozen=True, eq=False)
class Sorting:
    """One trial: objects and their piles.

    ``items`` (k,) are object indices, ``piles`` (k,) numbers of the piles from 0, in order of first
    appearance.
    """

    participant: str
    items: Integers
    piles: Integers


def sortings_of(
    sortings: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[Sorting], tuple[str, ...]]:
    """List the main and repeated trials of a table, in the order of first appearance.

    Parameters
    ----------
    sortings
        Table of sortings.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    The trials; the ids their items point into.

    Raises
    ------
    TwoalikeError
        If an object sorted is not among ``ids``, or there is no such trial.
    """
    table = judged_rows(sortings, "sortings")
    items, names = item_indices(table, ["item"], ids)
    number = trial_numbers(table)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    people, piles = table["participant"].astype(str).to_numpy(), table["pile"].to_numpy()
    return [
        Sorting(str(people[rows[0]]), items[rows, 0], pd.factorize(piles[rows])[0])
        for rows in parts
    ], names
