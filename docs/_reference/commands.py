"""The page of commands: every verb with its help, examples and options, as ``--help`` has them."""

import inspect
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from cyclopts import App

from _reference.markdown import cell, code, prose, table
from twoalike.cli.app import VERBS, build, unwrapped

_HEAD = """# Commands

Every command has `--help`, prints which files it wrote, and ends with status 0 (success), 1
(failure: one line says why and what to do), 2 (wrong usage) or 130 (interrupted). This page is
generated from the help.

"""
_SECTIONS = ("Examples\n--------\n", "Parameters\n----------\n")


def commands_page() -> str:
    """Markdown of the page."""
    app = build(summaries=False)
    overview = table(
        ["command", "what it does"],
        ([f"[`{verb}`](#{_anchor((verb,))})", cell(what)] for verb, (_, what) in VERBS.items()),
    )
    parts = [part for verb in VERBS for part in _sections(app[verb], (verb,))]
    return "\n".join([_HEAD + overview, *parts])


def _anchor(words: tuple[str, ...]) -> str:
    return f"command-{'-'.join(words)}"


def _sections(app: App, words: tuple[str, ...]) -> Iterator[str]:
    """Section of a command, or of a group and then of its commands."""
    named = " ".join(("twoalike", *words))
    head = f"({_anchor(words)})=\n{'#' * (len(words) + 1)} `{named}`\n"
    if app.default_command is None:
        yield f"{head}\n{prose(app.help)}\n"
        for name in (name for name in app if not name.startswith("-")):
            yield from _sections(app[name], (*words, name))
        return
    text, examples = _described(inspect.getdoc(app.default_command) or "")
    yield "\n".join([head, text, "", examples, _options(app)])


def _described(docstring: str) -> tuple[str, str]:
    """Split a docstring: what the command does, and its examples as a block to copy."""
    text = min((docstring.partition(section)[0] for section in _SECTIONS), key=len)
    _, found, after = docstring.partition(_SECTIONS[0])
    lines = takewhile(lambda line: not line or line[0] in " t", after.splitlines())
    commands = textwrap.dedent("\n".join(lines)).strip()
    return prose(unwrapped(text).strip()), f"```sh\n{commands}\n```\n" if found else ""


def _options(app: App) -> str:
    """Table of the arguments and options of a command."""
    rows = [
        [", ".join(map(code, argument.names)), _default(argument), _meaning(argument)]
        for argument in app.assemble_argument_collection(parse_docstring=True)
    ]
    return table(["option", "default", "meaning"], rows)


def _default(argument: Any) -> str:
    """Value of an option that is left out."""
    if argument.required:
        return "required"
    default = argument.field_info.default
    if default is None or default is inspect.Parameter.empty or default == ():
        return ""
    if isinstance(default, bool):
        return "on" if default else ""
    return code(default)


def _meaning(argument: Any) -> str:
    """Help of an option, then the values it takes."""
    said = cell(argument.parameter.help or "")
    choices = argument.get_choices()
    return f"{said} One of {', '.join(map(code, choices))}." if choices else said
