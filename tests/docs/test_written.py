"""What is written by hand holds against the code: the tree, and every command a reader may copy."""

import re
import shlex
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from twoalike import registry
from twoalike.registry import find_task

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE = ("commands.md", "configuration.md", "files.md", "results.md")
"""Pages of docs/reference that the build writes."""
READMES = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]
PAGES = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if "_build" not in path.parts and path.parent.name != "api" and path.name not in MADE
]
COMMAND = re.compile(r"^ *(?:!|\$ )?twoalike (?P<words>.+)$", re.MULTILINE)
FENCE = re.compile(r"^```(?:sh\n|\{code-cell\}[^`]*?%%sh.*?\n)(?P<code>.*?)^```", re.M | re.S)


def _commands(path: Path) -> list[list[str]]:
    """Words after ``twoalike`` of every command in the page's shell blocks."""
    text = path.read_text(encoding="utf-8")
    return [
        shlex.split(line, comments=True)
        for block in FENCE.finditer(text)
        for line in COMMAND.findall(block["code"].replace("\\\n", " "))
    ]


@pytest.mark.parametrize("path", [*READMES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_on_a_page_can_be_called(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import twoalike.exchange  # noqa: F401  # what keeps the names of tasks has them from before
    from twoalike.cli.app import app

    # The task that the how-to makes; a test of its own installs it (test_add_task.py).
    made = replace(find_task("odd-one-out"), name="same-or-different")
    monkeypatch.setitem(registry._tasks._registered, made.name, made)
    for words in _commands(path):
        line = [re.sub(r"\$\w+|\$\{.+?\}", "1", word) for word in _until_redirected(words)]
        app.parse_args(line, exit_on_error=False, print_error=False)


def _until_redirected(words: list[str]) -> list[str]:
    ends = [words.index(sign) for sign in (">", ">>", "|", "&", "&&", ";", "2>&1") if sign in words]
    return words[: min(ends, default=len(words))]


def test_commands_are_found() -> None:
    assert len(_commands(ROOT / "README.md")) >= 12


def test_architecture_shows_the_packages_that_there_are() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    stages = re.split(r"^(\w+)/.*$", text.split("```")[3], flags=re.MULTILINE)[1:]
    assert all((ROOT / stage).is_dir() for stage in stages[::2])
    shown = {
        stage: set(re.findall(r"^    (\w+)/", lines, re.MULTILINE))
        for stage, lines in zip(stages[::2], stages[1::2], strict=True)
    }
    for stage in ("experiments", "modeling", "analysis"):
        there = {path.parent.name for path in (ROOT / stage / "twoalike").glob("*/__init__.py")}
        assert shown[stage] == there, f"docs/architecture.md differs from {stage}/twoalike"
    for module in re.findall(r"`(\w+/_[a-z]\w*\.py)`", text):
        assert list(ROOT.glob(f"*/twoalike/{module}")), f"docs/architecture.md names {module}"


def test_architecture_tells_the_order_of_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = [
        [set(re.findall(r"twoalike\.(\w+)", layer)) for layer in contract["layers"]]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    block = (DOCS / "architecture.md").read_text(encoding="utf-8").split("```")[5]
    told = [
        [set(re.findall(r"\w+", layer)) for layer in chain.split("▸")]
        for chain in re.split(r"\n(?=cli)", block.strip())
    ]
    assert told == layers
