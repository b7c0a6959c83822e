"""The tidy tables of rated pairs and of objects sorted into piles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from twoalike.judgments._columns import (
    CORRECT,
    PAIR,
    SESSION,
    TRIAL,
    TRIAL_NUMBER,
    TRIAL_TYPE,
    item_column,
    participant_column,
    rows_agree,
    seconds_column,
    trial_numbers,
    two_items,
    two_objects,
)
from twoalike.tables import Column, Fault, Table, faults, make_frame

MOST_POINTS = 100
"""Most points of a Likert scale; a longer one is a slider, whose ratings are from 0 to 1."""


def _two_objects_but_in_checks(table: pd.DataFrame) -> Iterator[Fault]:
    """Find pairs of an object with itself, which attention checks show."""
    for fault in two_objects(table):
        if table["trial_type"].iloc[fault.row] != "catch":
            yield fault


def _on_its_scale(table: pd.DataFrame) -> Iterator[Fault]:
    rating, points = table["rating"].to_numpy(), table["scale_points"].to_numpy()
    slider = np.isnan(points)
    on_slider = (rating >= 0) & (rating <= 1)
    on_points = (rating >= 1) & (rating <= np.nan_to_num(points)) & (rating == np.round(rating))
    expected = "a rating from 0 to 1 (slider), or a whole number from 1 to scale_points"
    yield from faults(~np.where(slider, on_slider, on_points), expected)


RATINGS = Table(
    "ratings",
    (
        participant_column("Who rated"),
        SESSION,
        TRIAL_NUMBER,
        TRIAL_TYPE,
        item_column("item_a", "Id of one object of the pair."),
        item_column("item_b", "Id of the other object."),
        Column(
            "rating",
            "number",
            "How alike the two are: from 0 to 1 on a slider, from 1 to `scale_points` on a Likert "
            "scale. Higher is more alike.",
            minimum=0,
            dtype="float64",
        ),
        Column(
            "scale_points",
            "number",
            "Number of points of the Likert scale.",
            minimum=2,
            maximum=MOST_POINTS,
            missing="a slider",
            dtype="float32",
        ),
        seconds_column("Time from the first sight of the pair to the rating."),
        CORRECT,
    ),
    rows="ratings",
    items=PAIR,
    checks=(_two_objects_but_in_checks, _on_its_scale),
)
"""One row a rating of a pair; a pair may be rated several times."""


def _one_name(table: pd.DataFrame) -> Iterator[Fault]:
    pile = np.stack([trial_numbers(table), table["pile"].to_numpy(np.int64)], axis=1)
    _, first, group = np.unique(pile, axis=0, return_index=True, return_inverse=True)
    name = table["pile_name"].cat.codes.to_numpy()
    yield from faults(name != name[first[group.ravel()]], "one name in all rows of a pile")


SORTINGS = Table(
    "sortings",
    (
        participant_column("Who sorted"),
        SESSION,
        TRIAL_NUMBER,
        TRIAL_TYPE,
        item_column("item", "Id of the object."),
        Column(
            "pile",
            "integer",
            "Number of the pile that it was put into; only which objects share one counts.",
            minimum=1,
            dtype="int32",
        ),
        Column(
            "pile_name",
            "string",
            "Name that the participant gave to the pile.",
            missing="none",
            dtype="category",
        ),
        seconds_column("Duration of the whole trial; the same in all its rows."),
    ),
    rows="sortings",
    keys=(*TRIAL, "item"),
    items=("item",),
    checks=(two_items, rows_agree, _one_name),
)
"""One row an object of a trial."""


def ratings_table(
    columns: Mapping[str, Any], objects: Sequence[str], where: object = "ratings"
) -> pd.DataFrame:
    """Build and check a table of rated pairs, as :func:`twoalike.judgments.choices_table`.

    Examples
    --------
    >>> table = ratings_table(
    ...     {"item_a": [0, 0], "item_b": [1, 2], "rating": [7, 2], "scale_points": [7, 7]},
    ...     ["cat", "dog", "oak"],
    ... )
    >>> table["item_b"].tolist(), table["rating"].tolist()
    (['dog', 'oak'], [7.0, 2.0])
    """
    return make_frame(columns, RATINGS, where, objects)


def sortings_table(
    columns: Mapping[str, Any], objects: Sequence[str], where: object = "sortings"
) -> pd.DataFrame:
    """Build and check a table of sortings, as :func:`twoalike.judgments.choices_table`.

    Examples
    --------
    >>> table = sortings_table(
    ...     {"trial": [1, 1, 1], "item": [0, 1, 2], "pile": [1, 1, 2]}, ["cat", "dog", "oak"]
    ... )
    >>> table["item"].tolist(), table["pile"].tolist()
    (['cat', 'dog', 'oak'], [1, 1, 2])
    """
    return make_frame(columns, SORTINGS, where, objects)
