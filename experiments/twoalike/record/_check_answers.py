"""Answers that are in a session's log and in no table: the table was deleted or edited."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from twoalike.record._answers import read_answers
from twoalike.record._manifest import read_manifest
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem
from twoalike.record._witness import read_log
from twoalike.study import MISSING, TwoalikeError


def answered_questions(root: Path, name: RunName) -> set[str]:
    """Ids of the questions to which answers of this session are stored.

    Answers of version 0.1 have no task; they count for every task.

    Raises
    ------
    TwoalikeError
        If the table of answers is damaged.
    """
    tables = [
        read_answers(root, measure, name.participant) for measure in ("consent", "form", "debrief")
    ]
    return {
        question
        for table in tables
        for session, task, question in table[["session_id", "task", "question"]].to_numpy().tolist()
        if session == f"ses-{name.session:02d}" and task in (name.task, MISSING)
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
