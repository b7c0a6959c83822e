"""The layout that makes three source roots one package."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = ("experiments", "modeling", "analysis")


@pytest.mark.parametrize("stage", STAGES)
def test_source_root_stays_a_namespace(stage: str) -> None:
    stray = ROOT / stage / "twoalike" / "__init__.py"
    assert not stray.exists(), f"{stray} hides the other source roots: delete it"


@pytest.mark.parametrize("stage", STAGES)
def test_every_subpackage_is_typed_and_named_once(stage: str) -> None:
    for package in sorted((ROOT / stage / "twoalike").iterdir()):
        if package.name.startswith("__"):
            continue
        assert (package / "__init__.py").is_file(), f"{package} has no __init__.py"
        assert (package / "py.typed").is_file(), f"{package} has no py.typed"
        homes = [s for s in STAGES if (ROOT / s / "twoalike" / package.name).exists()]
        assert homes == [stage]


def test_import_contracts_hold() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout


def _modules_after(statement: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split("\n")[-2].split())


HEAVY = {"torch", "pymc", "jax", "psychopy", "matplotlib", "sklearn", "timm"}


@pytest.mark.parametrize(
    "package",
    ["study", "choice", "features", "stimuli", "design", "tasks", "display", "record", "observers"]
    + ["judgments", "embedding", "teacher", "backbones", "distill", "evaluation", "ceilings"]
    + ["calibration", "recovery", "results"]
    + ["transfer", "rsa"]
    + ["cli.app", "tasks.odd_one_out", "tasks.multi_arrangement", "tasks.screens", "exchange"],
)
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    loaded = _modules_after(f"import twoalike.{package}")
    assert not loaded & HEAVY, f"twoalike.{package} imports {sorted(loaded & HEAVY)} eagerly"


def test_help_needs_neither_numpy_nor_pandas() -> None:
    statement = (
        "from twoalike.cli.app import build\n"
        "build(summaries=True)(['--help'], result_action='return_value')"
    )
    assert not _modules_after(statement) & {"numpy", "pandas", "pydantic"}


def test_version_is_the_distributions() -> None:
    command = [sys.executable, "-m", "twoalike.cli.app", "--version"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert printed == version("twoalike")


def test_every_verb_has_help_with_an_example() -> None:
    from twoalike.cli.app import VERBS

    for verb in VERBS:
        command = [sys.executable, "-m", "twoalike.cli.app", verb, "--help"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{verb}: {result.stderr}"
        if "COMMAND" not in result.stdout:  # groups show their commands
            _, _, examples = result.stdout.partition("Examples:")
            assert f"twoalike {verb}" in examples, f"{verb} --help shows no example"
