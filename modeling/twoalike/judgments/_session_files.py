"""Files of sessions that other programs wrote, whatever the program, as results of rows.

jsPsych keeps a list of trials, as JSON or CSV. JATOS puts the results of a study's components after
one another into a text, often between marks of the experiment (``[task---{...}---end]``), or into
an archive. PsychoPy, Psych-DS and BIDS have a table a session, in folders, with keys in its name
(``sub-01_task-sorting_beh.tsv``).
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from functools import cache, reduce
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZipFile

from twoalike.study import DAMAGED, TwoalikeError, check_unfolded, require_file

_ARCHIVES, _TABLES = (".zip", ".jzip", ".jrzip"), (".csv", ".tsv")
_READ = (*_TABLES, *_ARCHIVES, ".json", ".jsonl", ".ndjson", ".txt")
_KEY = re.compile(r"(?<![^\W_])(study_result_|comp-result_|[A-Za-z]+-)([A-Za-z0-9]+)")
"""Keys in the names of files and folders: those of JATOS, and of BIDS and Psych-DS."""
_HALF = re.compile(
    r"(\\+)u[dD][89abAB]\w\w\1u[dD][c-fC-F]\w\w|(\\+)(u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""Halves of a sign as JSON writes them, of a text that was cut: they stay as these six marks."""
_JSPSYCH = {"trial_type", "trial_index"}
"""Columns of every table of jsPsych."""


type Result = tuple[dict[str, str], Any]
"""What a program stored at once, a JSON value or the rows below a header, or None where it breaks
off; and before it ``file.name``, ``file.folder``, ``file.result`` (the mark before it) and the keys
in the names, such as ``file.sub``."""


def contents_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Paths and contents, of a file, or of all in a folder or archive."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if _is_read(file.relative_to(path)) and file.is_file() and file.stat().st_size:
                yield from contents_of(file)
    elif require_file(path, f"sessions ({', '.join(_READ)})").suffix.lower() in _ARCHIVES:
        try:
            with ZipFile(path) as archive:
                parts = [one for one in archive.infolist() if _is_read(Path(one.filename))]
                check_unfolded(path, sum(one.file_size for one in parts))
                yield from (
                    (f"{path.as_posix()}/{one.filename}", archive.read(one)) for one in parts
                )
        except DAMAGED as error:
            raise TwoalikeError(f"not a readable archive ({error})", where=path) from error
    else:
        yield path.as_posix(), path.read_bytes()


def _is_read(name: Path) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return not hidden and name.suffix.lower() in _READ


def results_in(name: str, content: bytes) -> list[Result]:
    """Results of a file in their order."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"not UTF-8 text (byte {error.start})"
        raise TwoalikeError(problem, where=name, remedy="Save as UTF-8.") from error
    text = _HALF.sub(lambda half: half[0] if half[1] else half[2] * 2 + half[3], text)
    path = PurePosixPath(name)
    keys = _KEY.findall("/".join(path.with_suffix("").parts[-3:]))
    about = {f"file.{key[:-1]}": value for key, value in keys}
    about |= {"file.name": path.stem, "file.folder": path.parent.name}
    is_json = path.suffix.lower() not in _TABLES and text.lstrip()[:1] in ("{", "[")
    found = _json(text) if is_json else _tables(text)
    return [(about | {"file.result": mark}, value) for mark, value in found]


def _json(text: str) -> Iterator[tuple[str, Any]]:
    """JSON values in a text and the mark before each; None for what breaks off, to its line's end.

    A bracket that is followed by anything but JSON belongs to a mark.
    """
    decode, bracket = json.JSONDecoder().raw_decode, re.compile(r"[\[{]")
    start = after = 0
    while found := bracket.search(text, start):
        value, start = None, found.start()
        mark = text[after:start].rpartition("\n")[2].strip("[]{}()<>-_=:, \t")
        try:
            value, start = decode(text, start)
        except (ValueError, RecursionError) as error:  # also of a number that is too long
            if getattr(error, "pos", len(text)) <= start + 1:
                start += 1
                continue
            start = text.find("\n", start) % (len(text) + 1)  # -1, no further line, is the end
        after = start
        yield mark, value


def _tables(text: str) -> Iterator[tuple[str, Any]]:
    """Rows below each header: a table of jsPsych or a repeated header begins another result."""
    first = text.lstrip().partition("\n")[0]
    mark = next((mark for mark in "\t,;" if mark in first), ",")
    csv.field_size_limit(2**31 - 1)
    header: list[str] = []
    rows: list[dict[str, str]] = []
    for cells in csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=mark):
        if not header or cells == header or set(cells) >= _JSPSYCH:
            yield from [("", rows)] if rows else []
            header, rows = cells, []
        elif len(cells) >= len(header) and not any(cells[len(header) :]):
            rows.append(dict(zip(header, cells, strict=False)))
        elif any(cells):
            yield "", None
    yield from [("", rows)] if rows else []


def cell(column: str, *scopes: Any) -> Any:
    """Value of a column, such as ``rt``, ``response.Q0`` or ``stimuli[0]``; None if there is none.

    Looked up in each scope, by its whole name and then as a path.
    """
    for scope in scopes:
        value = scope.get(column)
        if value is None and len(_steps(column)) > 1:
            value = reduce(_part, _steps(column), scope)
        if value is not None:
            return value
    return None


@cache
def _steps(column: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", column)


def _part(value: Any, step: str) -> Any:
    value = opened(value)
    if isinstance(value, list):
        return value[int(step)] if step.isdecimal() and int(step) < len(value) else None
    return value.get(step) if isinstance(value, dict) else None


def opened(value: Any) -> Any:
    """Content of a text that is a JSON object or list, or a list as Python writes it."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        for text in (value, value.replace("'", '"')):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                continue
    return value


def dicts_in(value: Any) -> list[dict[str, Any]]:
    """Objects in a list, or in lists of lists, in their order; an object is its own list."""
    if isinstance(value, list):
        return [one for part in value for one in dicts_in(part)]
    return [value] if isinstance(value, dict) else []


def plain(value: Any) -> str:
    """Text of a cell; of a list of one, that one."""
    value = opened(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "" if value is None else text.strip()
