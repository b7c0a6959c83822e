"""The whole chain through its real commands: the demo, small."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.conftest import succeed

from twoalike.demo import DemoConfig, _run, run_demo
from twoalike.results import Results
from twoalike.stimuli import draw_creatures
from twoalike.study import TwoalikeError

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="no Xvfb here")

SMALL = DemoConfig(
    seed=5,
    participants=2,
    trials=180,
    test_triplets=300,
    features="--size 64",
    fit="--quick --engine vi --steps 500",
    distill="--steps 3 --size 64 --batch 12",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The demo of half the creatures; only what opens a window is a process of its own."""
    own_process = _run.run_stage

    def run(stage: _run.Stage, threads: int = 0) -> float:
        if "--windowed" in stage.arguments:
            return own_process(stage, threads)
        succeed(*stage.arguments)
        return 0.0

    def in_turn(lines: Any, *how: Any) -> None:
        _run.run_stages(sum(lines, []), *how)

    root = tmp_path_factory.mktemp("chain") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DISPLAY", raising=False)  # the demo finds a screen of its own
        patch.setattr(_run, "run_stage", run)
        patch.setattr(_run, "run_at_once", in_turn)
        few = partial(draw_creatures, species=3, size=64)
        patch.setattr("twoalike.planning._study.draw_creatures", few)
        run_demo(root, SMALL)
        yield root


def test_lines_of_stages_run_at_once_and_one_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    together, run_stage = threading.Barrier(2), _run.run_stage

    def run(stage: _run.Stage, threads: int = 0) -> float:
        together.wait(30)
        assert threads == 1
        return run_stage(stage, threads)

    monkeypatch.setattr(_run, "run_stage", run)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    sound, bad = (_run.Stage(name, (f"--{name}",), tmp_path / "new") for name in ("version", "bad"))
    with pytest.raises(TwoalikeError, match="stage 'bad' ended with status 2"):
        _run.run_at_once([[sound], [bad]], Console())
    said = capfd.readouterr().out
    assert version("twoalike") in said and "s: version" in said


def test_every_stage_left_its_file(demo: Path) -> None:
    for name in (
        "study.toml",
        "data/raw/dataset_description.json",
        "derived/choices.parquet",
        "derived/posterior.nc",
        "derived/teacher/teacher.json",
        "derived/student/model.safetensors",
        "derived/student/README.md",
        "derived/results.json",
        "first_look.html",
        "report.html",
    ):
        assert (demo / name).is_file(), name
    assert not [path for path in demo.rglob("*") if ".part" in path.name]


def test_held_out_species_were_judged_by_nobody(demo: Path) -> None:
    held_out = set((demo / "world" / "held_out.txt").read_text().split())
    assert len(held_out) == 36
    for table in (demo / "data" / "raw").rglob("*_beh.tsv"):
        assert not held_out & set(table.read_text().split())
    trained = json.loads((demo / "derived" / "student" / "config.json").read_text())
    assert trained["data"]["learnt"] <= 72


def test_results_hold_base_control_aligned_and_ceiling(demo: Path) -> None:
    results = Results.load(demo / "derived" / "results.json")
    whole = [of.model for of in results.networks if of.representation == "vector"]
    assert whole == ["base", "control", "aligned", "true observer"]
    for name in results.names:
        accuracy = results.estimate("odd_one_out.accuracy", name)
        assert accuracy is not None and 0 < accuracy.low < accuracy.value < accuracy.high < 1


def test_posterior_opens_in_plain_arviz(demo: Path) -> None:
    import arviz

    sizes = arviz.from_netcdf(demo / "derived" / "posterior.nc")["posterior"].sizes
    assert 60 <= sizes["object"] <= 72 and sizes["participant"] == 2


def test_a_second_run_does_nothing_again(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.is_file()}
    run_demo(demo, SMALL)
    after = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.is_file()}
    assert after == before
    assert "there already" in capsys.readouterr().out
