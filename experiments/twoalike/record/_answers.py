"""What participants answer outside the trials: consent, the form, the debriefing.

One file per participant, session and task, one row per answer, with the question as it was asked.
Rows are only ever added, so no answer is lost to another task, a changed form or a question that
was skipped the second time. Id, text, kind and options together identify a question: two tasks may
use one id for different questions.

The tables are in ``sourcedata``, since BIDS validators refuse a participant who appears twice in a
table of ``phenotype``. Copies for publication have tables with one row per participant there.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName, register_participant
from twoalike.record._manifest import read_manifest
from twoalike.record._read import RawProblem, problem_of, read_log
from twoalike.record._tables import ANSWERS, parse_options
from twoalike.study import (
    MISSING,
    Study,
    TwoalikeError,
    readable_by,
)
from twoalike.tables import check_text, read_tsv, write_tsv

MEASURES = tuple(ANSWERS["measure"].levels)
_WHERE = ("participant_id", "session_id", "task")
_QUESTION = ("measure", "question", "text", "kind", "options")
_AGE_REMARK = " (ages above 89 are stored as 89)"


def _one_line(text: str) -> str:
    """Text with its line breaks, tabs and double spaces as single spaces."""
    return " ".join(text.split())


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
        object.__setattr__(self, "text", _one_line(self.text))


def store_answers(
    root: Path,
    study: Study,
    name: RunName,
    *,
    simulated: bool,
    measure: str,
    answers: Mapping[AskedQuestion, object],
) -> None:
    """Add answers of a participant to those of the same session and task.

    Parameters
    ----------
    measure
        ``consent``, ``form``, ``blocks`` or ``debrief``.
    answers
        Answer by question; None for a question that was left open.

    Raises
    ------
    TwoalikeError
        If the table is damaged, or the participant was a person and is now simulated, or the
        other way round.
    """
    register_participant(root, study, name.participant, simulated)
    path = name.answers(root)
    before = _read_table(path) if path.exists() else pd.DataFrame(columns=list(ANSWERS.names))
    rows = [
        {
            "measure": measure,
            "question": question.id,
            "answer": _cell(answer, question.kind),
            "text": question.text or MISSING,
            "kind": question.kind,
            "options": _as_json(question.options),
        }
        for question, answer in answers.items()
    ]
    for row in rows:
        ANSWERS.format_row(row)  # a row that could not be read again is a defect
    with readable_by(study.config.data.access):
        write_tsv(path, pd.concat([before, pd.DataFrame(rows, dtype=str)], ignore_index=True))


def read_answers(
    root: Path, measure: str, participant: str = "*", before: int | None = None
) -> pd.DataFrame:
    """Answers of a data set.

    If a question was asked again in the same session and task, the last answer counts; leaving it
    open does not delete an earlier answer.

    Parameters
    ----------
    measure
        ``consent``, ``form``, ``blocks`` or ``debrief``.
    participant
        Code; all participants if left out.
    before
        Number of a session, to leave it and later ones out.

    Returns
    -------
    Strings, one row per answer: ``participant_id`` (with ``sub-``), ``session_id`` (with ``ses-``),
    ``task`` (its BIDS label) and the columns of a table of answers.

    Raises
    ------
    TwoalikeError
        If a table is damaged.
    """
    latest: dict[tuple[str, ...], dict[str, str]] = {}
    for row in _rows(root, participant):
        key = tuple(row[column] for column in (*_WHERE, *_QUESTION))
        if row["measure"] == measure and (key not in latest or row["answer"] != MISSING):
            latest[key] = row
    rows = [
        row
        for row in latest.values()
        if before is None or int(row["session_id"].removeprefix("ses-")) < before
    ]
    return pd.DataFrame(rows, columns=[*_WHERE, *ANSWERS.names], dtype=str)


def asked_questions(
    root: Path, measure: str, participant: str, before: int | None = None
) -> list[AskedQuestion]:
    """Questions that a participant was asked in any session and task, answered or not.

    Parameters
    ----------
    before
        Number of a session, to leave it and later ones out.

    Raises
    ------
    TwoalikeError
        If a table is damaged.
    """
    table = read_answers(root, measure, participant, before)
    columns = zip(*(table[name] for name in ("question", "text", "kind", "options")), strict=True)
    return [
        AskedQuestion(
            name,
            "" if text == MISSING else text,
            kind,
            () if cell == MISSING else parse_options(cell),
        )
        for name, text, kind, cell in columns
    ]


def damaged_answers(root: Path, participant: str = "*") -> list[RawProblem]:
    """List the tables of answers that cannot be read."""
    problems = []
    for path in _paths(root, participant):
        try:
            _read_table(path)
        except TwoalikeError as error:
            problems.append(problem_of(path, error))
    return problems


def _paths(root: Path, participant: str) -> list[Path]:
    return sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_answers.tsv"))


def _rows(root: Path, participant: str) -> Iterator[dict[str, str]]:
    for path in _paths(root, participant):
        name = RunName.parse(path.with_name(path.name.replace("_answers.tsv", "_beh.tsv")))
        where = (f"sub-{name.participant}", f"ses-{name.session:02d}", name.task)
        for row in _read_table(path).to_dict("records"):
            yield dict(zip(_WHERE, where, strict=True)) | {str(key): row[key] for key in row}


def _read_table(path: Path) -> pd.DataFrame:
    table = read_tsv(path, "answers of a participant", ANSWERS.names)
    check_text(ANSWERS, table, path, remedy="Restore the file.")
    return table


def _as_json(options: tuple[str, ...]) -> str:
    return json.dumps(options, ensure_ascii=False) if options else MISSING


def _cell(value: object, kind: str) -> str:
    if value is None:
        return MISSING
    if kind in ("choices", "long_text"):  # as they were given
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    return _one_line(str(value)) or MISSING


def answered_questions(root: Path, name: RunName) -> set[str]:
    """Ids of the questions to which answers of this session are stored.

    Raises
    ------
    TwoalikeError
        If the table of answers is damaged.
    """
    tables = [read_answers(root, measure, name.participant) for measure in MEASURES]
    return {
        question
        for table in tables
        for session, task, question in table[["session_id", "task", "question"]].to_numpy().tolist()
        if session == f"ses-{name.session:02d}" and task == name.task
    }


def lost_answers(root: Path, name: RunName) -> list[RawProblem]:
    """Compare the stored answers of a finished session with the questions that its log names.

    An interrupted session asks again what was not stored. Copies made for publication, whose
    manifest has no hash of the rows, hold the published answers only.
    """
    try:
        manifest = read_manifest(name.manifest(root))
        if not _is_original(manifest):
            return []
        asked = [entry["id"] for entry in read_log(name.log(root)) if _is_question(entry)]
        return _lost(name.answers(root), asked, answered_questions(root, name))
    except TwoalikeError:  # reported by the checks of the run and of the answers
        return []


def _is_original(manifest: dict[str, Any]) -> bool:
    last = (manifest["segments"] or [{}])[-1]
    return manifest["end_reason"] == "completed" and isinstance(last.get("rows_sha256"), str)


def _is_question(entry: dict[str, Any]) -> bool:
    return entry.get("event") == "question" and isinstance(entry.get("id"), str)


def _lost(path: Path, asked: Collection[str], stored: Collection[str]) -> list[RawProblem]:
    if not (lost := [question for question in dict.fromkeys(asked) if question not in stored]):
        return []
    state = "lacks" if path.exists() else "is missing, with"
    message = f"{state} the answers to: {', '.join(lost)}. Put it back from a backup"
    return [RawProblem(path, message)]
