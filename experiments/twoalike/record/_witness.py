"""The log as a witness of the raw table: which rows a session wrote, and their running hash.

After each trial the log records the trial's number, the number of rows so far, and the SHA-256 of
the table from its first byte to there; the last one is the hash of the file. At the end of a
session, count and hash are written to the manifest as well. Table and log disagree from the first
row that was edited, removed or added later.

A trial is on the disk before its line in the log is written, so a killed session may have rows
that the log lacks; resuming it adds them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, TypeGuard

from twoalike.record._read import RawProblem
from twoalike.study import counted
from twoalike.tables import Table

TRIAL_KEPT = "trial_kept"
"""Event of the log: a trial is on the disk."""
TRIAL_SHOWN = "trial_shown"
"""Event of the log: a trial appeared on the screen."""


@dataclass(frozen=True)
class KeptTrial:
    """Entry of the log for a trial on the disk: rows and hash of the table up to this trial.

    Copies made for publication have no hash.
    """

    trial: int
    rows: int
    sha256: str | None

    def line(self) -> str:
        """Line of the log."""
        entry = {"event": TRIAL_KEPT, "trial_index": self.trial}
        return json.dumps({**entry, "rows": self.rows, "sha256": self.sha256}) + "\n"


def plain_lines(content: bytes) -> list[bytes]:
    """Lines of a table with their ends, the header first; a torn last line is left out.

    Windows line ends, which some programs introduce, are converted back.
    """
    lines = content.replace(b"\r\n", b"\n").splitlines(keepends=True)
    return [line for line in lines if line.endswith(b"\n")]


def table_hash(content: bytes) -> str:
    """SHA-256 of the whole lines of a table."""
    return hashlib.sha256(b"".join(plain_lines(content))).hexdigest()


class Witness:
    """Counts the rows of a table and updates their running hash, which begins with the header."""

    def __init__(self, header: bytes) -> None:
        self._running = hashlib.sha256(header)
        self._rows = 0

    @property
    def sha256(self) -> str:
        """Of the table so far."""
        return self._running.hexdigest()

    def take(self, trial: int, rows: bytes) -> KeptTrial:
        """Count the rows of one more trial."""
        self._running.update(rows)
        self._rows += rows.count(b"\n")
        return KeptTrial(trial, self._rows, self.sha256)


def witness_table(content: bytes, table: Table) -> tuple[Witness, list[KeptTrial]]:
    """Witness of a table of whole trials, and the entry that its log should have for each."""
    header, *lines = plain_lines(content)
    witness, column = Witness(header), table.names.index("trial_index")
    trials = groupby(lines, key=lambda line: int(line.split(b"\t")[column]))
    return witness, [witness.take(trial, b"".join(rows)) for trial, rows in trials]


def logged_trials(log: Sequence[Mapping[str, Any]]) -> list[KeptTrial]:
    """Trials in a log, in order; of a trial that was written again, the last entry counts."""
    kept: list[KeptTrial] = []
    for entry in log:
        trial, rows, digest = (entry.get(key) for key in ("trial_index", "rows", "sha256"))
        if entry.get("event") != TRIAL_KEPT or not _is_count(trial) or not _is_count(rows):
            continue
        while kept and kept[-1].trial >= trial:
            kept.pop()
        kept.append(KeptTrial(trial, rows, digest if isinstance(digest, str) else None))
    return kept


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 < value < 10**9


def check_witness(
    table: Path,
    content: bytes,
    n_rows: int,
    log: Path,
    known: Sequence[KeptTrial],
    manifest: Mapping[str, Any],
) -> Iterator[RawProblem]:
    """Find the first row in which a table disagrees with its log or its manifest.

    ``n_rows`` leaves out those of a torn last trial. The log was read, with the trials that are
    ``known`` from it, before the table, which is written first. Sessions of version 0.1 have no
    witness: nothing is compared.
    """
    if not manifest.get("witnessed"):
        return
    last = manifest["segments"][-1:]
    end = last[0] if last and last[0]["end_reason"] is not None else {}
    kept = end.get("kept_trials")
    if isinstance(kept, int) and kept > (known[-1].trial if known else 0):
        yield RawProblem(log, _lost_lines(known, kept, log))
        return
    lines = plain_lines(content)[: n_rows + 1]
    running, done = hashlib.sha256(b"".join(lines[:1])), 0
    for entry in known:
        running.update(b"".join(lines[done + 1 : entry.rows + 1]))
        if entry.rows > n_rows and done == n_rows:
            yield RawProblem(table, _missing(known, done, log), done + 1)
            return
        if entry.rows > n_rows or entry.sha256 not in (None, running.hexdigest()):
            message = f"is not the row that was written (trial {entry.trial}, by {log.name})"
            yield RawProblem(table, f"{message}: rows were edited or removed here", done + 1)
            return
        done = entry.rows
    if isinstance(kept, int) and n_rows > done:
        message = f"is not in {log.name}, which ends with row {done}: it was added later"
        yield RawProblem(table, message, done + 1)
    elif end.get("rows_sha256") not in (None, running.hexdigest()):
        yield RawProblem(table, "is not the table that the session left (SHA-256 in its manifest)")


def left_events(content: bytes) -> dict[str, object]:
    """Return what a manifest keeps of a table of events: rows, and SHA-256 from its first byte."""
    return {
        "events_rows": max(len(plain_lines(content)) - 1, 0),
        "events_sha256": table_hash(content),
    }


def check_left_events(table: Path, manifest: Mapping[str, Any]) -> Iterator[RawProblem]:
    """Check that a table of events begins with what each part of the session left, in its order.

    Sessions that were killed, and those of version 0.1, left no hash.
    """
    lines = plain_lines(table.read_bytes())
    for segment in manifest["segments"]:
        digest, n_rows = segment.get("events_sha256"), segment.get("events_rows")
        if segment["end_reason"] is None or not isinstance(digest, str) or n_rows is None:
            continue
        if table_hash(b"".join(lines[: n_rows + 1])) != digest:
            message = f"its first {counted(n_rows, 'row')} are not those that the session left"
            yield RawProblem(table, f"{message} (SHA-256 in its manifest)")
            return
        if manifest["end_reason"] is not None and segment is manifest["segments"][-1]:
            if len(lines) > n_rows + 1:
                message = "was added after the session had ended"
                yield RawProblem(table, message, n_rows + 1)


def _lost_lines(known: Sequence[KeptTrial], kept: int, log: Path) -> str:
    if not log.exists():
        return "is missing: with it, edited rows cannot be found. Put it back from a backup"
    ends = f"ends with trial {known[-1].trial}" if known else "knows no trial"
    return f"{ends}, but {counted(kept, 'trial')} were written: lines were lost. Restore the file"


def _missing(known: Sequence[KeptTrial], done: int, log: Path) -> str:
    lost = known[-1].rows - done
    return (
        f"is missing: {log.name} knows {counted(lost, 'more row')}, up to trial "
        f"{known[-1].trial}. Restore the table from a backup"
    )
