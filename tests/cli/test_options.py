"""Options of commands and their help, which come from the functions behind them."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from twoalike.cli import networks
from twoalike.cli._derived import derived
from twoalike.cli.app import VERBS, build

HANDED_ON = {
    "DistillOptions": "distill:distill",
    "FeatureOptions": "backbones:extract_features",
}
"""Options of the command line -> the function that takes them."""


@pytest.mark.parametrize("command", HANDED_ON)
def test_the_function_takes_every_option(command: str) -> None:
    package, name = HANDED_ON[command].split(":")
    taken = dict(inspect.signature(getattr(import_module(f"twoalike.{package}"), name)).parameters)
    for parameter in list(taken.values()):
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:  # settings of distill and of fit
            config = {"distill": "DistillConfig", "embedding": "FitConfig"}[package]
            model = getattr(import_module(f"twoalike.{package}"), config)
            taken |= dict.fromkeys(getattr(model, "model_fields", model.__annotations__))
    options = getattr(networks, command)
    assert {field.name for field in fields(options)} <= taken.keys()


def test_two_groups_are_sized_with_their_options_and_those_that_are_shared() -> None:
    from twoalike.cli.power import _OF_PREDICTIONS, GroupOptions
    from twoalike.recovery import group_power, power

    given = {*inspect.signature(power).parameters, *(field.name for field in fields(GroupOptions))}
    assert given - set(_OF_PREDICTIONS) == inspect.signature(group_power).parameters.keys()


def sized(
    study: Path | str, out: Path | None = None, *, size: int | None = None, dry: bool = False
) -> None:
    """Measure a study.

    All of it, or with ``dry=True`` nothing.

    Parameters
    ----------
    study
        The folder.
    out
        Table to write; None: it is printed.
    size, dry
        As in :func:`measured`. Rarely needed.
    """


def measured(size: int, dry: bool) -> None:
    """Measure.

    Parameters
    ----------
    size
        How many, with ``out``.
    dry
        Only look.
    """


def test_a_command_takes_parameters_and_descriptions_of_its_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        import_module(sized.__module__.rpartition(".")[0]), "measured", measured, raising=False
    )
    given: dict[str, Any] = {}

    def body(*, out: Path, again: bool = False, **options: Any) -> None:
        """Do so.

        Parameters
        ----------
        again
            Once more.
        """
        given.update(options, out=out, again=again)

    command = derived(body, sized)
    signature = inspect.signature(command)
    assert list(signature.parameters) == ["study", "out", "size", "dry", "again"]
    assert signature.parameters["study"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert signature.parameters["out"].annotation is Path  # the command's own, which is required
    command(Path("s"), out=Path("o"), dry=True)
    assert given == {
        "study": Path("s"),
        "out": Path("o"),
        "size": None,
        "dry": True,
        "again": False,
    }
    said = inspect.getdoc(command) or ""
    assert said.startswith("Do so.\n\nAll of it, or with --dry nothing.\n")
    assert "out\n    Table to write; if left out: it is printed." in said
    assert "size\n    How many, with --out. Rarely needed." in said
    assert "again\n    Once more." in said


def _commands(app: App) -> Iterator[App]:
    if app.default_command is not None:
        yield app
    else:
        for name in app:
            if not name.startswith("-"):
                yield from _commands(app[name])


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_described(verb: str) -> None:
    for command in _commands(build(summaries=False)[verb]):
        for argument in command.assemble_argument_collection(parse_docstring=True):
            if argument.names != ("*",):  # a class of options, which follow one by one
                said = argument.parameter.help or ""
                assert len(said) > 3, (command.name, argument.names)
                assert "As in" not in said and "``" not in said and ":func:" not in said, said


def test_no_command_needs_an_extra_for_its_help() -> None:
    """A command is made of its function, whose module has to load on every machine of a lab."""
    code = (
        "import sys\nfrom twoalike.cli.app import EXTRAS, GROUPS, VERBS, app\n"
        "for verb in VERBS:\n"
        "    for name in GROUPS.get(verb, '').split() or ['']:\n"
        "        command = app[verb][name] if name else app[verb]\n"
        "        assert command.default_command is not None, (verb, name)\n"
        "        assert not (found := EXTRAS.keys() & sys.modules.keys()), (verb, name, found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
