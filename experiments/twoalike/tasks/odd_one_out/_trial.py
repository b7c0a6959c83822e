"""One odd-one-out trial: as designed, and as answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from twoalike.study import MISSING
from twoalike.tables import CHOICE_COLUMNS, POSITIONS, choice_columns


@dataclass(frozen=True)
class Trial:
    """One line of a trial list; ``stimuli`` in the order of the design, not of the screen."""

    trial_index: int
    block_index: int
    trial_type: str
    triplet_id: str
    stimuli: tuple[str, str, str]
    positions: tuple[str, str, str]
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
        """Stimuli from left to right."""
        return tuple(self.stimuli[item] for item in self.order)

    @property
    def order(self) -> tuple[int, ...]:
        """Numbers of the stimuli from left to right, from 0."""
        return tuple(self.positions.index(place) for place in POSITIONS)

    def is_right(self, answer: "Answer | None") -> bool | None:
        """Whether an answer is right; None where there is no right answer, or no answer."""
        if answer is None or self.expected is None:
            return None
        return self.positions.index(answer.position) + 1 == self.expected


def _missing(value: object) -> bool:
    return value is None or value == MISSING or bool(pd.isna(value))  # type: ignore[call-overload]


def _trial(row: Mapping[str, object]) -> Trial:
    def text(name: str) -> str | None:
        return None if _missing(row[name]) else str(row[name])

    def number(name: str) -> int | None:
        found = text(name)
        return None if found is None else int(float(found))

    expected, score = choice_columns(row)[1], text("sampler_score")
    first, second, third = (str(row[f"stimulus_{item}"]) for item in (1, 2, 3))
    places = [str(row[f"position_{item}"]) for item in (1, 2, 3)]
    return Trial(
        trial_index=int(str(row["trial_index"])),
        block_index=int(str(row["block_index"])),
        trial_type=str(row["trial_type"]),
        triplet_id=str(row["triplet_id"]),
        stimuli=(first, second, third),
        positions=(places[0], places[1], places[2]),
        expected=number(expected),
        anchored=expected == "expected_response",
        repeat_of=number("repeat_of"),
        sampler=str(row["sampler"]),
        sampler_score=None if score is None else float(score),
        condition=text("condition"),
    )


def trials_from_table(table: pd.DataFrame) -> tuple[Trial, ...]:
    """Trials of a trial list of odd-one-out or anchored choices, as its reader gives it."""
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
        return self.trial.is_right(self.answer)

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        """Give the row of the raw table, by the columns of the task's :class:`Table`."""
        trial, answer = self.trial, self.answer
        chosen, expected = CHOICE_COLUMNS[trial.anchored]
        item = None if answer is None else trial.positions.index(answer.position)
        row: dict[str, object] = {
            "trial_index": trial.trial_index,
            "block_index": trial.block_index,
            "trial_type": trial.trial_type,
            "triplet_id": trial.triplet_id,
            **{f"stimulus_{n}": name for n, name in enumerate(trial.stimuli, start=1)},
            **{f"position_{n}": place for n, place in enumerate(trial.positions, start=1)},
            "response": None if item is None else item + 1,
            chosen: None if item is None else trial.stimuli[item],
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
            expected: trial.expected,
            "correct": self.correct,
            "repeat_of": trial.repeat_of,
            "sampler": trial.sampler,
            "sampler_score": trial.sampler_score,
            "condition": trial.condition,
            **self.timed,
            "pilot": pilot,
        }
        return (row,)
