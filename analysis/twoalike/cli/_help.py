"""Help as a terminal wants it: paragraphs that wrap at its width, and examples.

Docstrings are broken into lines for the source; cyclopts keeps those breaks, and leaves the
examples out.
"""

import inspect
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from itertools import takewhile
from typing import Annotated, Any

from cyclopts import Parameter

_EXAMPLES = "Examples\n--------\n"
_RULE = re.compile("-{3,}")
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
"""A word of a command; what stands in quotes is one."""


def unwrapped(docstring: str) -> str:
    """Join the lines of each paragraph but the examples, and drop the marks of code."""
    lines: list[str] = []
    within = ""
    for line in docstring.replace("``", "").splitlines():
        last = lines[-1] if lines else ""
        if _RULE.fullmatch(line):
            within = last
        starts = not last or _RULE.fullmatch(line) or _RULE.fullmatch(last)
        if line and not starts and _indent(line) == _indent(last) and within != "Examples":
            lines[-1] = f"{last} {line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def rewrap(command: Callable[..., Any]) -> None:
    """Let the help of a command wrap at the terminal's width: cyclopts reads its docstring.

    Options of a class have theirs below the fields, where cyclopts would keep the breaks too.
    """
    command.__doc__ = unwrapped(inspect.getdoc(command) or "")
    from docstring_parser import parse_from_object

    for options in filter(is_dataclass, inspect.get_annotations(command).values()):
        for field in parse_from_object(options).params:
            shown = Parameter(help=" ".join((field.description or "").split()))
            kind = options.__annotations__[field.arg_name]
            options.__annotations__[field.arg_name] = Annotated[kind, shown]


def examples(command: Callable[..., Any]) -> str:
    """Examples of a command's docstring, each a line that can be copied; empty without any."""
    _, found, after = (inspect.getdoc(command) or "").partition(_EXAMPLES)
    if not found:
        return ""
    lines = takewhile(lambda line: not line or line[0] in " t", after.splitlines())
    width = shutil.get_terminal_size().columns
    shown = [part for line in lines if line.strip() for part in _fold(line, width)]
    return "\n".join(["Examples:", *shown])


def _fold(line: str, width: int) -> Iterator[str]:
    """Break a command where it is too long, the way a shell reads on."""
    shown = " "
    for word in _WORD.findall(line):
        if len(f"{shown} {word} \\") > width and shown.strip():
            yield f"{shown} \\"
            shown = "     "
        shown += f" {word}"
    yield shown
