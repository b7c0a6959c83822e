"""A trial as a state machine: a cross, what is judged until the answer or the limit, feedback.

Choices, ratings, arrangements and sortings are trials of this class: what they share is when time
begins (with the first frame that shows it, :class:`~twoalike.tasks.Shown`), when it is over, what a
press before that means, and what Esc does. A listed trial is a row of its list, and its raw row is
that row with the answer behind it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import pandas as pd

from twoalike.study import MISSING
from twoalike.tables import (
    CHOICE_COLUMNS,
    MANY_PLACES,
    MANY_STIMULI,
    POSITIONS,
    text_columns,
)
from twoalike.tasks._activity import (
    Event,
    Fixation,
    Item,
    KeyPress,
    Page,
    PointerPress,
    Result,
    Scene,
    Shown,
    Timer,
    trial_shown,
)
from twoalike.tasks.screens import GO_ON


class Phase(StrEnum):
    """Phases of a trial."""

    FIXATION = "fixation"
    SHOWING = "showing"
    ANSWER = "answer"
    NAMING = "naming"
    FEEDBACK = "feedback"
    MESSAGE = "message"
    DONE = "done"


class Asked(StrEnum):
    """What was pressed and does nothing yet: to be confirmed, or too early."""

    DONE = "done"
    START_OVER = "start_over"
    TOO_FEW = "too_few"


class TrialActivity(ABC):
    """One trial; its result is given as soon as it is decided.

    ``onset``: first frame of what is judged, s; ``early``: presses ignored because they came too
    early.
    """

    name = "trial"
    trial: Any
    protocol: Any
    layout: Any

    def __init__(self, trial: Any, protocol: Any, layout: Any) -> None:
        self.trial, self.protocol, self.layout = trial, protocol, layout
        self.early = 0
        self.result: Result | None = None
        self._interrupted = False
        self._items: list[Item] = []
        self._begin()

    def _begin(self) -> None:
        self.onset: float | None = None
        self.asked: tuple[Asked, float] | None = None  # what waits for a second press, since when
        self._dropped: int | None = 0
        cross = getattr(self.protocol.timing, "fixation_s", 0) > 0
        self._enter(Phase.FIXATION if cross else Phase.ANSWER)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since: float | None = None  # first frame of the phase, s

    @property
    def finished(self) -> bool:
        return self.phase is Phase.DONE

    @property
    def open(self) -> bool:
        """Whether it waits for an answer."""
        return self.phase is Phase.ANSWER and self.onset is not None

    @property
    def scene(self) -> Scene:
        if self.phase is Phase.FIXATION:
            return Fixation()
        return self._message if self.phase is Phase.MESSAGE else self._trial_scene

    @property
    def _message(self) -> Page:
        return Page(self.protocol.texts.time_out, self.protocol.texts.go_on)

    @property
    @abstractmethod
    def _trial_scene(self) -> Scene:
        """What is judged, and what follows the answer."""

    def _asks(self, what: Asked) -> bool:
        return self.asked is not None and self.asked[0] is what

    @property
    def limit_s(self) -> float:
        """Longest time for the answer, s; 0 for no limit."""
        return float(self.protocol.timing.response_limit_s)

    @property
    def feedback_s(self) -> float:
        """How long an answer stays to be seen, s."""
        return float(self.protocol.timing.feedback_s)

    @property
    def phase_end(self) -> float | None:
        """Time at which the phase ends by itself; None while it waits for an answer or a frame."""
        if self._since is None:
            return None
        match self.phase:
            case Phase.FIXATION:
                return self._since + float(self.protocol.timing.fixation_s)
            case Phase.ANSWER if self.limit_s:
                return self._since + self.limit_s
            case Phase.FEEDBACK:
                return self._since + self.feedback_s
        return None

    @property
    def _asked_until(self) -> float | None:
        return None if self.asked is None else self.asked[1] + self.protocol.timing.confirm_s

    @property
    def deadline(self) -> float | None:
        times = (self.phase_end, self._asked_until)
        return min((time for time in times if time is not None), default=None)

    @property
    def _timer(self) -> Timer | None:
        timing, end = self.protocol.timing, self.phase_end
        if end is None or not timing.show_timer:
            return None
        late = getattr(timing, "timer_from", None)
        since = float("-inf") if late is None else end - (1 - late) * self.limit_s
        return Timer(end, self.limit_s, since)

    @property
    def _pointing(self) -> str:
        return "touch" if self.protocol.screen.touch else "mouse"

    def handle(self, event: Event) -> Sequence[Item]:
        onset, result = self.onset, self.result
        if isinstance(event, Shown):
            # The frame belongs to the phase that was drawn, so time must not pass first.
            self._show(event)
        else:
            self._pass_time(event.time)
            if self.phase is Phase.MESSAGE:
                self._turn_page(event)
            else:
                self._take(event)
        items = self._flush()
        if onset is None and self.onset is not None:
            items.append(trial_shown(self.onset, self.trial.trial_index))
        if result is None and self.result is not None:
            items.append(self.result)
        return items

    def _flush(self) -> list[Item]:
        items, self._items = self._items, []
        return items

    @abstractmethod
    def _take(self, event: Event) -> None:
        """Take an event that is no frame, before the trial is over."""

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew after Esc; end a decided one."""
        if self.result is not None:
            self.phase = Phase.DONE
        else:
            self._interrupted = self._interrupted or self.onset is not None
            self._begin()
        return []

    def _show(self, event: Shown) -> None:
        if self._since is None:
            self._since = event.time
            if self.phase is Phase.ANSWER:
                self.onset = event.time
                self._dropped = 0 if event.dropped is not None else None
        elif self.phase is Phase.ANSWER and self._dropped is not None:
            self._dropped += event.dropped or 0

    def _pass_time(self, time: float) -> None:
        if self._asked_until is not None and time >= self._asked_until:
            self.asked = None
        end = self.phase_end
        if end is None or time < end:
            return
        if self.phase is Phase.ANSWER:
            self._run_out(end)
            self._enter(Phase.MESSAGE)
        else:
            self._enter(Phase.ANSWER if self.phase is Phase.FIXATION else Phase.DONE)

    @abstractmethod
    def _run_out(self, time: float) -> None:
        """Take that the time limit has passed, and make the result."""

    def _turn_page(self, event: Event) -> None:
        since, least = self._since, self.protocol.pages.page_s
        if self._turns(event) and since is not None and event.time - since >= least:
            self.phase = Phase.DONE

    def _turns(self, event: Event) -> bool:
        if isinstance(event, KeyPress):
            return event.key in GO_ON
        return isinstance(event, PointerPress) and event.button == "left"

    def _too_early(self, time: float) -> bool:
        least = self.protocol.timing.minimum_rt_s
        return self.onset is None or time - self.onset < least

    def _flag(self, taken: float | None) -> str | None:
        timing = self.protocol.timing
        if self._interrupted:
            return "interrupted"
        if taken is None:
            return None
        if taken < timing.flag_fast_s:
            return "fast"
        return "slow" if taken > timing.flag_slow_s else None


@dataclass(frozen=True)
class Trial:
    """One line of a trial list; ``stimuli`` in the order of the design, not of the screen."""

    trial_index: int
    block_index: int
    trial_type: str
    triplet_id: str
    """Of the set of images, in tasks whose lists name it."""
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
    kind: Literal["odd", "anchored", "odd_of_many", "alike_pair", "rating"] = "odd"
    """What is asked; ``anchored``: the first of ``stimuli`` is a reference, and not an answer."""
    masks: tuple[str, ...] = ()
    """Pictures that mask ``stimuli``, where masks are given."""
    expected_with: int | None = None
    """Number of the other image of a pair that is right."""
    expected_half: str | None = None
    """Half of a scale that is right: ``high`` or ``low``."""

    @property
    def anchored(self) -> bool:
        return self.kind == "anchored"

    @property
    def order(self) -> tuple[int, ...]:
        """Numbers of the stimuli by place, from left to right or as places are numbered, from 0."""
        named = [place for place in POSITIONS if place in self.positions]
        return tuple(self.positions.index(place) for place in named or sorted(self.positions))

    @property
    def row(self) -> tuple[str, ...]:
        """Stimuli by place."""
        return tuple(self.stimuli[item] for item in self.order)

    @property
    def expected_stimuli(self) -> tuple[str, ...]:
        """Objects of the right answer, where there is one."""
        numbers = (self.expected, self.expected_with)
        return tuple(self.stimuli[number - 1] for number in numbers if number is not None)

    def cells(self) -> dict[str, object]:
        """Cells of the raw row that the list has already."""
        many = self.kind in ("odd_of_many", "alike_pair")
        row: dict[str, object] = dict.fromkeys((*MANY_STIMULI, *MANY_PLACES) if many else ())
        for name in ("trial_index", "block_index", "trial_type", "repeat_of", "sampler"):
            row[name] = getattr(self, name)
        for number, (name, place) in enumerate(zip(self.stimuli, self.positions, strict=True), 1):
            row |= {f"stimulus_{number}": name, f"position_{number}": place}
        if self.kind == "rating":
            return row | {"expected_rating": self.expected_half}
        row |= {"sampler_score": self.sampler_score, "condition": self.condition}
        if self.kind == "alike_pair":
            row |= {"expected_1": self.expected, "expected_2": self.expected_with}
        else:
            row[CHOICE_COLUMNS[self.anchored][1]] = self.expected
        if many:
            return row | {"set_id": self.triplet_id, "n_items": len(self.stimuli)}
        return row | {"triplet_id": self.triplet_id}


def trials_from_table(table: pd.DataFrame) -> tuple[Trial, ...]:
    """Trials of a trial list of choices or ratings, as its reader gives it."""
    columns = text_columns(table)
    rows = zip(*columns.values(), strict=True)
    cells = ([None if cell == MISSING else cell for cell in row] for row in rows)
    return tuple(_trial(dict(zip(columns, row, strict=True))) for row in cells)


_KINDS = {
    "expected_rating": "rating",
    "expected_1": "alike_pair",
    "expected_response": "anchored",
    "set_id": "odd_of_many",
}
"""Column that lists of a kind alone have -> kind."""


def _trial(row: Mapping[str, Any]) -> Trial:
    def number(name: str) -> int | None:
        return None if row.get(name) is None else int(float(row[name]))

    n = int(row.get("n_items") or sum(name in row for name in MANY_STIMULI))
    many, score = "set_id" in row, row.get("sampler_score")
    places = [row[name] for name in MANY_PLACES[:n]]
    kind: Any = next((kind for name, kind in _KINDS.items() if name in row), "odd")
    right = "expected_1" if kind == "alike_pair" else CHOICE_COLUMNS[kind == "anchored"][1]
    return Trial(
        trial_index=int(row["trial_index"]),
        block_index=int(row["block_index"]),
        trial_type=str(row["trial_type"]),
        triplet_id=str(row.get("set_id" if many else "triplet_id", "")),
        stimuli=tuple(str(row[name]) for name in MANY_STIMULI[:n]),
        positions=tuple(str(int(float(one))) if many else str(one) for one in places),
        expected=number(right),
        repeat_of=number("repeat_of"),
        sampler=str(row["sampler"]),
        sampler_score=None if score is None else float(score),
        condition=row.get("condition"),
        kind=kind,
        expected_with=number("expected_2"),
        expected_half=row.get("expected_rating"),
    )


class OfTrial(ABC):
    """A result's number and type, which are those of its trial."""

    trial: Any

    @property
    def trial_index(self) -> int:
        return int(self.trial.trial_index)

    @property
    def trial_type(self) -> str:
        return str(self.trial.trial_type)

    @property
    def correct(self) -> bool | None:
        return None


@dataclass(frozen=True)
class ListedResult(OfTrial):
    """A listed trial that was shown to its end; a dataclass of each step adds what was answered."""

    trial: Trial
    onset: float
    """First frame of the images, s of the run."""
    early: int
    """Presses ignored because they came too early."""
    dropped: int | None
    """Late frames while the images were shown; None if not known."""
    flag: str | None
    """``fast``, ``slow``, ``interrupted`` or None."""

    @property
    @abstractmethod
    def timed_out(self) -> bool: ...

    @abstractmethod
    def given(self) -> dict[str, object]:
        """Cells of the answer."""

    def rows(self, *, rt_source: str, pilot: bool) -> tuple[dict[str, object]]:
        row = {
            **self.trial.cells(),
            "rt_source": rt_source,
            "rt_flag": self.flag,
            "onset": float(self.onset),
            "timed_out": self.timed_out,
            "n_early_presses": self.early,
            "dropped_frames": self.dropped,
            "correct": self.correct,
            "pilot": pilot,
            **self.given(),
        }
        return (row,)
