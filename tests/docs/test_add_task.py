"""The how-to's task, as its page writes it, goes through run, validate and fit, and a window."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-task.md"
MOST_LINES = 150


def _cells() -> list[str]:
    found = re.findall(
        r"^```\{code-cell\} ipython3\n(?::tags:[^\n]*\n)?(.*?)^```", PAGE.read_text(), re.M | re.S
    )
    return [cell for cell in found if not cell.startswith("%load_ext")]


def _shell(cell: str) -> str:
    names = ("NO_COLOR", "TERM", "COLUMNS")
    environment = os.environ | dict(zip(names, ("1", "dumb", "160"), strict=True))
    script = f'twoalike() {{ "{sys.executable}" -m twoalike.cli.app "$@"; }}\n{cell}'
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The page's files, written into a folder of their own; its commands, not yet run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    commands: list[str] = []
    names: dict[str, object] = {}
    for cell in _cells():
        first, _, rest = cell.partition("\n")
        if first.startswith("%%writefile"):
            with Path(first.split()[-1]).open("a" if "-a" in first.split() else "w") as file:
                file.write(rest)
        elif first.startswith("%%sh"):
            commands.append(rest)
        else:
            exec(cell, names)
    return commands


@pytest.mark.slow  # the site runs the page at every build
def test_the_page_runs_in_one_small_folder(written: list[str]) -> None:
    files = [path for path in Path("same-or-different").iterdir() if path.is_file()]
    assert {path.name for path in files} == {"same_or_different.py", "pyproject.toml"}
    assert sum(len(path.read_text().splitlines()) for path in files) <= MOST_LINES
    (commands,) = written
    told = _shell(commands)
    assert told.count("60 of 60 trials") == 2
    assert "120 trials, no problem found" in told
    assert "ratings.parquet  120 ratings" in told
    assert Path("kinds/derived/posterior.nc").is_file()
    assert "Are the two images of the same kind" in _shell(
        "twoalike describe kinds --task same-or-different"
    )


def test_the_package_is_found_by_its_entry_point(written: list[str]) -> None:
    """What was built and installed is the wheel, outside the folder of the source."""
    code = "from twoalike.registry import find_task as find; print(find('sameordifferent').trials)"
    code += "; import same_or_different; print(same_or_different.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "stimulus_1" in done.stdout
    assert Path(done.stdout.split()[-1]).parent == Path("installed").resolve()


@pytest.mark.display
def test_the_task_is_drawn_in_a_window(written: list[str], make_study: Callable[..., Path]) -> None:
    words = "--task same-or-different --participant 903 --pilot --simulate"
    assert "28 of 28 trials" in _shell(f"twoalike run '{make_study()}' {words}")
