"""Choices in the model: a triplet is a set of three items.

The choices that answer one question (what was asked about how many items) are a group, with the
likelihood of :func:`twoalike.choice.log_choice`. Temperature, lapse rate and weights of a person
are the same in all questions: only what is asked differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.choice import Question, log_choice
from twoalike.embedding._kind import Checked, Counts, Group, Kind, Unknown
from twoalike.embedding._times import Clocks, add_clocks
from twoalike.judgments import participant_index, set_choices
from twoalike.study import Floats, Integers, TwoalikeError
from twoalike.tables import JUDGED

if TYPE_CHECKING:
    from types import ModuleType

    from twoalike.embedding._parts import Kernel
    from twoalike.embedding._posterior import Posterior
    from twoalike.embedding._predictive import ChoiceChecks

GIVEN = (0,)
"""The answer that was given, among those of a question, once it is put first."""
PAIRS_AT_ONCE = 10
"""Pairs of a matrix that cost as much as one gathered pair: a product of matrices is fast."""


@dataclass(frozen=True, eq=False)
class ChoiceGroup(Group):
    """All n choices that answer one question.

    ``shown`` (n, k) are object indices in the order shown, ``answer`` (n,) is an answer of the
    question, ``judge`` (n,) the participant, ``rows`` (n,) places in the table; ``times`` (n,)
    response times in s, where they are to inform the embedding, NaN if unknown.
    """

    question: Question
    shown: Integers
    answer: Integers
    judge: Integers
    rows: Integers
    times: Floats | None = None

    @cached_property
    def items(self) -> Integers:  # type: ignore[override]
        """Object indices, (n, k), in an order in which the answer given is the first."""
        return self.question.answer_first(self.shown, self.answer).astype(np.int32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """Items, times if there are any, and judges."""
        times = () if self.times is None else (self.times,)
        return self.items, *times, self.judge

    def take(self, rows: Any) -> "ChoiceGroup":
        """Take some of the choices: a slice, a mask or positions."""
        shown, answer, judge, places = (
            part[rows] for part in (self.shown, self.answer, self.judge, self.rows)
        )
        times = None if self.times is None else self.times[rows]
        return ChoiceGroup(self.question, shown, answer, judge, places, times)

    def whole(self, m: int, n: int | None = None) -> bool:
        """Whether similarities of all m objects cost less than those of the pairs in n choices."""
        n = self.size if n is None else n
        return m**2 < PAIRS_AT_ONCE * n * len(self.question.pairs)


@dataclass(frozen=True, eq=False, kw_only=True)
class Choices(Kind[ChoiceGroup]):
    """Choices of all questions; ``people`` are the participants who chose."""

    kind = "choices"
    axis = "participant"
    stored = {
        **dict.fromkeys(("temperature", "lapse"), ("participant",)),
        **dict.fromkeys(("temperature_spread", "lapse_location", "lapse_spread"), ()),
        **dict.fromkeys(("temperature_slope", "lapse_slope"), ("covariate",)),
        **dict.fromkeys(("time_location", "time_slope", "time_noise"), ("participant",)),
        "time_share": (),
    }

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
    def known_to(cls, posterior: "Posterior", table: pd.DataFrame) -> Self:
        """Index choices into a posterior's objects and participants; refuse if none is known."""
        from twoalike.embedding._judged import none_known

        found = cls.from_table(table, posterior.ids, posterior.participants)
        if not found.groups:
            raise none_known(posterior, "judgments", len(table), posterior.participants)
        return found

    def __len__(self) -> int:
        """Count the choices."""
        return sum(group.size for group in self.groups)

    @property
    def size(self) -> int:
        """Choices."""
        return len(self)

    @property
    def labels(self) -> dict[str, list[str]]:
        """Add none: participants are those of the fit, of whatever kind."""
        return {}

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

    def only_triplets(self) -> Self:
        """Leave out choices among more than three items."""
        return replace(self, groups=tuple(g for g in self.groups if g.question.items == 3))

    @property
    def timed(self) -> bool:
        """Whether response times are to inform the embedding."""
        return any(group.times is not None for group in self.groups)

    def with_times(self, seconds: Floats) -> Self:
        """Add the response times of the rows of the table, NaN if unknown."""
        return replace(self, groups=tuple(replace(g, times=seconds[g.rows]) for g in self.groups))

    def without_times(self) -> Self:
        """Leave the response times out."""
        return replace(self, groups=tuple(replace(g, times=None) for g in self.groups))

    def counts(self, participants: Sequence[str]) -> Counts:
        """Count the choices of each participant, and how often each object was shown."""
        return {
            "judgments": ("participant", self.given(len(participants))),
            "shown": ("object", self.seen()),
        }

    def unknowns(self, unknown: Unknown) -> Clocks | None:
        """Add how times come about, if there are any; people are those of the fit."""
        if not self.timed:
            return None
        times = [group.times for group in self.groups if group.times is not None]
        return add_clocks(np.concatenate(times), self.judge, len(unknown.participants))

    def log_likelihood(
        self, unknown: Unknown, own: Clocks | None, group: ChoiceGroup, arrays: Any, n: int
    ) -> Any:
        """Give that of each answer, with its time if there are clocks."""
        import pytensor.tensor as pt

        items, *times, judge = arrays
        return choice_log_likelihood(
            unknown.x,
            unknown.temperature,
            unknown.lapse,
            (items, judge),
            group.question,
            unknown.kernel,
            pt,
            whole=unknown.log_weight is None and group.whole(len(self.ids), n),
            log_weight=unknown.log_weight,
            clocks=own,
            times=times[0] if times else None,
        )

    @classmethod
    def evidence(cls, posterior: "Posterior", table: pd.DataFrame) -> dict[str, float]:
        """Log Bayes factor of each person's answers being guesses, not by the embedding."""
        from twoalike.embedding._careless import guesses

        return guesses(posterior, cls.known_to(posterior, table))

    @classmethod
    def check(cls, table: pd.DataFrame, of: Checked) -> "ChoiceChecks":
        """Compare answers with replicates, and predict each from the others."""
        from twoalike.embedding._predictive import check_choices

        return check_choices(of, cls.known_to(of.posterior, table))


def _joined(parts: Sequence[Integers]) -> Integers:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def choice_log_likelihood(
    x: Any,
    temperature: Any,
    lapse: Any,
    batch: tuple[Any, Any],
    question: Question,
    kernel: "Kernel",
    xp: "ModuleType",
    *,
    whole: bool = False,
    log_weight: Any = None,
    clocks: Clocks | None = None,
    times: Any = None,
) -> Any:
    """Log-probability of each answer, and of its time if there are clocks, shape (n,).

    ``x`` (m, d) is the embedding, temperature and lapse are of every participant, (P,), ``batch``
    has items (n, k), the answer given first, and judges (n,). With ``whole`` similarities are taken
    from the matrix of all objects, which is cheaper where these are few; ``log_weight`` (P, d), if
    participants weigh the dimensions, excludes it. ``times`` (n,) are in s.
    """
    items, judge = batch
    matrix = None
    if whole:
        matrix = kernel.gram((x**2).sum(axis=1)[:, None], xp.dot(x, x.T), xp)
    roots = None if log_weight is None else xp.exp(log_weight / 2)[judge]
    pairs = kernel.pairs(x, items, question.pairs, matrix=matrix, roots=roots, xp=xp)
    noise = temperature[judge]
    (logs,) = log_choice(pairs, noise, lapse[judge], question=question, answers=GIVEN, xp=xp)
    if clocks is None or times is None:
        return logs
    odds = [score / noise for score in question.scores(pairs)]
    return logs + clocks.log_density(odds, times, judge, xp)


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
