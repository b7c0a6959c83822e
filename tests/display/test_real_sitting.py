"""Two tasks and a condition at the real command line: one window, ticks and lines, a kill."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.display.conftest import SIZE, Session

from twoalike.record import check_bids, read_answers, read_run
from twoalike.tasks import OddOneOut, TextLayout, frame, lay_out_question
from twoalike.tasks.screens._text_layout import asked_scene

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = Path(__file__).with_name("quick.toml").read_text(encoding="utf-8")
ASKED = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
DESIGN = Path(__file__).with_name("sitting_design.toml").read_text(encoding="utf-8")
TASKS = ("odd-one-out", "anchored-choice")
PROTOCOL = OddOneOut.model_validate(tomllib.loads(QUICK + ASKED))


def layout_of(number: int) -> TextLayout:
    scene = asked_scene(PROTOCOL.form.questions[number], PROTOCOL.texts)
    return lay_out_question(scene, frame(PROTOCOL.screen, SIZE))


def both(session: Session) -> tuple[Session, Session]:
    """A sitting as the session of each of its tasks."""
    return replace(session, task=TASKS[0]), replace(session, task=TASKS[1])


def asked(session: Session) -> list[str]:
    return [str(note["id"]) for note in session.notes("question")]


def test_two_tasks_in_one_window(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Session]
) -> None:
    root = make_study("study", DESIGN, QUICK + ASKED)
    (root / "protocols" / "anchored_choice.toml").write_text(QUICK)
    one, _ = both(sit(root, ""))
    one.until(person.window)
    one.until(lambda: asked(one), lambda: person.press("1"))  # consent
    person.wait(0.5)
    person.type("3", "1")
    person.click(layout_of(0).options[1].x, layout_of(0).options[1].y)
    person.wait(0.2)
    person.type("3", "Return")
    one.until(lambda: "known" in asked(one))
    person.wait(0.5)
    person.type("h", "i", "Return", "y", "o", "Up", "x")
    button = layout_of(1).below["confirm"]
    one.until(lambda: "story" in asked(one), lambda: person.click(button.x, button.y))
    one.until(lambda: "rested" in asked(one), lambda: person.press("2"))
    person.wait(0.5)
    track = layout_of(3).below["slider"]
    person.drag((track.x - track.width / 4, track.y), (track.x + track.width / 4, track.y))
    person.type("Right", "Return")
    one.until(lambda: "bright" in asked(one))
    one.begin()
    one.until(lambda: one.n_rows() == 1, lambda: person.press("1"))
    one.process.kill()  # at the question after the first block
    one.process.wait()

    one, two = both(sit(root, "", "--resume"))
    one.until(person.window)
    one.until(lambda: one.notes("resume"), lambda: person.press("space"))
    one.until(lambda: "tired_block1" in asked(one), lambda: person.press("2"))
    one.until(lambda: one.n_rows() == 2, lambda: person.press("1"))
    one.until(lambda: "tired_block2" in asked(one), lambda: person.press("1"))
    window = person.window().id
    one.until(lambda: one.notes("end"), lambda: person.press("space"))
    two.until(lambda: two.notes("instruction"), lambda: person.press("space"))
    assert person.window().id == window
    two.until(lambda: len(two.notes("instruction")) == 3, lambda: person.press("space"))
    two.until(lambda: two.n_rows() == 1, lambda: person.press("Left"))
    two.until(lambda: two.n_rows() == 2, lambda: person.press("Right"))
    person.wait(0.5)
    two.until(lambda: "how" in asked(two), lambda: person.type("s", "o", "Return"))
    assert two.finish() == 0
    check_recorded(one, two)


def check_recorded(one: Session, two: Session) -> None:
    """Both tasks are whole, and every answer is what was pressed and typed."""
    for session in (one, two):
        assert len(read_run(session.name.rows(session.raw)).rows) == 2
        manifest = json.loads(session.name.manifest(session.raw).read_text())
        assert manifest["end_reason"] == "completed"
    assert two.name.rows(two.raw).read_text().count("\tuse\n") == 2
    form = read_answers(one.raw, "form").set_index("question")["answer"]
    assert json.loads(form["known"]) == ["cats", "cars"]
    assert json.loads(form["story"]) == "hix\nyo"
    assert (form["rested"], form["bright"]) == ("2", "76")
    blocks = read_answers(one.raw, "blocks")
    assert dict(zip(blocks["question"], blocks["answer"], strict=True)) == {
        "tired_block1": "yes",
        "tired_block2": "no",
    }
    assert read_answers(one.raw, "debrief")["task"].tolist() == ["anchoredchoice"]
    assert check_bids(one.raw) == []
