"""The countdown before trials: no triplet appears out of nothing."""

from collections.abc import Generator, Iterator

import pytest
from tests.tasks.scripts import triplet_script
from tests.tasks.test_session import (
    LAYOUT,
    answer,
    feed,
    opening,
    protocol,
    trial_under_way,
    trials,
    turn,
)

from twoalike.tasks import (
    Activity,
    Countdown,
    Item,
    KeyPress,
    MultiArrangement,
    Note,
    OddOneOut,
    ReadyActivity,
    Session,
    Shown,
    Tick,
    getting_ready,
)
from twoalike.tasks.choosing import TrialResult
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementTrial,
    Seating,
    lay_out_arena,
)


def begin(rules: OddOneOut, kinds: str, n_done: int = 0) -> Session:
    begun = opening(resumed=n_done > 0)
    script = triplet_script(rules, LAYOUT, trials(kinds), begun, n_done=n_done)
    return Session(script, rules.texts.stop, getting_ready(rules))


def wait(session: Session, time: float) -> tuple[float, list[Item]]:
    """Let a countdown pass."""
    assert isinstance(session.activity, ReadyActivity)
    items = feed(session, Shown(time), Tick(time + 2.9))
    assert isinstance(session.activity, ReadyActivity)
    return time + 3, [*items, *feed(session, Tick(time + 3))]


def names(session: Session) -> Iterator[str]:
    """What is shown, in order, where pages are turned and trials answered at once."""
    time = 0.0
    while not session.finished:
        assert session.activity is not None
        yield session.activity.name
        if trial_under_way(session) is not None:
            time, _ = answer(session, time)
        elif isinstance(session.activity, ReadyActivity):
            time, _ = wait(session, time)
        else:
            time = turn(session, time)


def test_a_countdown_comes_before_every_trial_that_follows_a_page() -> None:
    expected = ["instruction", "instruction", "ready", "trial", "trial", "practice_end", "ready"]
    expected += ["trial", "trial", "break", "ready", "trial", "trial", "end"]
    assert list(names(begin(protocol(break_every=2), "ppmmmm"))) == expected


def test_a_resumed_session_begins_with_a_countdown() -> None:
    assert list(names(begin(protocol(), "mmm", n_done=1))) == (
        ["resume", "instruction", "instruction", "ready", "trial", "trial", "end"]
    )


@pytest.mark.parametrize("limit_s", [30.0, 0.0])
def test_a_break_ends_with_a_countdown_however_it_ends(limit_s: float) -> None:
    session = begin(protocol(break_every=1, break_limit_s=limit_s), "mm")
    time, _ = wait(session, turn(session, turn(session, 0.0)))
    time, _ = answer(session, time)
    feed(session, Shown(time))
    end = Tick(time + 30) if limit_s else KeyPress(time + 30, "space")
    (note,) = feed(session, end)
    assert isinstance(note, Note)
    assert note.detail["ended_by"] == ("limit" if limit_s else "press")
    assert trial_under_way(session) is None
    assert session.scene == Countdown(protocol().texts.ready, 3.0)
    feed(session, Shown(time + 30))
    # A key that would answer a trial does nothing yet.
    assert feed(session, KeyPress(time + 31, "left"), Tick(time + 32.9)) == []
    assert session.scene == Countdown(protocol().texts.ready, 3.0, time + 33)
    assert feed(session, Tick(time + 33)) == [Note("ready", time + 33, {"shown_s": 3.0})]
    assert trial_under_way(session) is not None


def test_a_trial_that_esc_interrupted_starts_again_after_a_countdown() -> None:
    session = begin(protocol(), "m")
    time, _ = wait(session, turn(session, turn(session, 0.0)))
    feed(session, Shown(time), Tick(time + 1), Shown(time + 1))
    feed(session, KeyPress(time + 2, "escape"), KeyPress(time + 9, "x"))
    assert trial_under_way(session) is None
    # Esc in the countdown asks again, and the countdown starts again.
    feed(session, Shown(time + 9), KeyPress(time + 10, "escape"))
    assert session.asking
    feed(session, KeyPress(time + 20, "x"))
    time, _ = wait(session, time + 20)
    _, items = answer(session, time)
    (result,) = [item for item in items if isinstance(item, TrialResult)]
    assert (result.flag, result.onset) == ("interrupted", time + 1)


def test_a_page_that_esc_interrupted_comes_back_at_once() -> None:
    session = begin(protocol(), "m")
    feed(session, Shown(0.0), KeyPress(1.0, "escape"), KeyPress(2.0, "x"))
    assert session.activity is not None
    assert session.activity.name == "instruction"


def test_the_countdown_after_esc_is_part_of_the_pause_of_an_arrangement() -> None:
    rules = MultiArrangement.model_validate({"timing": {"trial_limit_s": 60.0}})
    trial = ArrangementTrial(
        trial_index=1, trial_type="main", items=("a", "b", "c"), seats=Seating((0, 1, 2), 0.0)
    )

    def script() -> Generator[Activity, None, str]:
        yield ArrangementActivity(trial, rules, lay_out_arena(rules, (1280, 1024), 3))
        return "completed"

    session = Session(script(), "Stop?", getting_ready(rules))
    time, _ = wait(session, 0.0)
    feed(session, Shown(time), Tick(time + 10), KeyPress(time + 10, "escape"))
    feed(session, KeyPress(time + 30, "x"))
    time, items = wait(session, time + 30)
    (paused,) = [item for item in items if isinstance(item, Note) and item.event != "ready"]
    assert (paused.event, paused.detail["paused_s"]) == ("trial_paused", 23.0)
    assert isinstance(session.activity, ArrangementActivity)
    assert session.activity.phase_end == time + 50
