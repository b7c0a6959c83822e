"""What a data set tells of its participants: who is listed, answers, files that are missing.

Answers are those outside the trials: consent, the form, the debriefing. One file per participant,
session and task, one row per answer, with the question as it was asked.
Rows are only ever added, so no answer is lost to another task, a changed form or a question that
was skipped the second time. Id, text, kind and options together identify a question: two tasks may
use one id for different questions.

The tables are in ``sourcedata``, since BIDS validators refuse a participant who appears twice in a
table of ``phenotype``. Copies for publication have tables with one row per participant there.

A process may be killed between any two steps of the writer, which leaves some files out as well:
only what it writes afterwards tells that a file was deleted.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName
from twoalike.record._journal import read_journal
from twoalike.record._rows import RawProblem
from twoalike.record._tables import ANSWERS, parse_options
from twoalike.record._views import run_progress
from twoalike.study import MISSING, TwoalikeError, counted
from twoalike.tables import check_text, read_tsv

_WHERE = ("participant_id", "session_id", "task")
_QUESTION = ("measure", "question", "text", "kind", "options")


@dataclass(frozen=True)
class AskedQuestion:
    """A question as it was asked."""

    id: str
    """Its name in tables."""
    text: str
    """What the participant read; kept on one line."""
    kind: str
    """Kind as the table of answers has it."""
    options: tuple[str, ...] = ()
    """Of a choice, or of several."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join(self.text.split()))


def answer_rows(measure: str, answers: Mapping[AskedQuestion, object]) -> list[dict[str, str]]:
    """Rows of the table of answers, from the answer by question; None: it was left open."""
    rows = []
    for question, answer in answers.items():
        if question.kind in ("choices", "long_text") and answer is not None:  # as they were given
            cell = json.dumps(answer, ensure_ascii=False)
        elif isinstance(answer, bool):
            cell = str(answer).lower()
        else:
            cell = MISSING if answer is None else " ".join(str(answer).split()) or MISSING
        options = json.dumps(question.options, ensure_ascii=False) if question.options else MISSING
        row = {
            "measure": measure,
            "question": question.id,
            "answer": cell,
            "text": question.text or MISSING,
            "kind": question.kind,
            "options": options,
        }
        ANSWERS.format_row(row)  # a row that could not be read again is a defect
        rows.append(row)
    return rows


def read_answers(
    root: Path, measure: str, participant: str = "*", before: int | None = None
) -> pd.DataFrame:
    """Answers of a data set.

    If a question was asked again in the same session and task, the last answer counts; leaving it
    open does not delete an earlier answer.

    ``measure`` is ``consent``, ``form``, ``blocks`` or ``debrief``; ``before`` the number of a
    session, to leave it and later ones out. The table has strings, one row per answer:
    ``participant_id`` (with ``sub-``), ``session_id`` (with ``ses-``), ``task`` (its BIDS label)
    and the columns of a table of answers.
    """
    latest: dict[tuple[str, ...], dict[Any, Any]] = {}
    for path in _paths(root, participant):
        name = RunName.parse(path)
        where = (f"sub-{name.participant}", f"ses-{name.session:02d}", name.task)
        table = read_tsv(path, "answers of a participant", ANSWERS.names)
        check_text(ANSWERS, table, path, remedy="Restore the file.")
        if before is not None and name.session >= before:
            continue
        for row in table[table["measure"] == measure].to_dict("records"):
            key = (*where, *(row[column] for column in _QUESTION))
            if key not in latest or row["answer"] != MISSING:
                latest[key] = dict(zip(_WHERE, where, strict=True)) | row
    return pd.DataFrame(list(latest.values()), columns=[*_WHERE, *ANSWERS.names], dtype=str)


def asked_questions(
    root: Path, measure: str, participant: str, before: int | None = None
) -> dict[AskedQuestion, object]:
    """Questions that a participant was asked in any session and task, each with its answer.

    ``before`` is the number of a session, to leave it and later ones out.
    """
    table = read_answers(root, measure, participant, before)
    names = ("question", "text", "kind", "options", "answer")
    return {
        AskedQuestion(
            name,
            "" if text == MISSING else text,
            kind,
            () if cell == MISSING else parse_options(cell),
        ): given_answer(kind, answer)
        for name, text, kind, cell, answer in table[[*names]].itertuples(index=False, name=None)
    }


def lost_journals(root: Path, participant: str = "*") -> list[RawProblem]:
    """List the journals that tables of answers were made from and that are gone."""
    names = (RunName.parse(path) for path in _paths(root, participant))
    journals = (name.journal(root) for name in names)
    message = "is missing, but its answers are there. Put it back from a backup"
    return [RawProblem(path, message) for path in journals if not path.exists()]


def _paths(root: Path, participant: str) -> list[Path]:
    return sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_answers.tsv"))


def answered_questions(root: Path, name: RunName) -> dict[str, object]:
    """Answers of a run, by id of the question."""
    entries = read_journal(name.journal(root)).entries
    rows = (row for one in entries if one["what"] == "answers" for row in one["answers"])
    return {row["question"]: given_answer(row["kind"], row["answer"]) for row in rows}


def attention_items(root: Path, name: RunName) -> list[bool]:
    """Say of each attention item among the questions of a run whether it was answered rightly."""
    path = name.answers(root)
    if not path.is_file():
        return []
    table = read_tsv(path, "answers of a participant", ANSWERS.names)
    return [answer == "true" for answer in table.loc[table["kind"] == "check", "answer"]]


def wrong_items(root: Path, participant: str = "*") -> Counter[tuple[str, str]]:
    """Count attention items with another answer than expected, by participant and session."""
    found = Counter[tuple[str, str]]()
    for name in map(RunName.parse, _paths(root, participant)):
        found[name.participant, f"{name.session:02d}"] += attention_items(root, name).count(False)
    return found


def given_answer(kind: str, cell: str) -> object:
    """Answer from its cell; several are a list."""
    return json.loads(cell) if kind == "choices" and cell != MISSING else cell


def missing_files(root: str | Path, participant: str = "*") -> list[RawProblem]:
    """List what is missing from a data set: the list of participants, raw tables."""
    root = Path(root)
    sidecars = root.glob(f"sub-{participant}/ses-*/beh/sub-*_beh.json")
    manifests = root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_manifest.json")
    names = {RunName.parse(path): path for path in [*manifests, *sidecars]}
    lost = [
        RawProblem(
            name.rows(root),
            f"is missing, but {names[name].name} of the same session is there: the table was "
            "deleted or moved. Put it back from a backup, or move the other files of the session "
            "away too",
        )
        for name in sorted(names, key=lambda name: name.stem)
        # Otherwise it is written again from the journal.
        if not name.rows(root).exists() and not run_progress(root, name).begun
    ]
    path = root / "participants.tsv"
    if path.is_file():
        return [*_undecodable(path), *lost]
    people = {folder.parent.name for folder in root.glob("sub-*/ses-*")}
    if not people or path.exists():
        return lost
    message = (
        f"is missing, but there are data of {counted(len(people), 'participant')}: the list was "
        "deleted or moved. Put it back from a backup, or write it anew: a first line "
        f"participant_id, then a line for each folder, such as {min(people)}"
    )
    return [RawProblem(path, message), *lost]


def unreadable_texts(root: str | Path) -> list[RawProblem]:
    """List tables and descriptions that are not UTF-8: spreadsheets save as UTF-16, too."""
    texts = sorted(path for kind in ("tsv", "json") for path in Path(root).rglob(f"*.{kind}"))
    return [one for path in texts if path.is_file() for one in _undecodable(path)]


def _undecodable(path: Path) -> Iterator[RawProblem]:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        yield RawProblem(path, f"not UTF-8 text (byte {error.start}). Save as UTF-8")


def people_listed(root: Path) -> pd.DataFrame | None:
    """List of participants; None if it cannot be read, which :func:`missing_files` reports."""
    path = root / "participants.tsv"
    try:
        return read_tsv(path, "participants", ["participant_id"]) if path.exists() else None
    except TwoalikeError:
        return None


def declined(root: Path, code: str) -> bool:
    """Whether a participant (with ``sub-``) was asked for consent and never gave it.

    A copy for publication has the answers in ``phenotype``.
    """
    try:
        answers = read_answers(root, "consent", code.removeprefix("sub-"))
        consents = answers[answers["question"] == "consent"]["answer"].tolist()
        for path in root.glob("phenotype/consent*.tsv"):
            table = read_tsv(path, "answers (consent)", ["participant_id", "consent"])
            consents += table[table["participant_id"] == code]["consent"].tolist()
    except TwoalikeError:  # reported by the check of answers
        return False
    return bool(consents) and "true" not in consents
