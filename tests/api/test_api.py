"""The front door: every name is there, nothing is imported before it is used."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest

import twoalike.api as ta
from twoalike.cli.app import GROUPS, VERBS
from twoalike.study import TwoalikeError

OWN = {
    "dimensions": ("embedding:dimension_table",),
    "validate": ("tasks:validate_study",),
    "serve": ("online:serve",),
    "doctor": ("online:doctor",),
    "token": ("online:new_token",),
    "links": ("online:make_links",),
    "refit": ("online:refit",),
}
"""Commands that describe their arguments themselves, and their functions."""


@pytest.mark.parametrize("name", [n for n in dir(ta) if n != "__version__"])
def test_every_name_is_there_and_documented(name: str) -> None:
    thing = getattr(ta, name)
    assert inspect.getdoc(thing), f"ta.{name} has no docstring"
    assert getattr(ta, name) is thing


def test_the_import_is_instant() -> None:
    code = "import sys, twoalike.api as ta; ta.__version__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"numpy", "pandas", "matplotlib", "torch", "pymc", "jax", "scipy", "pydantic"}
    assert not heavy & set(loaded.stdout.split())


def test_version_and_unknown_names() -> None:
    assert ta.__version__ == version("twoalike")
    with pytest.raises(AttributeError, match="has no attribute 'fti'"):
        ta.fti  # noqa: B018
    assert issubclass(ta.TwoalikeError, TwoalikeError)


def test_every_command_has_a_function() -> None:
    """The one that its arguments come from; those of ``online`` are in ``ta.online``."""
    places = [(module, command) for command, (module, _) in VERBS.items() if command not in GROUPS]
    places += [(VERBS[verb][0], name) for verb, names in GROUPS.items() for name in names.split()]
    there = set(ta._NAMES.values()) | {("twoalike.online", name) for name in dir(ta.online)}
    for module, command in places:
        function = getattr(import_module(f"twoalike.cli.{module}"), command)
        home, _, name = getattr(function, "takes", OWN.get(command, ("",)))[0].partition(":")
        assert command == "demo" or (f"twoalike.{home}", name) in there, command
    stub = ast.parse((Path(ta.__file__).with_suffix(".pyi")).read_text(encoding="utf-8"))
    homes = {node.module for node in stub.body if isinstance(node, ast.ImportFrom)}
    assert not homes & {"twoalike.cli", "twoalike.demo"}
