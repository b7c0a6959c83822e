"""Choices in the model: a triplet is a set of three items.

The choices that answer one question (what was asked about how many items) are a group, with the
likelihood of :func:`twoalike.choice.log_choice`. Temperature, lapse rate and weights of a person
are the same in all questions: only what is asked differs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Question
from twoalike.embedding._judged import none_known
from twoalike.embedding._kind import PAIRS_AT_ONCE, Group, Kind, Unknown
from twoalike.embedding._observers import Draw, changed
from twoalike.embedding._posterior import Posterior
from twoalike.embedding._terms import Term, terms_to_try
from twoalike.judgments import participant_index, set_choices
from twoalike.study import Floats, Integers, TwoalikeError
from twoalike.tables import JUDGED

GIVEN = (0,)
"""The answer that was given, among those of a question, once it is put first."""
type Observers = Literal["own", "new"]
"""Whether people of a fit are predicted as themselves, or everybody as somebody new."""


@dataclass(frozen=True, eq=False)
class ChoiceGroup(Group):
    """All n choices that answer one question.

    ``shown`` (n, k) are object indices in the order shown, ``answer`` (n,) is an answer of the
    question, ``judge`` (n,) the participant, ``rows`` (n,) places in the table. ``told`` are the
    arrays of the ``terms``, (n, ...) each.
    """

    question: Question
    shown: Integers
    answer: Integers
    judge: Integers
    rows: Integers
    terms: tuple[Term, ...] = ()
    told: tuple[npt.NDArray[Any], ...] = ()

    @cached_property
    def items(self) -> Integers:  # type: ignore[override]
        """Object indices, (n, k), in an order in which the answer given is the first."""
        return self.question.answer_first(self.shown, self.answer).astype(np.int32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Items, what the terms need, and judges."""
        return self.items, *self.told_first, self.judge

    @property
    def told_first(self) -> tuple[npt.NDArray[Any], ...]:
        """Arrays of the terms in the order of :attr:`items`."""
        if not self.told:
            return ()
        first = np.arange(self.size)[:, None], self.question.answers_first(self.answer)
        both = zip(self.terms, self.told, strict=True)
        return tuple(array[first if term.axis == "answers" else ...] for term, array in both)

    @property
    def size(self) -> int:
        """Choices."""
        return len(self.judge)

    @cached_property
    def ordered(self) -> tuple[Integers, Integers]:
        """Items ascending, a reference first, and each answer as one about these, (n, A)."""
        answers = range(len(self.question.answers))
        each = [self.question.in_order(self.shown, np.full(self.size, one)) for one in answers]
        return each[0][0], np.stack([answer for _, answer in each], axis=1)

    def take(self, rows: Any) -> "ChoiceGroup":
        """Take some of the choices: a slice, a mask or positions."""
        parts = (self.shown, self.answer, self.judge, self.rows)
        found = ChoiceGroup(self.question, *(part[rows] for part in parts))
        return replace(found, terms=self.terms, told=tuple(array[rows] for array in self.told))

    def predicted(self, draw: Draw) -> Floats:
        """Probability of each answer under one draw, with its terms, (n, A)."""
        return draw.answers(self.shown, self.question, self.judge, told=self.told)

    def whole(self, m: int, n: int | None = None) -> bool:
        """Whether similarities of all m objects cost less than those of the pairs in n choices."""
        n = self.size if n is None else n
        return m**2 < PAIRS_AT_ONCE * n * len(self.question.pairs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Choices(Kind[ChoiceGroup]):
    """Choices of all questions; ``people`` are the participants who chose."""

    kind = "choices"
    axis = "participant"
    counted = "judgments", "shown"

    @classmethod
    def from_table(
        cls,
        table: pd.DataFrame,
        ids: Sequence[str] | None = None,
        people: Sequence[str] | None = None,
    ) -> Self:
        """Index main and repeated choices into the table's objects and people, or into others.

        Choices of other objects, or by other people, are left out and counted.
        """
        table = table.reset_index(drop=True)
        rows = np.flatnonzero(table["trial_type"].isin(JUDGED))
        if len(rows) < len(table):
            table = table.iloc[rows]
        judge, chose = participant_index(table)
        asked, names = set_choices(table)
        place = np.arange(len(names))
        if ids is not None:
            place = pd.Index(ids).get_indexer(pd.Index(names))
        if people is not None:
            judge = pd.Index(people).get_indexer(pd.Index(chose))[judge]
        groups = []
        for of in asked:
            group = ChoiceGroup(
                of.question,
                place[of.items].astype(np.int32),
                of.answer,
                judge[of.rows].astype(np.int32),
                rows[of.rows],
            )
            known = (group.shown >= 0).all(axis=1) & (group.judge >= 0)
            groups.append(group if known.all() else group.take(known))
        kept = tuple(group for group in groups if group.size)
        return cls(
            groups=kept,
            people=tuple(chose if people is None else people),
            ids=tuple(names if ids is None else ids),
            left_out=len(table) - sum(group.size for group in kept),
        )

    @classmethod
    def known_to(cls, posterior: Posterior, table: pd.DataFrame) -> Self:
        """Index choices into a posterior's objects and participants; refuse if none is known."""
        found = cls.from_table(table, posterior.ids, posterior.participants)
        if not found.groups:
            raise none_known(posterior, "judgments", len(table), posterior.participants)
        return found.with_terms(table, posterior.terms)

    def with_terms(self, table: Any, terms: Iterable[Term] = ()) -> Self:
        """Take other terms, or none, by the table that these choices are from."""
        terms = tuple(terms)
        groups = (
            replace(g, terms=terms, told=tuple(term.array(g, table) for term in terms))
            for g in self.groups
        )
        return replace(self, groups=tuple(groups))

    @property
    def terms(self) -> tuple[Term, ...]:
        """Terms of all groups."""
        return self.groups[0].terms if self.groups else ()

    def __len__(self) -> int:
        """Count the choices."""
        return sum(group.size for group in self.groups)

    @property
    def size(self) -> int:
        """Choices."""
        return len(self)

    @property
    def labels(self) -> dict[str, list[str]]:
        """Add those of the terms: participants are those of the fit, of whatever kind."""
        return {axis: names for term in self.terms for axis, names in term.labels.items()}

    @property
    def judge(self) -> Integers:
        """Participant of each choice, (n,), one group after the other."""
        return _joined([group.judge for group in self.groups])

    @property
    def rows(self) -> Integers:
        """Place of each choice in the table, (n,), likewise."""
        return _joined([group.rows for group in self.groups])

    @property
    def answer(self) -> Integers:
        """Answer given of each choice, (n,), likewise."""
        return _joined([group.answer for group in self.groups])

    @property
    def chance(self) -> Floats:
        """Accuracy of guesses at each choice, (n,), likewise."""
        return np.concatenate([np.full(g.size, g.question.chance) for g in self.groups])

    @property
    def widest(self) -> int:
        """Most answers of a question."""
        return max(len(group.question.answers) for group in self.groups)

    @property
    def slices(self) -> list[slice]:
        """Where the choices of each group are among all."""
        ends = np.cumsum([0, *(group.size for group in self.groups)]).tolist()
        return [slice(*both) for both in zip(ends[:-1], ends[1:], strict=True)]

    def take(self, places: Any) -> Self:
        """Take some of the choices, by a mask or by ascending positions among all."""
        kept = np.zeros(len(self), dtype=bool)
        kept[places] = True
        groups = (g.take(kept[here]) for g, here in zip(self.groups, self.slices, strict=True))
        return replace(self, groups=tuple(group for group in groups if group.size))

    def unknowns(self, unknown: Unknown) -> dict[str, Any]:
        """Add the terms' variables; temperatures and lapses are those of all participants."""
        return {name: value for term in self.terms for name, value in term.add().items()}

    def log_likelihood(
        self, unknown: Unknown, own: dict[str, Any], group: ChoiceGroup, arrays: Any, n: int
    ) -> Any:
        """Give that of each answer.

        Similarities are taken from the matrix of all objects where these are few, and nobody weighs
        the dimensions.
        """
        (items, *seen, judge), x, xp, question = arrays, unknown.x, unknown.xp, group.question
        matrix, roots = None, None
        if unknown.log_weight is not None:
            roots = xp.exp(unknown.log_weight / 2)[judge]
        elif group.whole(len(self.ids), n):
            matrix = unknown.all_pairs()
        pairs = unknown.kernel.pairs(x, items, question.pairs, matrix=matrix, roots=roots, xp=xp)
        noise, guess = unknown.temperature[judge], unknown.lapse[judge]
        change = changed(group.terms, own, seen, judge, question)
        (logs,) = change.log_choice(pairs, noise, guess, question, GIVEN, xp)
        return logs


def terms_tried(choices: Choices, table: pd.DataFrame | None) -> Choices:
    """Take the terms that a pilot tries, in place of those of the fit."""
    if table is None:
        return choices
    return choices.with_terms(table, terms_to_try(choices.groups, table))


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def given_answers(draw: Draw, choices: Choices) -> Floats:
    """Probability of the answer that was given to each choice under one draw, shape (n,)."""
    found = [group.predicted(draw)[np.arange(group.size), group.answer] for group in choices.groups]
    return np.concatenate(found)


def held_losses(draws: Iterable[Draw], choices: Choices) -> Floats:
    """Log-loss of each choice, by its probability averaged over draws, shape (n,)."""
    total, number = np.zeros(len(choices)), 0
    for draw in draws:
        total += given_answers(draw, choices)
        number += 1
    return -np.log(total / number)


def predicted_answers(
    posterior: Posterior, table: pd.DataFrame, observers: Observers = "own"
) -> Iterator[tuple[ChoiceGroup, Floats]]:
    """Give choices by question, and the probability of each answer, (n, A), terms included."""
    choices = Choices.from_table(table, posterior.ids).with_terms(table, posterior.terms)
    known = pd.Index(posterior.participants).get_indexer(pd.Index(choices.people))
    for group in choices.groups:
        who = known[group.judge] if observers == "own" else np.full(group.size, -1)
        asked = group.shown, group.question
        yield group, posterior.answers(*asked, lapse=True, participants=who, told=group.told)


def used_choices(choices: pd.DataFrame) -> pd.DataFrame:
    """Judgments that inform the embedding: main and repeated trials."""
    table = choices[choices["trial_type"].isin(JUDGED)]
    if table.empty:
        raise TwoalikeError(
            f"expected main or repeat trials to fit, found none among {len(choices)} judgments."
        )
    seen = pd.unique(
        pd.concat([table[item].astype(str) for item in ("item_1", "item_2", "item_3")])
    )
    if len(seen) < 3:
        raise TwoalikeError(f"expected judgments of at least 3 objects, found {len(seen)}.")
    return table
