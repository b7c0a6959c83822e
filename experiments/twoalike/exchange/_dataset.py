"""A data set as texts by path: its files, our columns in them, and answers in the form of BIDS.

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
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record import ANSWERS, OLDEST_AGE, PARTICIPANTS
from twoalike.registry import find_task, task_names
from twoalike.study import MISSING, Study, TwoalikeError, inert_cell, parse_json_table
from twoalike.tables import BY_CONDITION, PARTICIPANT_ID, SESSION_ID, Column, check_text


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
            files[name] = utf8(path.read_bytes(), path)
    return Texts(files, folders, others)


def utf8(content: bytes, where: object, encoding: str = "utf-8") -> str:
    """Text of a file of a data set."""
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TwoalikeError(
            f"{where}: not UTF-8 text (byte {error.start}). Restore the file, or save it so."
        ) from error


def split_table(
    text: str, where: str, needed: Collection[str] = ()
) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a BIDS table, without a torn last line."""
    lines = text.removeprefix("\ufeff").split("\n")[:-1]
    cells = [line.removesuffix("\r").split("\t") for line in lines if line]
    if not cells:
        raise TwoalikeError(f"{where}: expected a table, found no line. Restore the file.")
    header, *rows = cells
    if wrong := [name for name in needed if header.count(name) != 1]:
        raise TwoalikeError(
            f"{where}: expected one column {wrong[0]!r}, found {header}. Restore the file."
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise TwoalikeError(
                f"{where}: row {number} has {len(row)} cells, expected {len(header)}."
            )
    return header, rows


def join_table(rows: Collection[Collection[str]]) -> str:
    """Text of a table."""
    return "".join("\t".join(row) + "\n" for row in rows)


def load_json(text: str | bytes, where: str) -> dict[str, Any]:
    """Content of a JSON file of a data set."""
    return parse_json_table(text, where, "Restore the file.")


def dump_json(content: Any) -> str:
    """Text of a JSON file of a data set."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_files(
    root: Path, files: Mapping[str, str | bytes], folders: Collection[str] = ()
) -> None:
    """Write files and empty folders below one that exists; texts as they are, UTF-8."""
    for name in folders:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def raw_data(source: Study | str | Path) -> Path:
    """Folder of the raw data of a study, or the folder itself where it is a BIDS data set."""
    if isinstance(source, Study):
        return source.raw
    folder = Path(source)
    return folder if (folder / DESCRIPTION).is_file() else Study.load(folder).raw


def check_new_folder(out: Path, *sources: Path) -> None:
    """Check that a folder to write is new or empty, and not part of what is read."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TwoalikeError(f"{out}: expected a new or empty folder. Choose another `out=...`.")
    for source in sources:
        if out.resolve().is_relative_to(source.resolve()):
            raise TwoalikeError(f"{out}: lies inside {source}. Choose an `out=...` outside of it.")


DESCRIPTION = "dataset_description.json"
KEYS = (PARTICIPANT_ID.name, SESSION_ID.name)
_ABOUT_KEYS = {column.name: column.sidecar() for column in (PARTICIPANT_ID, SESSION_ID)}
_ANSWERS = re.compile(
    r"sourcedata/sub-(?P<participant>[0-9A-Za-z+]+)/ses-(?P<session>\d+)/"
    r"[^/]+_task-(?P<task>[0-9A-Za-z+]+)_run-\d+_answers\.tsv"
)
type _Question = tuple[str, ...]
"""Id, text, kind and options."""


def is_answers(path: str) -> bool:
    """Whether a file of a data set holds answers of a participant."""
    return _ANSWERS.fullmatch(path) is not None


def answers_as_tables(files: Mapping[str, str]) -> dict[str, str]:
    """Replace participants' answers by tables in ``phenotype``, with their sidecars."""
    tables: dict[str, dict[tuple[str, str], dict[_Question, str]]] = defaultdict(dict)
    made = {path: text for path, text in files.items() if not is_answers(path)}
    for path, text in sorted(files.items()):
        if (match := _ANSWERS.fullmatch(path)) is None:
            continue
        session = "" if int(match["session"]) == 1 else f"_ses{match['session']}"
        person = (f"sub-{match['participant']}", f"ses-{match['session']}")
        header, rows = split_table(text, path, ANSWERS.names)
        answers = pd.DataFrame(rows, columns=header, dtype=object)
        check_text(ANSWERS, answers, path, remedy="Restore the file.")
        columns = ["measure", "answer", "question", "text", "kind", "options"]
        for measure, answer, *about in answers[columns].itertuples(index=False, name=None):
            table = tables[f"phenotype/{measure}_{match['task']}{session}"]
            cells, question = table.setdefault(person, {}), tuple(about)
            if answer != MISSING or question not in cells:
                cells[question] = answer
    for stem, people in tables.items():
        names: dict[str, _Question] = {}
        for question in dict.fromkeys(question for cells in people.values() for question in cells):
            endings = (question[0] + (f"_{number}" if number > 1 else "") for number in count(1))
            name = next(name for name in endings if name not in names and name not in KEYS)
            names[name] = question
        lines: list[list[str]] = [[*KEYS, *names]]
        for person, cells in people.items():
            lines.append([*person, *(cells.get(one, MISSING) for one in names.values())])
        made[f"{stem}.tsv"] = join_table(lines)
        entries = {name: _entry(question) for name, question in names.items()}
        when = ANSWERS["measure"].levels[stem.rpartition("/")[2].partition("_")[0]]
        tool = {"MeasurementToolMetadata": {"Description": f"Questions asked {when}."}}
        made[f"{stem}.json"] = dump_json({**tool, **_ABOUT_KEYS, **entries})
    return made


def _entry(question: _Question) -> dict[str, Any]:
    _, text, kind, options = question
    entry: dict[str, Any] = {"Description": text}
    if options != MISSING and kind == "choices":
        entry["Description"] += f" (any of {options}, as a JSON list)"
    elif options != MISSING and kind == "slider":
        entry["Description"] += f" (from {' to '.join(json.loads(options))})"
    elif options != MISSING:
        words = json.loads(options)
        likert = kind == "likert"
        entry["Levels"] = {
            str(k) if likert else one: one or str(k) for k, one in enumerate(words, start=1)
        }
    elif kind == "check":
        entry["Levels"] = {"true": "the expected answer", "false": "another answer, or none"}
    if kind == "age":
        entry["Units"] = "years"
        entry["Description"] += f" (ages above {OLDEST_AGE} are stored as {OLDEST_AGE})"
    return entry


SEED = re.compile(r"(^|[._])(seeds?|entropy)($|_)", re.IGNORECASE)
"""Keys that a copy leaves out: a study's seed reveals for which code a trial list was made."""
_MEASURES = ("consent", "form", "blocks", "debrief")
_RUN = re.compile(r"[^/]*_task-([0-9A-Za-z+]+)_[^/]*")
_CONSENT = ("consent", "consent_version", "consent_sha256", "consent_language")


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


def own_columns(path: str) -> Mapping[str, Column]:
    """Columns of a table that twoalike itself writes, answers of participants excluded."""
    return _own_columns(table_name(path), path.startswith("phenotype/"))


@cache
def _own_columns(name: str, about_people: bool) -> Mapping[str, Column]:
    if name == "participants":
        found = PARTICIPANTS.columns
    elif about_people:
        consent = [Column(one, "string", "") for one in _CONSENT if name == "consent"]
        found = (PARTICIPANT_ID, SESSION_ID, *consent)
    else:
        tasks = {find_task(one).label: find_task(one) for one in task_names()}
        found = (PARTICIPANT_ID, SESSION_ID)
        if task := tasks.get(name):
            events = task.events.columns if task.events else ()
            found = (*events, *task.trials.columns, BY_CONDITION)
    return {column.name: column for column in found}


_AGAIN = re.compile(r"(_block\d+)?(_correct)?(_\d+)?$")
"""Ending of the column of a question after a block, and of a second one with the same id."""
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
_DIGITS = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class PublishedColumn:
    """A column of a table, and whether it is published.

    ``name`` is ``table.column``, as settings name it; ``remedy`` says how to publish a column that
    is not, and is empty for one that is. One of ours that participants wrote is published without
    its cells (``is_blank``), unless the owner names it.
    """

    place: int
    name: str
    header: str
    is_ours: bool
    is_age: bool
    is_free_text: bool
    is_blank: bool
    remedy: str

    def cell(self, cell: str, where: str) -> str:
        """Cell as it is published: ages capped, formulas in columns that are not ours disabled."""
        if self.is_blank:
            return MISSING
        if self.is_age:
            cell = _capped(cell, f"{where}, column {self.header!r}")
        return cell if self.is_ours else inert_cell(cell)


def _capped(cell: str, place: str) -> str:
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        numbers = [float(text.replace(",", ".")) for text in _DIGITS.findall(cell)]
        if max(numbers, default=0.0) > OLDEST_AGE:
            raise TwoalikeError(
                f"{place}: expected an age in years, found {cell!r}; ages above {OLDEST_AGE} can "
                "tell who somebody is. Write it as a number."
            ) from None
        return cell
    return str(OLDEST_AGE) if value > OLDEST_AGE else cell


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


def columns_of(
    path: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    sidecar: str | None,
    *,
    named: Collection[str],
    with_free_text: bool,
    kinds: Mapping[str, frozenset[str]],
) -> list[PublishedColumn]:
    """Columns of a table in order, each with the decision about it.

    ``named`` are the columns, as ``table.column``, that the owner publishes beside ours; ``kinds``
    those of :func:`declared_kinds`.
    """
    own, about = own_columns(path), load_json(sidecar or "{}", path)
    columns = []
    for place, text in enumerate(header):
        entry, name = about.get(text), f"{table_name(path)}.{text}"
        entry = entry if isinstance(entry, dict) else {}
        asked = kinds.get(name) or kinds.get(_AGAIN.sub("", name), frozenset())
        free = age = blank = False
        remedy = ""
        if text in own:
            blank = own[text].own_words and not (name in named and with_free_text)
        else:
            units = str(entry.get("Units", "")).strip().lower()
            age = "age" in asked or units in _YEARS or _AGE.search(text) is not None
            free = _is_free_text(name, path, asked, entry, {row[place] for row in rows})
            if name not in named and _AGAIN.sub("", name) not in named:
                remedy = f'to publish it, add "{name}" to columns below [share] in study.toml'
            elif free and not with_free_text:
                remedy = "free text; to publish it, add `with_free_text=True`"
            elif _IDENTITY.search(text):
                raise TwoalikeError(
                    f"{path}: column {text!r} may tell who somebody is. Take it out of "
                    "share.columns in study.toml, or rename it if it does not."
                )
        ours = text in own
        columns.append(PublishedColumn(place, name, text, ours, age, free, blank, remedy))
    return columns


def _is_free_text(
    name: str,
    path: str,
    asked: frozenset[str],
    entry: Mapping[str, Any],
    cells: Collection[str],
) -> bool:
    """Whether people wrote a column in their own words: as declared, or else by its cells."""
    if asked:
        return bool(asked & {"text", "long_text"})
    if entry.get("Levels") or name.startswith("consent."):
        return False
    closed = _NUMBER if path.startswith("phenotype/") else _WORD
    words = (cell for cell in cells if cell != MISSING)
    return bool(_REMARK.search(name)) or not all(map(closed.fullmatch, words))
