"""A whole session: the order of things, Esc, and any sequence of events."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.record import format_row
from twoalike.tasks import (
    Event,
    KeyPress,
    Note,
    OddOneOut,
    Page,
    PageStep,
    PointerPress,
    Session,
    Shown,
    Stop,
    Tick,
    Trial,
    TrialResult,
    lay_out,
    plan_steps,
)

PLACES = ("left", "middle", "right")


def trials(kinds: str) -> tuple[Trial, ...]:
    names = {"p": "practice", "m": "main", "c": "catch"}
    return tuple(
        Trial(n, 1, names[kind], f"t{n}", ("a", "b", "c"), PLACES)
        for n, kind in enumerate(kinds, start=1)
    )


def protocol(**breaks: float) -> OddOneOut:
    return OddOneOut.model_validate({"breaks": breaks})


DEFAULT = protocol()
LAYOUT = lay_out(DEFAULT, (1280, 1024))


def order(rules: OddOneOut, kinds: str, n_done: int = 0) -> list[str]:
    steps = plan_steps(rules, trials(kinds), n_done)
    return [step.name if isinstance(step, PageStep) else str(step.trial_index) for step in steps]


def test_pages_and_trials_come_in_order() -> None:
    assert order(protocol(break_every=2), "ppmcmm") == (
        ["instruction", "instruction", "1", "2", "practice_end", "3", "4", "break", "5", "6", "end"]
    )


@pytest.mark.parametrize(
    ("n_done", "expected"),
    [
        (1, ["resume", "2", "practice_end", "3", "4", "break", "5", "6", "end"]),
        (2, ["resume", "3", "4", "break", "5", "6", "end"]),
        (4, ["resume", "5", "6", "end"]),
        (5, ["resume", "6", "end"]),
    ],
)
def test_a_resumed_session_goes_on_in_step(n_done: int, expected: list[str]) -> None:
    assert order(protocol(break_every=2), "ppmmmm", n_done) == expected


def test_breaks_can_be_left_out() -> None:
    assert "break" not in order(protocol(break_every=0), "m" * 200)


def feed(session: Session, *events: Event) -> list[TrialResult | Note]:
    return [item for event in events for item in session.handle(event)]


def turn(session: Session, time: float) -> float:
    """Turn one page; the time after it."""
    feed(session, Shown(time), KeyPress(time + 2, "space"))
    return time + 2


def answer(session: Session, time: float, key: str = "1") -> tuple[float, list[TrialResult | Note]]:
    """Answer one trial from its fixation to its end."""
    items = feed(session, Shown(time), Tick(time + 1), Shown(time + 1), KeyPress(time + 3, key))
    return time + 4, items + feed(session, Shown(time + 3), Tick(time + 4))


def started(rules: OddOneOut, kinds: str) -> tuple[Session, float]:
    session = Session(rules, LAYOUT, trials(kinds))
    return session, turn(session, turn(session, 0.0))


def test_a_session_gives_one_result_a_trial_in_order() -> None:
    session, time = started(protocol(break_every=2), "mmmm")
    results = []
    while not session.finished:
        if session.state is None:
            time = turn(session, time)
        else:
            time, items = answer(session, time)
            results += [item for item in items if isinstance(item, TrialResult)]
    assert session.end_reason == "completed"
    assert [result.trial.trial_index for result in results] == [1, 2, 3, 4]


def test_a_page_cannot_be_skipped_by_a_stray_press() -> None:
    session = Session(DEFAULT, LAYOUT, trials("m"))
    before = session.scene
    feed(session, KeyPress(0.0, "space"), Shown(1.0), KeyPress(1.5, "space"), KeyPress(9, "x"))
    assert session.scene == before
    feed(session, PointerPress(10.0, 0, 0))
    assert session.scene != before


def test_a_break_ends_at_its_limit_and_says_so() -> None:
    session, time = started(protocol(break_every=1, break_limit_s=30), "mm")
    time, _ = answer(session, time)
    assert isinstance(session.scene, Page)
    assert session.scene.progress == (1, 2)
    assert feed(session, Shown(time), Tick(time + 29.9)) == []
    (note,) = feed(session, Tick(time + 30))
    assert isinstance(note, Note)
    assert (note.event, note.detail["ended_by"]) == ("break", "limit")
    assert session.state is not None


def test_escape_asks_and_any_other_key_goes_on_with_the_same_trial() -> None:
    session, time = started(DEFAULT, "m")
    feed(session, Shown(time), Tick(time + 1), Shown(time + 1))
    feed(session, KeyPress(time + 2, "escape"))
    assert session.asking
    assert session.scene == Page(DEFAULT.texts.stop)
    feed(session, Shown(time + 2), Tick(time + 99), KeyPress(time + 100, "x"))
    assert not session.asking
    _, items = answer(session, time + 100)
    (result,) = [item for item in items if isinstance(item, TrialResult)]
    assert result.flag == "interrupted"
    assert result.onset == time + 101


def test_escape_twice_stops_and_an_open_trial_gives_no_row() -> None:
    session, time = started(DEFAULT, "mm")
    time, _ = answer(session, time)
    items = feed(session, Shown(time), KeyPress(time + 1, "escape"), KeyPress(time + 1.1, "escape"))
    assert session.end_reason == "stopped"
    assert not [item for item in items if isinstance(item, TrialResult)]
    assert feed(session, KeyPress(time + 9, "1")) == []


def test_escape_during_feedback_keeps_the_choice() -> None:
    session, time = started(DEFAULT, "mm")
    items = feed(session, Shown(time), Tick(time + 1), Shown(time + 1), KeyPress(time + 3, "1"))
    assert [item for item in items if isinstance(item, TrialResult)]
    feed(session, Shown(time + 3), KeyPress(time + 3.1, "escape"), KeyPress(time + 5, "x"))
    assert session.state is not None
    assert session.state.trial.trial_index == 2


def test_a_stop_from_outside_ends_at_once_but_not_a_completed_session() -> None:
    session, time = started(DEFAULT, "m")
    feed(session, Stop(time, "terminated"))
    assert session.end_reason == "terminated"
    session, time = started(DEFAULT, "m")
    time, _ = answer(session, time)
    feed(session, Shown(time), Stop(time + 1, "window_closed"))
    assert session.end_reason == "completed"


EVENTS = st.one_of(
    st.builds(Shown, st.just(0.0), st.sampled_from([0, 1, None])),
    st.builds(Tick, st.just(0.0)),
    st.builds(KeyPress, st.just(0.0), st.sampled_from(["1", "down", "space", "x", "escape"])),
    st.builds(PointerPress, st.just(0.0), st.floats(-600, 600), st.floats(-300, 300)),
)


@st.composite
def histories(draw: st.DrawFn) -> Sequence[Event]:
    """Events half a second apart, more or less."""
    time = 0.0
    events = []
    for event in draw(st.lists(EVENTS, max_size=80)):
        time += draw(st.sampled_from([0.0, 0.3, 0.7, 2.5]))
        events.append(type(event)(time, *list(vars(event).values())[1:]))
    return events


RULES = st.builds(
    OddOneOut.model_validate,
    st.fixed_dictionaries(
        {
            "timing": st.fixed_dictionaries(
                {
                    "fixation_s": st.sampled_from([0.0, 0.5]),
                    "feedback_s": st.sampled_from([0.0, 0.4]),
                    "response_limit_s": st.sampled_from([0.0, 1.0]),
                    "page_s": st.sampled_from([0.0, 1.0]),
                }
            ),
            "breaks": st.fixed_dictionaries({"break_every": st.sampled_from([0, 1])}),
        }
    ),
)


@settings(deadline=None)
@given(rules=RULES, events=histories())
def test_any_history_gives_valid_rows_in_order_and_can_be_ended(
    rules: OddOneOut, events: Sequence[Event]
) -> None:
    session = Session(rules, LAYOUT, trials("pmm"))
    items = feed(session, *events)
    results = [item for item in items if isinstance(item, TrialResult)]
    assert [result.trial.trial_index for result in results] == list(range(1, len(results) + 1))
    for result in results:
        format_row(result.row(rt_source="pyglet", pilot=False))
    if not session.finished:
        assert session.scene is not None
        last = events[-1].time if events else 0.0
        feed(session, KeyPress(last, "escape"), KeyPress(last, "escape"))
    assert session.finished
    assert session.end_reason in ("completed", "stopped")


@settings(deadline=None)
@given(rules=RULES, events=histories())
def test_any_history_can_be_played_to_the_end_without_losing_a_trial(
    rules: OddOneOut, events: Sequence[Event]
) -> None:
    session = Session(rules, LAYOUT, trials("pmm"))
    results = [item for item in feed(session, *events) if isinstance(item, TrialResult)]
    time = events[-1].time if events else 0.0
    for _ in range(60):
        time += 5.0
        more = (Shown(time), Tick(time + 0.9), Shown(time + 0.9), KeyPress(time + 1.9, "1"))
        results += [item for item in feed(session, *more) if isinstance(item, TrialResult)]
    stopped = session.end_reason == "stopped"
    assert stopped or [result.trial.trial_index for result in results] == [1, 2, 3]
    assert session.finished
