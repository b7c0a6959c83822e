"""Which columns of a data set are published: those twoalike writes, and those its owner names.

Everything else is left out, whatever its name: a list of forbidden columns can miss one, a list of
allowed columns cannot.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twoalike.exchange._dataset import load_json
from twoalike.record import PARTICIPANTS
from twoalike.registry import Task, find_task, task_names
from twoalike.study import MISSING, TwoalikeError
from twoalike.tables import BY_CONDITION

KEYS = ("participant_id", "session_id")
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
