"""SIGTERM ends a session in order, without a window and in one."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import call

from twoalike.record import RunName, check_bids, read_manifest


# The default suite shows that a window ends in order on SIGHUP: display/test_ends.py.
@pytest.mark.parametrize(
    "screen",
    ["--no-window", pytest.param("--windowed", marks=[pytest.mark.display, pytest.mark.slow])],
)
def test_a_terminated_session_ends_in_order_and_goes_on(
    screen: str, make_study: Callable[..., Path]
) -> None:
    root, name = make_study(), RunName("901", 1)
    raw = root / "data" / "raw"
    words = ["run", str(root), "--participant", "901", "--simulate"]
    command = [sys.executable, "-m", "twoalike.cli.app", *words, screen, "--speed", "20"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = name.journal(raw)
    while not journal.exists() or journal.read_bytes().count(b'"what": "trial"') < 2:
        time.sleep(0.01)
        assert process.poll() is None
    process.terminate()
    assert process.wait(timeout=60) == 130
    assert read_manifest(name.manifest(raw))["end_reason"] == "terminated"
    assert check_bids(raw) == []
    assert call(*words, "--no-window", "--resume") == 0
    assert check_bids(raw) == []
