"""Marks for another machine's recording: which, in which order, and what a bad port does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from tests.tasks.scripts import simulate, triplet_script

from twoalike.tasks import (
    KeyPress,
    Marks,
    Note,
    OddOneOut,
    Opening,
    Session,
    Shown,
    Stop,
    Tick,
    Trial,
    View,
    getting_ready,
    lay_out,
)
from twoalike.tasks.choosing import TrialResult

IDS = ("a", "b", "c")
TRIAL_MARKS = ["image_onset", "response", "trial_end"]


@dataclass
class Port:
    """Remembers what it was sent, and fails as often as asked."""

    fails: Callable[[str], bool] = lambda event: False
    sent: list[tuple[str, float]] = field(default_factory=list)

    def __call__(self, event: str, time: float) -> str | None:
        self.sent.append((event, time))
        return "the cable is out" if self.fails(event) else None

    @property
    def events(self) -> list[str]:
        """All but the cross, whose code is 0 unless a protocol gives it one."""
        return [event for event, _ in self.sent if event != "fixation_onset"]


def trials(n: int) -> tuple[Trial, ...]:
    places = ("left", "middle", "right")
    return tuple(Trial(k, 1, "main", f"t{k}", IDS, places) for k in range(1, n + 1))


def rules(**settings: dict[str, float]) -> OddOneOut:
    return OddOneOut.model_validate({"breaks": {"break_every": 0}, **settings})


def begin(protocol: OddOneOut, n: int) -> Session:
    layout = lay_out(protocol, View((1280, 1024)))
    opening = Opening(consent=False, form=(), resumed=False)
    return Session(triplet_script(protocol, layout, trials(n), opening), protocol.texts.stop)


def test_a_session_sends_its_marks_in_order_at_onsets_and_answers() -> None:
    port = Port()
    kept = simulate(rules(breaks={"break_every": 2}), trials(3), marks=Marks(port))
    first, second, third = [TRIAL_MARKS] * 3
    assert port.events == ["session_start", *first, *second, "break_", *third, "session_end"]
    results = [item for item in kept if isinstance(item, TrialResult)]
    onsets = [time for event, time in port.sent if event == "image_onset"]
    answers = [time for event, time in port.sent if event == "response"]
    assert onsets == [result.onset for result in results]
    for result, time in zip(results, answers, strict=True):
        assert result.answer is not None
        assert time == pytest.approx(result.onset + result.answer.response_time)
    assert [time for _, time in port.sent] == sorted(time for _, time in port.sent)


@pytest.mark.parametrize("which", ["image_onset", ""])
def test_a_failing_port_stops_nothing_and_leaves_notes(which: str) -> None:
    """With an empty name every mark fails."""
    port = Port(lambda event: which in event)
    kept = simulate(rules(), trials(3), marks=Marks(port))
    assert len([item for item in kept if isinstance(item, TrialResult)]) == 3
    notes = [item for item in kept if isinstance(item, Note) and item.event == "trigger_failed"]
    failed = [(event, time) for event, time in port.sent if which in event]
    assert failed
    assert [(note.detail["trigger"], note.time) for note in notes] == failed
    assert {note.detail["reason"] for note in notes} == {"the cable is out"}
    assert port.events == ["session_start", *TRIAL_MARKS * 3, "session_end"]


def marked(session: Session, steps: Sequence[float | KeyPress | Stop | Tick], port: Port) -> None:
    """Frames at the times given, and presses between them."""
    marks = Marks(port)
    for step in steps:
        event = Shown(step) if isinstance(step, float) else step
        if isinstance(event, Shown):
            assert marks.shown(session, event.time) == []
        for item in session.handle(event):
            marks.kept(item, event.time)


def test_the_page_after_escape_marks_nothing_and_a_trial_shown_again_its_new_onset() -> None:
    port = Port()
    page: list[float | KeyPress] = [0.0, KeyPress(2.0, "space"), 2.1, KeyPress(4.0, "space")]
    protocol = rules(timing={"fixation_s": 0.0, "feedback_s": 0.0})
    interrupted: list[float | KeyPress] = [KeyPress(5.0, "escape"), 5.1, KeyPress(6.0, "x"), 6.1]
    interrupted += [KeyPress(8.0, "1"), 8.1]
    marked(begin(protocol, 2), [*page, 4.1, *interrupted, KeyPress(9.0, "1"), 9.1], port)
    assert port.sent == [
        ("session_start", 0.0),
        ("image_onset", 4.1),
        ("image_onset", 6.1),
        ("response", 8.0),
        ("image_onset", 8.1),
        ("trial_end", 8.1),
        ("response", 9.0),
        ("trial_end", 9.1),
    ]


def test_a_countdown_marks_nothing_and_ends_no_trial() -> None:
    port = Port()
    protocol = rules(
        timing={"fixation_s": 0.0, "feedback_s": 0.0},
        breaks={"ready_s": 3.0},
        pages={"page_s": 0, "instruction_s": 0},
    )
    script = triplet_script(
        protocol,
        lay_out(protocol, View((1280, 1024))),
        trials(2),
        Opening(consent=False, form=(), resumed=True),
        n_done=1,
    )
    session = Session(script, "Stop?", getting_ready(protocol))
    counted: list[float | KeyPress | Tick] = [0.0, KeyPress(0.5, "space"), 0.6]
    counted += [KeyPress(1.0, "space"), 1.1, KeyPress(2.0, "space"), 2.1, Tick(5.2), 5.3]
    interrupted = [KeyPress(6.0, "escape"), 6.1, KeyPress(7.0, "x"), 7.1, Tick(10.2), 10.3]
    marked(session, [*counted, *interrupted, KeyPress(12.0, "1"), 12.1], port)
    assert port.sent == [
        ("session_start", 0.0),
        ("image_onset", 5.3),
        ("image_onset", 10.3),
        ("response", 12.0),
        ("trial_end", 12.1),
    ]
