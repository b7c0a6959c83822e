"""Real signals to a real run: it stops between two steps, and goes on to the same end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import succeed
from tests.distill.conftest import Squares, assert_same

from twoalike.distill._update import Update
from twoalike.features import write_features

RECIPE = "steps = 30\nbatch = 8\nsize = 32\nevaluate_every = 12\nselect = 'last'\nworkers = "


def command(squares: Squares, folder: Path, workers: int) -> list[Any]:
    """Words of a run, but for the folder of its student."""
    write_features(folder / "colours.npz", squares.features)
    (folder / "recipe.toml").write_text(f"{RECIPE}{workers}\n")
    words = ["distill", "--teacher", squares.teacher, "--images", squares.images, "--untrained"]
    words += ["--student", "test_resnet", "--features", folder / "colours.npz"]
    return [*words, "--device", "cpu", "--config", folder / "recipe.toml", "--out"]


def goes_on(words: list[Any], out: Path, said: str) -> None:
    """The run says where it stopped, and ends as one that never did."""
    kept = Path(f"{out}.checkpoints").glob("step-*")
    step = max(int(path.stem.removeprefix("step-")) for path in kept)
    assert 4 <= step < 30
    assert said.strip() == (
        f"twoalike: interrupted: {out}: stopped after step {step} of 30; go on with --resume"
    )
    succeed(*words, out, "--resume")
    succeed(*words, out.with_name("whole"))
    assert_same(out, out.with_name("whole"))


@pytest.mark.skipif(os.name == "nt", reason="sends SIGTERM")
def test_a_stopped_run_says_where_and_goes_on(
    squares: Squares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    words, out, take = command(squares, tmp_path, 0), tmp_path / "stopped", Update.take

    def signalled(self: Update, step: int, data: Any) -> Any:
        if step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, step, data)

    with monkeypatch.context() as patch:
        patch.setattr(Update, "take", signalled)
        status, said = run(*words, out)
    assert status == 130
    goes_on(words, out, said)


@pytest.mark.slow  # three processes that import torch, for the same end
@pytest.mark.parametrize(
    ("number", "to_all"), [(signal.SIGTERM, True), (signal.SIGINT, False), (signal.SIGTERM, False)]
)
def test_a_signal_may_reach_the_processes_that_load_images(
    squares: Squares, tmp_path: Path, number: signal.Signals, to_all: bool
) -> None:
    """As systemd's does."""
    words, out = command(squares, tmp_path, 1), tmp_path / "stopped"
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
    goes_on(words, out, said)
