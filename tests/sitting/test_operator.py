"""The operator's view: counts and warnings follow the items, and showing them costs nothing."""

import io
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from twoalike.observers import SimulatedObserver, hierarchical_embedding
from twoalike.record import Progress
from twoalike.sitting import render
from twoalike.sitting._operator import OperatorState, OperatorView
from twoalike.stimuli import StimulusSet
from twoalike.study import ExclusionConfig, Study
from twoalike.tasks import (
    Duration,
    Item,
    Note,
    NoWindow,
    Result,
    Session,
    SimulatedParticipant,
    Sitting,
    View,
    VirtualClock,
    prepare_session,
    run_session,
)

pty_only = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
START = OperatorState(participant="007", session=2, task="odd-one-out", n_trials=40)


def place(block_index: int = 1) -> SimpleNamespace:
    return SimpleNamespace(block_index=block_index)


def answer(response_time: float) -> SimpleNamespace:
    return SimpleNamespace(response_time=response_time)


def chosen(least: float | None, mean: float | None) -> SimpleNamespace:
    return SimpleNamespace(min_evidence_before=least, mean_evidence_before=mean)


@dataclass(frozen=True)
class Done:
    """A finished trial, as little of one as the view needs."""

    trial_index: int
    trial_type: str = "main"
    correct: bool | None = None
    timed_out: bool = False
    flag: str | None = None
    answer: SimpleNamespace | None = None
    trial: SimpleNamespace = field(default_factory=place)

    def rows(self, *, rt_source: str, pilot: bool) -> list[dict[str, object]]:
        return []


def _text(state: OperatorState) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    console.print(render(state))
    return console.file.getvalue()  # type: ignore[attr-defined]


def _page(name: str, time: float) -> Note:
    return Note(name, time, {"shown_s": 10.0, "ended_by": "press"})


trials = st.lists(
    st.builds(
        Done,
        trial_index=st.just(1),
        trial_type=st.sampled_from(["practice", "main", "catch", "repeat"]),
        correct=st.sampled_from([True, False, None]),
        timed_out=st.booleans(),
        flag=st.sampled_from([None, "fast", "slow"]),
        answer=st.sampled_from([None, answer(0.7)]),
    ),
    max_size=60,
)


@given(trials=trials)
def test_counts_are_those_of_the_trials(trials: list[Done]) -> None:
    state = START
    for number, trial in enumerate(trials, start=1):
        state = state.take(replace(trial, trial_index=number), 3.0 * number)
    counted = [trial for trial in trials if trial.trial_type != "practice"]
    catch = [trial for trial in trials if trial.trial_type == "catch"]
    assert state.done == len(trials)
    assert state.missed == sum(trial.timed_out for trial in counted)
    assert state.fast == sum(trial.flag == "fast" for trial in counted)
    assert (state.catch_right, state.catch_seen) == (
        sum(trial.correct is True for trial in catch),
        len(catch),
    )
    said = any("attention checks" in warning for warning in state.warnings)
    assert said == (len(catch) >= 3 and state.catch_right / len(catch) < 0.9)
    assert _text(state)


def test_the_declared_rule_warns() -> None:
    strict = ExclusionConfig(catch_accuracy=1.0, missed=1)
    state = replace(START, exclusion=strict)
    for number in range(1, 4):
        state = state.take(Done(number, "catch", correct=number > 1), float(number))
    assert state.warnings == ("exclusion rule: 2 of 3 attention checks right, fewer than 100%",)
    state = state.take(Done(4, timed_out=True), 4.0)
    assert len(state.warnings) == 1
    state = state.take(Done(5, timed_out=True), 5.0)
    assert "2 trials without an answer, more than 1" in state.warnings[1]


def test_the_panel_says_what_the_operator_asks() -> None:
    state = START.take(_page("instruction", 60.0), 60.0)
    for number in range(1, 13):
        kind = "catch" if number == 5 else "main"
        trial = Done(number, kind, number == 5 or None, answer=answer(0.8), trial=place(3))
        state = state.take(trial, 60.0 + 5 * number)
    text = _text(state)
    for part in (
        "odd-one-out, participant 007, session 2",
        "12 of 40 done, block 3",
        "2:00, 2 to 3 minutes left",
        "1 of 1 right",
        "0 missed, 0 fast, the last took 0.80 s",
    ):
        assert part in text
    ended = _text(state.take(Note("session_end", 200.0, {"reason": "stopped"}), 200.0))
    assert "stopped" in ended


def test_rows_of_an_earlier_sitting_count_as_the_trials_did() -> None:
    def row(index: int, kind: str, **values: str) -> dict[str, str]:
        return {"trial_index": str(index), "trial_type": kind, **values}

    single = [
        row(1, "practice", timed_out="true", rt_flag="fast", correct="n/a"),
        row(2, "main", timed_out="false", rt_flag="fast", correct="n/a"),
        row(3, "catch", timed_out="false", rt_flag="n/a", correct="true"),
        row(4, "catch", timed_out="true", rt_flag="n/a", correct="n/a"),
    ]
    state = START.recall(single, [True, None])
    counts = (state.done, state.catch_right, state.catch_seen, state.missed, state.fast)
    assert counts == (4, 1, 2, 1, 1)
    arranged = [row(n, "main", end_reason="timeout") for n in (1, 1, 1, 2, 2)]
    arranged.append(row(3, "catch", end_reason="done"))
    state = START.recall(arranged, [False])
    assert (state.done, state.missed, state.catch_seen, state.catch_right) == (3, 2, 1, 0)


def test_arrangements_are_told_by_their_evidence() -> None:
    state = replace(START, task="multi-arrangement", n_trials=None, evidence_goal=0.5)
    assert "none yet, 0.5 asked for" in _text(state)
    practice = Done(1, "practice", trial=chosen(None, None))
    for number, least in enumerate([0.0, 0.125], start=2):
        main = Done(number, trial=chosen(least, 0.25), timed_out=True)
        state = state.take(practice, 1.0).take(main, 2.0)
    state = state.take(Done(4, "catch", correct=True, trial=chosen(None, None)), 3.0)
    text = _text(replace(state, missed=11))
    assert "weakest pair 0.12, mean 0.25, 0.5 asked for; time was up in 11 trials" in text
    assert "1 of 1 right" in text
    assert "missed" not in text
    assert "without an answer" not in text
    rows = [
        {"trial_index": "1", "trial_type": "practice", "min_evidence_before": "n/a"},
        {"trial_index": "2", "trial_type": "main", "min_evidence_before": "0.25"}
        | {"mean_evidence_before": "0.5", "response_time": "90.5"},
    ]
    state = state.recall(rows, [])
    assert "weakest pair 0.25, mean 0.50" in _text(state)
    assert state.spent_s == 90.5


def test_checks_of_an_earlier_arrangement_are_judged_by_their_places(
    make_study: Callable[..., Path],
) -> None:
    root = make_study(design="[arrangement]\n")
    sitting = Sitting(study=Study.load(root), participant="901", session=1)
    prepared = prepare_session("multi-arrangement", sitting)

    def check(trial: int, spread: float, end: str, inside: str = "true") -> list[dict[str, str]]:
        places = {"warm0": (0.0, 0.0), "warm1": (spread, 0.0), "cold4": (0.0, 0.2)}
        return [
            {"trial_index": str(trial), "trial_type": "catch", "stimulus": name}
            | {"x": str(x), "y": str(y), "inside": inside, "end_reason": end}
            for name, (x, y) in places.items()
        ]

    main = {"trial_index": "1", "trial_type": "main"}
    rows = [main, *check(2, 0.1, "done"), *check(3, 0.4, "done"), *check(4, 0.1, "timeout")]
    rows += check(5, 0.1, "timeout", "false")
    assert prepared.checks_done(rows) == [True, False, True, None]


def test_no_terminal_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    with OperatorView(START) as view:
        view.take(Done(1), 1.0)
        view.tick(2.0)
    assert capsys.readouterr() == ("", "")
    assert view.state.done == 1


class Counting(io.StringIO):
    """Counts how often something is written."""

    n_writes = 0

    def write(self, text: str) -> int:
        self.n_writes += 1
        return super().write(text)


def test_it_is_shown_at_most_twice_a_second_and_costs_the_loop_little() -> None:
    file = Counting()
    console = Console(file=file, force_terminal=True, width=100)
    with OperatorView(START, console) as view:
        started = file.n_writes
        before = time.monotonic()
        ticks = 0
        while time.monotonic() - before < 1.2:
            view.tick(float(ticks))
            ticks += 1
        refreshes = file.n_writes - started
    assert 1 <= refreshes <= 4
    assert ticks > 1000  # hardly anything but the clock is read between two refreshes
    assert "participant 007" in file.getvalue()


def test_what_the_command_prints_stays_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with OperatorView(START, console):
        print("result")  # noqa: T201
    assert capsys.readouterr().out == "result\n"


@pty_only
@pytest.mark.timeout(60)
def test_a_terminal_that_takes_nothing_does_not_hold_the_session_up() -> None:
    import termios

    reader, terminal = os.openpty()
    with open(terminal, "w", closefd=False) as file:
        console = Console(file=file, force_terminal=True, width=100)
        with OperatorView(START, console) as view:
            termios.tcflow(terminal, termios.TCOOFF)  # as Ctrl-S does
            before = time.monotonic()
            while time.monotonic() - before < 0.7:
                view.tick(time.monotonic())
            assert time.monotonic() - before < 5
            termios.tcflow(terminal, termios.TCOON)
            view.take(Done(1), 5.0)
    shown = ""
    while "1 of 40 done" not in shown:  # what was held up comes in pieces; the timeout ends it
        shown += os.read(reader, 1 << 16).decode(errors="ignore")
    os.close(reader)
    os.close(terminal)


@pty_only
def test_a_terminal_that_is_closed_does_not_end_the_session() -> None:
    reader, terminal = os.openpty()
    file = open(terminal, "w", closefd=False)  # noqa: SIM115
    console = Console(file=file, force_terminal=True, width=100)
    error = sys.stderr
    with OperatorView(START, console) as view:
        os.close(reader)
        view.take(Done(1), 1.0)
        view._shown_at = 0.0
        view.take(Done(2), 2.0)
    assert view._gone
    assert view.state.done == 2
    assert sys.stderr is error
    os.close(terminal)


def test_a_real_session_is_followed_to_its_end(make_study: Callable[..., Path]) -> None:
    root = make_study("study", "trials = 12\npractice = 2\n", "[breaks]\nbreak_every = 5\n")
    study = Study.load(root)
    stimuli = StimulusSet.load(study.stimuli)
    observer = SimulatedObserver(
        stimuli.ids, hierarchical_embedding(stimuli, np.random.default_rng(1))
    )
    sitting = Sitting(study=study, participant="901", session=1, pilot=False, observer=observer)
    prepared, progress, clock = prepare_session("odd-one-out", sitting), Progress(), VirtualClock()
    screen = NoWindow(clock)
    session = Session(prepared.script(View(screen.size), progress), prepared.protocol.texts.stop)
    player = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
    items: list[Item] = []
    start = replace(START, n_trials=prepared.plan.n_trials)
    with OperatorView(start) as view:

        def keep(item: Item) -> None:
            items.append(item)
            view.take(item, clock.now())

        run_session(session, screen, keep, player.act)
    state = view.state
    results = [item for item in items if isinstance(item, Result)]
    assert (state.done, state.ended) == (14, "completed")
    assert state.left == Duration(0.0, 0.0)
    assert (state.missed, state.block) == (0, results[-1].trial.block_index)  # type: ignore[attr-defined]
    # A trial and its fixation take seconds, a page between them is left out.
    onsets = [result.onset for result in results]  # type: ignore[attr-defined]
    assert len(state.durations) == 14
    assert sum(state.durations) < onsets[-1] - onsets[0] + 5
    assert max(state.durations) < 15
