"""A data set as texts by path: its files, answers in the form of BIDS, and columns to publish.

Raw data keep one row per answer (:data:`twoalike.record.ANSWERS`). BIDS wants one row per
participant in ``phenotype``: each measure gets a table per task and session, such as
``form_oddoneout_ses02``, and each question a column, with its text and options in the sidecar. If
two different questions share an id, the second gets the ending ``_2``.

Published are the columns that twoalike writes, and those that the owner names. Everything else is
left out, whatever its name: a list of forbidden columns can miss one, one of allowed ones cannot.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import ANSWERS, OLDEST_AGE, PARTICIPANTS
from twoalike.registry import Task, find_task, task_names
from twoalike.study import MISSING, Study, TwoalikeError, parse_json_table
from twoalike.tables import BY_CONDITION, PARTICIPANT_ID, SESSION_ID, check_text


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


KEYS = tuple(_KEYS)
CONSENT = ("consent", "consent_version", "consent_sha256", "consent_language")
"""Columns of ``phenotype/consent.tsv`` beside the keys."""
_MEASURES = ("consent", "form", "blocks", "debrief")
_RUN = re.compile(r"[^/]*_task-([0-9A-Za-z+]+)_[^/]*")
_AGAIN = re.compile(r"(_block\d+)?(_\d+)?$")
"""Ending of the column of a question after a block, and of a second one with the same id."""
SEED = re.compile(r"(^|[._])(seeds?|entropy)($|_)", re.IGNORECASE)
"""Keys that a copy leaves out: a study's seed reveals for which code a trial list was made."""
_IDENTITY = re.compile(
    r"(?:^|_)(birth\w*|dob|(first|last|family|sur|full)_?name|name|e?_?mail\w*|phone\w*|mobile|"
    r"street|address|postcode|zip|ip|ip_address)($|_)",
    re.IGNORECASE,
)
_REMARK = re.compile(r"(?:^|[._])(comments?|notes?|remarks?|strategy)(?:$|_)", re.IGNORECASE)
_AGE = re.compile(r"(^|_)age($|_)", re.IGNORECASE)
_YEARS = frozenset({"year", "years", "yr", "yrs", "a"})
_WORD = re.compile(r"[\w.:+-]{0,40}")
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?|true|false")


def table_name(path: str) -> str:
    """Name of a table in the settings: ``participants``, a measure, or the task of a run."""
    file = path.rpartition("/")[2]
    if match := _RUN.fullmatch(file):
        return match[1]
    stem = file.partition(".")[0]
    if stem.startswith("sub-"):  # such as sub-1_sessions.tsv: one name for all participants
        return stem.rpartition("_")[2]
    measure = stem.partition("_")[0]
    return measure if path.startswith("phenotype/") and measure in _MEASURES else stem


def _task(label: str) -> Task | None:
    """Task by its label in BIDS file names; None if a name is not that of a task."""
    labels = {find_task(name).label for name in task_names()}
    return find_task(label) if label in labels else None


def own_columns(path: str) -> frozenset[str]:
    """Columns of a table that twoalike itself writes, answers of participants excluded."""
    name = table_name(path)
    if name == "participants":
        return frozenset(PARTICIPANTS.names)
    if path.startswith("phenotype/"):
        return frozenset(KEYS + (CONSENT if name == "consent" else ()))
    if (task := _task(name)) is None:
        return frozenset(KEYS)
    ours = (*task.trials.names, BY_CONDITION.name, *(task.events.names if task.events else ()))
    return frozenset(ours)


def _own_words(path: str) -> frozenset[str]:
    """Columns of ours that participants write in their own words."""
    task = _task(table_name(path))
    return frozenset(c.name for c in task.trials.columns if c.own_words) if task else frozenset()


def numeric_columns(path: str) -> frozenset[str]:
    """Columns of ours with numbers or a few fixed words: nothing in them can identify a person."""
    if (task := _task(table_name(path))) is None:
        return frozenset()
    columns = task.trials.columns + (task.events.columns if task.events else ())
    return frozenset(c.name for c in columns if c.kind != "string" or c.levels)


def declared_kinds(manifests: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Kinds (choice, age, ...) of each question by ``table.column``, from the protocols."""
    kinds: dict[str, frozenset[str]] = {}
    for manifest in manifests:
        config = manifest.get("config")
        for measure in ("form", "blocks", "debrief"):
            asked = config.get(measure) if isinstance(config, dict) else None
            questions = asked.get("questions") if isinstance(asked, dict) else None
            for question in questions if isinstance(questions, list) else ():
                if isinstance(question, dict):
                    name = f"{measure}.{question.get('id')}"
                    kinds[name] = kinds.get(name, frozenset()) | {str(question.get("kind"))}
    return kinds


@dataclass(frozen=True)
class Column:
    """A column of a table, and whether it is published.

    ``name`` is ``table.column``, as settings name it; ``remedy`` says how to publish a column that
    is not, and is empty for one that is. One of ours that participants wrote is published without
    its cells (``is_blank``), unless the owner names it.
    """

    place: int
    name: str
    header: str
    is_ours: bool
    is_age: bool = False
    is_free_text: bool = False
    is_blank: bool = False
    remedy: str = ""

    @property
    def published(self) -> bool:
        """Whether the copy has it."""
        return not self.remedy


@dataclass(frozen=True)
class Publication:
    """What the owner of a data set decided to publish: columns beside ours, as ``table.column``.

    ``kinds`` are those of :func:`declared_kinds`.
    """

    columns: Collection[str]
    with_free_text: bool
    kinds: Mapping[str, frozenset[str]]

    def columns_of(
        self, path: str, header: Sequence[str], rows: Sequence[Sequence[str]], sidecar: str | None
    ) -> list[Column]:
        """Columns of a table in order, each with the decision about it."""
        own, about = own_columns(path), load_json(sidecar or "{}", path)
        columns = []
        for place, text in enumerate(header):
            entry = about.get(text)
            entry = entry if isinstance(entry, dict) else {}
            name, ours = f"{table_name(path)}.{text}", text in own
            free = not ours and self._is_free_text(name, path, entry, {row[place] for row in rows})
            age = not ours and self._is_age(name, entry)
            remedy = "" if ours else self._remedy(name, path, free)
            blank = text in _own_words(path) and not (name in self.columns and self.with_free_text)
            columns.append(Column(place, name, text, ours, age, free, blank, remedy))
        return columns

    def _remedy(self, name: str, path: str, free: bool) -> str:
        """How to publish a column that is not ours; empty if it is published."""
        if name not in self.columns and _AGAIN.sub("", name) not in self.columns:
            return f'to publish it, add "{name}" to columns below [share] in study.toml'
        if free and not self.with_free_text:
            return "free text; to publish it, add `with_free_text=True`"
        if _IDENTITY.search(name.partition(".")[2]):
            raise TwoalikeError(
                f"{path}: column {name.partition('.')[2]!r} may tell who somebody is. Take it out "
                "of share.columns in study.toml, or rename it if it does not."
            )
        return ""

    def _is_free_text(
        self, name: str, path: str, entry: Mapping[str, Any], cells: Collection[str]
    ) -> bool:
        """Whether people wrote a column in their own words: as declared, or else by its cells."""
        if kinds := self._declared(name):
            return bool(kinds & {"text", "long_text"})
        if entry.get("Levels") or name.startswith("consent."):
            return False
        closed = _NUMBER if path.startswith("phenotype/") else _WORD
        words = (cell for cell in cells if cell != MISSING)
        return bool(_REMARK.search(name)) or not all(map(closed.fullmatch, words))

    def _is_age(self, name: str, entry: Mapping[str, Any]) -> bool:
        units = str(entry.get("Units", "")).strip().lower()
        return (
            "age" in self._declared(name)
            or units in _YEARS
            or _AGE.search(name.partition(".")[2]) is not None
        )

    def _declared(self, name: str) -> frozenset[str]:
        return self.kinds.get(name) or self.kinds.get(_AGAIN.sub("", name), frozenset())
