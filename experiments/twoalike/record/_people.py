"""Participants, sessions and files of a data set that are missing, copied or in the wrong place.

A process may be killed between any two steps of the writer, which leaves some files out as well:
only what it writes afterwards tells that a file was deleted.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from twoalike.record._answers import read_answers
from twoalike.record._dataset import RunName
from twoalike.record._manifest import read_manifest
from twoalike.record._rows import RawProblem
from twoalike.record._tables import GROUP
from twoalike.record._views import run_progress
from twoalike.study import MISSING, TwoalikeError, counted
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


def check_people(root: Path) -> Iterator[RawProblem]:
    """Compare the list of participants with the folders of their data."""
    path, table = root / "participants.tsv", people_listed(root)
    if table is None:
        return
    listed = list(table["participant_id"])
    folders = {folder.name for folder in root.glob("sub-*") if folder.is_dir()}
    for number, code in enumerate(listed, start=1):
        # git and zip drop the empty folder of a participant who did not consent.
        if code not in folders and not declined(root, code):
            message = f"{code} has no folder here: it was deleted or moved. Put it back"
            yield RawProblem(path, message, number, "participant_id")
    for code in sorted(folders - set(listed)):
        yield RawProblem(path, f"does not list {code}, who has a folder. Put the line back")


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


def check_manifests(root: Path, runs: Iterable[Path], pilot: bool | None) -> Iterator[RawProblem]:
    """Find runs whose manifest contradicts the list of participants, or the data set it is in.

    ``pilot`` says whether that should hold pilot data; None where this is unknown.
    """
    path, table = root / "participants.tsv", people_listed(root)
    people = [] if table is None else table.to_dict("records")
    listed = {row["participant_id"]: (number, row) for number, row in enumerate(people, start=1)}
    for run in runs:
        name = RunName.parse(run)
        try:
            manifest = read_manifest(name.manifest(root))
        except TwoalikeError:  # reported by the check of the run
            continue
        code = f"sub-{name.participant}"
        number, row = listed.get(code, (0, {}))
        simulated, kind = str(manifest["simulated"]).lower(), row.get("simulated")
        said = {GROUP.name: (row.get(GROUP.name, MISSING), manifest.get("group"))}
        if kind in ("true", "false"):
            said["simulated"] = (kind, simulated)
        for column, (cell, value) in said.items():
            if number and value is not None and cell != value:
                message = f"{code} is {cell}, the manifest of {run.name} says {value}"
                yield RawProblem(path, message, number, column)
        if pilot is not None and manifest.get("pilot") not in (None, pilot):
            what = "a session of the study" if pilot else "a pilot session"
            yield RawProblem(run, f"is {what}: move it and its sourcedata out of {root.name}")


def check_copies(runs: Iterable[Path]) -> Iterator[RawProblem]:
    """Find tables that hold the same rows: one of them is a copy."""
    first: dict[bytes, Path] = {}
    for path in (path for path in runs if path.is_file()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        if content.count(b"\n") < 2:  # no row yet
            continue
        original = first.setdefault(hashlib.sha256(content).digest(), path)
        if original != path:
            message = f"holds the same rows as {original}: one is a copy. Delete the wrong one"
            yield RawProblem(path, message)


def absent_sessions(runs: Iterable[Path]) -> Iterator[str]:
    """List participants who have a later session without an earlier one."""
    sessions: dict[str, set[int]] = {}
    for path in runs:
        name = RunName.parse(path)
        sessions.setdefault(name.participant, set()).add(name.session)
    for participant, found in sessions.items():
        if absent := sorted(set(range(1, max(found))) - found):
            numbers = ", ".join(map(str, absent))
            yield f"participant {participant} has session {max(found)} here, but not {numbers}"


def without_sessions(root: Path, runs: Iterable[Path]) -> Iterator[str]:
    """Name participants who are listed and have a folder, but neither a session nor a refusal.

    A process that was killed before the first page leaves the same, so this is no problem.
    """
    if (table := people_listed(root)) is None:
        return
    have = {f"sub-{RunName.parse(run).participant}" for run in runs}
    for code in table["participant_id"]:
        if code not in have and (root / code).is_dir() and not declined(root, code):
            yield f"{code} is listed but has no session: it was deleted, or never began"
