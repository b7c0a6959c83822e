"""Names that every system, table and terminal can hold and tell apart."""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from twoalike.study import TwoalikeError

_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
"""Devices of Windows, with any ending."""
_FORBIDDEN = '<>:"|?*\\'
_TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Characters that reverse the text around them: such a name is not what it looks like."""
_MOST = 3


def escaped(name: str) -> str:
    r"""Return a name with unprintable characters escaped.

    Examples
    --------
    >>> escaped("a\tb"), escaped("caf\udce9")
    ('a\\tb', 'caf\\xe9')
    """
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def composed(name: str) -> str:
    """Return a name with composed letters (NFC): macOS writes them decomposed."""
    return unicodedata.normalize("NFC", name)


def fault_of_name(name: str) -> str | None:
    """Reason why tables and terminals cannot hold a name; None if they can."""
    if name.isascii() and name.isprintable():
        return None
    if any("\ud800" <= sign <= "\udfff" for sign in name):
        return "bytes that are no UTF-8"
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") for sign in name):
        return "control characters such as tabs"
    if any(sign in _TURNING for sign in name):
        return "signs that turn the words around"
    return None


def fault_of_portable_name(path: str) -> str | None:
    """Reason why some system cannot hold a path with ``/``; None if all can."""
    for part in path.split("/"):
        if any(sign in _FORBIDDEN for sign in part):
            return f"one of {' '.join(_FORBIDDEN)}"
        if part.endswith((".", " ")):
            return "a dot or a blank at the end"
        if _RESERVED.fullmatch(part.partition(".")[0].rstrip()):
            return "the name of a device of Windows"
    return None


def check_names(folder: Path, files: Iterable[str]) -> None:
    """Check that tables and terminals can hold the names of files."""
    for file in files:
        if fault := fault_of_name(file):
            raise TwoalikeError(
                f"{folder}: expected names that tables can hold, found '{escaped(file)}' with "
                f"{fault}. Rename the file."
            )


def check_portable(folder: Path, files: Iterable[str]) -> None:
    """Check that Linux, macOS and Windows can hold the files beside one another."""
    faults = portability_faults(files)
    if faults:
        more = f"; and {len(faults) - _MOST} more" if len(faults) > _MOST else ""
        raise TwoalikeError(
            f"{folder}: expected names that every system can hold, found "
            f"{'; '.join(faults[:_MOST])}{more}. Rename them."
        )


def portability_faults(files: Iterable[str]) -> list[str]:
    """Describe paths (with ``/``) that some system cannot hold or distinguish."""
    faults = []
    first: dict[str, str] = {}
    for file in files:
        if fault := fault_of_portable_name(file):
            faults.append(f"'{escaped(file)}' with {fault}")
        parts = file.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            other = first.setdefault(composed(composed(path).lower()), path)
            if other != path:
                faults.append(_collision(other, path))
    return list(dict.fromkeys(faults))


def _collision(one: str, other: str) -> str:
    if composed(one) == composed(other):
        return f"'{escaped(one)}' twice, with composed and with decomposed letters"
    return f"'{escaped(one)}' and '{escaped(other)}', which differ in upper and lower case alone"
