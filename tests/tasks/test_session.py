"""A whole session: the order of things, Esc, and any sequence of events."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.scripts import triplet_script

from twoalike.observers import SimulatedObserver
from twoalike.record import TRIPLETS, AskedQuestion, RunRecord
from twoalike.tasks import (
    Activity,
    Button,
    Countdown,
    Event,
    Focus,
    Item,
    Keeper,
    KeyPress,
    MoreShown,
    MultiArrangement,
    Note,
    NoWindow,
    OddOneOut,
    Opening,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    ReadyActivity,
    Session,
    Shown,
    SimulatedParticipant,
    Stop,
    Tick,
    Trial,
    Typed,
    View,
    VirtualClock,
    getting_ready,
    lay_out,
)
from twoalike.tasks.choosing import TrialResult, TripletActivity, TripletHands
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementTrial,
    Seating,
    lay_out_arena,
)

PLACES = ("left", "middle", "right")


def trials(kinds: str) -> tuple[Trial, ...]:
    names = {"p": "practice", "m": "main", "c": "catch"}
    return tuple(
        Trial(n, 1, names[kind], f"t{n}", ("a", "b", "c"), PLACES)
        for n, kind in enumerate(kinds, start=1)
    )


def protocol(**breaks: Any) -> OddOneOut:
    return OddOneOut.model_validate({"breaks": breaks})


DEFAULT = protocol()
LAYOUT = lay_out(DEFAULT, View((1280, 1024)))


INSTRUCTION = ("instruction", "instruction")


def opening(*, resumed: bool = False) -> Opening:
    return Opening(consent=False, form=(), resumed=resumed)


def step_name(step: Activity | Item) -> str:
    if isinstance(step, TripletActivity):
        return str(step.trial.trial_index)
    return step.name if isinstance(step, Activity) else type(step).__name__


def order(rules: OddOneOut, kinds: str, n_done: int = 0) -> list[str]:
    begun = opening(resumed=n_done > 0)
    steps = triplet_script(rules, LAYOUT, trials(kinds), begun, n_done=n_done)
    return [step_name(step) for step in steps]


@pytest.mark.parametrize(
    ("n_done", "expected"),
    [
        (1, ["resume", *INSTRUCTION, "2", "practice_end", "3", "4", "break", "5", "6", "end"]),
        (2, ["resume", *INSTRUCTION, "3", "4", "break", "5", "6", "end"]),
        (4, ["resume", *INSTRUCTION, "5", "6", "end"]),
        (5, ["resume", *INSTRUCTION, "6", "end"]),
    ],
)
def test_a_resumed_session_goes_on_in_step(n_done: int, expected: list[str]) -> None:
    assert order(protocol(break_every=2), "ppmmmm", n_done) == expected


@pytest.mark.parametrize(
    ("n", "breaks"), [(11, []), (14, []), (15, [10]), (24, [10]), (25, [10, 20])]
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_last_block_of_fewer_than_half_a_block_joins_the_one_before(
    n: int, breaks: list[int], *, listed: bool
) -> None:
    blocked = [replace(t, block_index=1 + k // 10) for k, t in enumerate(trials("m" * n))]
    rules = protocol(break_every=0 if listed else 10)
    steps = list(triplet_script(rules, LAYOUT, blocked, opening()))
    pauses: list[Any] = [step for step in steps if step_name(step) == "break"]
    assert [pause.scene.progress for pause in pauses] == [(done, n) for done in breaks]
    assert [pause.scene.caption for pause in pauses] == [
        f"{done} of {n} trials done" for done in breaks
    ]


def test_only_its_own_keys_end_a_break() -> None:
    for keys, others in ((["space"], ["return", "left", "1", "num_enter"]), (["1"], ["space"])):
        session, time = started(protocol(break_every=1, keys=keys), "mm")
        time, _ = answer(session, time)
        pause = session.activity
        feed(session, Shown(time), *(KeyPress(time + 5, key) for key in others))
        feed(session, PointerPress(time + 6, 0, 0), KeyPress(time + 6.5, "x"))
        assert session.activity is pause
        feed(session, KeyPress(time + 7, keys[0]))
        assert session.activity is not pause


def feed(session: Session, *events: Event) -> list[Item]:
    return [item for event in events for item in session.handle(event)]


def turn(session: Session, time: float) -> float:
    """Turn one page; the time after it."""
    feed(session, Shown(time), KeyPress(time + 2, "space"))
    return time + 2


def answer(session: Session, time: float, key: str = "1") -> tuple[float, list[Item]]:
    """Answer one trial from its fixation to its end."""
    items = feed(session, Shown(time), Tick(time + 1), Shown(time + 1), KeyPress(time + 3, key))
    return time + 4, items + feed(session, Shown(time + 3), Tick(time + 4))


def begin(rules: OddOneOut, kinds: str) -> Session:
    script = triplet_script(rules, LAYOUT, trials(kinds), opening())
    return Session(script, rules.texts.stop)


def trial_under_way(session: Session) -> Trial | None:
    activity = session.activity
    return activity.trial if isinstance(activity, TripletActivity) else None


def started(rules: OddOneOut, kinds: str) -> tuple[Session, float]:
    session = begin(rules, kinds)
    return session, turn(session, turn(session, 0.0))


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


def test_escape_during_feedback_keeps_the_choice() -> None:
    session, time = started(DEFAULT, "mm")
    items = feed(session, Shown(time), Tick(time + 1), Shown(time + 1), KeyPress(time + 3, "1"))
    assert [item for item in items if isinstance(item, TrialResult)]
    feed(session, Shown(time + 3), KeyPress(time + 3.1, "escape"), KeyPress(time + 5, "x"))
    trial = trial_under_way(session)
    assert trial is not None
    assert trial.trial_index == 2


def test_a_stop_from_outside_ends_at_once_but_not_a_completed_session() -> None:
    session, time = started(DEFAULT, "m")
    feed(session, Stop(time, "terminated"))
    assert session.end_reason == "terminated"
    session, time = started(DEFAULT, "m")
    time, _ = answer(session, time)
    feed(session, Shown(time), Stop(time + 1, "window_closed"))
    assert session.end_reason == "completed"


@pytest.mark.parametrize(
    "leave", [(Stop(5.0, "terminated"),), (KeyPress(5.0, "escape"),), (KeyPress(5.0, "space"),)]
)
def test_who_declined_has_declined_however_the_page_is_left(leave: Sequence[Event]) -> None:
    rules = OddOneOut.model_validate({"consent": {"ask": True, "minimum_s": 0}})
    begun = Opening(consent=True, form=(), resumed=False)
    session = Session(triplet_script(rules, LAYOUT, trials("m"), begun), rules.texts.stop)
    feed(session, Shown(0.0), KeyPress(1.0, "2"), Shown(1.1))
    assert session.activity is not None
    assert session.activity.name == "declined"
    assert not session.finished
    feed(session, *leave)
    assert session.end_reason == "declined"


@dataclass
class Blocks:
    """Further blocks of one trial each, which take a few questions to be ready."""

    total: int
    n_trials: int
    per_block: int = 1
    log: list[str] = field(default_factory=list)
    asked: int = 0

    def start(self) -> None:
        self.log.append("start")
        self.asked = 0

    def ready(self) -> bool:
        self.asked += 1
        return self.asked > 2

    def close(self) -> None:
        self.log.append("close")

    def take(self) -> tuple[Sequence[Trial], Item]:
        self.log.append("take")
        number = self.log.count("take") + 1
        return [trials("m" * number)[-1]], MoreShown(cast(Any, None))


def test_blocks_chosen_during_the_session_wait_until_they_are_ready() -> None:
    blocks = Blocks(total=3, n_trials=3)
    script = triplet_script(protocol(break_every=0), LAYOUT, trials("m"), opening(), more=blocks)
    session = Session(script, "Stop?")
    time = turn(session, turn(session, 0.0))
    items: list[Item] = []
    names = []
    for _ in range(100):
        activity = session.activity
        if activity is None:
            break
        names.append(step_name(activity))
        if isinstance(activity, TripletActivity):
            time, more = answer(session, time)
        else:
            more = feed(session, Shown(time), KeyPress(time + 2, "space"))
            time += 2
        items += more
    names = [name for at, name in enumerate(names) if name != names[at - 1]]
    assert names == ["1", "break", "prepare", "2", "break", "prepare", "3", "end"]
    assert blocks.log == [*["start", "take"] * 2, "close"]
    assert [i.trial_index for i in items if isinstance(i, TrialResult)] == [1, 2, 3]
    kinds = [type(item) for item in items if isinstance(item, TrialResult | MoreShown)]
    # A block is recorded before its first trial.
    assert kinds == [TrialResult, MoreShown, TrialResult, MoreShown, TrialResult]


# The countdown before trials: no triplet appears out of nothing.


def counting(rules: OddOneOut, kinds: str, n_done: int = 0) -> Session:
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
    assert list(names(counting(protocol(break_every=2), "ppmmmm"))) == expected


@pytest.mark.parametrize("limit_s", [30.0, 0.0])
def test_a_break_ends_with_a_countdown_however_it_ends(limit_s: float) -> None:
    session = counting(protocol(break_every=1, break_limit_s=limit_s), "mm")
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
    session = counting(protocol(), "m")
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


# Any sequence of events.

FORM = [
    {"id": "age", "text": "Age?", "kind": "age"},
    {"id": "hand", "text": "Hand?", "kind": "choice", "options": ["left", "right"]},
    {"id": "languages", "text": "How many?", "kind": "number", "required": False},
]
DEBRIEF = [{"id": "strategy", "text": "How?", "kind": "text"}]
IDS = ("a", "b", "c")
KINDS = "pmcm"
MANY = 400

RULES = st.builds(
    OddOneOut.model_validate,
    st.fixed_dictionaries(
        {
            "timing": st.fixed_dictionaries(
                {
                    "fixation_s": st.sampled_from([0.0, 0.5]),
                    "minimum_rt_s": st.sampled_from([0.0, 0.2]),
                    "feedback_s": st.sampled_from([0.0, 0.4]),
                    "response_limit_s": st.sampled_from([0.0, 1.0]),
                }
            ),
            "practice": st.fixed_dictionaries({"feedback_s": st.sampled_from([0.0, 1.5])}),
            "pages": st.fixed_dictionaries({"page_s": st.sampled_from([0.0, 1.0])}),
            "breaks": st.fixed_dictionaries(
                {
                    "break_every": st.sampled_from([0, 1, 2]),
                    "break_limit_s": st.sampled_from([0.0, 5.0]),
                }
            ),
            "consent": st.fixed_dictionaries({"ask": st.booleans()}),
            "form": st.sampled_from([{}, {"questions": FORM}]),
            "debrief": st.sampled_from([{}, {"questions": DEBRIEF}]),
            "screen": st.fixed_dictionaries({"touch": st.booleans()}),
        }
    ),
)
KEYS = ("1", "2", "down", "space", "return", "backspace", "x", "9", "num_2", "escape")
POINTS = st.tuples(st.floats(-700, 700), st.floats(-600, 600))
BUTTONS: st.SearchStrategy[Button] = st.sampled_from(["left", "right"])
NOW = st.just(0.0)
EVENTS = st.one_of(
    st.builds(Shown, NOW, st.sampled_from([0, 1, None])),
    st.builds(Tick, NOW),
    st.builds(KeyPress, NOW, st.sampled_from(KEYS)),
    st.builds(Typed, NOW, st.one_of(st.text(max_size=4), st.sampled_from(["7", "-3", "131"]))),
    st.builds(lambda p, button: PointerPress(0.0, p[0], p[1], button), POINTS, BUTTONS),
    st.builds(lambda point: PointerMove(0.0, *point), POINTS),
    st.builds(lambda point: PointerRelease(0.0, *point), POINTS),
    st.builds(Focus, NOW, st.booleans()),
    # Rarely: the session is over then.
    st.builds(lambda n: Stop(0.0, "terminated") if n == 0 else Tick(0.0), st.integers(0, 9)),
)
MOMENTS = st.tuples(EVENTS, st.sampled_from([0.0, 0.1, 0.3, 0.7, 2.5]))
HISTORIES = st.lists(
    # Either something happens, or a person goes on as asked for a while: else nobody would
    # get through the pages.
    st.one_of(MOMENTS, st.integers(1, 12)),
    max_size=40,
)


@dataclass
class MemoryRecord:
    """A record that keeps everything in memory, checked as the writer checks it."""

    rows: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    given: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    started: bool = False

    def start(self) -> None:
        self.started = True

    def answers(self, measure: str, answers: Mapping[AskedQuestion, object]) -> None:
        self.given.append((measure, {one.id: value for one, value in answers.items()}))

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        (row,) = rows
        TRIPLETS.format_row(row)
        self.rows.append(row)

    def note(self, event: str, time_s: float, **detail: object) -> None:
        assert time_s >= 0
        self.notes.append(event)


class Room:
    """A whole session in memory, a participant in it, and somebody who disturbs."""

    def __init__(self, rules: OddOneOut) -> None:
        self.rules = rules
        self.clock = VirtualClock()
        self.screen = NoWindow(self.clock)
        form = rules.form.questions
        begun = Opening(consent=rules.consent.ask, form=form, resumed=False)
        listed = [
            replace(trial, expected=2) if trial.trial_type != "main" else trial
            for trial in trials(KINDS)
        ]
        self.session = Session(triplet_script(rules, LAYOUT, listed, begun), rules.texts.stop)
        observer = SimulatedObserver(IDS, np.eye(3))
        hands = TripletHands(observer, self.screen, self.clock, (1, 2))
        self.player = SimulatedParticipant(hands, self.screen, self.clock)
        self.record = MemoryRecord()
        self.keeper = Keeper(
            record=cast(RunRecord, self.record),
            asked=lambda measure, values: {name: AskedQuestion(name, "", "") for name in values},
            consent_first=rules.consent.ask,
            rt_source="pyglet",
            pilot=False,
        )
        self.decided = 0

    def take(self, event: Event) -> None:
        activity = self.session.activity
        trial = activity if isinstance(activity, TripletActivity) else None
        was_decided, early = (trial.result is not None, trial.early) if trial else (False, 0)
        items = self.session.handle(event)
        results = [item for item in items if isinstance(item, TrialResult)]
        decides = trial is not None and trial.result is not None
        assert len(results) == int(decides and not was_decided)
        if trial is not None and not decides:  # no press is lost
            assert trial.early == early + self.picks(event)
        self.decided += len(results)
        for item in items:
            self.keeper(item)
        # Everything can be asked for at any time.
        assert self.session.scene is not None
        assert self.session.deadline is None or self.session.deadline >= 0

    def picks(self, event: Event) -> bool:
        """Whether an event picks an image, said again without the machine."""
        if isinstance(event, KeyPress):
            return self.rules.answers.position(event.key) is not None
        left = isinstance(event, PointerPress) and event.button == "left"
        return left and LAYOUT.hit(event.x, event.y) is not None

    def help(self, steps: int) -> None:
        """Go on as a participant does who does what is asked."""
        for _ in range(steps):
            if self.session.finished:
                return
            self.take(self.screen.show(self.session.scene))
            if self.session.asking:
                self.screen.press_key("x")
            elif not self.session.finished:
                self.player.act(self.session)
            for event in (*self.screen.events(), Tick(self.clock.now())):
                self.take(event)

    def disturb(self, event: Event, wait: float) -> None:
        self.clock.wait_until(self.clock.now() + wait)
        self.take(replace(event, time=self.clock.now()))

    def live(self, history: Sequence[Any]) -> None:
        for moment in history:
            if isinstance(moment, int):
                self.help(moment)
            else:
                self.disturb(*moment)

    def check(self) -> None:
        """What holds at every moment."""
        rows = self.record.rows
        assert [row["trial_index"] for row in rows] == list(range(1, len(rows) + 1))
        assert [row["trial_type"][0] for row in rows] == list(KINDS[: len(rows)])
        assert len(rows) == self.decided
        onsets = [row["onset"] for row in rows]
        assert onsets == sorted(onsets)
        for row in rows:
            answered = row["response"] is not None
            assert answered != row["timed_out"]
            assert answered == (row["response_time"] is not None)
            if answered:
                assert row["odd_stimulus"] == IDS[row["response"] - 1]
                assert row["response_position"] == PLACES[row["response"] - 1]
                assert row["response_time"] >= self.rules.timing.minimum_rt_s
                expected = row["expected_odd"]
                correct = None if expected is None else row["response"] == expected
                assert row["correct"] == correct
        measures = list(dict.fromkeys(measure for measure, _ in self.record.given))
        assert measures == [m for m in ("consent", "form", "debrief") if m in measures]
        if self.rules.consent.ask and (
            not self.record.given or not self.record.given[0][1]["consent"]
        ):
            assert (rows, self.record.notes) == ([], [])
            assert len(measures) <= 1
        # Each answer is kept before the next question is asked, and in the order of the form.
        answers = [
            (name, v)
            for measure, values in self.record.given
            if measure == "form"
            for name, v in values.items()
        ]
        assert [name for name, _ in answers] == [q["id"] for q in FORM][: len(answers)]
        for name, value in answers:
            if name == "age":
                assert isinstance(value, int)
                assert 0 <= value <= 89


@settings(deadline=None)
@given(rules=RULES, history=HISTORIES)
def test_any_history_can_be_finished_without_losing_a_trial(
    rules: OddOneOut, history: Sequence[Any]
) -> None:
    room = Room(rules)
    room.live(history)
    room.check()
    left = room.session.finished
    room.help(MANY)
    room.check()
    assert room.session.finished
    declined = bool(room.record.given) and room.record.given[0][1].get("consent") is False
    if declined:
        assert room.session.end_reason == "declined"
        assert len(room.record.given) == 1
    elif not left:
        assert room.session.end_reason == "completed"
    if room.session.end_reason == "completed":
        assert len(room.record.rows) == len(KINDS)
        asked = [("form", rules.form), ("debrief", rules.debrief)]
        expected = ["consent"] * rules.consent.ask + [m for m, f in asked if f.questions]
        assert list(dict.fromkeys(measure for measure, _ in room.record.given)) == expected
        answered = [name for _, values in room.record.given for name in values]
        assert len(answered) == len(room.rules.form.questions) + len(
            room.rules.debrief.questions
        ) + (4 if room.rules.consent.ask else 0)
    assert room.session.handle(KeyPress(room.clock.now(), "1")) == []
