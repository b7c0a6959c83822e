"""Odd-one-out choices as arrays, and the groups of them that are scored apart.

Things that occur repeatedly (the same triplet, the same person on the same pair) get numbers:
sorting rows of integers takes seconds for a million judgments; as single integers, or without
sorting where they are few, it takes a fraction of that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.judgments import is_scored, object_index, participant_index
from twoalike.study import MISSING, Booleans, Integers, TwoalikeError

_ROOMY = 4
"""A table of all possible codes is quicker than sorting while it is at most so many times n."""


def group_numbers(*columns: Integers) -> Integers:
    """Give equal rows of the columns one number, in the order of the rows sorted.

    Parameters
    ----------
    columns
        Whole numbers from 0, shape (n,) each.

    Returns
    -------
    Numbers 0, 1, ... without gaps, shape (n,).

    Examples
    --------
    >>> group_numbers(np.array([7, 2, 7]), np.array([1, 5, 1]))
    array([1, 0, 1])
    """
    code: Integers = np.asarray(columns[0], dtype=np.int64)
    for column in columns[1:]:
        width = int(column.max(initial=0)) + 1
        if int(code.max(initial=0)) >= np.iinfo(np.int64).max // width:  # would overflow
            code = _without_gaps(code)
        code = code * width + column
    return _without_gaps(code)


def _without_gaps(code: Integers) -> Integers:
    size = int(code.max(initial=0)) + 1
    if size <= _ROOMY * len(code):
        seen = np.zeros(size, dtype=bool)
        seen[code] = True
        return np.asarray((np.cumsum(seen) - 1)[code])
    bits = len(code).bit_length()
    if size >= 2 ** (63 - bits):
        return np.unique(code, return_inverse=True)[1].astype(np.int64)
    # Code and place in one integer: sorting is three times as quick as sorting places by code.
    ordered = np.sort((code << bits) | np.arange(len(code)))
    code_of = ordered >> bits
    numbers = np.empty(len(code), dtype=np.int64)
    numbers[ordered & ((1 << bits) - 1)] = np.cumsum(np.diff(code_of, prepend=code_of[:1]) != 0)
    return numbers


def first_of(numbers: Integers) -> Integers:
    """Place where each number occurs first, shape (m,).

    Parameters
    ----------
    numbers
        0, 1, ..., m-1 without gaps, shape (n,).

    Examples
    --------
    >>> first_of(np.array([1, 0, 1, 2, 0]))
    array([1, 0, 3])
    """
    first = np.empty(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def triplet_numbers(triplets: Integers) -> tuple[Integers, Integers]:
    """Different triplets, whatever the order in which their objects were shown.

    Parameters
    ----------
    triplets
        Objects shown, from 0, shape (n, 3).

    Returns
    -------
    Triplets in ascending order, rows sorted and unique, shape (m, 3); the row of each judgment's
    triplet, shape (n,).

    Examples
    --------
    >>> triplet_numbers(np.array([[4, 2, 9], [9, 4, 2], [0, 1, 2]]))
    (array([[0, 1, 2],
           [2, 4, 9]]), array([1, 1, 0]))
    """
    rows = np.sort(np.asarray(triplets, dtype=np.int64), axis=1)
    number = group_numbers(*rows.T)
    unique = np.empty((int(number.max(initial=-1)) + 1, 3), dtype=np.int64)
    unique[number] = rows
    return unique, number


KINDS = ("within", "boundary", "between")
"""Kind of a triplet by the number of different labels of its objects: one, two, three."""


def triplet_kinds(labels: Sequence[str], triplets: Integers) -> npt.NDArray[np.str_]:
    """Kind of each triplet at one level of labels, "" where an object has none, shape (n,).

    Parameters
    ----------
    labels
        Label of each object (``n/a`` for none), length m.
    triplets
        Objects, 0..m-1, shape (n, 3).

    Examples
    --------
    >>> triplet_kinds(["cat", "cat", "dog", "fox"], np.array([[0, 1, 2], [1, 2, 3]]))
    array(['boundary', 'between'], dtype='<U8')
    """
    _, codes = np.unique(np.asarray(labels), return_inverse=True)
    ordered = np.sort(codes[triplets], axis=1)
    different = (np.diff(ordered, axis=1) != 0).sum(axis=1)
    unlabelled = np.array([label == MISSING for label in labels], dtype=bool)
    kinds = np.where(unlabelled[triplets].any(axis=1), "", np.array(KINDS)[different])
    return np.asarray(kinds)


@dataclass(frozen=True)
class Judgments:
    """Odd-one-out choices."""

    triplets: Integers
    """Objects shown, indices into ``ids``, shape (n, 3)."""
    chosen: Integers
    """Place of the odd one in 0..2, shape (n,)."""
    participants: Integers
    """Participant of each choice, 0..P-1, shape (n,)."""
    ids: tuple[str, ...]
    """Object ids."""
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    """Names of subsets of the choices -> for each choice the subset it is in ("" for none), shape
    (n,); such as ``level`` -> coarse, fine, boundary."""
    known_people: bool = True
    """Whether participants are told apart; if not, all are 0."""

    @cached_property
    def numbers(self) -> tuple[Integers, Integers]:
        """Different triplets, shape (m, 3), and that of each choice, shape (n,); sorted once."""
        return triplet_numbers(self.triplets)

    def with_labels(self, labels: Mapping[str, Sequence[str]]) -> "Judgments":
        """Add a group a level of labels (m of them): within, boundary and between its classes."""
        kinds = {level: triplet_kinds(of, self.triplets) for level, of in labels.items()}
        return replace(self, groups={**self.groups, **kinds})

    def within(self, rows: Booleans) -> "Judgments":
        """Only some of the choices, shape (n,), in no group."""
        return replace(
            self,
            triplets=self.triplets[rows],
            chosen=self.chosen[rows],
            participants=self.participants[rows],
            groups={},
        )


def judgments_of(table: pd.DataFrame, path: str | Path) -> tuple[Judgments, dict[str, int]]:
    """Take the odd-one-out choices from a table that was read before.

    Raises
    ------
    TwoalikeError
        If it holds no main or repeat odd-one-out trial, or only one triplet.
    """
    anchored = (table["kind"] != "odd_one_out").to_numpy()
    scored = is_scored(table)
    left_out = {
        "anchored": int(anchored.sum()),
        "practice_or_catch": int((~scored & ~anchored).sum()),
    }
    table = table[scored].reset_index(drop=True)
    if not len(table):
        raise TwoalikeError(
            f"{path}: expected odd-one-out judgments of type main or repeat, found none among "
            f"{sum(left_out.values())} rows."
        )
    triplets, chosen, ids = object_index(table)
    participants, names = participant_index(table)
    judged = Judgments(
        triplets, chosen, participants, ids, _levels(table), tuple(names) != ("unknown",)
    )
    if len(judged.numbers[0]) < 2:
        raise TwoalikeError(
            f"{path}: expected at least two different triplets, found one; the temperature is "
            "fitted on one half of them and scored on the other."
        )
    return judged, left_out


def _levels(table: pd.DataFrame) -> dict[str, npt.NDArray[np.str_]]:
    if table["level"].isna().all():
        return {}
    return {"level": table["level"].astype(object).fillna("").to_numpy().astype(np.str_)}
