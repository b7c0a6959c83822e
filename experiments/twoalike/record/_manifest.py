"""The manifest of a run, which has to agree to go on with it, and the log as witness of its rows.

After each trial the log records the trial's number, the number of rows so far, and the SHA-256 of
the table from its first byte to there; the last one is the hash of the file. At the end of a
session, count and hash are written to the manifest as well. Table and log disagree from the first
row that was edited, removed or added later.

A trial is on the disk before its line in the log is written, so a killed session may have rows
that the log lacks; resuming it adds them.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, TypeGuard

import pandas as pd

from twoalike.record._dataset import RunName
from twoalike.record._read import RawProblem
from twoalike.registry import Task
from twoalike.study import (
    Content,
    TwoalikeError,
    WholeNumber,
    check_content,
    counted,
    describe_changes,
    provenance,
    read_json,
    read_seed,
)
from twoalike.tables import Table

KIND = "run"
DISPLACED = "displaced"
"""End of a session that was run to its end, but whose table is not at its path."""


class SegmentApparatus(Content):
    """What showed the trials of a segment."""

    software: str
    software_version: str


class Segment(Content):
    """A run from its start, or a resume, to its end; counts and SHA-256 of what it left."""

    first_trial: WholeNumber
    end_reason: str | None
    kept_trials: WholeNumber = 0
    rows_sha256: str | None = None
    events_rows: WholeNumber = 0
    events_sha256: str | None = None
    apparatus: SegmentApparatus


class ManifestContent(Content):
    """What those who read a manifest count on."""

    seed: Any  # of any size
    config: dict[str, Any]
    simulated: bool
    observer: dict[str, Any] | None
    group: str | None = None
    condition: str | None = None
    n_trials: WholeNumber | None
    design: dict[str, Any]
    stimuli: dict[str, str]
    end_reason: str | None
    witnessed: bool = False
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run shows, to whom and from which seed; a resume must find it unchanged."""

    name: RunName
    seed: int
    protocol: Mapping[str, Any]
    """The resolved protocol, JSON-ready."""
    trials: pd.DataFrame | None
    """Trial list as shown, strings; None where trials follow from the answers before."""
    n_trials: int | None
    """Trials in all; None where the answers decide."""
    stimuli: Mapping[str, str]
    """SHA-256 of the image of every object that may be shown."""
    pilot: bool
    design: Mapping[str, Any] = field(default_factory=dict)
    """Settings that the trials are chosen by, JSON-ready, where they are not all listed."""
    observer: Mapping[str, Any] | None = None
    """Describes the simulated observer; None for a person."""
    group: str | None = None
    """Group of the participant; None in a study without groups."""
    condition: str | None = None
    """Condition of the run; None in a study without conditions within a session."""
    object_set: int | None = None
    """Number of the participant's set of objects; None where everybody sees all."""
    orders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Tasks and conditions in the order of the participant, where there are several."""

    @property
    def simulated(self) -> bool:
        """Whether a simulated observer answers."""
        return self.observer is not None


@dataclass(frozen=True, kw_only=True)
class Apparatus:
    """What showed the trials and took the answers."""

    software: str = "twoalike"
    software_version: str = ""
    rrid: str = ""
    """``software``, ``software_version``, ``rrid``: For the sidecar's StimulusPresentation;
    ``rrid`` is empty where there is none."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Further versions worth keeping."""
    clock: str = ""
    input: str = ""
    """``clock``, ``input``: Which clock times come from, and which path presses take."""
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.release()}")
    """Operating system; that of this computer if left out."""
    screen: Mapping[str, Any] = field(default_factory=dict)
    """``size_px``, ``refresh_hz``, ``fullscreen``, ``width_m``, ``distance_m``, as far as known."""
    frames: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Durations of a timed presentation by setting: ``asked_ms``, ``frames``, ``shown_ms``."""


def _presentation(apparatus: Apparatus) -> dict[str, Any]:
    screen = apparatus.screen
    entries = {
        "OperatingSystem": apparatus.system,
        "SoftwareName": apparatus.software,
        "SoftwareRRID": apparatus.rrid,
        "SoftwareVersion": apparatus.software_version,
        "ScreenDistance": screen.get("distance_m"),
        "ScreenRefreshRate": screen.get("refresh_hz"),
        "ScreenResolution": list(screen["size_px"]) if screen.get("size_px") else None,
    }
    return {name: value for name, value in entries.items() if value}


def sidecar(
    plan: RunPlan, task: Task, table: Table, apparatus: Apparatus, instructions: str
) -> dict[str, Any]:
    """BIDS sidecar of a raw table, from the same columns that the writer uses."""
    return {
        "TaskName": task.name,
        "TaskDescription": task.description,
        "Instructions": instructions,
        "StimulusPresentation": _presentation(apparatus),
        "Simulated": plan.simulated,
        **({"Condition": plan.condition} if plan.condition else {}),
        **table.sidecar(),
    }


def utc_now() -> str:
    """Return the present time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_manifest(plan: RunPlan, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Manifest of a run that is about to start."""
    return {
        **provenance(KIND, seed=plan.seed, inputs=inputs, config=plan.protocol),
        "participant": plan.name.participant,
        "session": plan.name.session,
        "task": plan.name.task,
        "run": plan.name.run,
        "pilot": plan.pilot,
        "simulated": plan.simulated,
        "observer": dict(plan.observer) if plan.observer is not None else None,
        "group": plan.group,
        "condition": plan.condition,
        "object_set": plan.object_set,
        "orders": {name: list(order) for name, order in plan.orders.items()},
        "n_trials": plan.n_trials,
        "design": dict(plan.design),
        "stimuli": dict(plan.stimuli),
        "end_reason": None,
        "segments": [],
    }


def start_segment(
    manifest: dict[str, Any], apparatus: Apparatus, n_done: int, now: str | None
) -> dict[str, Any]:
    """Note that the run starts, or goes on after ``n_done`` trials."""
    segments = [
        {**segment, "end_reason": "killed"} if segment["end_reason"] is None else segment
        for segment in manifest["segments"]
    ]
    segment = {
        "first_trial": n_done + 1,
        "resumed": bool(segments),
        "started_utc": now,
        "ended_utc": None,
        "end_reason": None,
        "apparatus": asdict(apparatus),
    }
    # From here on the log lists every row, including those that version 0.1 wrote.
    return {**manifest, "witnessed": True, "end_reason": None, "segments": [*segments, segment]}


def end_segment(
    manifest: dict[str, Any], end_reason: str, left: Mapping[str, object], now: str | None
) -> dict[str, Any]:
    """Note why and when the run ended, and what it left: counts and SHA-256 of its tables."""
    *before, last = manifest["segments"]
    ended = {**manifest, "segments": [*before, {**last, "ended_utc": now, **left}]}
    return with_reason(ended, end_reason)


def with_reason(manifest: dict[str, Any], end_reason: str) -> dict[str, Any]:
    """Manifest of a run with another reason for its end."""
    *before, last = manifest["segments"]
    last = {**last, "end_reason": end_reason}
    return {**manifest, "end_reason": end_reason, "segments": [*before, last]}


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a run.

    Raises
    ------
    TwoalikeError
        If it is missing, damaged, or of a newer twoalike.
    """
    manifest = read_json(path, KIND)
    remedy = "The file is damaged: restore it from a copy."
    check_content(manifest, ManifestContent, path, remedy)
    return manifest


def check_same(
    manifest: Mapping[str, Any], plan: RunPlan, shown: pd.DataFrame | None, where: Path
) -> None:
    """Check that a run may go on: same protocol, trials, stimuli, seed and kind of observer.

    Where blocks are chosen during the session, the plan may have one more than was ``shown``.
    """
    pairs: list[tuple[str, Any, Any]] = [
        ("the seed", read_seed(manifest["seed"]), plan.seed),
        ("the protocol", manifest["config"], _known_then(manifest["config"], plan.protocol)),
        ("the design", manifest["design"], dict(plan.design)),
        ("the images", manifest["stimuli"], dict(plan.stimuli)),
        ("who answers", manifest["observer"], plan.observer and dict(plan.observer)),
        ("the group", manifest.get("group"), plan.group),
        ("the condition", manifest.get("condition"), plan.condition),
        ("the number of trials", manifest["n_trials"], plan.n_trials),
    ]
    if plan.trials is not None and shown is not None:
        now = plan.trials.iloc[: len(shown)]
        pairs.append(("the trial list", *_first_rows_apart(shown, now)))
    if changed := [(what, before, now) for what, before, now in pairs if before != now]:
        names = " and ".join(what for what, _, _ in changed)
        raise TwoalikeError(
            f"cannot continue this run: {names} changed since it began "
            f"({'; '.join(_difference(*change) for change in changed)})",
            where=where,
            remedy="Restore it, or start the next `session=...`.",
        )


def _known_then(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the settings that the version of twoalike which began the run had as well.

    A manifest holds every setting, so an absent one was added by a later version.
    """
    return {
        key: _known_then(before[key], value)
        if isinstance(value, Mapping) and isinstance(before[key], Mapping)
        else value
        for key, value in now.items()
        if key in before
    }


def _first_rows_apart(
    before: pd.DataFrame, now: pd.DataFrame
) -> tuple[dict[str, object], dict[str, object]]:
    """Give the first row in which two lists differ, of each; the rest follows from it."""
    rows = zip_longest(before.to_dict("records"), now.to_dict("records"))
    for number, (old, new) in enumerate(rows, start=1):
        if old != new:
            return {f"row {number}": old}, {f"row {number}": new}
    return {}, {}


def _difference(what: str, before: object, now: object) -> str:
    """Say what differs, by key where there are keys."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return describe_changes(before, now)
    return describe_changes({what: before}, {what: now})


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
