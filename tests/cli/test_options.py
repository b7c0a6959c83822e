"""Options of commands and their help, which come from the functions behind them."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from twoalike.cli._derived import derived, read
from twoalike.cli.app import VERBS, build


def test_a_command_takes_parameters_and_descriptions_of_its_function() -> None:
    given: dict[str, Any] = {}

    def body(*, out: Path, again: bool = False, **options: Any) -> None:
        """Do so.

        Parameters
        ----------
        again
            Once more.
        """
        given.update(options, out=out, again=again)

    command = derived(body, read("distill:import_alignet"), without={"shard"})
    signature = inspect.signature(command)
    assert list(signature.parameters) == ["path", "out", "temperature", "overwrite", "again"]
    assert signature.parameters["path"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert signature.parameters["out"].annotation is Path  # the command's own, which is required
    command(Path("s"), out=Path("o"), overwrite=True)
    usual = {"temperature": 1.0, "again": False}
    assert given == {"path": Path("s"), "out": Path("o"), "overwrite": True, **usual}
    said = inspect.getdoc(command) or ""
    assert said.startswith("Do so.\n")
    assert "temperature\n    Divisor of the similarities, above 0; 1 in AligNet." in said
    assert "again\n    Once more." in said


def test_functions_are_read_without_what_they_need() -> None:
    code = (
        "import sys\nfrom twoalike.cli._derived import read\nread('distill:distill')\n"
        "assert not {'torch', 'twoalike.distill'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    from twoalike.embedding import fit

    real, found = (inspect.signature(of).parameters for of in (fit, read("embedding:fit")))
    usual = {name: of.default for name, of in real.items() if of.kind is not of.VAR_KEYWORD}
    assert {name: of.default for name, of in found.items()} == usual
    assert inspect.getdoc(read("embedding:fit")) == inspect.getdoc(fit)


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
