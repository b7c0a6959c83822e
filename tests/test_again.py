"""benchmarks/again.py: tables of benchmarks, made anew."""

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
    path = Path(__file__).parents[1] / "benchmarks" / "again.py"
    spec = importlib.util.spec_from_file_location("again", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "benchmarks" / "results")
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


def test_tables_are_made_and_what_changed_is_shown(
    again: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_old(tmp_path, "two", " --fail")
    assert call(again, monkeypatch) == 1
    said = capsys.readouterr()
    assert "-old\n+new" in said.out
    assert "two: failed with status 1" in said.err
    set_old(tmp_path, "two")
    assert call(again, monkeypatch) == 0
    assert "+++ two, new" in capsys.readouterr().out
