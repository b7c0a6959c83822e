"""What participants answer outside the trials: consent, the form, the debriefing.

One file per participant, session and task, one row per answer, with the question as it was asked.
Rows are only ever added, so no answer is lost to another task, a changed form or a question that
was skipped the second time. Id, text, kind and options together identify a question: two tasks may
use one id for different questions.

The tables are in ``sourcedata``, since BIDS validators refuse a participant who appears twice in a
table of ``phenotype``. Copies for publication have tables with one row per participant there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName
from twoalike.record._journal import read_journal
from twoalike.record._rows import RawProblem
from twoalike.record._tables import ANSWERS, parse_options
from twoalike.study import MISSING
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
) -> list[AskedQuestion]:
    """Questions that a participant was asked in any session and task, answered or not.

    ``before`` is the number of a session, to leave it and later ones out.
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


def lost_journals(root: Path, participant: str = "*") -> list[RawProblem]:
    """List the journals that tables of answers were made from and that are gone."""
    names = (RunName.parse(path) for path in _paths(root, participant))
    journals = (name.journal(root) for name in names)
    message = "is missing, but its answers are there. Put it back from a backup"
    return [RawProblem(path, message) for path in journals if not path.exists()]


def _paths(root: Path, participant: str) -> list[Path]:
    return sorted(root.glob(f"sourcedata/sub-{participant}/ses-*/sub-*_answers.tsv"))


def answered_questions(root: Path, name: RunName) -> set[str]:
    """Ids of the questions to which a run has answers."""
    entries = read_journal(name.journal(root)).entries
    rows = (row for one in entries if one["what"] == "answers" for row in one["answers"])
    return {row["question"] for row in rows}
