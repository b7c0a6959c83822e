"""The few pieces of markdown that the generated pages are made of."""

import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":[a-z]+:`~?([^`]+)`")


def cell(text: str) -> str:
    r"""Text as it may stand in one cell of a table: on one line, with no mark of a column.

    Examples
    --------
    >>> cell("auto | number, in ``px``")
    'auto \\| number, in `px`'
    """
    return prose(" ".join(text.split())).replace("|", r"\|").replace("*", r"\*")


def prose(text: str) -> str:
    """Text of a docstring as markdown.

    Examples
    --------
    >>> prose("What :class:`~twoalike.study.Study` holds in ``raw``")
    'What `twoalike.study.Study` holds in `raw`'
    """
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Table of cells that are markdown already.

    Examples
    --------
    >>> print(table(["key"], [["`seed`"]]), end="")
    | key |
    |---|
    | `seed` |
    """
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    lines.insert(1, f"|{'---|' * len(head)}")
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    r"""Text in the letters of code; empty for none.

    Examples
    --------
    >>> code("a|b"), code("")
    ('`a\\|b`', '')
    """
    words = str(text).replace("|", r"\|").replace("\n", " ")
    return f"`{words}`" if words else ""
