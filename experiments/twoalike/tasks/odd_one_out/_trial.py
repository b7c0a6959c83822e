"""One odd-one-out trial: as designed, and as answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from twoalike.study import MISSING
from twoalike.tables import CHOICE_COLUMNS, PLACES, POSITIONS, STIMULI, choice_columns
from twoalike.tasks._activity import OfListedTrial


@dataclass(frozen=True)
class Trial:
    """One line of a trial list; ``stimuli`` in the order of the design, not of the screen."""

    trial_index: int
    block_index: int
    trial_type: str
    triplet_id: str
    stimuli: tuple[str, ...]
    positions: tuple[str, ...]
    """Where each of ``stimuli`` is shown."""
    expected: int | None = None
    """Number of the right answer among ``stimuli``, from 1, where there is one."""
    repeat_of: int | None = None
    """``trial_index`` of the first showing."""
    sampler: str = "list"
    sampler_score: float | None = None
    condition: str | None = None
    anchored: bool = False
    """Whether the first of ``stimuli`` is a reference, and not an answer."""
    masks: tuple[str, ...] = ()
    """Pictures that mask ``stimuli``, where masks are given."""

    @property
    def row(self) -> tuple[str, ...]:
        """Stimuli by place: from left to right, or as places are numbered."""
        return tuple(self.stimuli[item] for item in self.order)

    @property
    def order(self) -> tuple[int, ...]:
        """Numbers of the stimuli by place, from 0."""
        places = POSITIONS if self.positions[0] in POSITIONS else sorted(self.positions)
        return tuple(self.positions.index(place) for place in places)

    @property
    def expected_stimuli(self) -> tuple[str, ...]:
        """Objects of the right answer, where there is one."""
        return () if self.expected is None else (self.stimuli[self.expected - 1],)

    def is_right(self, answer: "Answer | None") -> bool | None:
        """Whether an answer is right; None where there is no right answer, or no answer."""
        if answer is None or self.expected is None:
            return None
        return self.positions.index(answer.position) + 1 == self.expected


def _missing(value: object) -> bool:
    return value is None or bool(pd.isna(value)) or value == MISSING  # type: ignore[call-overload]


def cell_text(row: Mapping[str, object], name: str) -> str | None:
    """Text of a cell of a trial list; None where a value is missing."""
    return None if _missing(row[name]) else str(row[name])


def cell_number(row: Mapping[str, object], name: str) -> int | None:
    """Whole number in a cell of a trial list; None where it is missing."""
    found = cell_text(row, name)
    return None if found is None else int(float(found))


def listed_cells(row: Mapping[str, object]) -> dict[str, Any]:
    """Fields of a trial that the lists of all tasks of choices have."""
    score = cell_text(row, "sampler_score")
    return {
        "trial_index": int(str(row["trial_index"])),
        "block_index": int(str(row["block_index"])),
        "trial_type": str(row["trial_type"]),
        "repeat_of": cell_number(row, "repeat_of"),
        "sampler": str(row["sampler"]),
        "sampler_score": None if score is None else float(score),
        "condition": cell_text(row, "condition"),
    }


def _trial(row: Mapping[str, object]) -> Trial:
    expected = choice_columns(row)[1]
    return Trial(
        **listed_cells(row),
        triplet_id=str(row["triplet_id"]),
        stimuli=tuple(str(row[name]) for name in STIMULI),
        positions=tuple(str(row[name]) for name in PLACES),
        expected=cell_number(row, expected),
        anchored=expected == "expected_response",
    )


def trials_from_table(table: pd.DataFrame) -> tuple[Trial, ...]:
    """Trials of a trial list of odd-one-out or anchored choices, as its reader gives it."""
    columns = [table[name].to_numpy(dtype=object) for name in table.columns]
    names = [str(name) for name in table.columns]
    rows = zip(*columns, strict=True)
    return tuple(_trial(dict(zip(names, row, strict=True))) for row in rows)


@dataclass(frozen=True)
class Answer:
    """A choice: which place, how, and how long after the triplet appeared (s)."""

    position: str
    method: str
    response_time: float
    key: str | None = None


@dataclass(frozen=True)
class TrialResult(OfListedTrial):
    """A trial that was shown to its end."""

    trial: Trial
    onset: float
    """First frame of the triplet, s of the run."""
    answer: Answer | None
    """The choice; None if the time limit passed."""
    early: int
    """Presses ignored because they came too early."""
    dropped: int | None
    """Late frames while the triplet was shown; None if not known."""
    flag: str | None
    """``fast``, ``slow``, ``interrupted`` or None."""
    timed: Mapping[str, object] = field(default_factory=dict)
    """Cells of the columns of timed presentation and of a scanner's trigger, where it has them."""

    @property
    def timed_out(self) -> bool:
        """Whether the time limit passed."""
        return self.answer is None

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where there is no right answer, or no answer."""
        return self.trial.is_right(self.answer)

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        """Give the row of the raw table, by the columns of the task's :class:`Table`."""
        chosen, expected = CHOICE_COLUMNS[self.trial.anchored]
        given = {"triplet_id": self.trial.triplet_id, expected: self.trial.expected}
        return (self.cells(rt_source, pilot) | given | self.chosen_cells(chosen),)

    def chosen_cells(self, name: str) -> dict[str, object]:
        """Cells of the chosen object; ``name`` is the column of its id."""
        trial, answer = self.trial, self.answer
        item = None if answer is None else trial.positions.index(answer.position)
        return {
            "response": None if item is None else item + 1,
            name: None if item is None else trial.stimuli[item],
            "response_position": None if answer is None else answer.position,
        }

    def cells(self, rt_source: str, pilot: bool) -> dict[str, object]:
        """Cells that the raw tables of all tasks of choices have."""
        trial, answer = self.trial, self.answer
        return {
            "trial_index": trial.trial_index,
            "block_index": trial.block_index,
            "trial_type": trial.trial_type,
            **{f"stimulus_{n}": name for n, name in enumerate(trial.stimuli, start=1)},
            **{f"position_{n}": place for n, place in enumerate(trial.positions, start=1)},
            "response_key": None if answer is None else answer.key,
            "response_method": "none" if answer is None else answer.method,
            "response_time": None if answer is None else float(answer.response_time),
            "rt_source": rt_source,
            "rt_flag": self.flag,
            "onset": float(self.onset),
            "timed_out": self.timed_out,
            "n_early_presses": self.early,
            "dropped_frames": self.dropped,
            "correct": self.correct,
            "repeat_of": trial.repeat_of,
            "sampler": trial.sampler,
            "sampler_score": trial.sampler_score,
            "condition": trial.condition,
            **self.timed,
            "pilot": pilot,
        }
