"""What participants say outside the trials: consent, the form, the debriefing.

One file per participant, session and task, one row per answer, with the question as it was asked.
Rows are only ever added, so no answer is lost to another task, a changed form or a question that
was skipped the second time. Id, text, kind and options together identify a question: two tasks may
use one id for different questions.

The tables are in ``sourcedata``, since BIDS validators refuse a participant who appears twice in a
table of ``phenotype``. Copies for publication have tables with one row per participant there.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._answers_v01 import one_line, read_wide_table, wide_tables
from twoalike.record._dataset import register_participant
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem
from twoalike.study import MISSING, Study, TwoalikeError, parse_json, readable_by
from twoalike.tables import Column, Table, read_tsv, write_tsv

OLDEST_AGE = 89
"""Higher ages are stored as this, since a very high age can identify a person (BIDS)."""

ANSWERS = Table(
    "answers",
    (
        Column(
            name="measure",
            kind="string",
            description="When it was asked.",
            levels={
                "consent": "before everything else",
                "form": "before the instruction",
                "debrief": "after the last trial",
            },
        ),
        Column(name="question", kind="string", description="Id of the question."),
        Column(
            name="answer",
            kind="string",
            description="The answer; line breaks and tabs are stored as spaces.",
            missing="the question was left open",
        ),
        Column(
            name="text",
            kind="string",
            description="The question as it was asked.",
            missing="it had no words",
        ),
        Column(
            name="kind",
            kind="string",
            description="What was asked for.",
            levels={
                "choice": "one of the options",
                "age": f"an age in whole years; above {OLDEST_AGE} stored as {OLDEST_AGE}",
                "number": "a whole number",
                "text": "free text",
            },
        ),
        Column(
            name="options",
            kind="string",
            description="The options of a choice, as a JSON list.",
            missing="not a choice",
        ),
    ),
)
"""The table of one participant's answers in one session of a task."""
_WHERE = ("participant_id", "session_id", "task")
_QUESTION = ("measure", "question", "text", "kind", "options")


@dataclass(frozen=True)
class AskedQuestion:
    """A question as it was asked.

    Attributes
    ----------
    id
        Its name in tables.
    text
        What the participant read; kept on one line.
    kind
        ``choice``, ``age``, ``number`` or ``text``; empty if a table of version 0.1 does not
        record it.
    options
        Of a choice.
    """

    id: str
    text: str
    kind: str
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))

    def matches(self, other: "AskedQuestion") -> bool:
        """Whether both are the same question; an unknown kind matches any."""
        same = (self.id, self.text, self.options) == (other.id, other.text, other.options)
        return same and (self.kind == other.kind or "" in (self.kind, other.kind))


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
    name
        Participant, session and task.
    measure
        ``consent``, ``form`` or ``debrief``.
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
            "answer": _cell(answer),
            "text": question.text or MISSING,
            "kind": question.kind,
            "options": _written(question.options),
        }
        for question, answer in answers.items()
    ]
    for row in rows:
        ANSWERS.format_row(row)  # a row that could not be read again is a defect
    with readable_by(study.config.data.access):
        write_tsv(path, pd.concat([before, pd.DataFrame(rows, dtype=str)], ignore_index=True))


def read_answers(root: Path, measure: str, participant: str = "*") -> pd.DataFrame:
    """Answers of a data set, those of version 0.1 included.

    If a question was asked again in the same session and task, the last answer counts; leaving it
    open does not delete an earlier answer.

    Parameters
    ----------
    measure
        ``consent``, ``form`` or ``debrief``.
    participant
        Code; all participants if left out.

    Returns
    -------
    Strings, one row per answer: ``participant_id`` (with ``sub-``), ``session_id`` (with ``ses-``),
    ``task`` (its BIDS label; ``n/a`` in tables of version 0.1) and the columns of a table of
    answers. Answers of version 0.1 have an empty kind where it is not known.

    Raises
    ------
    TwoalikeError
        If a table is damaged.
    """
    latest: dict[tuple[str, ...], dict[str, str]] = {}
    tables = (read_wide_table(path, measure, participant) for path in wide_tables(root, measure))
    for row in chain(*tables, _rows(root, participant)):
        key = tuple(row[column] for column in (*_WHERE, *_QUESTION))
        if row["measure"] == measure and (key not in latest or row["answer"] != MISSING):
            latest[key] = row
    return pd.DataFrame(list(latest.values()), columns=[*_WHERE, *ANSWERS.names], dtype=str)


def asked_questions(root: Path, measure: str, participant: str) -> list[AskedQuestion]:
    """Questions that a participant was asked in any session and task, answered or not.

    Raises
    ------
    TwoalikeError
        If a table is damaged.
    """
    table = read_answers(root, measure, participant)
    columns = zip(*(table[name] for name in ("question", "text", "kind", "options")), strict=True)
    return [
        AskedQuestion(name, "" if text == MISSING else text, kind, _read(cell))
        for name, text, kind, cell in columns
    ]


def damaged_answers(root: Path, participant: str = "*") -> list[RawProblem]:
    """List the tables of answers that cannot be read, those of version 0.1 included."""
    readers: list[tuple[Path, Callable[[], object]]] = [
        (path, partial(_read_table, path)) for path in _paths(root, participant)
    ]
    readers += [
        (path, partial(list, read_wide_table(path, measure, participant)))
        for measure in ANSWERS.columns[0].levels
        for path in wide_tables(root, measure)
    ]
    problems = []
    for path, read in readers:
        try:
            read()
        except TwoalikeError as error:
            problems.append(RawProblem(path, str(error).removeprefix(f"{path}: ")))
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
    check_answers(table.to_dict("records"), path)
    return table


def check_answers(rows: Iterable[Mapping[Any, str]], where: object) -> None:
    """Check the cells of a table of answers.

    Parameters
    ----------
    rows
        Cells by column.
    where
        The file, for the message.

    Raises
    ------
    TwoalikeError
        Naming row and column of the first wrong cell.
    """
    for number, row in enumerate(rows, start=1):
        for column in ANSWERS.columns:
            try:
                column.parse(row[column.name])
                if column.name == "options":
                    _read(row[column.name])
            except ValueError as error:
                raise TwoalikeError(
                    f"{where}: row {number}, column {column.name}: {error}. Restore the file."
                ) from error


def _written(options: tuple[str, ...]) -> str:
    return json.dumps(options, ensure_ascii=False) if options else MISSING


def _read(cell: str) -> tuple[str, ...]:
    if cell == MISSING:
        return ()
    try:
        options = parse_json(cell, "options", "")
    except TwoalikeError as error:
        raise ValueError(f"expected a JSON list of texts, found {cell}") from error
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise ValueError(f"expected a JSON list of texts, found {cell}")
    return tuple(options)


def _cell(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    return one_line(str(value)) or MISSING
