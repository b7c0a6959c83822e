"""Choices by a person at the real command line: X events as a keyboard and a mouse send them.

Times are compared with the clock of the hands that send the events (see ``check_times``).
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import read_manifest, read_run
from twoalike.tasks import (
    AnchoredChoice,
    MostAlikePair,
    OddOneOfMany,
    OddOneOut,
    View,
    lay_out,
)

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = """
[pages]
page_s = 0
instruction_s = 0
[timing]
fixation_s = 0
minimum_rt_s = 0
feedback_s = 0
[breaks]
break_every = 0
ready_s = 0
"""
DESIGN = "trials = 8\npractice = 0\n"
TASK = "odd-one-out"


def answer(session: Any, act: Callable[[], Any]) -> None:
    """Do something that answers the trial, and wait for its row."""
    n_rows = session.n_rows()
    done = act()
    session.until(lambda: session.n_rows() > n_rows)
    last = read_run(session.name.rows(session.raw)).rows.iloc[-1]
    moment = done if isinstance(done, float) else done[2]
    session.saw("answer", moment, float(last["onset"]) + float(last["response_time"]))


def test_keys_and_mouse_are_recorded_as_given(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    session = sit(make_study("study", DESIGN, QUICK), TASK)
    layout = lay_out(OddOneOut(), View((1280, 1024)))
    given = [
        ("left", "keyboard", "left", lambda: person.press("Left")),
        ("right", "keyboard", "3", lambda: person.press("3")),
        ("middle", "keyboard", "down", lambda: person.press("Down")),
        ("left", "keyboard", "1", lambda: person.press("1")),
        ("right", "mouse", None, lambda: person.click(layout.centre("right")[0] + 20, -30)),
        ("middle", "mouse", None, lambda: person.click(0, 100)),
        ("left", "mouse", None, lambda: person.click(layout.centre("left")[0] - 100, 60)),
        ("right", "keyboard", "right", lambda: person.press("Right")),
    ]
    session.begin()
    for _, _, _, act in given:
        answer(session, act)
    assert session.finish() == 0
    table = read_run(session.name.rows(session.raw)).rows
    columns = ["response_position", "response_method", "response_key"]
    found = table[columns].astype(object).where(table[columns].notna(), None).to_numpy().tolist()
    assert found == [list(row[:3]) for row in given]
    assert set(table["rt_source"]) == {"pyglet"}
    session.check_times()
    gaps = table["onset"].diff().dropna() - table["response_time"].iloc[:-1].to_numpy()
    assert (gaps >= 0).all()
    assert session.problems() == []
    manifest = read_manifest(session.name.manifest(session.raw))
    assert manifest["simulated"] is False
    assert manifest["segments"][0]["apparatus"]["screen"]["size_px"] == [1280, 1024]


def test_escape_asks_saves_and_ends(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    session = sit(make_study("study", DESIGN, QUICK), TASK)
    session.begin()
    answer(session, lambda: person.press("1"))
    person.press("Escape")
    session.until(lambda: session.notes("stop_asked"))
    person.press("x")
    session.until(lambda: session.notes("went_on"))
    answer(session, lambda: person.press("2"))
    person.press("Escape")
    session.until(lambda: len(session.notes("stop_asked")) == 2)
    person.press("Escape")
    assert session.end() == 130
    manifest = session.name.manifest(session.raw)
    assert (session.n_rows(), read_manifest(manifest)["end_reason"]) == (2, "stopped")
    rows = read_run(session.name.rows(session.raw)).rows
    assert rows["rt_flag"].tolist()[1] == "interrupted"
    assert session.problems() == []


def test_anchored_choices_are_recorded_as_given_and_go_on_after_a_kill(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    root = make_study("study", f"{DESIGN}[anchored]\ntrials = 6\npractice = 0\n")
    (root / "protocols" / "anchored_choice.toml").write_text(QUICK)
    session = sit(root, "anchored-choice")
    layout = lay_out(AnchoredChoice(), View((1280, 1024)))
    given = [
        ("left", "keyboard", "left", lambda: person.press("Left")),
        ("right", "keyboard", "2", lambda: person.press("2")),
        ("right", "mouse", None, lambda: person.click(*layout.centre("right"))),
        ("left", "keyboard", "1", lambda: person.press("1")),
        ("left", "mouse", None, lambda: person.click(layout.centre("left")[0] - 100, -200)),
        ("right", "keyboard", "right", lambda: person.press("Right")),
    ]
    session.begin()
    for _, _, _, act in given[:3]:
        answer(session, act)
    person.click(*layout.centre("middle"))  # the reference is no answer
    person.press("Down")
    assert session.n_rows() == 3
    session.process.kill()
    session.process.wait()
    session = sit(root, "anchored-choice", "--resume")
    session.resume()
    for _, _, _, act in given[3:]:
        answer(session, act)
    assert session.finish() == 0
    table = read_run(session.name.rows(session.raw)).rows
    columns = ["response_position", "response_method", "response_key"]
    found = table[columns].astype(object).where(table[columns].notna(), None).to_numpy().tolist()
    assert found == [list(row[:3]) for row in given]
    assert table["seen_before"].tolist() == [False, False, False, True, False, False]
    assert session.problems() == []
    ends = [
        one["end_reason"] for one in read_manifest(session.name.manifest(session.raw))["segments"]
    ]
    assert ends == ["killed", "completed"]


def test_pairs_are_framed_and_recorded_as_given_and_go_on_after_a_kill(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    settings = "[most_alike_pair]\nn_items = 5\ntrials = 5\npractice = 0\n"
    root = make_study("study", f"{DESIGN}{settings}")
    (root / "protocols" / "most_alike_pair.toml").write_text(QUICK)
    session = sit(root, "most-alike-pair")
    layout = lay_out(MostAlikePair(), View((1280, 1024)), 5)
    accent = tuple(int(MostAlikePair().screen.accent[k : k + 2], 16) for k in (1, 3, 5))

    def framed(place: str) -> bool:
        x, y = layout.centre(place)
        return bool(person.colour(x - layout.image / 2 - 9, y) == accent)

    def click(place: str) -> Any:
        x, y = layout.centre(place)
        return person.click(x + 40, y - 30)

    def pick(place: str, act: Callable[[], Any]) -> None:
        before = framed(place)
        act()
        session.until(lambda: framed(place) != before)

    session.begin()
    pick("2", lambda: person.press("2"))
    answer(session, lambda: person.press("KP_5"))
    pick("4", lambda: click("4"))
    pick("4", lambda: click("4"))  # taken back
    pick("1", lambda: click("1"))
    answer(session, lambda: click("3"))
    pick("5", lambda: person.press("5"))
    person.press("6")  # there are five images
    assert session.n_rows() == 2
    session.process.kill()
    session.process.wait()
    session = sit(root, "most-alike-pair", "--resume")
    session.resume()
    for first, second in (("1", "2"), ("2", "3"), ("3", "4")):
        pick(first, partial(person.press, first))
        answer(session, partial(click, second))
    assert session.finish() == 0
    table = read_run(session.name.rows(session.raw)).rows
    places = [
        [row[f"position_{row[name]}"] for name in ("first_response", "response_1", "response_2")]
        for row in table.to_dict("records")
    ]
    given = [(2, 5), (1, 3), (1, 2), (2, 3), (3, 4)]
    assert [(first, {one, other}) for first, one, other in places] == [
        (first, {first, second}) for first, second in given
    ]
    assert table["n_taken_back"].tolist() == [0, 1, 0, 0, 0]
    assert table["response_method"].tolist() == ["keyboard"] + 4 * ["mouse"]
    assert table["seen_before"].tolist() == [False, False, True, False, False]
    assert (table["first_response_time"] < table["response_time"]).all()
    session.check_times()
    assert session.problems() == []


def test_the_odd_one_of_six_is_recorded_as_given(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    settings = "[odd_one_of_many]\nn_items = 6\ntrials = 4\npractice = 0\n"
    root = make_study("study", f"{DESIGN}{settings}")
    protocol = '[images]\nlayout = "ring"\n'
    (root / "protocols" / "odd_one_of_many.toml").write_text(QUICK + protocol)
    session = sit(root, "odd-one-of-many")
    ring = OddOneOfMany.model_validate({"images": {"layout": "ring"}})
    layout = lay_out(ring, View((1280, 1024)), 6)
    session.begin()
    answer(session, lambda: person.press("6"))
    answer(session, lambda: person.press("KP_1"))
    for place in ("4", "5"):
        answer(session, partial(person.click, *layout.centre(place)))
    assert session.finish() == 0
    table = read_run(session.name.rows(session.raw)).rows
    assert table["response_position"].tolist() == [6, 1, 4, 5]
    assert table["response_key"].tolist()[:2] == ["6", "num_1"]
    session.check_times()
    assert session.problems() == []
