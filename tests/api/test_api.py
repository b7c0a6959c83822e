"""The front door: every name is there, nothing is imported before it is used."""

import ast
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import twoalike.api as ta
from twoalike.study import TwoalikeError


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


def test_about_forty_names_each_of_a_lower_package() -> None:
    stub = ast.parse((Path(ta.__file__).with_suffix(".pyi")).read_text(encoding="utf-8"))
    homes = {node.module for node in stub.body if isinstance(node, ast.ImportFrom)}
    assert len(dir(ta)) <= 51
    assert not homes & {"twoalike.cli", "twoalike.demo"}
