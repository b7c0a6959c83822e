"""Choices that answer one question as arrays, and the groups of them that are scored apart.

Things that occur repeatedly (the same triplet, the same person on the same pair) get numbers:
sorting rows of integers takes seconds for a million judgments; as single integers, or without
sorting where they are few, it takes a fraction of that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import OPTIONS, ChoiceKind, Question, SetKind
from twoalike.judgments import ITEMS, is_scored, object_index, participant_index
from twoalike.study import MISSING, Booleans, Integers, TwoalikeError, counted

_ROOMY = 4
"""A table of all possible codes is quicker than sorting while it is at most so many times n."""


def group_numbers(*columns: Integers) -> Integers:
    """Give equal rows of columns of whole numbers from 0, (n,) each, one number, rows sorted.

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
    """Place where each of the numbers 0, 1, ..., m-1, (n,), occurs first, shape (m,).

    Examples
    --------
    >>> first_of(np.array([1, 0, 1, 2, 0]))
    array([1, 0, 3])
    """
    first = np.empty(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def first_and_again(judge: Integers, number: Integers) -> tuple[Integers, Integers, Integers]:
    """Find answers of one person (``judge``) about the same thing (``number``), from 0, (n,) each.

    Returns
    -------
    Rows of the first answer of each person about each thing, those about one thing together; rows
    of the earlier and of the later of two successive answers of a person about a thing.

    Examples
    --------
    >>> first_and_again(np.array([0, 1, 0, 0]), np.array([2, 2, 2, 1]))
    (array([3, 0, 1]), array([0]), array([2]))
    """
    order = np.lexsort((judge, number))
    same = (np.diff(number[order]) == 0) & (np.diff(judge[order]) == 0)
    again = np.flatnonzero(same)
    first = np.concatenate([order[:1], order[1:][~same]])
    return first, order[again], order[again + 1]


KINDS = ("within", "boundary", "between")
"""Kind of a triplet by the number of different labels of its objects: one, two, three."""


def triplet_kinds(labels: Sequence[str], triplets: Integers) -> npt.NDArray[np.str_]:
    """Kind of each triplet (n, 3) by the labels of m objects, "" where one has none (``n/a``).

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
    """Choices that answer one question about sets of k items; a triplet is a set of three."""

    items: Integers
    """Objects shown, indices into ``ids``, shape (n, k); where there is a reference it is first."""
    answer: Integers
    """Which of the question's answers was given, shape (n,)."""
    participants: Integers
    """Participant of each choice, 0..P-1, shape (n,)."""
    ids: tuple[str, ...]
    """Object ids."""
    groups: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    """Names of subsets of the choices -> for each choice the subset it is in ("" for none), shape
    (n,); such as ``level`` -> coarse, fine, boundary."""
    known_people: bool = True
    """Whether the judgments name their participants; otherwise all numbers are 0."""
    question: Question = Question("odd_one_out", 3)
    """What was asked."""

    @property
    def kind(self) -> SetKind:
        """Kind of the question."""
        return self.question.kind

    @property
    def options(self) -> int:
        """Number of answers to choose from."""
        return len(self.question.answers)

    @cached_property
    def _sorted(self) -> tuple[Integers, Integers, Integers]:
        items, answer = self.question.in_order(self.items, self.answer)
        number = group_numbers(*items.T)
        return items[first_of(number)], number, answer

    @property
    def sets(self) -> Integers:
        """Different sets, whatever the order shown: items ascending, a reference first, (m, k)."""
        return self._sorted[0]

    @property
    def number(self) -> Integers:
        """Set that each choice is about, 0..m-1, shape (n,)."""
        return self._sorted[1]

    @property
    def given(self) -> Integers:
        """Answer to the question about the set as :attr:`sets` has it, shape (n,)."""
        return self._sorted[2]

    @property
    def things(self) -> Integers:
        """Objects of triplets, (n, 3); of more items the number of their set, (n, 1)."""
        return self.items if self.items.shape[1] == 3 else self.number[:, None]

    def with_labels(self, labels: Mapping[str, Sequence[str]]) -> "Judgments":
        """Add a group a level of labels (m of them): within, boundary and between its classes."""
        kinds = {level: triplet_kinds(of, self.items) for level, of in labels.items()}
        return replace(self, groups={**self.groups, **kinds})

    def within(self, rows: Booleans) -> "Judgments":
        """Only some of the choices, shape (n,), in no group."""
        return replace(
            self,
            items=self.items[rows],
            answer=self.answer[rows],
            participants=self.participants[rows],
            groups={},
        )


def kinds_of(table: pd.DataFrame) -> list[ChoiceKind]:
    """Kinds of the main and repeated judgments of a table; odd-one-out comes first."""
    return [kind for kind in OPTIONS if is_scored(table, kind).any()]


def judgments_of(
    table: pd.DataFrame,
    path: str | Path,
    kind: ChoiceKind = "odd_one_out",
    ids: Collection[str] | None = None,
) -> tuple[Judgments, dict[str, int], pd.DataFrame]:
    """Take the main and repeated choices of one kind from a table that was read before.

    ``path`` is what error messages call the table; choices of objects not in ``ids``, of which
    every network has features, are left out. Returns the choices; the number left out by reason;
    the rows.
    """
    of_kind = (table["kind"] == kind).to_numpy(dtype=bool)
    taken = is_scored(table, kind)
    other: ChoiceKind = "anchored" if kind == "odd_one_out" else "odd_one_out"
    left_out = {other: int((~of_kind).sum()), "practice_or_catch": int((of_kind & ~taken).sum())}
    name = kind.replace("_", "-")
    if not taken.any():
        raise TwoalikeError(
            f"{path}: expected {name} judgments of type main or repeat, found none among "
            f"{len(table)} rows."
        )
    n = int(taken.sum())
    if ids is not None:
        for item in ITEMS:
            taken &= table[item].isin(ids).to_numpy(dtype=bool)
        if (lacking := n - int(taken.sum())) > 0:
            left_out["without_features"] = lacking
    rows = table[taken].reset_index(drop=True)
    listed = [str(name) for name in rows[ITEMS[0]].cat.categories]
    featured = listed if ids is None else [name for name in listed if name in ids]
    items, chosen, objects = object_index(rows, featured)
    participants, names = participant_index(rows)
    question = Question(kind, 3)
    judged = Judgments(
        items,
        question.answer_of(chosen),
        participants,
        objects,
        _levels(rows),
        tuple(names) != ("unknown",),
        question,
    )
    if len(judged.sets) < 2:
        remedy = "The temperature is fitted on one half of the triplets and scored on the other."
        if len(rows) < n:
            remedy = f"Compute features of the judged objects under their ids. {remedy}"
        raise TwoalikeError(
            where=path,
            expected=f"{name} judgments of at least two different triplets of objects that all "
            "networks have features of",
            found=f"{counted(len(judged.sets), 'triplet')}, in {len(rows)} of "
            f"{counted(n, 'judgment')}",
            remedy=remedy,
        )
    return judged, left_out, rows


def _levels(table: pd.DataFrame) -> dict[str, npt.NDArray[np.str_]]:
    if table["level"].isna().all():
        return {}
    return {"level": table["level"].astype(object).fillna("").to_numpy().astype(np.str_)}
