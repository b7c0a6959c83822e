"""The manifest of a run: everything that made it, and what has to agree to go on with it."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._names import RunName
from twoalike.registry import Task
from twoalike.study import (
    Content,
    TwoalikeError,
    WholeNumber,
    check_content,
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
    n_trials: WholeNumber | None
    design: dict[str, Any]
    stimuli: dict[str, str]
    end_reason: str | None
    witnessed: bool = False
    segments: tuple[Segment, ...]


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run shows, to whom and from which seed; a resume must find it unchanged.

    Attributes
    ----------
    protocol
        The resolved protocol, JSON-ready.
    trials
        Trial list as shown, strings; None where trials follow from the answers before.
    n_trials
        Trials in all; None where the answers decide.
    stimuli
        SHA-256 of the image of every object that may be shown.
    design
        Settings that the trials are chosen by, JSON-ready, where they are not all listed.
    observer
        Describes the simulated observer; None for a person.
    """

    name: RunName
    seed: int
    protocol: Mapping[str, Any]
    trials: pd.DataFrame | None
    n_trials: int | None
    stimuli: Mapping[str, str]
    pilot: bool
    design: Mapping[str, Any] = field(default_factory=dict)
    observer: Mapping[str, Any] | None = None

    @property
    def simulated(self) -> bool:
        """Whether a simulated observer answers."""
        return self.observer is not None


@dataclass(frozen=True, kw_only=True)
class Apparatus:
    """What showed the trials and took the answers.

    Attributes
    ----------
    software, software_version, rrid
        For the sidecar's StimulusPresentation; ``rrid`` is empty where there is none.
    versions
        Further versions worth keeping.
    clock, input
        Which clock times come from, and which path presses take.
    screen
        ``size_px``, ``refresh_hz``, ``fullscreen``, ``width_m``, ``distance_m``, as far as known.
    """

    software: str = "twoalike"
    software_version: str = ""
    rrid: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    clock: str = ""
    input: str = ""
    screen: Mapping[str, Any] = field(default_factory=dict)


def _presentation(apparatus: Apparatus) -> dict[str, Any]:
    screen = apparatus.screen
    entries = {
        "OperatingSystem": f"{platform.system()} {platform.release()}",
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
        **table.sidecar(),
    }


def _now() -> str:
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
        "n_trials": plan.n_trials,
        "design": dict(plan.design),
        "stimuli": dict(plan.stimuli),
        "end_reason": None,
        "segments": [],
    }


def start_segment(manifest: dict[str, Any], apparatus: Apparatus, n_done: int) -> dict[str, Any]:
    """Note that the run starts, or goes on after ``n_done`` trials."""
    segments = [
        {**segment, "end_reason": "killed"} if segment["end_reason"] is None else segment
        for segment in manifest["segments"]
    ]
    segment = {
        "first_trial": n_done + 1,
        "resumed": bool(segments),
        "started_utc": _now(),
        "ended_utc": None,
        "end_reason": None,
        "apparatus": asdict(apparatus),
    }
    # From here on the log lists every row, including those that version 0.1 wrote.
    return {**manifest, "witnessed": True, "end_reason": None, "segments": [*segments, segment]}


def end_segment(
    manifest: dict[str, Any], end_reason: str, left: Mapping[str, object]
) -> dict[str, Any]:
    """Note why and when the run ended, and what it left: counts and SHA-256 of its tables."""
    *before, last = manifest["segments"]
    ended = {**manifest, "segments": [*before, {**last, "ended_utc": _now(), **left}]}
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
