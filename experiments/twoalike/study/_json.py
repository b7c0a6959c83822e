"""JSON from files that anybody may have written or damaged."""

import json
import re
from typing import Any

from twoalike.study._errors import TwoalikeError

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a character that is written as two; whether the other half is there, encoding tells."""


def parse_json(text: str | bytes, where: object, remedy: str = "The file is damaged.") -> Any:
    """Parse JSON.

    Parameters
    ----------
    text
        What a file, or a part of one, holds; bytes are UTF-8.
    where
        The file, for the message.
    remedy
        What to do, for the message.

    Raises
    ------
    TwoalikeError
        If it is not JSON, or nobody's: nested a thousand levels deep, a number of thousands of
        digits, or half a character (a lone surrogate), which no file could hold again.
    """
    try:
        content = json.loads(text)
        if _HALF.search(text if isinstance(text, str) else text.decode()):
            json.dumps(content, ensure_ascii=False).encode()
        return content
    # UnicodeError and JSONDecodeError are ValueErrors, and so is a number too long.
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise TwoalikeError(f"{where}: not valid JSON ({reason}). {remedy}") from error


def parse_json_table(
    text: str | bytes, where: object, remedy: str = "The file is damaged."
) -> dict[str, Any]:
    """Parse JSON that is to hold keys and values.

    Raises
    ------
    TwoalikeError
        As :func:`parse_json`, and if it holds anything else.
    """
    content = parse_json(text, where, remedy)
    if not isinstance(content, dict):
        raise TwoalikeError(
            f"{where}: not valid JSON (expected keys and values, found {type(content).__name__}). "
            f"{remedy}"
        )
    return content
