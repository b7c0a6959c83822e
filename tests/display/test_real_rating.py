"""Ratings by a person at the real command line: keys, clicks, arrow keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import read_manifest, read_run
from twoalike.tasks import PairRating, View
from twoalike.tasks.pair_rating import lay_out_rating

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = Path(__file__).with_name("quick.toml").read_text(encoding="utf-8")
DESIGN = "trials = 3\n[pair_rating]\npairs = 6\npractice = 0\n"


def test_points_of_a_scale_are_given_by_keys_and_mouse(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    root = make_study("study", DESIGN)
    (root / "protocols" / "pair_rating.toml").write_text(QUICK)
    session = sit(root, "pair-rating")
    session.begin()
    points = lay_out_rating(PairRating(), View((1280, 1024))).points
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
    for _, _, act in given[3:]:
        session.answer(act)
    assert session.finish() == 0
    rows = read_run(session.name.rows(session.raw)).rows
    assert rows["response"].tolist() == [value for value, _, _ in given]
    assert rows["response_method"].tolist() == [method for _, method, _ in given]
    assert rows["n_adjustments"].tolist() == [1, 1, 2, 1, 1, 1]
    assert session.problems() == []
    assert read_manifest(session.name.manifest(session.raw))["end_reason"] == "completed"
