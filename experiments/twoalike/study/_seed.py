"""The seed of a study: drawn by the operating system, and written so that every reader keeps it.

Trial lists follow from the seed and the participant's code. A seed that can be found by trying
small numbers therefore reveals for which code a published list was made, so the seed of a new study
has 128 bits. TOML guarantees integers of 64 bits, and JSON of 53; larger seeds are written as
hexadecimal text in both.
"""

import re
import secrets
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

BITS = 128
"""Of a seed that the operating system draws."""
SAFE_SEED = 2**64
"""Smaller seeds can be found by trying."""
_EXACT = 2**53
"""Every reader of JSON keeps integers up to here exactly."""
_HEXADECIMAL = re.compile(r"0x[0-9a-f]+")


def draw_seed() -> int:
    """Draw a seed from the operating system, too large to be found by trying."""
    return secrets.randbits(BITS)


def written_seed(seed: int) -> int | str:
    """Seed as written to files: a number, or hexadecimal text if a number would lose digits.

    Examples
    --------
    >>> written_seed(7), written_seed(2**100)
    (7, '0x10000000000000000000000000')
    """
    return seed if seed <= _EXACT else hex(seed)


def read_seed(value: Any) -> Any:
    """Seed from a file: :func:`written_seed` undone; anything else is returned unchanged.

    Examples
    --------
    >>> read_seed("0xff"), read_seed(7), read_seed("seven")
    (255, 7, 'seven')
    """
    hexadecimal = isinstance(value, str) and _HEXADECIMAL.fullmatch(value)
    return int(value, 16) if hexadecimal else value


Seed = Annotated[
    int, BeforeValidator(read_seed), PlainSerializer(written_seed, when_used="json"), Field(ge=0)
]
"""Type of a seed in settings."""
