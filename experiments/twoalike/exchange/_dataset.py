"""A data set as texts by path: reading and writing it, and answers in the form of BIDS.

Raw data keep one row per answer (:data:`twoalike.record.ANSWERS`). BIDS wants one row per
participant in ``phenotype``: each measure gets a table per task and session, such as
``form_oddoneout_ses02``, and each question a column, with its text and options in the sidecar. If
two different questions share an id, the second gets the ending ``_2``.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import ANSWERS, OLDEST_AGE
from twoalike.study import MISSING, Study, TwoalikeError, parse_json_table
from twoalike.tables import PARTICIPANT_ID, SESSION_ID, check_text


@dataclass(frozen=True)
class Texts:
    """Texts by path in a data set, with ``/`` between its parts, and its folders.

    ``others`` are files that were not asked for, links, and what is behind them.
    """

    files: Mapping[str, str]
    folders: Collection[str]
    others: Collection[str]


def read_texts(root: Path, wanted: Callable[[str], bool]) -> Texts:
    """Read the files of a data set that are wanted."""
    files: dict[str, str] = {}
    folders, others = [], []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.resolve().is_relative_to(root.resolve()):
            others.append(name)
        elif path.is_dir():
            folders.append(name)
        elif not wanted(name):
            others.append(name)
        else:
            try:
                files[name] = path.read_bytes().decode("utf-8")
            except UnicodeDecodeError as error:
                raise TwoalikeError(
                    f"{path}: not UTF-8 text (byte {error.start}). Restore the file."
                ) from error
    return Texts(files, folders, others)


def split_table(text: str, where: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a BIDS table, without a torn last line."""
    lines = text.removeprefix("\ufeff").split("\n")[:-1]
    cells = [line.removesuffix("\r").split("\t") for line in lines if line]
    if not cells:
        raise TwoalikeError(f"{where}: expected a table, found no line. Restore the file.")
    header, *rows = cells
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise TwoalikeError(
                f"{where}: row {number} has {len(row)} cells, expected {len(header)}."
            )
    return header, rows


def load_json(text: str | bytes, where: str) -> dict[str, Any]:
    """Content of a JSON file of a data set."""
    return parse_json_table(text, where, "Restore the file.")


def dump_json(content: Any) -> str:
    """Text of a JSON file of a data set."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_texts(root: Path, files: Mapping[str, str], folders: Collection[str] = ()) -> None:
    """Write texts into a folder that exists, UTF-8 with line ends as they are."""
    for name in folders:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def raw_data(source: Study | str | Path) -> Path:
    """Folder of the raw data of a study, or the folder itself where it is a BIDS data set."""
    if isinstance(source, Study):
        return source.raw
    folder = Path(source)
    return folder if (folder / _DESCRIPTION).is_file() else Study.load(folder).raw


def check_new_folder(out: Path, *sources: Path) -> None:
    """Check that a folder to write is new or empty, and not part of what is read."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TwoalikeError(f"{out}: expected a new or empty folder. Choose another `out=...`.")
    for source in sources:
        if out.resolve().is_relative_to(source.resolve()):
            raise TwoalikeError(f"{out}: lies inside {source}. Choose an `out=...` outside of it.")


_PATH = re.compile(
    r"sourcedata/sub-(?P<participant>[0-9A-Za-z+]+)/ses-(?P<session>\d+)/"
    r"[^/]+_task-(?P<task>[0-9A-Za-z+]+)_run-\d+_answers\.tsv"
)
_KEYS = {column.name: column.sidecar() for column in (PARTICIPANT_ID, SESSION_ID)}
_DESCRIPTION = "dataset_description.json"
type _Question = tuple[str, str, str, str]
"""Id, text, kind and options."""


def is_answers(path: str) -> bool:
    """Whether a file of a data set holds answers of a participant."""
    return _PATH.fullmatch(path) is not None


def answers_as_tables(files: Mapping[str, str]) -> dict[str, str]:
    """Replace participants' answers by tables in ``phenotype``, with their sidecars."""
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
    if wrong := [name for name in ANSWERS.names if header.count(name) != 1]:
        raise TwoalikeError(f"{where}: expected one column {wrong[0]!r}. Restore the file.")
    table = pd.DataFrame(rows, columns=header, dtype=object)
    check_text(ANSWERS, table, where, remedy="Restore the file.")
    questions = table[["question", "text", "kind", "options"]].itertuples(index=False, name=None)
    return list(zip(table["measure"], questions, table["answer"], strict=True))


def _table(rows: Mapping[tuple[str, str], Mapping[_Question, str]]) -> tuple[str, str]:
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
    if options != MISSING and kind == "choices":
        entry["Description"] += f" (any of {options}, as a JSON list)"
    elif options != MISSING:
        entry["Levels"] = {option: option for option in json.loads(options)}
    if kind == "age":
        entry["Units"] = "years"
        entry["Description"] += f" (ages above {OLDEST_AGE} are stored as {OLDEST_AGE})"
    return entry
