"""Participants and sessions of a data set: copies, deletions, misplaced pilot data."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from twoalike.record._answers import read_answers
from twoalike.record._manifest import read_manifest
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem
from twoalike.study import TwoalikeError
from twoalike.tables import read_tsv


def check_people(root: Path) -> Iterator[RawProblem]:
    """Compare the list of participants with the folders of their data."""
    path = root / "participants.tsv"
    if not path.exists():  # reported by the check of missing files
        return
    try:
        listed = list(read_tsv(path, "participants", ["participant_id"])["participant_id"])
    except TwoalikeError:  # reported by the check of missing files
        return
    folders = {folder.name for folder in root.glob("sub-*") if folder.is_dir()}
    for number, code in enumerate(listed, start=1):
        # git and zip drop the empty folder of a participant who did not consent.
        if code not in folders and not _declined(root, code):
            message = f"{code} has no folder here: it was deleted or moved. Put it back"
            yield RawProblem(path, message, number, "participant_id")
    for code in sorted(folders - set(listed)):
        yield RawProblem(path, f"does not list {code}, who has a folder. Put the line back")


def _declined(root: Path, code: str) -> bool:
    try:
        answers = read_answers(root, "consent", code.removeprefix("sub-"))
    except TwoalikeError:  # reported by the check of answers
        return False
    consents = answers[answers["question"] == "consent"]["answer"]
    return bool(len(consents)) and not (consents == "true").any()


def check_pilot(root: Path, runs: Iterable[Path], pilot: bool) -> Iterator[RawProblem]:
    """Find pilot runs among the data of the study, and runs of the study among pilot data."""
    for path in runs:
        try:
            found = read_manifest(RunName.parse(path).manifest(root)).get("pilot")
        except TwoalikeError:  # reported by the check of the run
            continue
        if found is not None and found != pilot:
            kind = ("a session of the study", "a pilot session")[bool(found)]
            yield RawProblem(path, f"is {kind}: move it and its sourcedata out of {root.name}")


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
    path = root / "participants.tsv"
    try:
        listed = read_tsv(path, "participants", ["participant_id"])["participant_id"]
    except TwoalikeError:  # the check of missing files says what is damaged
        return
    have = {f"sub-{RunName.parse(run).participant}" for run in runs}
    for code in listed:
        if code not in have and (root / code).is_dir() and not _declined(root, code):
            yield f"{code} is listed but has no session: it was deleted, or never began"


def check_simulated(root: Path, runs: Iterable[Path]) -> Iterator[RawProblem]:
    """Find participants whom the list calls people and a manifest simulated, or the reverse."""
    path = root / "participants.tsv"
    try:
        table = read_tsv(path, "participants", ["participant_id", "simulated"])
    except TwoalikeError:  # the check of missing files says what is damaged
        return
    listed = dict(zip(table["participant_id"], table["simulated"], strict=True))
    for run in runs:
        name = RunName.parse(run)
        try:
            simulated = str(read_manifest(name.manifest(root))["simulated"]).lower()
        except TwoalikeError:  # the check of the run says what is damaged
            continue
        code = f"sub-{name.participant}"
        if listed.get(code) in ("true", "false") and listed[code] != simulated:
            message = f"{code} is {listed[code]}, the manifest of {run.name} says {simulated}"
            number = list(table["participant_id"]).index(code) + 1
            yield RawProblem(path, message, number, "simulated")


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
