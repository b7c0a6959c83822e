"""One trial as designed and as answered."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from twoalike.design import POSITIONS
from twoalike.study import MISSING


@dataclass(frozen=True)
class Trial:
    """One line of a trial list; ``stimuli`` in the order of the design, not of the screen.

    Attributes
    ----------
    positions
        Where each of ``stimuli`` is shown.
    expected_odd
        1, 2, 3 where there is a right answer.
    repeat_of
        ``trial_index`` of the first showing.
    """

    trial_index: int
    block_index: int
    trial_type: str
    triplet_id: str
    stimuli: tuple[str, str, str]
    positions: tuple[str, str, str]
    expected_odd: int | None = None
    repeat_of: int | None = None
    sampler: str = "list"
    sampler_score: float | None = None
    condition: str | None = None

    @property
    def row(self) -> tuple[str, str, str]:
        """Stimuli from left to right."""
        left, middle, right = (self.stimuli[self.positions.index(place)] for place in POSITIONS)
        return left, middle, right


def _missing(value: object) -> bool:
    return value is None or value == MISSING or bool(pd.isna(value))  # type: ignore[call-overload]


def _trial(row: Mapping[str, object]) -> Trial:
    def text(name: str) -> str | None:
        return None if _missing(row[name]) else str(row[name])

    def number(name: str) -> int | None:
        found = text(name)
        return None if found is None else int(float(found))

    score = text("sampler_score")
    first, second, third = (str(row[f"stimulus_{item}"]) for item in (1, 2, 3))
    places = [str(row[f"position_{item}"]) for item in (1, 2, 3)]
    return Trial(
        trial_index=int(str(row["trial_index"])),
        block_index=int(str(row["block_index"])),
        trial_type=str(row["trial_type"]),
        triplet_id=str(row["triplet_id"]),
        stimuli=(first, second, third),
        positions=(places[0], places[1], places[2]),
        expected_odd=number("expected_odd"),
        repeat_of=number("repeat_of"),
        sampler=str(row["sampler"]),
        sampler_score=None if score is None else float(score),
        condition=text("condition"),
    )


def trials_from_table(table: pd.DataFrame) -> tuple[Trial, ...]:
    """Trials of a trial list, as :func:`twoalike.design.read_trial_list` gives it."""
    return tuple(
        _trial({str(name): value for name, value in row.items()})
        for row in table.to_dict("records")
    )


@dataclass(frozen=True)
class Answer:
    """A choice: which place, how, and how long after the triplet appeared (s)."""

    position: str
    method: str
    response_time: float
    key: str | None = None


@dataclass(frozen=True)
class TrialResult:
    """A trial that was shown to its end.

    Attributes
    ----------
    onset
        First frame of the triplet, s of the run.
    answer
        The choice; None if the time limit passed.
    early
        Presses ignored because they came too early.
    dropped
        Late frames while the triplet was shown; None if not known.
    flag
        ``fast``, ``slow``, ``interrupted`` or None.
    """

    trial: Trial
    onset: float
    answer: Answer | None
    early: int
    dropped: int | None
    flag: str | None

    @property
    def trial_index(self) -> int:
        """Number of the trial in the run."""
        return self.trial.trial_index

    @property
    def trial_type(self) -> str:
        """Why it was shown."""
        return self.trial.trial_type

    @property
    def timed_out(self) -> bool:
        """Whether the time limit passed."""
        return self.answer is None

    @property
    def correct(self) -> bool | None:
        """Whether the answer was right; None where there is no right answer, or no answer."""
        if self.answer is None or self.trial.expected_odd is None:
            return None
        return self.trial.positions.index(self.answer.position) + 1 == self.trial.expected_odd

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        """Give the row of the raw table, by :data:`twoalike.record.TRIPLET_COLUMNS`."""
        trial, answer = self.trial, self.answer
        item = None if answer is None else trial.positions.index(answer.position)
        row: dict[str, object] = {
            "trial_index": trial.trial_index,
            "block_index": trial.block_index,
            "trial_type": trial.trial_type,
            "triplet_id": trial.triplet_id,
            **{f"stimulus_{n}": name for n, name in enumerate(trial.stimuli, start=1)},
            **{f"position_{n}": place for n, place in enumerate(trial.positions, start=1)},
            "response": None if item is None else item + 1,
            "odd_stimulus": None if item is None else trial.stimuli[item],
            "response_position": None if answer is None else answer.position,
            "response_key": None if answer is None else answer.key,
            "response_method": "none" if answer is None else answer.method,
            "response_time": None if answer is None else float(answer.response_time),
            "rt_source": rt_source,
            "rt_flag": self.flag,
            "onset": float(self.onset),
            "timed_out": self.timed_out,
            "n_early_presses": self.early,
            "dropped_frames": self.dropped,
            "expected_odd": trial.expected_odd,
            "correct": self.correct,
            "repeat_of": trial.repeat_of,
            "sampler": trial.sampler,
            "sampler_score": trial.sampler_score,
            "condition": trial.condition,
            "pilot": pilot,
        }
        return (row,)
