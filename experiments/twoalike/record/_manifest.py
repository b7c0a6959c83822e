"""What a run shows, to whom and on what; its manifest, and whether the run may go on.

The manifest is a view of the journal (:mod:`twoalike.record._views`): plan, apparatus, start and
end of each part of the run, and how many lines the journal had, with the chain of the last one.
"""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from twoalike.record._dataset import RunName
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

KIND = "run"


class SegmentApparatus(Content):
    """What showed the trials of a segment."""

    software: str
    software_version: str


class Segment(Content):
    """A run from its start, or a resume, to its end."""

    first_trial: WholeNumber
    end_reason: str | None
    apparatus: SegmentApparatus


class JournalEnd(Content):
    """How far the journal was; the chain is that of its last line."""

    lines: WholeNumber
    chain: str


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
    segments: tuple[Segment, ...]
    journal: JournalEnd | None
    """None in a copy for publication, which has no journal."""


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


def utc_now() -> str:
    """Return the present time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def planned(plan: RunPlan, inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Part of the manifest that is known before the run begins."""
    shown = ("pilot", "simulated", "group", "condition", "object_set", "n_trials")
    return {
        **provenance(KIND, seed=plan.seed, inputs=inputs, config=plan.protocol),
        **asdict(plan.name),
        **{name: getattr(plan, name) for name in shown},
        "observer": dict(plan.observer) if plan.observer is not None else None,
        "orders": {name: list(order) for name, order in plan.orders.items()},
        "design": dict(plan.design),
        "stimuli": dict(plan.stimuli),
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a run."""
    manifest = read_json(path, KIND)
    remedy = "The file is damaged: restore it from a copy."
    check_content(manifest, ManifestContent, path, remedy)
    return manifest


def check_same(
    manifest: Mapping[str, Any], plan: RunPlan, shown: pd.DataFrame, where: Path
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
    if plan.trials is not None:
        listed = plan.trials.iloc[: len(shown)].to_dict("records")
        rows = enumerate(zip_longest(shown.to_dict("records"), listed), start=1)
        # The first row that differs; the rest follows from it.
        apart = ((k, old, new) for k, (old, new) in rows if old != new)
        number, old, new = next(apart, (0, None, None))
        pairs.append(("the trial list", {f"row {number}": old}, {f"row {number}": new}))
    changed = [(what, before, now) for what, before, now in pairs if before != now]
    if changed:
        differences = [
            describe_changes(before, now)
            if isinstance(before, Mapping) and isinstance(now, Mapping)
            else describe_changes({what: before}, {what: now})
            for what, before, now in changed
        ]
        raise TwoalikeError(
            f"cannot continue this run: {' and '.join(what for what, _, _ in changed)} changed "
            f"since it began ({'; '.join(differences)})",
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
