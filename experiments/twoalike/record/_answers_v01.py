"""Answers as version 0.1 stored them: ``phenotype/<measure>.tsv``, one row per participant.

The second task replaced the row of the first, and a question that was not asked cannot be
distinguished from one that was left open (``n/a``). So only cells with an answer are read; other
questions are asked again.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twoalike.study import MISSING, parse_json_table, read_text, require_file
from twoalike.tables import read_tsv

_KEYS = ("participant_id", "session_id")
_AGE_REMARK = " (ages above 89 are stored as 89)"


def one_line(text: str) -> str:
    """Text with its line breaks, tabs and double spaces as single spaces."""
    return " ".join(text.split())


def wide_tables(root: Path, measure: str) -> list[Path]:
    """Existing tables of a measure, one per session."""
    folder = root / "phenotype"
    paths = (folder / f"{measure}.tsv", *sorted(folder.glob(f"{measure}_ses*.tsv")))
    return [path for path in paths if path.exists()]


def read_wide_table(path: Path, measure: str, participant: str) -> Iterator[dict[str, str]]:
    """Rows as :func:`twoalike.record.read_answers` returns them.

    Raises
    ------
    TwoalikeError
        If the table or its sidecar is damaged.
    """
    table = read_tsv(path, f"answers ({measure})", _KEYS)
    sidecar = path.with_suffix(".json")
    about: dict[str, Any] = {}
    if sidecar.exists():
        text = read_text(require_file(sidecar, "a sidecar"))
        about = parse_json_table(text, sidecar, "Restore the file.")
    for row in table.to_dict("records"):
        if participant not in ("*", row["participant_id"].removeprefix("sub-")):
            continue
        where = {name: row[name] for name in _KEYS} | {"task": MISSING, "measure": measure}
        for column in table.columns:
            if column not in _KEYS and row[column] != MISSING:
                entry = _question(about.get(column))
                yield {**where, "question": column, "answer": row[column], **entry}


def _question(entry: Any) -> dict[str, str]:
    """Text, kind and options of a question, from the column's entry in the sidecar."""
    entry = entry if isinstance(entry, dict) else {}
    text = str(entry.get("Description", ""))
    levels = entry.get("Levels")
    options = json.dumps(list(levels), ensure_ascii=False) if isinstance(levels, dict) else MISSING
    kind = "choice" if options != MISSING else "age" if entry.get("Units") == "years" else ""
    return {
        "text": one_line(text.removesuffix(_AGE_REMARK)),
        "kind": kind,
        "options": options,
    }
