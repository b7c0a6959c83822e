"""The reference is made from the code: it names all that there is, and the pages link up."""

import doctest
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MADE = ("commands.md", "configuration.md", "files.md", "online.md", "results.md")
MODULES = (
    "markdown",
    "commands",
    "configuration",
    "files",
    "online",
    "results",
    "api",
    "docstrings",
)


@pytest.fixture(scope="module", autouse=True)
def _generators() -> Iterator[None]:
    """What makes the pages lies beside them, as Sphinx wants it, outside the package."""
    sys.path.insert(0, str(DOCS))
    yield
    sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return importlib.import_module("_reference")


@pytest.fixture(scope="module")
def pages(reference: ModuleType) -> dict[str, str]:
    return reference.pages()


def test_every_verb_has_its_options_and_an_example(pages: dict[str, str]) -> None:
    from twoalike.cli.app import VERBS, app

    page = pages["commands.md"]
    for verb in VERBS:
        section = page.split(f"(command-{verb})=")[1]
        assert f"```sh\ntwoalike {verb}" in section
        of_group = [app[verb][name] for name in app[verb] if not name.startswith("-")]
        for command in of_group or [app[verb]]:
            for argument in command.assemble_argument_collection():
                assert f"`{argument.names[0]}`" in page
    assert "| `--engine` | `auto` | nuts samples" in page
    assert "`twoalike import rdm`" in page


def test_no_option_is_without_a_meaning(pages: dict[str, str]) -> None:
    assert "|  |\n" not in pages["commands.md"]


def test_settings_are_those_of_the_models(pages: dict[str, str]) -> None:
    from twoalike.distill import DistillConfig
    from twoalike.study import DesignConfig

    page = pages["configuration.md"]
    for model in (DistillConfig, DesignConfig):
        for key, field in model.model_fields.items():
            assert f"| `{key}` |" in page or f"`[design.{key}]`" in page
            assert " ".join((field.description or "").split())[:30] in page
    assert "| `trials` | integer, ≥ 1; `300` | main trials a session |" in page
    assert "`[arrangement" in page


def test_tables_are_described_as_they_are_declared(pages: dict[str, str]) -> None:
    from twoalike.design import ARRANGEMENT_LIST, TRIAL_LIST
    from twoalike.judgments import ARRANGEMENTS, CHOICES, DISSIMILARITIES
    from twoalike.record import ANSWERS, PARTICIPANTS
    from twoalike.registry import find_task, task_names
    from twoalike.stimuli import STIMULUS_LIST

    tables = [CHOICES, ARRANGEMENTS, DISSIMILARITIES, TRIAL_LIST, ARRANGEMENT_LIST]
    tables += [
        STIMULUS_LIST,
        PARTICIPANTS,
        ANSWERS,
        *(find_task(name).trials for name in task_names()),
    ]
    for table in tables:
        assert table.dictionary() in pages["files.md"]


def test_every_package_that_exports_has_a_page(pages: dict[str, str]) -> None:
    for init in ROOT.glob("*/twoalike/*/__init__.py"):
        text = init.read_text(encoding="utf-8")
        exports = "__all__" in text or " as " in text
        assert (f"api/twoalike.{init.parent.name}.md" in pages) == exports


def test_pages_are_written_only_when_they_change(reference: ModuleType, tmp_path: Path) -> None:
    reference.write(tmp_path)
    page = tmp_path / "commands.md"
    before = page.stat().st_mtime_ns
    (tmp_path / "files.md").write_text("old", encoding="utf-8")
    reference.write(tmp_path)
    assert page.stat().st_mtime_ns == before
    assert (tmp_path / "files.md").read_text(encoding="utf-8") != "old"


def test_no_written_page_is_empty_or_points_to_nothing(pages: dict[str, str]) -> None:
    written = [path for path in DOCS.rglob("*.md") if "_build" not in path.parts]
    made = {(DOCS / "reference" / name).resolve() for name in pages}
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) > 3, f"{path} is empty"
        for target in re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", text):
            found = (path.parent / target).resolve()
            assert found in made or found.is_file(), f"{path} points to {target}"


def test_explanations_cite_what_is_there() -> None:
    for path in (DOCS / "explanation").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for named in re.findall(r"(?:benchmarks|modeling|experiments)/[\w/]+\.\w+", text):
            assert (ROOT / named).is_file(), f"{path} cites {named}"
        for package, name in re.findall(r"\{py:func\}`(twoalike\.\w+)\.(\w+)`", text):
            assert hasattr(importlib.import_module(package), name)
        for script, options in re.findall(r"python (?:-P )?(benchmarks/\w+\.py)([^`]*)`", text):
            table = ROOT / "benchmarks" / "results" / f"{Path(script).stem}.md"
            command = f"{script}{options}".split()
            first = table.read_text(encoding="utf-8").replace("\n", " ")
            assert " ".join(command) in first, f"{path}: {table} was not made by {command}"


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_generators_hold(reference: ModuleType, name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"_reference.{name}"))
    assert not result.failed
