"""The layout that makes three source roots one package."""

import ast
import graphlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.conftest import succeed

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


@pytest.mark.slow  # make lint checks them as well
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
PARTS = sorted(
    path.stem
    for stage in STAGES
    for path in (ROOT / stage / "twoalike").iterdir()
    if path.name not in {"__pycache__", "py.typed"}
)
IMPORT_ALL = f"""
import sys
from importlib import import_module
for name in {PARTS} + ["cli.app"]:
    import_module(f"twoalike.{{name}}")
    if heavy := {HEAVY} & {{module.split(".")[0] for module in sys.modules}}:
        sys.exit(f"twoalike.{{name}} imports {{sorted(heavy)}} eagerly")
"""


def test_importing_a_package_loads_nothing_heavy() -> None:
    """One process imports all packages, in turn: whichever is the first to load one is named."""
    command = [sys.executable, "-c", IMPORT_ALL]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_help_needs_neither_numpy_nor_pandas() -> None:
    statement = (
        "from twoalike.cli.app import build\n"
        "build(summaries=True)(['--help'], result_action='return_value')"
    )
    assert not _modules_after(statement) & {"numpy", "pandas", "pydantic"}


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    succeed("--version")
    assert capsys.readouterr().out.strip() == version("twoalike")


def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    from twoalike.cli.app import VERBS

    for verb in VERBS:
        succeed(verb, "--help")
        shown = capsys.readouterr().out
        if "COMMAND" not in shown:  # groups show their commands
            _, _, examples = shown.partition("Examples:")
            assert f"twoalike {verb}" in examples, f"{verb} --help shows no example"


def _modules() -> dict[Path, str]:
    """Text of every module, by its path below its source root's ``twoalike``."""
    return {
        path.relative_to(ROOT / stage / "twoalike"): path.read_text(encoding="utf-8")
        for stage in STAGES
        for path in sorted((ROOT / stage / "twoalike").rglob("*.py"))
    }


@cache
def _nodes() -> dict[Path, list[ast.AST]]:
    return {path: [*ast.walk(ast.parse(text))] for path, text in _modules().items()}


MOST = {
    "modules": 291,
    "lines": 81_050,
    "lines of cli": 3_560,
    "lines of pages": 5_710,
    "lines of tests": 51_950,
}
"""They may only fall: 70,000 lines of ours and 45,000 of tests are the aim."""
MOST_FUNCTION_LINES = 60


def sizes() -> dict[str, int]:
    """Modules and lines, of the command line and in all; of pages (script, style); of tests."""
    modules = _modules()
    lines = {path: text.count("\n") for path, text in modules.items()}
    cli = sum(n for path, n in lines.items() if path.parts[0] == "cli")
    pages = (
        path.read_text(encoding="utf-8").count("\n")
        for stage in STAGES
        for path in (ROOT / stage / "twoalike").rglob("*")
        if path.suffix in {".js", ".css", ".html"}
    )
    tests = (path.read_text(encoding="utf-8").count("\n") for path in ROOT.glob("tests/**/*.py"))
    return {
        "modules": len(modules),
        "lines": sum(lines.values()),
        "lines of cli": cli,
        "lines of pages": sum(pages),
        "lines of tests": sum(tests),
    }


def long_functions() -> list[str]:
    """Functions of more than 60 lines without their docstring."""
    found = []
    for path, nodes in _nodes().items():
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                n = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if n > MOST_FUNCTION_LINES:
                    found.append(f"{path}: {node.name} has {n} lines")
    return found


def test_the_house_is_no_larger_than_it_must_be() -> None:
    assert {name: n for name, n in sizes().items() if n > MOST[name]} == {}


def test_no_function_is_long() -> None:
    assert long_functions() == []


def importers() -> dict[str, set[str]]:
    """Modules of the house that each module imports, at its top or inside functions."""
    names = {
        ".".join(("twoalike", *path.with_suffix("").parts)).removesuffix(".__init__"): nodes
        for path, nodes in _nodes().items()
    }
    imported: dict[str, set[str]] = {name: set() for name in names}
    for name, nodes in names.items():
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = [f"{node.module}.{each.name}" for each in node.names]
                imported[name] |= {one if one in names else node.module for one in whole}
    return {name: found & names.keys() for name, found in imported.items()}


def packages_with_circles() -> set[str]:
    """Packages that a circle of imports passes through."""
    imported, found = importers(), set[str]()
    while True:
        try:
            graphlib.TopologicalSorter(imported).prepare()
        except graphlib.CycleError as error:
            circle = error.args[1]
            found |= {name.split(".")[1] for name in circle}
            imported[circle[1]].discard(circle[0])
        else:
            return found


MOST_WITH_ONE_VISITOR = 22


def with_one_visitor() -> list[str]:
    """Modules that one other module alone imports, and that their package does not export."""
    visitors: dict[str, set[str]] = {}
    for name, found in importers().items():
        for one in found:
            visitors.setdefault(one, set()).add(name)
    for stub in ROOT.glob("*/twoalike/*/__init__.pyi"):
        package = f"twoalike.{stub.parent.name}"
        for module in re.findall(r"from \.(\w+) import", stub.read_text(encoding="utf-8")):
            visitors.setdefault(f"{package}.{module}", set()).add(package)
    return sorted(
        name
        for name, own in visitors.items()
        if len(own) == 1 and not any(f"{one}." in f"{name}." for one in own)
    )


def test_modules_with_one_visitor_get_fewer() -> None:
    found = with_one_visitor()
    assert len(found) <= MOST_WITH_ONE_VISITOR, found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert packages_with_circles() == set()


@pytest.mark.slow
def test_walks_through_the_code_get_shorter() -> None:
    """The files that a command passes; ``scripts/walks.py`` holds the bounds."""
    command = [sys.executable, "-P", str(ROOT / "scripts" / "walks.py"), "--list"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
WITH_OPTIONS = {
    "cli": "parses them",
    "demo": "runs the commands themselves",
    "distill/_run.py": "options of another program",
    "report": "shows the commands that make what a study still lacks",
    "record/_check.py": "options of another program",
    "study/_errors.py": "shows parameters as options, and names one of another program",
}
"""Packages and modules that name options, and why."""


def options_below_the_command_line() -> list[str]:
    """Options that messages and docstrings name outside of the command line."""
    found = []
    for path, nodes in _nodes().items():
        if path.parts[0] in WITH_OPTIONS or path.as_posix() in WITH_OPTIONS:
            continue
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = sorted(set(_OPTION.findall(node.value)))
                found += [f"{path}, line {node.lineno}: {option}" for option in named]
    return found


def test_messages_below_the_command_line_name_parameters_and_no_options() -> None:
    assert options_below_the_command_line() == []


def test_the_page_of_raw_data_is_in_the_repository_and_disturbs_no_study(
    make_study: Callable[..., Path], tmp_path: Path
) -> None:
    study, page = make_study(), ROOT / "data" / "raw" / "README.md"
    (study / "data" / "raw").mkdir(parents=True)
    shutil.copy(page, study / "data" / "raw")
    for words in (
        ("validate", study),
        ("run", study, "--participant", "001", "--simulate", "--no-window"),
        ("validate", study),
        ("share", study, "--out", tmp_path / "public"),
    ):
        succeed(*words)
    assert (tmp_path / "public" / "README.md").read_text().startswith(page.read_text())
