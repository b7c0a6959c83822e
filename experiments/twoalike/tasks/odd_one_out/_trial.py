"""One odd-one-out trial: as designed, as a state machine, and as answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import pandas as pd

from twoalike.study import MISSING
from twoalike.tables import POSITIONS
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
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.screens import GO_ON, Layout


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


class Phase(StrEnum):
    """Phases of a trial."""

    FIXATION = "fixation"
    CHOICE = "choice"
    FEEDBACK = "feedback"
    MESSAGE = "message"
    DONE = "done"


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """A trial under way.

    Attributes
    ----------
    since
        First frame of the present phase, s; None until it was shown.
    onset
        First frame of the triplet, s; None until it was shown.
    interrupted
        Whether the triplet had been shown before, and Esc made the trial start again.
    """

    trial: Trial
    phase: Phase
    since: float | None = None
    onset: float | None = None
    early: int = 0
    dropped: int | None = 0
    interrupted: bool = False
    answer: Answer | None = None

    @property
    def decided(self) -> bool:
        """Whether there is a choice, or the time for it is over."""
        return self.phase in (Phase.FEEDBACK, Phase.MESSAGE, Phase.DONE)


def begin_trial(trial: Trial, protocol: OddOneOut) -> TrialState:
    """First state of a trial."""
    phase = Phase.FIXATION if protocol.timing.fixation_s > 0 else Phase.CHOICE
    return TrialState(trial=trial, phase=phase)


def restart_trial(state: TrialState, protocol: OddOneOut) -> TrialState:
    """State after an interruption: an open trial starts again, a decided one is over."""
    if state.decided:
        return replace(state, phase=Phase.DONE)
    return replace(
        begin_trial(state.trial, protocol),
        early=state.early,
        interrupted=state.interrupted or state.onset is not None,
    )


def goes_on(key: str, protocol: OddOneOut) -> bool:
    """Whether ``key`` turns a page: the space bar, return, or a key that answers."""
    return key in GO_ON or protocol.answers.position(key) is not None


def phase_end(state: TrialState, protocol: OddOneOut) -> float | None:
    """Time at which the phase ends by itself; None while it waits for an answer or its frame."""
    length = {
        Phase.FIXATION: protocol.timing.fixation_s,
        Phase.CHOICE: protocol.timing.response_limit_s or None,
        Phase.FEEDBACK: _feedback_s(state, protocol),
    }.get(state.phase)
    return None if state.since is None or length is None else state.since + length


def _pass_time(state: TrialState, time: float, protocol: OddOneOut) -> TrialState:
    end = phase_end(state, protocol)
    if end is None or time < end:
        return state
    following = {
        Phase.FIXATION: Phase.CHOICE,
        Phase.CHOICE: Phase.MESSAGE,
        Phase.FEEDBACK: Phase.DONE,
    }[state.phase]
    return replace(state, phase=following, since=None)


def _show(state: TrialState, event: Shown) -> TrialState:
    if state.since is None:
        onset = event.time if state.phase is Phase.CHOICE else state.onset
        dropped = 0 if event.dropped is not None else None
        return replace(state, since=event.time, onset=onset, dropped=dropped)
    if state.phase is not Phase.CHOICE or state.dropped is None or event.dropped is None:
        return state
    return replace(state, dropped=state.dropped + event.dropped)


def _choose(
    state: TrialState, protocol: OddOneOut, time: float, place: str, key: str | None
) -> TrialState:
    taken = -1.0 if state.onset is None else time - state.onset
    if taken < protocol.timing.minimum_rt_s:
        return replace(state, early=state.early + 1)
    pointer = "touch" if protocol.screen.touch else "mouse"
    answer = Answer(place, pointer if key is None else "keyboard", taken, key)
    answered = replace(state, phase=Phase.FEEDBACK, since=None, answer=answer)
    return answered if _feedback_s(answered, protocol) > 0 else replace(answered, phase=Phase.DONE)


def _verdict(state: TrialState, protocol: OddOneOut) -> bool | None:
    """Whether the answer was right, in practice trials with feedback; else None."""
    shown = state.trial.trial_type == "practice" and protocol.practice.feedback
    if not shown or state.answer is None or state.trial.expected_odd is None:
        return None
    return state.trial.positions.index(state.answer.position) + 1 == state.trial.expected_odd


def _feedback_s(state: TrialState, protocol: OddOneOut) -> float:
    if _verdict(state, protocol) is None:
        return protocol.timing.feedback_s
    return protocol.practice.feedback_s


def advance(state: TrialState, event: Event, protocol: OddOneOut, layout: Layout) -> TrialState:
    """State after ``event``; a press that means nothing now changes nothing."""
    if isinstance(event, Shown):
        # The frame belongs to the phase that was drawn, so time must not pass first.
        return _show(state, event)
    state = _pass_time(state, event.time, protocol)
    pressed: str | None = None
    match event:
        case KeyPress(key=key):
            pressed = key
            place, turns = protocol.answers.position(key), goes_on(key, protocol)
        case PointerPress(x=x, y=y, button="left") if protocol.answers.mouse:
            place, turns = layout.hit(x, y), True
        case _:
            return state
    if state.phase is Phase.MESSAGE:
        read = state.since is not None and event.time - state.since >= protocol.pages.page_s
        return replace(state, phase=Phase.DONE) if turns and read else state
    if state.phase in (Phase.FIXATION, Phase.CHOICE) and place is not None:
        return _choose(state, protocol, event.time, place, pressed)
    return state


def _timer(end: float | None, protocol: OddOneOut) -> Timer | None:
    timing = protocol.timing
    if end is None or not timing.show_timer:
        return None
    limit = timing.response_limit_s
    return Timer(end, limit, end - (1 - timing.timer_from) * limit)


def trial_scene(state: TrialState, protocol: OddOneOut) -> Scene:
    """Scene of a trial now."""
    texts, trial = protocol.texts, state.trial
    if state.phase is Phase.FIXATION:
        return Fixation()
    if state.phase is Phase.CHOICE:
        until = _timer(phase_end(state, protocol), protocol)
        return ImageRow(trial.row, texts.prompt, texts.labels, until)
    if state.answer is None:
        return Page(texts.time_out, texts.go_on)
    at = POSITIONS.index(state.answer.position)
    left, middle, right = (name if place == at else None for place, name in enumerate(trial.row))
    verdict = _verdict(state, protocol)
    if verdict is None or trial.expected_odd is None:
        return ImageRow((left, middle, right))
    expected = trial.stimuli[trial.expected_odd - 1]
    if verdict:
        return ImageRow((left, middle, right), verdict=texts.right, marked=expected)
    return ImageRow(trial.row, verdict=texts.wrong, marked=expected)


def trial_result(state: TrialState, protocol: OddOneOut) -> TrialResult:
    """Outcome of a decided trial."""
    if not state.decided or state.onset is None:
        raise ValueError(f"trial {state.trial.trial_index} is still open ({state.phase})")
    return TrialResult(
        state.trial, state.onset, state.answer, state.early, state.dropped, _flag(state, protocol)
    )


def _flag(state: TrialState, protocol: OddOneOut) -> str | None:
    if state.interrupted:
        return "interrupted"
    if state.answer is None:
        return None
    if state.answer.response_time < protocol.timing.flag_fast_s:
        return "fast"
    return "slow" if state.answer.response_time > protocol.timing.flag_slow_s else None


class TripletActivity:
    """One trial; its result is given as soon as it is decided."""

    name = "trial"

    def __init__(self, trial: Trial, protocol: OddOneOut, layout: Layout) -> None:
        self.protocol, self.layout = protocol, layout
        self.state: TrialState = begin_trial(trial, protocol)

    @property
    def scene(self) -> Scene:
        """Cross, triplet, or what follows the choice."""
        return trial_scene(self.state, self.protocol)

    @property
    def deadline(self) -> float | None:
        """End of the present phase."""
        return phase_end(self.state, self.protocol)

    @property
    def finished(self) -> bool:
        """Whether the trial is over, feedback included."""
        return self.state.phase is Phase.DONE

    @property
    def choosing(self) -> bool:
        """Whether the triplet waits for a choice."""
        return self.state.phase is Phase.CHOICE

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        before, self.state = self.state, advance(self.state, event, self.protocol, self.layout)
        items: list[Item] = []
        if self.state.onset is not None and before.onset is None:
            items.append(trial_shown(self.state.onset, self.state.trial.trial_index))
        if self.state.decided and not before.decided:
            items.append(trial_result(self.state, self.protocol))
        return items

    def restart(self, time: float) -> Sequence[Item]:
        """Begin an open trial anew; end a decided one."""
        self.state = restart_trial(self.state, self.protocol)
        return []
