"""Sessions in real windows of common sizes, each on a virtual screen of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from twoalike.record import RunName, find_runs, read_manifest, read_run

pytestmark = [pytest.mark.display, pytest.mark.slow]

SIT = """
import sys
from twoalike.display import virtual_display
from twoalike.sitting import sit
with virtual_display((int(sys.argv[2]), int(sys.argv[3]))):
    sit(sys.argv[1], "901", task="anchored-choice", simulate=True, panel=False)
"""


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1600, 900), (1920, 1200)])
def test_the_screens_that_anchored_choice_was_refused_on(
    size: tuple[int, int], make_study: Callable[..., Path]
) -> None:
    root = make_study("study", "trials = 4\npractice = 0\n[anchored]\ntrials = 4\npractice = 0\n")
    command = [sys.executable, "-c", SIT, str(root), *map(str, size)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = find_runs(root / "data" / "raw")
    assert len(read_run(path).rows) >= 4
    manifest = RunName.parse(path).manifest(root / "data" / "raw")
    screen = read_manifest(manifest)["segments"][0]["apparatus"]["screen"]
    assert tuple(screen["size_px"]) == size
