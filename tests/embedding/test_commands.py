"""``fit`` and ``predict`` through the command line: what they write, and every refusal."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import refused

from twoalike.embedding import Posterior
from twoalike.judgments import write_judgments
from twoalike.study import TwoalikeError

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def choices(world: Any, tmp_path: Path) -> Path:
    path = tmp_path / "choices.parquet"
    write_judgments(path, world.judge(300, 2), {})
    return path


def test_a_fit_that_cannot_be_saved_is_not_lost(
    run: Run, choices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twoalike.embedding._config.EVERY_S", 0.0)
    out = tmp_path / "posterior.nc"
    words = ("fit", "--choices", choices, "--quick", "--engine", "vi", "--steps", 100, "--draws", 4)
    words += ("--dimensions", 3, "--chains", 1)

    def full(*_: Any) -> None:
        raise TwoalikeError(f"{out}: cannot write (No space left on device). Free space.")

    with monkeypatch.context() as patch:
        patch.setattr(Posterior, "save", full)
        refused(run, out, "No space left", *words)
    part = tmp_path / "posterior.part.npz"
    assert part.exists()
    # All steps are done: what is left are the draws.
    monkeypatch.setattr("twoalike.embedding._vi._Progress.go_on", None)
    assert run(*words, "--out", out)[0] == 0
    assert out.exists() and not part.exists()


READS_THEN_REFUSES = """
import sys
import numpy as np
from twoalike.embedding import Posterior
Posterior.load(sys.argv[1]).choice_probabilities(np.array([[0, 1, 2]]))
heavy = {"pymc", "pytensor", "jax", "arviz", "torch"} & set(sys.modules)
assert not heavy, heavy
from twoalike.cli.app import main
main(sys.argv[2:])
"""


def test_a_process_reads_a_posterior_without_pymc_and_refuses_in_one_line(
    posterior: Posterior, tmp_path: Path
) -> None:
    path, out = tmp_path / "posterior.nc", tmp_path / "p.nc"
    posterior.save(path)
    words = ["fit", "--choices", str(tmp_path / "absent.parquet"), "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", READS_THEN_REFUSES, str(path), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "found no such file" in done.stderr
    assert not out.exists()


SAVES_OFTEN = """
import sys
from twoalike.cli.app import main
from twoalike.embedding import _config
_config.EVERY_S = 0.5
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_an_interrupt_leaves_no_posterior_and_no_traceback(choices: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "p.nc"
    words = ["fit", "--choices", str(choices), "--out", str(out), "--quick", "--engine", "vi"]
    process = subprocess.Popen(
        [sys.executable, "-c", SAVES_OFTEN, *words, "--steps", "1000000", "--dimensions", "3"],
        stderr=subprocess.PIPE,
        text=True,
    )
    part, deadline = tmp_path / "out" / "p.part.npz", time.monotonic() + 120
    while not part.exists():  # optimising by then
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)  # once: none is lost, and at the exit another would kill
    _, said = process.communicate(timeout=90)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not out.exists() and not list(tmp_path.glob("out/.*"))
