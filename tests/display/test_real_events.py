"""Choices by a person at the real command line: X events as a keyboard and a mouse send them.

Times are compared with the clock of the hands that send the events (see ``check_times``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from twoalike.record import read_manifest, read_run
from twoalike.tasks import MostAlikePair, OddOneOut, View, lay_out

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = Path(__file__).with_name("quick.toml").read_text(encoding="utf-8") + "break_every = 0\n"
DESIGN = "trials = 10\npractice = 0\n"
VIEW = View((1280, 1024))


def recorded(session: Any) -> tuple[pd.DataFrame, list[list[Any]]]:
    """The rows of a session that is over; position, method and key of each answer."""
    assert session.problems() == []
    table = read_run(session.name.rows(session.raw)).rows
    columns = ["response_position", "response_method", "response_key"]
    found = table.reindex(columns=columns).astype(object)
    return table, found.where(found.notna(), None).to_numpy().tolist()


def test_keys_and_mouse_are_recorded_as_given_and_escape_asks_saves_and_ends(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    session = sit(make_study("study", DESIGN, QUICK), "odd-one-out")
    layout = lay_out(OddOneOut(), VIEW)
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
    for *_, act in given:
        session.answer(act)
    session.check_times()
    person.press("Escape")
    session.until(lambda: session.notes("stop_asked"))
    person.press("x")
    session.until(lambda: session.notes("went_on"))
    assert session.answer(lambda: person.press("2"))["rt_flag"] == "interrupted"
    person.press("Escape")
    session.until(lambda: len(session.notes("stop_asked")) == 2)
    person.press("Escape")
    assert session.end() == 130
    table, found = recorded(session)
    assert found == [*(list(row[:3]) for row in given), ["middle", "keyboard", "2"]]
    assert set(table["rt_source"]) == {"pyglet"}
    gaps = table["onset"].diff().dropna() - table["response_time"].iloc[:-1].to_numpy()
    assert (gaps >= 0).all()
    manifest = read_manifest(session.name.manifest(session.raw))
    assert (manifest["simulated"], manifest["end_reason"]) == (False, "stopped")
    assert manifest["segments"][0]["apparatus"]["screen"]["size_px"] == [1280, 1024]


def test_pairs_are_framed_and_recorded_as_given(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    settings = "[most_alike_pair]\nn_items = 5\ntrials = 3\npractice = 0\n"
    root = make_study("study", f"{DESIGN}{settings}")
    (root / "protocols" / "most_alike_pair.toml").write_text(QUICK)
    session = sit(root, "most-alike-pair")
    layout = lay_out(MostAlikePair(), VIEW, 5)
    accent = tuple(bytes.fromhex(MostAlikePair().screen.accent[1:]))

    def framed(place: str) -> bool:
        x, y = layout.centre(place)
        return bool(person.colour(x - layout.image / 2 - 9, y) == accent)

    def click(place: str) -> Any:
        x, y = layout.centre(place)
        return person.click(x + 40, y - 30)

    def pick(place: str, act: Callable[[str], Any] = click) -> None:
        before = framed(place)
        act(place)
        session.until(lambda: framed(place) != before)

    session.begin()
    pick("2", person.press)
    session.answer(lambda: person.press("KP_5"))
    pick("4")
    pick("4")  # taken back
    pick("1")
    session.answer(lambda: click("3"))
    pick("5", person.press)
    person.press("6")  # there are five images
    assert session.n_rows() == 2
    session.answer(lambda: click("2"))
    session.check_times()
    assert session.finish() == 0
    table, _ = recorded(session)
    names = ("first_response", "response_1", "response_2")
    places = [[row[f"position_{row[one]}"] for one in names] for _, row in table.iterrows()]
    assert [(first, {one, other}) for first, one, other in places] == [
        *((2, {2, 5}), (1, {1, 3}), (5, {5, 2}))
    ]
    assert table["n_taken_back"].tolist() == [0, 1, 0]
    assert table["response_method"].tolist() == ["keyboard", "mouse", "mouse"]
    assert (table["first_response_time"] < table["response_time"]).all()
