"""Answers in the form of BIDS: tables in ``phenotype`` with one row per participant.

Raw data keep one row per answer (:data:`twoalike.record.ANSWERS`). Here each measure gets a table
per task and session, such as ``form_oddoneout_ses02``, and each question a column, with its text
and options in the sidecar. If two different questions share an id, the second gets the ending
``_2``.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from twoalike.exchange._dataset import dump_json, split_table
from twoalike.record import ANSWERS, OLDEST_AGE, check_answers
from twoalike.study import MISSING, TwoalikeError

_PATH = re.compile(
    r"sourcedata/sub-(?P<participant>[0-9A-Za-z+]+)/ses-(?P<session>\d+)/"
    r"[^/]+_task-(?P<task>[0-9A-Za-z+]+)_run-\d+_answers\.tsv"
)
_KEYS = {
    "participant_id": {"Description": "Code of the participant, with sub- in front."},
    "session_id": {"Description": "Session, with ses- in front."},
}
type _Question = tuple[str, str, str, str]
"""Id, text, kind and options."""


def is_answers(path: str) -> bool:
    """Whether a file of a data set holds answers of a participant."""
    return _PATH.fullmatch(path) is not None


def answers_as_tables(files: Mapping[str, str]) -> dict[str, str]:
    """Replace participants' answers by tables in ``phenotype``.

    Parameters
    ----------
    files
        Text by path in the data set.

    Returns
    -------
    The same without tables of answers, with the tables made from them and their sidecars.

    Raises
    ------
    TwoalikeError
        If a table of answers is damaged.
    """
    tables: dict[str, dict[tuple[str, str], dict[_Question, str]]] = defaultdict(dict)
    for path, text in sorted(files.items()):
        if match := _PATH.fullmatch(path):
            session = "" if int(match["session"]) == 1 else f"_ses{match['session']}"
            person = (f"sub-{match['participant']}", f"ses-{match['session']}")
            for measure, question, answer in _answers(text, path):
                rows = tables[f"phenotype/{measure}_{match['task']}{session}"]
                cells = rows.setdefault(person, {})
                if answer != MISSING or question not in cells:
                    cells[question] = answer
    made = {path: text for path, text in files.items() if not is_answers(path)}
    for stem, rows in tables.items():
        made[f"{stem}.tsv"], made[f"{stem}.json"] = _table(rows)
    return made


def _answers(text: str, where: str) -> list[tuple[str, _Question, str]]:
    header, rows = split_table(text, where)
    if missing := [name for name in ANSWERS.names if name not in header]:
        raise TwoalikeError(f"{where}: expected a column {missing[0]!r}. Restore the file.")
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    check_answers(cells, where)
    return [
        (
            row["measure"],
            (row["question"], row["text"], row["kind"], row["options"]),
            row["answer"],
        )
        for row in cells
    ]


def _table(rows: Mapping[tuple[str, str], Mapping[_Question, str]]) -> tuple[str, str]:
    """Text of a table and of its sidecar."""
    names: dict[_Question, str] = {}
    for question in dict.fromkeys(question for cells in rows.values() for question in cells):
        names[question] = _free_name(question[0], {*_KEYS, *names.values()})
    lines = ["\t".join([*_KEYS, *names.values()])]
    for person, cells in rows.items():
        lines.append("\t".join([*person, *(cells.get(question, MISSING) for question in names)]))
    about = {**_KEYS, **{name: _entry(question) for question, name in names.items()}}
    return "\n".join(lines) + "\n", dump_json(about)


def _free_name(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def _entry(question: _Question) -> dict[str, Any]:
    """Sidecar entry of a question's column."""
    _, text, kind, options = question
    entry: dict[str, Any] = {"Description": text}
    if options != MISSING:
        entry["Levels"] = {option: option for option in json.loads(options)}
    if kind == "age":
        entry["Units"] = "years"
        entry["Description"] += f" (ages above {OLDEST_AGE} are stored as {OLDEST_AGE})"
    return entry
