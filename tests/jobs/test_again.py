"""benchmarks/again.py: tables of benchmarks, made here or as jobs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = """
import sys
from pathlib import Path
print("busy")
if "--fail" in sys.argv:
    sys.exit("no data")
name = Path(sys.argv[0]).stem
Path(f"benchmarks/results/{name}.md").write_text("`python benchmarks/%s.py`\\n\\nnew\\n" % name)
"""


@pytest.fixture
def again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, for a repository with two benchmarks."""
    path = Path(__file__).parents[2] / "benchmarks" / "again.py"
    spec = importlib.util.spec_from_file_location("again", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "benchmarks" / "results")
    monkeypatch.setattr(module, "CHANGES", tmp_path / "derived" / "again")
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / "benchmarks" / f"{name}.py").write_text(SCRIPT)
        set_old(tmp_path, name)
    return module


def set_old(root: Path, name: str, more: str = "") -> None:
    table = root / "benchmarks" / "results" / f"{name}.md"
    table.write_text(f"`python benchmarks/{name}.py{more}`\n\nold\n")


def call(again: ModuleType, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["again.py", *words])
    return int(again.main())


@pytest.mark.parametrize("slurm", [(), ("--slurm", "minutes=5", "--slurm", "cpus=1")])
def test_tables_are_made_and_what_changed_is_shown(
    again: ModuleType,
    slurm: tuple[str, ...],
    cluster: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_old(tmp_path, "two", " --fail")
    assert call(again, monkeypatch, *slurm) == 1
    said = capsys.readouterr()
    assert "-old\n+new" in said.out
    assert "two: failed with status 1" in said.err
    assert (cluster / "asked").exists() == bool(slurm)
    set_old(tmp_path, "two")
    assert call(again, monkeypatch, *slurm) == 0
    said = capsys.readouterr()
    assert "+++ two, new" in said.out
    # The first one was made before: as jobs, the call goes on; here, it is made again.
    assert ("one: the same" in said.out) == (not slurm)
    assert not list((tmp_path / "derived").rglob("*.diff"))
