"""Golden tests: what people who use twoalike see, frozen in files beside the tests.

What is inside may change in any way; a change of these files is a change for users, to be reviewed
as one. Each subject has a module and a folder of small JSON files:

``window``   the seven tasks as a simulated session: every table of data/raw with its values, what
             its sidecars and manifest say, the settings and texts of the protocol
``online``   the same from a browser: texts of the page, the raw data of a session over HTTP
``imports``  each command of ``twoalike import``: columns and rows of what it writes
``chain``    fit to report, power and export on one small study: files, columns, keys, and values
             with tolerances wide enough for other machines and versions of libraries
``help``     commands, their arguments and options with types, choices and defaults (not wording)
``python``   names of ``twoalike.api`` with the parameters of its functions
``errors``   exit status and text of refused commands

Nothing here imports a private module: commands run through the command line's entry. Times, paths,
versions and hashes are masked, and how integrity is kept (the chain of a journal) is not
frozen: other tests hold that.

After an intended change, write the files anew and review their diff::

    TWOALIKE_GOLDEN=write pytest tests/golden

A file that still agrees, within its tolerance, is left as it is.
"""

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import call

HERE = Path(__file__).parent
WRITE = os.environ.get("TWOALIKE_GOLDEN") == "write"
WIDTH = 96
_SIZE = re.compile(r"\d+|\[.*")
_DECIMAL = re.compile(r"-?\d+\.\d+")


def check(name: str, found: Any, *, relative: float = 1e-6, absolute: float = 1e-6) -> None:
    """Compare a value with its golden file.

    Parameters
    ----------
    name
        ``subject/name`` of the file.
    found
        Anything that JSON holds. Numbers with decimals may differ by ``absolute`` plus ``relative``
        of the golden one; everything else has to be equal.
    """
    path = HERE / f"{name}.json"
    found = json.loads(json.dumps(found))
    golden = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    unlike = list(differences(golden, found, relative, absolute))
    if unlike and WRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(_lines(found) + "\n", encoding="utf-8")
    elif unlike:
        more = [f"... and {len(unlike) - 20} more"] if len(unlike) > 20 else []
        lines = "\n".join([*unlike[:20], *more])
        pytest.fail(f"{path.relative_to(HERE)} (golden, found):\n{lines}", pytrace=False)


def differences(
    golden: Any, found: Any, relative: float, absolute: float, where: str = ""
) -> Iterator[str]:
    """Where two values of JSON differ."""
    if isinstance(golden, dict) and isinstance(found, dict):
        for key in [*golden, *(key for key in found if key not in golden)]:
            if key not in found or key not in golden:
                yield f"{where}/{key}: {'missing' if key in golden else 'new'}"
            else:
                yield from differences(
                    golden[key], found[key], relative, absolute, f"{where}/{key}"
                )
    elif isinstance(golden, list) and isinstance(found, list) and len(golden) == len(found):
        for number, (one, other) in enumerate(zip(golden, found, strict=True)):
            yield from differences(one, other, relative, absolute, f"{where}/{number}")
    elif isinstance(golden, float) and isinstance(found, float | int):
        if not math.isclose(golden, found, rel_tol=relative, abs_tol=absolute):
            yield f"{where}: {golden} {found}"
    elif isinstance(golden, list) and isinstance(found, list) and {*map(type, golden)} == {str}:
        lost, new = ([x for x in a if x not in b] for a, b in ((golden, found), (found, golden)))
        yield f"{where}: missing {lost}, new {new}, of {len(golden)} and {len(found)}"
    elif golden != found or isinstance(golden, bool) != isinstance(found, bool):
        yield f"{where}: {json.dumps(golden)} {json.dumps(found)}"


def _lines(value: Any, indent: str = "", *, row: bool = False) -> str:
    """JSON in which short values and rows of tables take one line, for diffs that can be read."""
    flat = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict | list) and value
    if not nested or row or len(flat) + len(indent) <= WIDTH:
        return flat
    inner = indent + " "
    if isinstance(value, dict):
        named = ((json.dumps(key, ensure_ascii=False), each) for key, each in value.items())
        parts = [f"{name}: {_lines(each, inner)}" for name, each in named]
    else:
        parts = [_lines(each, inner, row=isinstance(each, list)) for each in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}{last}"


def cell(text: str) -> float | str:
    """Cell of a text table; numbers with decimals as numbers, to be compared with a tolerance."""
    return float(text) if _DECIMAL.fullmatch(text) else text


def text_table(path: Path, separator: str = "\t") -> list[list[float | str]]:
    """Rows of a text table, of which the first are the names of its columns."""
    rows = path.read_text(encoding="utf-8").splitlines()
    return [[cell(each) for each in row.split(separator)] for row in rows]


def frame(table: pd.DataFrame) -> dict[str, Any]:
    """Columns of a table in their order, with the kind of their values, and its rows."""
    plain = table.astype(object).where(table.notna(), None)
    kinds = [f"{name}: {_SIZE.sub('', str(kind))}" for name, kind in table.dtypes.items()]
    rows = [[_plain(each) for each in row] for row in plain.itertuples(index=False)]
    return {"columns": kinds, "rows": rows}


def _plain(value: Any) -> Any:
    """Value of a cell as JSON holds it."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    value = value.item() if hasattr(value, "item") else value
    return round(value, 6) if isinstance(value, float) else value


def shape(value: Any) -> Any:
    """Keys and kinds of what JSON holds; of a list, those of its first item."""
    if isinstance(value, Mapping):
        return {str(key): shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__.replace("int", "number").replace("float", "number")


def masked(text: str, *folders: Path) -> str:
    """Text without folders of this machine, versions, times and hashes."""
    for folder in folders:
        text = text.replace(str(folder), "DIR")
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+\d:Z]*", "TIME", text)
    return re.sub(r"\b\d+\.\d+ (MB|kB|s)\b", r"N \1", text)


def pages(journal: Path) -> list[str]:
    """What a session's journal tells that people saw, in order; repeated events are counted."""
    lines = map(json.loads, journal.read_text(encoding="utf-8").splitlines())
    events = [str(line["event"]) for line in lines if line["what"] == "note"]
    shown = [event for event in events if event != "drawn"]
    groups = [(name, len(list(each))) for name, each in groupby(shown)]
    return [name if n == 1 else f"{name} x {n}" for name, n in groups]


def files(folder: Path, *, but: Sequence[str] = ()) -> list[str]:
    """Paths of all files of a folder, without those whose path contains a text of ``but``."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part in path for part in but))


def succeed(*words: object) -> None:
    """Run a command that has to succeed."""
    status = call(*words)
    assert status == 0, f"status {status}: {' '.join(map(str, words))}"


def set_width(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """Let commands print lines of so many columns; an app keeps the width that it first met."""
    from twoalike.cli.app import build

    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("twoalike.cli.app.app", build(summaries=False))
