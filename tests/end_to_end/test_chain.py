"""The whole chain through its real commands: the demo, small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from twoalike.demo import DemoConfig, run_demo
from twoalike.results import Results

pytestmark = pytest.mark.display  # its first stages open windows, in processes of their own

SMALL = DemoConfig(
    seed=5,
    participants=2,
    trials=180,
    test_triplets=300,
    features=("--size", "64"),
    fit=("--quick", "--engine", "vi", "--steps", "500"),
    distill=("--steps", "3", "--size", "64", "--batch", "12"),
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chain") / "demo"
    run_demo(root, SMALL)
    return root


def _python(code: str) -> str:
    """Run code in a fresh interpreter: this process may have opened windows."""
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


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
    assert len(held_out) == 72
    for table in (demo / "data" / "raw").rglob("*_beh.tsv"):
        assert not held_out & set(table.read_text().split())
    trained = json.loads((demo / "derived" / "student" / "config.json").read_text())
    assert trained["data"]["learnt"] <= 144


def test_results_hold_base_control_aligned_and_ceiling(demo: Path) -> None:
    results = Results.load(demo / "derived" / "results.json")
    whole = [of.model for of in results.networks if of.representation == "vector"]
    assert whole == ["base", "control", "aligned", "true observer"]
    for name in results.names:
        accuracy = results.estimate("odd_one_out.accuracy", name)
        assert accuracy is not None and 0 < accuracy.low < accuracy.value < accuracy.high < 1


def test_posterior_opens_in_plain_arviz(demo: Path) -> None:
    printed = _python(
        "import arviz; tree = arviz.from_netcdf("
        f"{str(demo / 'derived' / 'posterior.nc')!r}); print(dict(tree['posterior'].sizes))"
    )
    assert "'object': 144" in printed or "'object': 1" in printed
    assert "'participant': 2" in printed


def test_student_loads_into_plain_timm(demo: Path) -> None:
    student = demo / "derived" / "student"
    printed = _python(
        "import json, sys, timm; from safetensors.torch import load_file\n"
        f"config = json.load(open({str(student / 'config.json')!r}))\n"
        "model = timm.create_model(config['architecture'], num_classes=config['num_classes'])\n"
        f"model.load_state_dict(load_file({str(student / 'model.safetensors')!r}))\n"
        "print('twoalike' in sys.modules)"
    )
    assert printed.strip() == "False"


def test_a_second_run_does_nothing_again(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.is_file()}
    run_demo(demo, SMALL)
    after = {path: path.stat().st_mtime_ns for path in demo.rglob("*") if path.is_file()}
    assert after == before
    assert "there already" in capsys.readouterr().out
