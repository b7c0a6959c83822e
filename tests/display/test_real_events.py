"""A person at the real command line, by X events as a keyboard and a mouse send them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import RunName, check_bids, read_manifest, read_run
from twoalike.tasks import OddOneOut, lay_out

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

QUICK = """
[timing]
fixation_s = 0
minimum_rt_s = 0
feedback_s = 0
page_s = 0
[breaks]
break_every = 0
"""
DESIGN = "trials = 8\npractice = 0\n"
NAME = RunName("001", 1)
ENOUGH_S = 60.0
HOLD_S = 0.05


class Person:
    """Hands on a keyboard and a mouse of the X server."""

    def __init__(self) -> None:
        from Xlib.display import Display

        self.display = Display()

    def _send(self, kind: int, detail: int = 0, x: int = 0, y: int = 0) -> None:
        from Xlib.ext import xtest

        xtest.fake_input(self.display, kind, detail, x=x, y=y)
        self.display.sync()

    def press(self, key: str) -> None:
        from Xlib import XK, X

        code = self.display.keysym_to_keycode(XK.string_to_keysym(key))
        self._send(X.KeyPress, code)
        time.sleep(HOLD_S)
        self._send(X.KeyRelease, code)

    def click(self, x: float, y: float) -> None:
        """Click at a point of the whole screen, from its centre, y up."""
        from Xlib import X

        geometry = self.display.screen().root.get_geometry()
        self._send(
            X.MotionNotify, x=round(geometry.width / 2 + x), y=round(geometry.height / 2 - y)
        )
        time.sleep(0.03)
        self._send(X.ButtonPress, 1)
        time.sleep(HOLD_S)
        self._send(X.ButtonRelease, 1)

    def window(self) -> Any:
        """The open window of the task, if it is there."""
        for child in self.display.screen().root.query_tree().children:
            try:
                if child.get_wm_name() == "twoalike":
                    return child
            except Exception:  # noqa: BLE001  # windows come and go while we look
                continue
        return None


class Sitting:
    """A session in a process of its own, on this X server."""

    def __init__(self, root: Path, person: Person) -> None:
        self.raw, self.person = root / "data" / "raw", person
        command = [sys.executable, "-m", "twoalike.cli.app", "run", str(root)]
        self.process = subprocess.Popen([*command, "--participant", "001"])

    def n_rows(self) -> int:
        table = NAME.rows(self.raw)
        return table.read_bytes().count(b"\n") - 1 if table.exists() else -1

    def events(self) -> str:
        log = NAME.log(self.raw)
        return log.read_text() if log.exists() else ""

    def until(self, holds: Callable[[], bool], act: Callable[[], None] | None = None) -> None:
        """Wait for something; with ``act``, do it every two seconds until it has an effect."""
        deadline = time.monotonic() + ENOUGH_S
        again = 0.0
        while not holds():
            now = time.monotonic()
            assert now < deadline, self.events()
            if act is not None and now >= again:
                act()
                again = now + 2.0
            time.sleep(0.01)

    def begin(self) -> None:
        """Turn the two pages of instruction."""
        self.until(lambda: NAME.rows(self.raw).exists() and self.person.window() is not None)
        self.until(
            lambda: self.events().count('"instruction"') == 2, lambda: self.person.press("space")
        )

    def answer(self, act: Callable[[], None]) -> None:
        n_rows = self.n_rows()
        time.sleep(0.1)
        self.until(lambda: self.n_rows() > n_rows, act)

    def end(self) -> int:
        return self.process.wait(timeout=ENOUGH_S)


@pytest.fixture
def person(request: pytest.FixtureRequest) -> Iterator[Person]:
    if not os.environ.get("DISPLAY"):
        pytest.fail("no display: Xvfb is missing, or pytest-xvfb is off")
    somebody = Person()
    yield somebody
    somebody.display.close()


def test_keys_and_mouse_are_recorded_as_given(
    make_study: Callable[..., Path], person: Person
) -> None:
    root = make_study("study", DESIGN, QUICK)
    sitting = Sitting(root, person)
    layout = lay_out(OddOneOut(), (1280, 1024))
    given = [
        ("left", "keyboard", "left", lambda: person.press("Left")),
        ("right", "keyboard", "3", lambda: person.press("3")),
        ("middle", "keyboard", "down", lambda: person.press("Down")),
        ("left", "keyboard", "1", lambda: person.press("1")),
        ("right", "mouse", None, lambda: person.click(layout.centre("right")[0] + 20, -30)),
        ("middle", "mouse", None, lambda: person.click(0, 100)),
        ("left", "mouse", None, lambda: person.click(-layout.pitch - 100, 60)),
        ("right", "keyboard", "right", lambda: person.press("Right")),
    ]
    sitting.begin()
    for _, _, _, act in given:
        sitting.answer(act)
    sitting.until(lambda: sitting.process.poll() is not None, lambda: person.press("space"))
    assert sitting.end() == 0
    table = read_run(NAME.rows(sitting.raw)).rows
    columns = ["response_position", "response_method", "response_key"]
    found = table[columns].astype(object).where(table[columns].notna(), None).to_numpy().tolist()
    assert found == [list(row[:3]) for row in given]
    assert set(table["rt_source"]) == {"pyglet"}
    # Acting waits .1 s after the row before; nobody presses two seconds late by accident.
    assert table["response_time"].between(0.02, 30).all()
    gaps = table["onset"].diff().dropna() - table["response_time"].iloc[:-1].to_numpy()
    assert (gaps >= 0).all()
    assert check_bids(sitting.raw) == []
    manifest = read_manifest(NAME.manifest(sitting.raw))
    assert manifest["simulated"] is False
    assert manifest["segments"][0]["apparatus"]["screen"]["size_px"] == [1280, 1024]


def test_escape_asks_saves_and_ends(make_study: Callable[..., Path], person: Person) -> None:
    root = make_study("study", DESIGN, QUICK)
    sitting = Sitting(root, person)
    sitting.begin()
    sitting.answer(lambda: person.press("1"))
    person.press("Escape")
    sitting.until(lambda: "stop_asked" in sitting.events())
    person.press("x")
    sitting.until(lambda: "went_on" in sitting.events())
    sitting.answer(lambda: person.press("2"))
    person.press("Escape")
    sitting.until(lambda: sitting.events().count("stop_asked") == 2)
    person.press("Escape")
    assert sitting.end() == 130
    manifest = NAME.manifest(sitting.raw)
    assert (sitting.n_rows(), read_manifest(manifest)["end_reason"]) == (2, "stopped")
    assert read_run(NAME.rows(sitting.raw)).rows["rt_flag"].tolist()[1] == "interrupted"
    assert check_bids(sitting.raw) == []
