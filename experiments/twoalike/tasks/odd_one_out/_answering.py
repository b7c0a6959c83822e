"""One trial as a state machine: fixation, choice, feedback; or a message when time ran out.

Pure: a state and an event give the next state. The window tells when a scene became visible
(:class:`~twoalike.tasks.Shown`), and only then does its time begin to count, so a slow frame
delays the clock of a phase and never shortens it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from twoalike.design import POSITIONS
from twoalike.tasks._events import Event, KeyPress, PointerPress, Shown
from twoalike.tasks._scenes import Fixation, Page, Row, Scene, Timer
from twoalike.tasks.odd_one_out._layout import Layout
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.odd_one_out._trial import Answer, Trial, TrialResult
from twoalike.tasks.screens import GO_ON


class Phase(StrEnum):
    """Where a trial stands."""

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
    """Time at which the phase ends by itself; None if it waits for somebody or for its frame."""
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
    """Whether the answer was right, where practice says so; else None."""
    told = state.trial.trial_type == "practice" and protocol.practice.feedback
    if not told or state.answer is None or state.trial.expected_odd is None:
        return None
    return state.trial.positions.index(state.answer.position) + 1 == state.trial.expected_odd


def _feedback_s(state: TrialState, protocol: OddOneOut) -> float:
    told = _verdict(state, protocol) is not None
    return protocol.practice.feedback_s if told else protocol.timing.feedback_s


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
        return Row(trial.row, texts.prompt, texts.labels, until)
    if state.answer is None:
        return Page(texts.time_out, texts.go_on)
    at = POSITIONS.index(state.answer.position)
    left, middle, right = (name if place == at else None for place, name in enumerate(trial.row))
    verdict = _verdict(state, protocol)
    if verdict is None or trial.expected_odd is None:
        return Row((left, middle, right))
    expected = trial.stimuli[trial.expected_odd - 1]
    if verdict:
        return Row((left, middle, right), verdict=texts.right, marked=expected)
    return Row(trial.row, verdict=texts.wrong, marked=expected)


def trial_result(state: TrialState, protocol: OddOneOut) -> TrialResult:
    """Outcome of a decided trial.

    Raises
    ------
    ValueError
        If the trial is still open.
    """
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
