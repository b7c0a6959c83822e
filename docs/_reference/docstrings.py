"""Docstrings and signatures as Sphinx wants them; the hooks are autodoc's events.

Ours name what a function returns in plain sentences, with no type in front, which napoleon would
take for types, a line each. And ``npt.NDArray[np.float64]`` is written out by Python in full.
"""

import re
from typing import Any

_ARRAY = re.compile(
    r"~?numpy\.ndarray\[tuple\[(?:~?typing\.)?Any, \.\.\.\], "
    r"~?numpy\.dtype\[([^\[\]]*(?:\[[^\[\]]*\])?)\]\]"
)
_LIMITED = re.compile(r"~?(?:typing\.)?Annotated\[((?:[^\[\],]|\[[^\[\]]*\])+)(?:, [^\[\]]*)?\]")
_RETURNS = ".. rubric:: Returns"
_FIELD = re.compile(r":(param|type|raises|rtype|ivar|var)\b|\.\. (rubric|admonition|note)::")


def shorten_types(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str | None, str | None]:
    """Write arrays as ``NDArray``, and leave out the limits that settings have a page for.

    For the event ``autodoc-process-signature``.

    Examples
    --------
    >>> written = "(x: ~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float64]])"
    >>> shorten_types(None, "function", "f", None, None, written, None)
    ('(x: NDArray[~numpy.float64])', None)
    >>> written = "(n: ~typing.Annotated[int | None, Ge(ge=1)] = None)"
    >>> shorten_types(None, "function", "f", None, None, written, None)
    ('(n: int | None = None)', None)
    """
    first, second = (
        _LIMITED.sub(r"\1", _ARRAY.sub(r"NDArray[\1]", text)) if text else text
        for text in (signature, returns)
    )
    return first, second


def returns_as_field(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Make what a function returns a field beside its parameters (``autodoc-process-docstring``).

    Runs after napoleon, which leaves the section as a heading and paragraphs.

    Examples
    --------
    >>> lines = [".. rubric:: Returns", "", "Shape (m,).", ""]
    >>> returns_as_field(None, "function", "f", None, None, lines)
    >>> lines
    [':returns:', '    Shape (m,).', '']
    """
    if _RETURNS not in lines:
        return
    start = lines.index(_RETURNS)
    end = next(
        (place for place in range(start + 1, len(lines)) if _FIELD.match(lines[place])), len(lines)
    )
    said = [f"    {line}" if line else "" for line in lines[start + 1 : end]]
    while said and not said[0]:
        said.pop(0)
    lines[start:end] = [":returns:", *said]
