"""The tables of benchmarks/results name the command that makes them, and it exists."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
TABLES = sorted((ROOT / "benchmarks" / "results").glob("*.md"))


@pytest.fixture(scope="module")
def again() -> ModuleType:
    """The script that makes them anew."""
    spec = importlib.util.spec_from_file_location("again", ROOT / "benchmarks" / "again.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_table_says_how_it_was_made(table: Path, again: ModuleType) -> None:
    words = again.command_of(table.read_text(encoding="utf-8"))
    assert words is not None
    script = next(word for word in words if word.endswith(".py"))
    assert (ROOT / script).is_file()
    # A script may make one table for each of several networks.
    assert f"{table.stem}_".startswith(f"{Path(script).stem}_")


def test_every_table_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8") + "".join(
        path.read_text(encoding="utf-8") for path in ROOT.glob("*/README.md")
    )
    assert [path.name for path in TABLES if f"results/{path.name}" not in text] == []


def test_changes_show_old_and_new(again: ModuleType) -> None:
    assert again.changes("t", "a\nb\n", "a\nc\n").splitlines()[2:] == ["@@ -2 +2 @@", "-b", "+c"]
    assert again.changes("t", "a\n", "a\n") == "t: the same"
