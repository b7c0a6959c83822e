"""Who is in a data set, and with which sessions: copies, deletions, stray pilot data."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from twoalike.record._answers import read_answers
from twoalike.record._manifest import read_manifest
from twoalike.record._names import RunName
from twoalike.record._read import RawProblem
from twoalike.stimuli import read_tsv
from twoalike.study import TwoalikeError


def check_people(root: Path) -> Iterator[RawProblem]:
    """Set the list of participants against the folders of their data."""
    path = root / "participants.tsv"
    if not path.exists():  # the check of missing files says so
        return
    try:
        listed = list(read_tsv(path, "participants", ["participant_id"])["participant_id"])
    except TwoalikeError:  # the check of missing files says what is damaged
        return
    folders = {folder.name for folder in root.glob("sub-*") if folder.is_dir()}
    for number, code in enumerate(listed, start=1):
        # The empty folder of somebody who did not consent is lost on the way through git or zip.
        if code not in folders and not _declined(root, code):
            message = f"{code} has no folder here: it was deleted or moved. Put it back"
            yield RawProblem(path, message, number, "participant_id")
    for code in sorted(folders - set(listed)):
        yield RawProblem(path, f"does not list {code}, who has a folder. Put the line back")


def _declined(root: Path, code: str) -> bool:
    try:
        answers = read_answers(root, "consent", code.removeprefix("sub-"))
    except TwoalikeError:  # the check of answers says what is damaged
        return False
    consents = answers[answers["question"] == "consent"]["answer"]
    return bool(len(consents)) and not (consents == "true").any()


def check_pilot(root: Path, runs: Iterable[Path], pilot: bool) -> Iterator[RawProblem]:
    """Find runs of the pilot among the others, and the other way round."""
    for path in runs:
        try:
            found = read_manifest(RunName.parse(path).manifest(root)).get("pilot")
        except TwoalikeError:  # the check of the run says what is damaged
            continue
        if found is not None and found != pilot:
            kind = ("a session of the study", "a pilot session")[bool(found)]
            yield RawProblem(path, f"is {kind}: move it and its sourcedata out of {root.name}")


def absent_sessions(runs: Iterable[Path]) -> Iterator[str]:
    """Say of which participants there are later sessions without an earlier one."""
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
