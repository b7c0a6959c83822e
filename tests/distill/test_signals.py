"""Real signals to a real run: it stops between two steps, and goes on to the same end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import succeed
from tests.distill.conftest import Squares, assert_same

from twoalike.features import write_features

RECIPE = "steps = 30\nbatch = 8\nsize = 32\nevaluate_every = 12\nselect = 'last'\nworkers = 1\n"


@pytest.mark.parametrize(
    ("number", "to_all"),
    [
        (signal.SIGTERM, True),
        pytest.param(signal.SIGINT, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_says_where_and_goes_on(
    squares: Squares, tmp_path: Path, number: signal.Signals, to_all: bool
) -> None:
    """Also where the signal reaches the processes that load images, as systemd's does."""
    write_features(tmp_path / "colours.npz", squares.features)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    words = ["distill", "--teacher", squares.teacher, "--images", squares.images, "--untrained"]
    words += ["--student", "test_resnet", "--features", tmp_path / "colours.npz"]
    words += ["--device", "cpu", "--config", tmp_path / "recipe.toml", "--out"]
    out = tmp_path / "stopped"
    log = out / "training.jsonl"
    with subprocess.Popen(
        [sys.executable, "-m", "twoalike.cli.app", *map(str, words), str(out)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        deadline = time.monotonic() + 240
        while not (log.is_file() and len(log.read_text().splitlines()) > 4):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (os.killpg if to_all else os.kill)(process.pid, number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = Path(f"{out}.checkpoints").glob("step-*")
    step = max(int(path.stem.removeprefix("step-")) for path in kept)
    assert 4 <= step < 30
    assert said.strip() == (
        f"twoalike: interrupted: {out}: stopped after step {step} of 30; go on with --resume"
    )
    # In this process, without others that load images: neither changes the student.
    (tmp_path / "recipe.toml").write_text(RECIPE)
    succeed(*words, out, "--resume")
    succeed(*words, tmp_path / "whole")
    assert_same(out, tmp_path / "whole")
