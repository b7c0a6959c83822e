"""The page's pages, questions and countdowns give what the window's give, event by event."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from tests.online.replay import differences, played, replayed, sent
from tests.online.simulated import as_sent

from twoalike.tasks import (
    Event,
    Frame,
    KeyPress,
    OddOneOut,
    Page,
    PageActivity,
    PointerPress,
    QuestionActivity,
    ReadyActivity,
    Shown,
    Tick,
    Typed,
)
from twoalike.tasks._protocol import Question
from twoalike.tasks.screens import GO_ON
from twoalike.tasks.screens._pages import read_answer

LARGE = Frame((2000, 1400), 20)


def page_events(rng: np.random.Generator) -> list[Event]:
    times = np.cumsum(rng.exponential(0.5, 12)).tolist()
    events: list[Event] = []
    for number, time in enumerate(times):
        draw = rng.random()
        if number == 0 or draw < 0.3:
            events.append(Shown(time))
        elif draw < 0.5:
            events.append(Tick(time))
        elif draw < 0.8:
            events.append(KeyPress(time, str(rng.choice(["space", "return", "left", "x"]))))
        else:
            events.append(PointerPress(time, 0.0, 0.0))
    return events


def as_button(event: Event, kind: str = "go_on") -> dict[str, Any]:
    """Event of a page; a press anywhere is one of its button."""
    if isinstance(event, PointerPress):
        return {"kind": kind, "time": event.time}
    return sent(event)


def without_scene(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in step.items() if key != "scene"} for step in steps]


def test_pages_and_countdowns_end_as_in_the_window() -> None:
    rng = np.random.default_rng(3)
    cases: list[dict[str, Any]] = []
    expected: list[list[dict[str, Any]]] = []
    for number in range(120):
        events = page_events(rng)
        least, limit = float(rng.choice([0.0, 1.0])), float(rng.choice([0.0, 2.0]))
        if number % 4 == 0:
            steps = [sent(event) for event in events]
            cases.append({"made": "countdown", "seconds": 1 + limit, "steps": steps})
            expected.append(played(ReadyActivity("Ready", 1 + limit), events))
            continue
        keys = GO_ON | {"left"} if rng.random() < 0.5 else frozenset({"space"})
        step = {"name": "break", "minimum_s": least, "limit_s": limit, "keys": sorted(keys)}
        read = {"kind": "read", "time": 0.0}
        steps = [read, *map(as_button, events)]
        cases.append({"made": "page", "step": step, "steps": steps})
        activity = PageActivity(
            "break", Page("Rest."), LARGE, keys=keys, minimum_s=least, limit_s=limit
        )
        start: dict[str, Any] = {"items": [], "deadline": None, "finished": False}
        expected.append([start, *played(activity, events)])
    found = replayed(cases)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        assert not list(differences(ours, without_scene(theirs))), number
    ends = [item["detail"].get("ended_by") for one in found for item in one[-1]["items"]]
    assert {"press", "limit", None} <= set(ends)


ENTRIES = {
    "age": ["34", " 93 ", "12a", "131", "-1", "0", "", "89", "+40"],
    "number": ["7", "-12", "1234567890", "3.5", " ", "+0", "-0", "٤٢"],
    "text": ["by  colour ", "\t", "a\u200bb", "näher", "😀 x", "x" * 501, "😀" * 500],
    "long_text": ["two\nlines ", " \n", "so it is", "e\u0301"],
}
"""What is typed; control signs, which the window does not take either, are left out."""


def test_written_answers_are_stored_as_the_window_stores_them() -> None:
    pairs = [(kind, entry) for kind, entries in ENTRIES.items() for entry in entries]
    asked_of = {kind: asked(kind, required=True) for kind in ENTRIES}
    cases: list[dict[str, Any]] = [
        {"made": "answer", "step": step_of(asked_of[kind]), "entry": entry} for kind, entry in pairs
    ]
    for (kind, entry), found in zip(pairs, replayed(cases), strict=True):
        question = asked_of[kind]
        try:
            expected: object = read_answer(question, entry.replace("\u200b", ""))
        except ValueError:
            expected = "RangeError"
        assert found == expected, (kind, entry)


def asked(kind: str, *, required: bool) -> Question:
    options = ("one", "two", "three") if kind in ("choice", "choices", "likert") else ()
    return Question.model_validate(
        {"id": "q", "text": "What?", "kind": kind, "options": options, "required": required}
    )


def step_of(question: Question) -> dict[str, Any]:
    return {
        **question.model_dump(mode="json"),
        "question": question.kind,
        "limits": question.limits,
        "measure": "form",
    }


def question_events(rng: np.random.Generator, kind: str) -> Iterator[Event]:
    """Frames, ticks, keys and texts; in the window a text is typed key by key."""
    time = 0.0
    yield Shown(time)
    texts = ["4", "x", "99", " ", "ab"]
    for _ in range(14):
        time += float(rng.exponential(0.6))
        draw = rng.random()
        if draw < 0.3:
            yield Shown(time)
        elif draw < 0.6 and kind in ENTRIES:
            yield Typed(time, str(rng.choice(texts)))
        elif draw < 0.85:
            yield KeyPress(time, str(rng.choice(["1", "2", "num_3", "9", "x"])))
        else:
            yield KeyPress(time, "tab" if kind == "long_text" else "return")


def question_steps(events: Sequence[Event], kind: str, least: float) -> Iterator[dict[str, Any]]:
    """The same as the page's driver and view give it: Tab leads to the button that ends a text."""
    yield {"kind": "read", "time": 0.0}
    entry = ""
    for event in events:
        if isinstance(event, Typed):
            entry += event.text if event.time >= least else ""  # the window takes none before
            yield {"kind": "entered", "time": event.time, "entry": entry}
        elif isinstance(event, KeyPress) and event.key == "tab":
            yield {"kind": "confirm", "time": event.time}
        else:
            yield sent(event)


@pytest.mark.parametrize("kind", ["choice", "choices", "likert", *ENTRIES])
def test_questions_take_the_answers_that_the_window_takes(kind: str) -> None:
    rng = np.random.default_rng(4)
    protocol = OddOneOut()
    cases: list[dict[str, Any]] = []
    expected: list[tuple[QuestionActivity, list[str], list[dict[str, Any]]]] = []
    for number in range(40):
        question = asked(kind, required=number % 2 == 0)
        events = list(question_events(rng, kind))
        least = float(rng.choice([0.0, 2.0]))
        step = step_of(question) | {"minimum_s": least, "values": {}}
        steps = list(question_steps(events, kind, max(least, protocol.pages.page_s)))
        given = {"step": step, "protocol": protocol.model_dump(mode="json"), "steps": steps}
        cases.append({"made": "question", **given})
        activity = QuestionActivity(question, protocol.texts, LARGE, least, 1.0, "form")
        remarks, items = [""], []
        for event in events:
            items = list(map(as_sent, activity.handle(event)))
            remarks.append(activity.scene.remark)
            if activity.finished:
                break
        expected.append((activity, remarks, items))
    for (activity, remarks, items), found in zip(expected, replayed(cases), strict=True):
        assert [step["scene"]["remark"] for step in found] == remarks
        assert found[-1]["finished"] == activity.finished
        if activity.finished:
            note, answers = found[-1]["items"]
            assert [note] == items
            answer = activity.answer
            stored = list(answer) if isinstance(answer, tuple) else answer
            assert answers == {"kind": "answers", "measure": "form", "values": {"q": stored}}
    assert sum(activity.finished for activity, _, _ in expected) > 10
