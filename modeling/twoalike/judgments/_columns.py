"""Columns that several tables of judgments share, and rules about their rows."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from twoalike.study import Integers
from twoalike.tables import TRIAL_TYPES, Column, Fault, faults

PAIR = ("item_a", "item_b")
"""Columns of the objects of a pair."""
TRIAL = ("participant", "session", "trial")
"""Columns that together identify a trial."""


def participant_column(who: str) -> Column:
    """Who did what ``who`` says."""
    return Column(
        "participant",
        "string",
        f"{who}; `unknown` where the source does not say.",
        dtype="category",
        default="unknown",
    )


def item_column(name: str, description: str, missing: str = "") -> Column:
    """Id of an object; one that may be missing is left out of tables in which all are."""
    return Column(
        name, "string", description, missing=missing, optional=bool(missing), dtype="category"
    )


SESSION = Column(
    "session", "string", "Session label.", missing="the source has no sessions", dtype="category"
)
TRIAL_NUMBER = Column(
    "trial",
    "integer",
    "Number of the trial in its session.",
    minimum=1,
    dtype="int32",
    default="row",
)
TRIAL_TYPE = Column(
    "trial_type",
    "string",
    "Why the trial was shown.",
    levels={name: TRIAL_TYPES[name] for name in ("main", "catch", "repeat", "practice")},
    dtype="category",
    default="main",
)


CORRECT = Column(
    "correct",
    "string",
    "Whether an attention check was answered right.",
    levels={"true": "answered right", "false": "answered wrong"},
    missing="no attention check, or its right answer is not known",
    added=True,
    dtype="category",
)


def seconds_column(description: str) -> Column:
    """Response time in seconds, which may be missing."""
    return Column(
        "response_time",
        "number",
        description,
        units="s",
        minimum=0,
        missing="not measured",
        dtype="float32",
    )


def trial_numbers(table: pd.DataFrame) -> Integers:
    """Trial of each row, numbered from 0 in order of first appearance, shape (n,)."""
    keys = [table[name].cat.codes for name in TRIAL[:2]] + [table["trial"]]
    rows = np.stack([np.asarray(key, dtype=np.int64) for key in keys], axis=1)
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return rank[inverse.ravel()]


def two_objects(table: pd.DataFrame) -> Iterator[Fault]:
    """Find pairs of an object with itself."""
    one, other = (table[item].cat.codes.to_numpy() for item in PAIR)
    yield from faults(one == other, "two objects")


def two_items(table: pd.DataFrame) -> Iterator[Fault]:
    """Find trials of one item."""
    number = trial_numbers(table)
    yield from faults(np.bincount(number)[number] < 2, "two items or more in a trial")


def rows_agree(table: pd.DataFrame) -> Iterator[Fault]:
    """Find rows that differ from the first of their trial in its time or type."""
    number = trial_numbers(table)
    first = np.unique(number, return_index=True)[1][number]
    times, kinds = table["response_time"].to_numpy(), table["trial_type"].cat.codes.to_numpy()
    same = (times == times[first]) | (np.isnan(times) & np.isnan(times[first]))
    expected = "the response_time and trial_type of the trial's first row"
    yield from faults(~(same & (kinds == kinds[first])), expected)
