"""Choices that answer one question as arrays, and the groups of them that are scored apart.

Things that occur repeatedly (the same triplet, the same person on the same pair) get numbers, by
single integers and without sorting where they are few: rows of a million judgments take seconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import OPTIONS, Question
from twoalike.judgments import (
    ITEMS,
    chosen_at_random,
    is_scored,
    participant_index,
    set_choices,
)
from twoalike.study import MISSING, Booleans, Integers

_ROOMY = 4
"""A table of all possible codes is quicker than sorting while it is at most so many times n."""


def group_numbers(*columns: Integers) -> Integers:
    """Give equal rows of columns of whole numbers from 0, (n,) each, one number, rows sorted."""
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
    return np.unique(code, return_inverse=True)[1].astype(np.int64)


def first_of(numbers: Integers) -> Integers:
    """Place where each of the numbers 0, 1, ..., m-1, (n,), occurs first, shape (m,)."""
    first = np.empty(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def first_and_again(judge: Integers, number: Integers) -> tuple[Integers, Integers, Integers]:
    """Find answers of one person (``judge``) about the same thing (``number``), from 0, (n,) each.

    Returns
    -------
    Rows of the first answer of each person about each thing, those about one thing together; rows
    of the earlier and of the later of two successive answers of a person about a thing.
    """
    order = np.lexsort((judge, number))
    same = (np.diff(number[order]) == 0) & (np.diff(judge[order]) == 0)
    again = np.flatnonzero(same)
    first = np.concatenate([order[:1], order[1:][~same]])
    return first, order[again], order[again + 1]


KINDS = ("within", "boundary", "between")
"""Kind of a triplet by the number of different labels of its objects: one, two, three."""


def triplet_kinds(labels: Sequence[str], triplets: Integers) -> npt.NDArray[np.str_]:
    """Kind of each triplet (n, 3) by the labels of m objects, "" where one has none (``n/a``)."""
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
    people: tuple[str, ...] = ()
    """Labels of the participants."""
    rows: Integers = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """Rows of the table that these are, shape (n,); none where they are not of a table."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Choices of the table that answer the question too, by the reason why they are not here."""

    @property
    def name(self) -> str:
        """Start of measures: kind of the question, and the number of items if not three."""
        kind, items = self.question.kind, self.question.items
        return kind if items == len(ITEMS) and kind in OPTIONS else f"{kind}_{items}"

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
    def noun(self) -> Literal["triplet", "set"]:
        """What the choices are about."""
        return "triplet" if self.items.shape[1] == len(ITEMS) else "set"

    @property
    def things(self) -> Integers:
        """Objects of triplets, (n, 3); of more items the number of their set, (n, 1)."""
        return self.items if self.noun == "triplet" else self.number[:, None]

    def with_labels(self, labels: Mapping[str, Sequence[str]]) -> "Judgments":
        """Add one group per level of labels (m of them): within, boundary and between classes."""
        kinds = {level: triplet_kinds(of, self.items) for level, of in labels.items()}
        return replace(self, groups={**self.groups, **kinds})

    def within(self, some: Booleans) -> "Judgments":
        """Only some of the choices, shape (n,)."""
        return replace(
            self,
            items=self.items[some],
            answer=self.answer[some],
            participants=self.participants[some],
            rows=self.rows[some] if len(self.rows) else self.rows,
            groups={name: of[some] for name, of in self.groups.items()},
        )


def questions_of(choices: pd.DataFrame, ids: Collection[str] | None = None) -> list[Judgments]:
    """Sort the main and repeated choices of a table by the question that they answer.

    Choices of objects not in ``ids``, such as those that every network has features of, are left
    out and counted, as practice and attention checks are, and trials that an adaptive design chose
    (:func:`twoalike.judgments.chosen_at_random`).
    """
    judge, people = participant_index(choices)
    scored, fair = np.asarray(is_scored(choices), dtype=bool), chosen_at_random(choices)
    told_apart = {people[person] for person in np.unique(judge[scored])} != {"unknown"}
    asked, objects = set_choices(choices)
    featured = np.array([ids is None or name in ids for name in objects], dtype=bool)
    found = []
    for of in asked:
        main, kept = scored[of.rows], (scored & fair)[of.rows]
        there = kept & featured[of.items].all(axis=1)
        rows, n = of.rows[there], int(kept.sum())
        left_out = {"practice_or_catch": int((~main).sum()), "without_features": n - len(rows)}
        left_out |= {"adaptive": int(main.sum()) - n} if not fair.all() else {}
        judged = Judgments(
            of.items[there],
            of.answer[there],
            judge[rows],
            objects,
            _levels(choices.iloc[rows]),
            told_apart,
            of.question,
            people,
            rows,
            left_out,
        )
        found += [judged] if len(rows) else []
    return found


def _levels(table: pd.DataFrame) -> dict[str, npt.NDArray[np.str_]]:
    if table["level"].isna().all():
        return {}
    return {"level": table["level"].astype(object).fillna("").to_numpy().astype(np.str_)}
