"""How a session in its window ends when nobody at the keyboard ends it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import (
    RunName,
    check_bids,
    check_run_files,
    read_manifest,
    read_run,
    write_left_out,
)
from twoalike.stimuli import StimulusSet

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

TASKS = ("odd-one-out", "multi-arrangement")
DESIGN = """trials = 30
practice = 0
[arrangement]
max_items = 4
max_trials = 12
practice_items = 0
stop_evidence = 1000
session_minutes = 0
"""
ENOUGH_S = 60.0


def close_window(process: Any, person: Any) -> None:
    """Press the close button of the window, as a window manager tells of it."""
    from Xlib.protocol.event import ClientMessage

    display, window = person.display, person.window()
    content = [display.intern_atom("WM_DELETE_WINDOW"), 0, 0, 0, 0]
    kind = display.intern_atom("WM_PROTOCOLS")
    window.send_event(ClientMessage(window=window, client_type=kind, data=(32, content)))
    display.sync()


def begin(root: Path, task: str, *words: str, screen: str | None = None) -> Any:
    """Start a simulated session in a window, and wait until it has kept two trials."""
    command = ["run", str(root), "--task", task, "--participant", "901", "--simulate"]
    process = subprocess.Popen(
        [sys.executable, "-m", "twoalike.cli.app", *command, "--windowed", "--speed", "10", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DISPLAY": screen or os.environ["DISPLAY"]},
    )
    journal = name_of(task).journal(root / "data" / "raw")
    deadline = time.monotonic() + ENOUGH_S
    while not journal.exists() or journal.read_bytes().count(b'"what": "trial"') < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no trial was recorded"
        time.sleep(0.01)
    return process


def name_of(task: str) -> RunName:
    return RunName("901", 1, task.replace("-", ""))


def problems(root: Path, task: str) -> list[Any]:
    """What the BIDS validator and our own check find."""
    raw = root / "data" / "raw"
    table = StimulusSet.load(root / "stimuli").table
    stimuli = dict(zip(table["id"], table["sha256"], strict=True))
    return [*check_bids(raw), *check_run_files(raw, name_of(task).rows(raw), stimuli)]


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
    root = make_study(design=DESIGN)
    process = begin(root, task)
    end(process, person)
    process.communicate(timeout=ENOUGH_S)
    assert process.returncode == 130
    manifest = read_manifest(name_of(task).manifest(root / "data" / "raw"))
    assert manifest["end_reason"] == reason
    assert problems(root, task) == []


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


@pytest.mark.parametrize("task", TASKS)
def test_when_the_screen_is_lost_the_trials_are_not(
    task: str, make_study: Callable[..., Path], server: tuple[Any, str]
) -> None:
    root = make_study(design=DESIGN)
    screen, name = server
    process = begin(root, task, screen=name)
    screen.kill()
    _, said = process.communicate(timeout=ENOUGH_S)
    rows = name_of(task).rows(root / "data" / "raw")
    write_left_out(root / "data" / "raw", "901")
    left = read_run(rows).rows
    assert len(left) > 0
    assert process.returncode != 0
    assert "Traceback" not in said
    assert problems(root, task) == []
    command = ["run", str(root), "--task", task, "--participant", "901", "--simulate"]
    again = [sys.executable, "-m", "twoalike.cli.app", *command, "--no-window", "--resume"]
    subprocess.run(again, check=True, capture_output=True, timeout=ENOUGH_S)
    assert read_run(rows).rows.iloc[: len(left)].equals(left)
    assert problems(root, task) == []
    sys.stdout.write(f"{process.returncode}: {said}\n")  # shown by pytest -s
