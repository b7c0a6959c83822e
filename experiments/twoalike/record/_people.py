"""Files of a data set that are missing, and participants who are listed or declined.

A process may be killed between any two steps of the writer, which leaves some files out as well:
only what it writes afterwards tells that a file was deleted.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from twoalike.record._answers import read_answers
from twoalike.record._dataset import RunName
from twoalike.record._rows import RawProblem
from twoalike.record._views import run_progress
from twoalike.study import TwoalikeError, counted
from twoalike.tables import read_tsv


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
