"""One trial of a choice among many images: a choice of one, or of two that are most alike.

Phases, times and feedback are those of an odd-one-out trial.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from twoalike.tables import MANY_PLACES, MANY_STIMULI
from twoalike.tasks.odd_one_out import (
    Answer,
    Trial,
    TrialResult,
    TripletActivity,
    cell_number,
    listed_cells,
)


@dataclass(frozen=True)
class PairTrial(Trial):
    """A trial in which a pair is chosen; ``expected`` is one image of the right answer."""

    expected_with: int | None = None
    """Number of the other image of the right answer, where there is one."""

    @property
    def expected_stimuli(self) -> tuple[str, ...]:
        """Objects of the right answer, where there is one."""
        if self.expected is None or self.expected_with is None:
            return ()
        return self.stimuli[self.expected - 1], self.stimuli[self.expected_with - 1]

    def is_right(self, answer: Answer | None) -> bool | None:
        """Whether an answer is right; None where there is no right answer, or no answer."""
        if answer is None or self.expected is None:
            return None
        assert isinstance(answer, PairAnswer)
        return pair_of(self, answer) == (self.expected, self.expected_with)


@dataclass(frozen=True)
class PairAnswer(Answer):
    """A pair: ``position`` is the place chosen second, with its key and time."""

    first: str = ""
    """Place chosen first."""
    first_time: float = 0.0
    """How long after the images appeared, s."""


def pair_of(trial: Trial, answer: PairAnswer) -> tuple[int, int]:
    """Numbers of the two images chosen, ascending."""
    numbers = (trial.positions.index(place) + 1 for place in (answer.first, answer.position))
    one, other = sorted(numbers)
    return one, other


def _trial(row: Mapping[str, object], kind: type[Trial]) -> Trial:
    n = int(str(row["n_items"]))
    pair = kind is PairTrial
    fields = listed_cells(row)
    fields["expected"] = cell_number(row, "expected_1" if pair else "expected_odd")
    if pair:
        fields["expected_with"] = cell_number(row, "expected_2")
    return kind(
        **fields,
        triplet_id=str(row["set_id"]),
        stimuli=tuple(str(row[name]) for name in MANY_STIMULI[:n]),
        positions=tuple(str(cell_number(row, name)) for name in MANY_PLACES[:n]),
    )


def many_trials(table: pd.DataFrame) -> tuple[Trial, ...]:
    """Trials of a trial list of odd-one-of-many or most-alike-pair, as its reader gives it."""
    kind = PairTrial if "expected_1" in table else Trial
    return tuple(
        _trial({str(name): value for name, value in row.items()}, kind)
        for row in table.to_dict("records")
    )


@dataclass(frozen=True)
class ManyResult(TrialResult):
    """A trial of odd-one-of-many that was shown to its end."""

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        """Give the row of the raw table."""
        given = {"expected_odd": self.trial.expected} | self.chosen_cells("odd_stimulus")
        return (self.cells(rt_source, pilot) | given,)

    def cells(self, rt_source: str, pilot: bool) -> dict[str, object]:
        """Cells that the raw tables of both tasks have; images that a trial lacks are missing."""
        unused = dict.fromkeys((*MANY_STIMULI, *MANY_PLACES))
        trial = self.trial
        shown = {"set_id": trial.triplet_id, "n_items": len(trial.stimuli)}
        return unused | super().cells(rt_source, pilot) | shown


@dataclass(frozen=True)
class PairResult(ManyResult):
    """A trial of most-alike-pair that was shown to its end."""

    n_taken_back: int = 0
    """Times that an image was chosen and taken back."""

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        """Give the row of the raw table."""
        trial, answer = self.trial, self.answer
        one = other = first = taken = None
        if isinstance(answer, PairAnswer):
            one, other = pair_of(trial, answer)
            first, taken = trial.positions.index(answer.first) + 1, float(answer.first_time)
        assert isinstance(trial, PairTrial)
        given: dict[str, object] = {
            "response_1": one,
            "response_2": other,
            "alike_1": None if one is None else trial.stimuli[one - 1],
            "alike_2": None if other is None else trial.stimuli[other - 1],
            "first_response": first,
            "first_response_time": taken,
            "n_taken_back": self.n_taken_back,
            "expected_1": trial.expected,
            "expected_2": trial.expected_with,
        }
        return (self.cells(rt_source, pilot) | given,)


class ManyActivity(TripletActivity):
    """One trial of odd-one-of-many."""

    def result(self) -> TrialResult:
        """Outcome of a decided trial."""
        return ManyResult(**vars(super().result()))


class PairActivity(TripletActivity):
    """One trial of most-alike-pair: the second image decides, the first one may be taken back.

    Attributes
    ----------
    first
        The first image chosen; None before, and once it was taken back.
    taken_back
        How often one was taken back.
    """

    first: Answer | None = None
    taken_back = 0

    def _begin(self) -> None:
        super()._begin()
        self.first = None

    @property
    def picked(self) -> tuple[str, ...]:
        """Objects chosen so far."""
        first = (self.first,) if self.first is not None else ()
        given = [each for each in (*first, self.answer) if each is not None]
        return tuple(self.trial.stimuli[self.trial.positions.index(a.position)] for a in given)

    def take(self, answer: Answer) -> None:
        """Take a press that counts: the first image, the same again, or the second image."""
        if self.first is None:
            self.first = answer
        elif self.first.position == answer.position:
            self.first, self.taken_back = None, self.taken_back + 1
        else:
            place, time = self.first.position, self.first.response_time
            super().take(PairAnswer(**vars(answer), first=place, first_time=time))

    def result(self) -> TrialResult:
        """Outcome of a decided trial."""
        return PairResult(**vars(super().result()), n_taken_back=self.taken_back)
