"""Reading text, tables and JSON that anyone may have written or damaged, with exact messages."""

import hashlib
import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoalike.study._errors import TwoalikeError

if TYPE_CHECKING:
    import pandas as pd

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a character that JSON writes as two; encoding shows whether the other is there."""


def require_file(path: str | Path, what: str) -> Path:
    """Return ``path`` if it is a readable, non-empty file."""
    path = Path(path)
    if path.is_dir():
        raise TwoalikeError(
            where=path, expected=what, found="a folder", remedy="Name the file itself."
        )
    if not path.is_file():
        raise TwoalikeError(
            where=path, expected=what, found="no such file", remedy="Check the path."
        )
    if not os.access(path, os.R_OK):
        raise TwoalikeError(
            "you may not read this file", where=path, remedy="Ask its owner for the right to."
        )
    if path.stat().st_size == 0:
        raise TwoalikeError(
            where=path, expected=what, found="an empty file", remedy="Make it again."
        )
    return path


def read_text(path: Path, remedy: str = "Save as UTF-8.") -> str:
    """Text of a file, without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"not UTF-8 text (byte {error.start})", where=path, remedy=remedy
        ) from error


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_ids(path: str | Path) -> list[str]:
    """Read object ids, one a line, in their order."""
    path = require_file(path, "object ids, one a line")
    ids = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not ids:
        raise TwoalikeError(where=path, expected="object ids, one a line", found="none")
    seen: set[str] = set()
    for number, name in enumerate(ids, start=1):
        if name in seen:
            raise TwoalikeError(f"id {name!r} is listed twice (again as id {number})", where=path)
        seen.add(name)
    return ids


def read_delimited(path: str | Path, what: str) -> "pd.DataFrame":
    """Read a text table without a header, split at tabs, commas, semicolons or spaces, as strings.

    Columns are numbered from 0. Lines that are blank or remarks (``# ...``) are skipped.
    """
    import pandas as pd

    path = require_file(path, what)
    lines = read_text(path).splitlines(keepends=True)
    rows = [line for line in lines if line[0] != "#" or line[1:2].strip()]
    first = min((row for row in rows if row.strip()), key=lambda row: row[0] == "#", default=None)
    if first is None:
        raise TwoalikeError(where=path, expected=what, found="no rows")
    separator = next((mark for mark in "\t,;" if mark in first), r"\s+")
    width = len(re.split(separator, first.strip()))
    # An id may begin with #, as the code of a colour does; a remark has fewer cells or more.
    rows = [row for row in rows if row[0] != "#" or len(re.split(separator, row.strip())) == width]
    try:
        return pd.read_csv(
            StringIO("".join(rows)),
            sep=separator,
            header=None,
            dtype=str,
            skip_blank_lines=True,
            skipinitialspace=True,
            keep_default_na=False,
        )
    except (pd.errors.ParserError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise TwoalikeError(f"{path}: expected {what}, rows do not fit ({reason}).") from error


def parse_json(text: str | bytes, where: object, remedy: str = "The file is damaged.") -> Any:
    """Parse JSON; bytes are UTF-8."""
    try:
        content = json.loads(text)
        if _HALF.search(text if isinstance(text, str) else text.decode()):
            json.dumps(content, ensure_ascii=False).encode()
        return content
    # UnicodeError and JSONDecodeError are ValueErrors, and so is a number too long.
    except (ValueError, RecursionError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else error
        raise TwoalikeError(f"not valid JSON ({reason})", where=where, remedy=remedy) from error


def parse_json_table(
    text: str | bytes, where: object, remedy: str = "The file is damaged."
) -> dict[str, Any]:
    """Parse JSON that must hold keys and values."""
    content = parse_json(text, where, remedy)
    if not isinstance(content, dict):
        problem = f"not valid JSON (expected keys and values, found {type(content).__name__})"
        raise TwoalikeError(problem, where=where, remedy=remedy)
    return content
