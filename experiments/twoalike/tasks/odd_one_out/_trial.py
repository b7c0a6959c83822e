"""One odd-one-out trial: as designed, as a state machine, and as answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from twoalike.study import MISSING
from twoalike.tables import CHOICE_COLUMNS, PLACES, POSITIONS, STIMULI, choice_columns
from twoalike.tasks._activity import (
    Event,
    Fixation,
    ImageRow,
    Item,
    KeyPress,
    Page,
    PointerPress,
    Scene,
    Shown,
    Timer,
    trial_shown,
)
from twoalike.tasks.odd_one_out._protocol import Choosing
from twoalike.tasks.screens import GO_ON, GridLayout, Layout


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

    @property
    def row(self) -> tuple[str, ...]:
        """Stimuli by place: from left to right, or as places are numbered."""
        order = POSITIONS if self.positions[0] in POSITIONS else sorted(self.positions)
        return tuple(self.stimuli[self.positions.index(place)] for place in order)

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
    return value is None or value == MISSING or bool(pd.isna(value))  # type: ignore[call-overload]


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
            "pilot": pilot,
        }


class Phase(StrEnum):
    """Phases of a trial."""

    FIXATION = "fixation"
    CHOICE = "choice"
    FEEDBACK = "feedback"
    MESSAGE = "message"
    DONE = "done"


class TripletActivity:
    """One trial; its result is given as soon as it is decided.

    Attributes
    ----------
    onset
        First frame of the triplet, s; None until it was shown.
    early
        Presses ignored because they came too early.
    answer
        The choice; None before it, and if the time limit passed.
    """

    name = "trial"

    def __init__(self, trial: Trial, protocol: Choosing, layout: Layout | GridLayout) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        self.early = 0
        self.answer: Answer | None = None
        self._interrupted = False
        self._begin()

    def _begin(self) -> None:
        fixation = self.protocol.timing.fixation_s > 0
        self._enter(Phase.FIXATION if fixation else Phase.CHOICE)
        self.onset: float | None = None
        self._dropped: int | None = 0

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since: float | None = None  # first frame of the phase, s

    @property
    def decided(self) -> bool:
        """Whether there is a choice, or the time for it is over."""
        return self.phase in (Phase.FEEDBACK, Phase.MESSAGE, Phase.DONE)

    @property
    def finished(self) -> bool:
        """Whether the trial is over, feedback included."""
        return self.phase is Phase.DONE

    @property
    def choosing(self) -> bool:
        """Whether the triplet waits for a choice."""
        return self.phase is Phase.CHOICE

    @property
    def deadline(self) -> float | None:
        """Time at which the phase ends by itself; None while it waits for an answer or a frame."""
        length = {
            Phase.FIXATION: self.protocol.timing.fixation_s,
            Phase.CHOICE: self.protocol.timing.response_limit_s or None,
            Phase.FEEDBACK: self._feedback_s,
        }.get(self.phase)
        return None if self._since is None or length is None else self._since + length

    @property
    def scene(self) -> Scene:
        """Cross, triplet, or what follows the choice."""
        texts, trial = self.protocol.texts, self.trial
        if self.phase is Phase.FIXATION:
            return Fixation()
        if self.phase is Phase.CHOICE:
            labels = self.protocol.labels_at(self.layout.places)
            return ImageRow(trial.row, texts.prompt, labels, self._timer, marked=self.picked)
        if self.answer is None:
            return Page(texts.time_out, texts.go_on)
        kept = {*self.picked, *([trial.stimuli[0]] if trial.anchored else ())}
        left = tuple(name if name in kept else None for name in trial.row)
        verdict, expected = self._verdict, trial.expected_stimuli
        if verdict is None:
            return ImageRow(left)
        if verdict:
            return ImageRow(left, verdict=texts.right, marked=expected)
        return ImageRow(trial.row, verdict=texts.wrong, marked=expected)

    @property
    def picked(self) -> tuple[str, ...]:
        """Objects chosen so far."""
        if self.answer is None:
            return ()
        return (self.trial.stimuli[self.trial.positions.index(self.answer.position)],)

    @property
    def _timer(self) -> Timer | None:
        timing, end = self.protocol.timing, self.deadline
        if end is None or not timing.show_timer:
            return None
        limit = timing.response_limit_s
        return Timer(end, limit, end - (1 - timing.timer_from) * limit)

    @property
    def _verdict(self) -> bool | None:
        """Whether the answer was right, in practice trials with feedback; else None."""
        shown = self.trial.trial_type == "practice" and self.protocol.practice.feedback
        return self.trial.is_right(self.answer) if shown else None

    @property
    def _feedback_s(self) -> float:
        plain = self._verdict is None
        return self.protocol.timing.feedback_s if plain else self.protocol.practice.feedback_s

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; a press that means nothing now changes nothing."""
        onset, decided = self.onset, self.decided
        if isinstance(event, Shown):
            # The frame belongs to the phase that was drawn, so time must not pass first.
            self._show(event)
        else:
            self._pass_time(event.time)
            self._press(event)
        items: list[Item] = []
        if self.onset is not None and onset is None:
            items.append(trial_shown(self.onset, self.trial.trial_index))
        if self.decided and not decided:
            items.append(self.result())
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew; end a decided one."""
        if self.decided:
            self.phase = Phase.DONE
        else:
            self._interrupted = self._interrupted or self.onset is not None
            self._begin()
        return []

    def result(self) -> TrialResult:
        """Outcome of a decided trial."""
        if not self.decided or self.onset is None:
            raise ValueError(f"trial {self.trial.trial_index} is still open ({self.phase})")
        return TrialResult(
            self.trial, self.onset, self.answer, self.early, self._dropped, self._flag
        )

    @property
    def _flag(self) -> str | None:
        if self._interrupted:
            return "interrupted"
        if self.answer is None:
            return None
        if self.answer.response_time < self.protocol.timing.flag_fast_s:
            return "fast"
        return "slow" if self.answer.response_time > self.protocol.timing.flag_slow_s else None

    def _show(self, event: Shown) -> None:
        if self._since is None:
            self._since = event.time
            if self.phase is Phase.CHOICE:
                self.onset = event.time
            self._dropped = 0 if event.dropped is not None else None
        elif self.phase is Phase.CHOICE and self._dropped is not None:
            self._dropped += event.dropped or 0

    def _pass_time(self, time: float) -> None:
        end = self.deadline
        if end is not None and time >= end:
            following = {
                Phase.FIXATION: Phase.CHOICE,
                Phase.CHOICE: Phase.MESSAGE,
                Phase.FEEDBACK: Phase.DONE,
            }
            self._enter(following[self.phase])

    def _press(self, event: Event) -> None:
        """Take the press of a key or of the pointer, as an answer or to turn the page."""
        key: str | None = None
        match event:
            case KeyPress(key=key):
                place = self.protocol.answers.position(key)
                turns = key in GO_ON or place is not None
            case PointerPress(x=x, y=y, button="left") if self.protocol.answers.mouse:
                place, turns = self.layout.hit(x, y), True
            case _:
                return
        if place not in self.trial.positions or place not in self.protocol.answers.places:
            place = None
        if self.phase is Phase.MESSAGE:
            since, least = self._since, self.protocol.pages.page_s
            if turns and since is not None and event.time - since >= least:
                self.phase = Phase.DONE
        elif self.phase in (Phase.FIXATION, Phase.CHOICE) and place is not None:
            self._choose(event.time, place, key)

    def _choose(self, time: float, place: str, key: str | None) -> None:
        if self.onset is None or time - self.onset < self.protocol.timing.minimum_rt_s:
            self.early += 1
            return
        pointer = "touch" if self.protocol.screen.touch else "mouse"
        method = pointer if key is None else "keyboard"
        self.take(Answer(place, method, time - self.onset, key))

    def take(self, answer: Answer) -> None:
        """Take the press that counts: it is the choice."""
        self.answer = answer
        self._enter(Phase.FEEDBACK if self._feedback_s > 0 else Phase.DONE)
