"""Ratings by a person at the real command line: keys, clicks, drags, the wheel, arrow keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import read_manifest, read_run
from twoalike.tasks import PairRating, View
from twoalike.tasks.pair_rating import lay_out_rating

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = """
[pages]
page_s = 0
instruction_s = 0
[timing]
fixation_s = 0
minimum_rt_s = 0
feedback_s = 0
confirm_s = 20
[breaks]
ready_s = 0
"""
DESIGN = "trials = 3\n[pair_rating]\npairs = 6\npractice = 0\n"
TASK = "pair-rating"
VIEW = View((1280, 1024))


def start(make_study: Callable[..., Path], sit: Callable[..., Any], scale: str) -> Any:
    root = make_study("study", DESIGN)
    (root / "protocols" / "pair_rating.toml").write_text(QUICK + scale)
    session = sit(root, TASK)
    session.begin()
    return session


def test_points_of_a_scale_are_given_by_keys_and_mouse_and_go_on_after_a_kill(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    session = start(make_study, sit, "")
    points = lay_out_rating(PairRating(), VIEW).points
    given: list[tuple[int, str, Callable[[], Any]]] = [
        (6, "keyboard", lambda: person.press("6")),
        (2, "mouse", lambda: person.click(points[1].x, points[1].y)),
        (5, "keyboard", lambda: person.type("Right", "Right", "Return")),
        (1, "keyboard", lambda: person.press("1")),
        (7, "mouse", lambda: person.click(points[6].x + 20, points[6].y - 15)),
        (3, "keyboard", lambda: person.press("3")),
    ]
    for _, _, act in given[:3]:
        session.answer(act)
    person.click(0, 200)  # beside the scale
    person.press("8")  # no point has it
    assert session.n_rows() == 3
    session = session.killed()
    for _, _, act in given[3:]:
        session.answer(act)
    assert session.finish() == 0
    rows = read_run(session.name.rows(session.raw)).rows
    assert rows["response"].tolist() == [value for value, _, _ in given]
    assert rows["response_method"].tolist() == [method for _, method, _ in given]
    assert rows["n_adjustments"].tolist() == [1, 1, 2, 1, 1, 1]
    assert rows["seen_before"].tolist() == [False, False, False, True, False, False]
    assert session.problems() == []
    segments = read_manifest(session.name.manifest(session.raw))["segments"]
    assert [one["end_reason"] for one in segments] == ["killed", "completed"]


def test_a_slider_is_dragged_clicked_wheeled_and_nudged(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    scale = '[scale]\nkind = "slider"\nstart = 0.5\n'
    session = start(make_study, sit, scale)
    protocol = PairRating.model_validate({"scale": {"kind": "slider"}})
    layout = lay_out_rating(protocol, VIEW)
    y, done = round(layout.track.y), layout.done
    assert done is not None

    def drag() -> None:
        person.drag((0, y), (200, y))
        person.press("Return")

    def click() -> None:
        person.click(-160, y)
        person.click(done.x, done.y)

    def wheel() -> None:
        for button in (4, 4, 4, 5):  # three notches up, one down
            person.click(0, 0, button=button)
        person.press("Return")

    def arrows() -> None:
        person.type("Left", "Left", "Down", "Return")

    def leave() -> None:
        person.press("Return")
        person.wait(0.2)
        assert session.n_rows() == 4
        person.press("Return")

    found = [session.answer(act) for act in (drag, click, wheel, arrows, leave, drag)]
    values = [0.5 + 200 / layout.track.width, layout.value_at(-160), 0.54, 0.44, 0.5]
    for row, value in zip(found, values, strict=False):
        assert float(row["response"]) == pytest.approx(value, abs=2e-3)
    assert [row["response_method"] for row in found] == [
        *("mouse", "mouse", "wheel", "keyboard", "keyboard", "mouse")
    ]
    assert [row["n_adjustments"] for row in found] == [1, 1, 4, 3, 0, 1]
    assert session.finish() == 0
    assert session.problems() == []
