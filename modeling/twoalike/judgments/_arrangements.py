"""The table of arrangements: columns, checks, and its view as trials of positions.

=============  ===========  ==================================================================
column         type         content
=============  ===========  ==================================================================
participant    category     who arranged; ``unknown`` where the source does not say
session        category     session label, may be missing
trial          int32        trial number in its session, from 1
item           category     object id; the list of categories is the order of objects
                            everywhere downstream and may name objects nobody placed
x, y           float64      place of the item: arena diameter 1, centre 0, y up
response_time  float32      of the whole trial, seconds, may be missing
trial_type     category     ``main``, ``catch``, ``repeat`` or ``practice``
=============  ===========  ==================================================================

One row an item placed; the rows of a trial agree in ``response_time`` and ``trial_type``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments._schema import TRIAL_TYPES
from twoalike.judgments._table import TableKind, build_table, category, item_indices

COLUMNS = (
    "participant",
    "session",
    "trial",
    "item",
    "x",
    "y",
    "response_time",
    "trial_type",
)
TRIAL = ("participant", "session", "trial")
"""Columns that together say which trial a row belongs to."""
FARTHEST = 0.75
"""Largest distance from the centre, arena diameters. A round arena ends at .5, the corners of a
square one at .71; anything beyond is in another unit."""


def _trial_number(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Trial of each row, numbered from 0 in the order of first appearance, shape (n,)."""
    keys = [table[name].cat.codes for name in TRIAL[:2]] + [table["trial"]]
    rows = np.stack([np.asarray(key, dtype=np.int64) for key in keys], axis=1)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse.ravel()]


def _within_arena(table: pd.DataFrame) -> "pd.Series[bool]":
    distance = np.hypot(table["x"].to_numpy(np.float64), table["y"].to_numpy(np.float64))
    return pd.Series(distance <= FARTHEST, index=table.index)  # false where a place is missing


def _not_twice(table: pd.DataFrame) -> "pd.Series[bool]":
    return pd.Series(~table.duplicated([*TRIAL, "item"]).to_numpy(), index=table.index)


def _not_alone(table: pd.DataFrame) -> "pd.Series[bool]":
    number = _trial_number(table)
    return pd.Series(np.bincount(number)[number] >= 2, index=table.index)


def _agree(table: pd.DataFrame) -> "pd.Series[bool]":
    number = _trial_number(table)
    first = np.unique(number, return_index=True)[1][number]
    times, kinds = table["response_time"].to_numpy(), table["trial_type"].cat.codes.to_numpy()
    same = (times == times[first]) | (np.isnan(times) & np.isnan(times[first]))
    return pd.Series(same & (kinds == kinds[first]), index=table.index)


@cache
def arrangements_schema() -> Any:
    """Pandera schema of the table (built on first use, since pandera is slow to import)."""
    import pandera.pandas as pa

    label = pa.Column("category", nullable=False)
    columns = {
        "participant": label,
        "session": pa.Column("category", nullable=True),
        "trial": pa.Column("int32", pa.Check.ge(1, error="a whole number from 1")),
        "item": label,
        "x": pa.Column("float64"),
        "y": pa.Column("float64"),
        "response_time": pa.Column("float32", pa.Check.ge(0, error="seconds"), nullable=True),
        "trial_type": pa.Column(
            "category", pa.Check.isin(list(TRIAL_TYPES), error=f"one of {', '.join(TRIAL_TYPES)}")
        ),
    }
    arena = f"x and y in arena diameters, at most {FARTHEST} from the centre"
    checks = [
        pa.Check(_within_arena, error=arena),
        pa.Check(_not_twice, error="an item once in a trial"),
        pa.Check(_not_alone, error="two items or more in a trial"),
        pa.Check(_agree, error="the response_time and trial_type of the trial's first row"),
    ]
    return pa.DataFrameSchema(columns, checks=checks, strict=True, ordered=True)


ARRANGEMENTS = TableKind(
    name="arrangements",
    rows="arrangements",
    columns=COLUMNS,
    categories=("participant", "session", "item", "trial_type"),
    items=("item",),
    numbers={
        "trial": np.int32,
        "x": np.float64,
        "y": np.float64,
        "response_time": np.float32,
    },
    schema=arrangements_schema,
)


def arrangements_table(
    columns: dict[str, Any], objects: Sequence[str], where: str = "arrangements"
) -> pd.DataFrame:
    """Build and check a table of arrangements from arrays.

    Parameters
    ----------
    columns
        Values by column name, one an item placed. ``session``, ``response_time`` (default
        missing), ``participant`` (default ``unknown``) and ``trial_type`` (default ``main``)
        may be left out. Items are ids, or integers that index ``objects``.
    objects
        All object ids, in the order to keep; may name objects nobody placed.
    where
        What to name in complaints.

    Raises
    ------
    TwoalikeError
        If an item is not among ``objects`` or a value breaks the schema.

    Examples
    --------
    >>> table = arrangements_table(
    ...     {"trial": [1, 1], "item": [0, 2], "x": [0.1, -0.3], "y": [0.0, 0.2]},
    ...     ["cat", "dog", "oak"],
    ... )
    >>> table["item"].tolist(), table["participant"].tolist()
    (['cat', 'oak'], ['unknown', 'unknown'])
    """
    n = len(columns["item"])
    first = np.zeros(n, dtype=np.int8)
    defaults = {
        "participant": category(first, ["unknown"]),
        "session": category(first - 1, []),
        "response_time": np.full(n, np.nan),
        "trial_type": category(first, TRIAL_TYPES),
    }
    return build_table(defaults | columns, objects, ARRANGEMENTS, where)


@dataclass(frozen=True, eq=False)
class Arrangement:
    """One trial of a table.

    Attributes
    ----------
    items
        Object indices of the k items placed, shape (k,).
    positions
        x and y of each in arena diameters, shape (k, 2).
    session
        Session label; empty where the table has none.
    response_time
        Seconds; NaN where missing.
    """

    participant: str
    session: str
    trial: int
    trial_type: str
    items: npt.NDArray[np.int64]
    positions: npt.NDArray[np.float64]
    response_time: float


def trials_of(
    arrangements: pd.DataFrame, ids: Sequence[str] | None = None
) -> tuple[list[Arrangement], tuple[str, ...]]:
    """Trials of a table, in the order of first appearance.

    Parameters
    ----------
    arrangements
        Table of arrangements.
    ids
        Objects to index into; the table's own list by default.

    Returns
    -------
    The trials; the ids their items point into.

    Raises
    ------
    TwoalikeError
        If an object placed is not among ``ids``.
    """
    items, names = item_indices(arrangements, ["item"], ids)
    number = _trial_number(arrangements)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(number[order])) + 1)
    places = arrangements[["x", "y"]].to_numpy(np.float64)
    firsts = arrangements.iloc[[int(rows[0]) for rows in parts]]
    sessions = firsts["session"].astype(object).where(firsts["session"].notna(), "")
    about = zip(
        map(str, firsts["participant"]),
        map(str, sessions),
        map(int, firsts["trial"]),
        map(str, firsts["trial_type"]),
        map(float, firsts["response_time"]),
        strict=True,
    )
    trials = [
        Arrangement(participant, session, trial, kind, items[rows, 0], places[rows], seconds)
        for rows, (participant, session, trial, kind, seconds) in zip(parts, about, strict=True)
    ]
    return trials, names
