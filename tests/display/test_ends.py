"""How a session in its window ends when nobody at the keyboard ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import succeed
from tests.display.conftest import ENOUGH_S, Session

from twoalike.record import read_manifest, read_run, write_left_out

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

TASKS = ("odd-one-out", "multi-arrangement")
DESIGN = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
COMMAND = [sys.executable, "-m", "twoalike.cli.app", "run"]


def close_window(process: Any, person: Any) -> None:
    """Press the close button of the window, as a window manager tells of it."""
    from Xlib.protocol.event import ClientMessage

    display, window = person.display, person.window()
    content = [display.intern_atom("WM_DELETE_WINDOW"), 0, 0, 0, 0]
    kind = display.intern_atom("WM_PROTOCOLS")
    window.send_event(ClientMessage(window=window, client_type=kind, data=(32, content)))
    display.sync()


def begin(root: Path, task: str, person: Any, screen: str | None = None) -> Session:
    """Start a simulated session in a window, and wait until it has kept two trials."""
    command = [*COMMAND, str(root), "--task", task, "--participant", "001", "--simulate"]
    process = subprocess.Popen(
        [*command, "--windowed", "--speed", "10"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DISPLAY": screen or os.environ["DISPLAY"]},
    )
    session = Session(root, person, task, process)
    session.until(lambda: session.n_rows() >= 2)
    return session


def sent(number: signal.Signals) -> Callable[..., None]:
    return lambda process, person: process.send_signal(number)


ENDS = [
    ("SIGHUP", sent(signal.SIGHUP), "terminated"),
    ("close-button", close_window, "window_closed"),
    ("SIGTERM", sent(signal.SIGTERM), "terminated"),
    ("SIGINT", sent(signal.SIGINT), "interrupted"),
]
EACH_ONCE = {("SIGHUP", TASKS[0]), ("close-button", TASKS[1])}  # the others are slow


@pytest.mark.parametrize(
    ("end", "reason", "task"),
    [
        pytest.param(
            end,
            reason,
            task,
            id=f"{name}-{task}",
            marks=() if (name, task) in EACH_ONCE else pytest.mark.slow,
        )
        for name, end, reason in ENDS
        for task in TASKS
    ],
)
def test_a_session_that_is_ended_is_saved(
    end: Callable[..., None], reason: str, task: str, make_study: Callable[..., Path], person: Any
) -> None:
    session = begin(make_study(design=DESIGN), task, person)
    end(session.process, person)
    assert session.end() == 130
    assert read_manifest(session.name.manifest(session.raw))["end_reason"] == reason
    assert session.problems() == []


@pytest.fixture
def server() -> Iterator[tuple[Any, str]]:
    """An X server of one's own, and its name."""
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x1024x24", "-noreset"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    yield process, f":{process.stdout.readline().strip()}"
    process.kill()
    process.communicate()


# What is kept of an arrangement in a window is tested where its close button is pressed.
@pytest.mark.parametrize("task", [TASKS[0], pytest.param(TASKS[1], marks=pytest.mark.slow)])
def test_when_the_screen_is_lost_the_trials_are_not(
    task: str, make_study: Callable[..., Path], server: tuple[Any, str], person: Any
) -> None:
    screen, name = server
    session = begin(make_study(design=DESIGN), task, person, screen=name)
    screen.kill()
    _, said = session.process.communicate(timeout=ENOUGH_S)
    rows = session.name.rows(session.raw)
    write_left_out(session.raw, "001")
    left = read_run(rows).rows
    assert len(left) > 0
    assert session.process.returncode != 0
    assert "Traceback" not in said
    assert session.problems() == []
    again = ["run", session.root, "--task", task, "--participant", "001", "--simulate"]
    again += ["--no-window", "--resume"]
    succeed(*again)
    assert read_run(rows).rows.iloc[: len(left)].equals(left)
    assert session.problems() == []
