"""Answers of several choices and several lines: what is drawn, kept, and given back exactly."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twoalike.tasks import (
    Event,
    Frame,
    KeyPress,
    Nudge,
    OddOneOut,
    PointerPress,
    QuestionActivity,
    Scroll,
    Shown,
    Typed,
)
from twoalike.tasks._protocol import Blocks, Question
from twoalike.tasks.screens import Pad, caret_place, line_starts, shown_lines
from twoalike.tasks.screens._writing import Writing

PAD = Pad(20, 150, 3)
FRAME = Frame((1024, 768), 20)
ACTS: dict[str, Any] = {
    "left": lambda w: w.step(-1, 0, PAD),
    "right": lambda w: w.step(1, 0, PAD),
    "up": lambda w: w.step(0, 1, PAD),
    "down": lambda w: w.step(0, -1, PAD),
    "home": lambda w: w.edge(PAD, end=False),
    "end": lambda w: w.edge(PAD, end=True),
    "wheel": lambda w: w.scroll(1, PAD),
    "backspace": lambda w: w.erase(PAD),
    "delete": lambda w: w.erase(PAD, after=True),
}


@given(st.lists(st.sampled_from([*ACTS, "\n", "ein Wort ", "x" * 30, "研究"]), max_size=40))
@settings(max_examples=30, deadline=None)
def test_no_act_loses_a_character_or_the_caret(acts: list[str]) -> None:
    written = Writing()
    for act in acts:
        before = written
        written = ACTS[act](written) if act in ACTS else written.insert(act, PAD)
        if act not in ("backspace", "delete", *ACTS):
            kept = before.text[: before.caret] + act + before.text[before.caret :]
            assert written.text == kept
        elif act not in ("backspace", "delete"):
            assert written.text == before.text
        assert 0 <= written.caret <= len(written.text)
        starts = line_starts(written.text, PAD)
        assert list(starts) == sorted(set(starts))
        line, column = caret_place(written.text, written.caret, PAD)
        assert starts[line] + column == written.caret
        if act != "wheel":
            assert written.top <= line < written.top + PAD.lines or act in ("home", "end")
    whole = shown_lines(written.text, 0, Pad(PAD.height, PAD.width, 10_000))
    assert "".join(whole) == written.text.replace("\n", "")


def asked(kind: str, *events: Event, required: bool = True) -> QuestionActivity:
    options = ("a", "b", "c") if kind == "choices" else ()
    question = Question(
        id="q",
        text="What?",
        kind=kind,
        options=options,
        required=required,  # type: ignore[arg-type]
    )
    activity = QuestionActivity(question, OddOneOut().texts, FRAME)
    for event in (Shown(0.0), *events):
        activity.handle(event)
    return activity


def keys(*names: str) -> list[Event]:
    return [KeyPress(1.0, name) for name in names]


def test_ticks_by_keys_and_clicks() -> None:
    activity = asked("choices", *keys("3", "num_1", "9", "3"))
    assert activity.scene.marked == (0,)
    box = activity._boxes[2]
    activity.handle(PointerPress(1.0, box.x, box.y))
    confirm = activity._confirm
    assert confirm is not None
    activity.handle(PointerPress(1.0, confirm.x, confirm.y))
    assert activity.answer == ("a", "c")
    nothing = asked("choices", *keys("return"))
    assert not nothing.finished
    assert nothing.scene.remark == OddOneOut().texts.needs_answer
    assert asked("choices", *keys("return"), required=False).finished


def test_lines_are_kept_as_they_are_written() -> None:
    events: list[Event] = [Typed(1.0, " two  words"), *keys("return", "return"), Typed(1.0, "end")]
    events += [Nudge(1.0, -1, 0), *keys("backspace", "left", "up"), Scroll(1.0, -1)]
    activity = asked("long_text", *events, *keys("tab"))
    assert activity.answer == " two  words\n\ned"
    assert not asked("long_text", *keys("return", "tab")).finished
    assert asked("long_text", *keys("return", "tab"), required=False).answer is None


def test_what_no_font_has_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twoalike.tasks.screens._pages.can_draw", "ß".__ne__)
    typed = [Typed(1.0, sign) for sign in "aß\n"]
    assert asked("long_text", *typed).scene.entry == "a"


def test_questions_name_their_block() -> None:
    one = {"id": "tired", "text": "Tired?", "kind": "number"}
    blocks = Blocks.model_validate({"questions": [one, {**one, "id": "bored", "after": [2]}]})
    assert [question.id for question in blocks.after(1)] == ["tired_block1"]
    assert [question.id for question in blocks.after(2)] == ["tired_block2", "bored_block2"]
    with pytest.raises(ValueError, match="needs options"):
        Question(id="q", text="What?", kind="choices")
