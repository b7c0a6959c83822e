"""Replays the records of a session into raw data, by the code that writes sessions in the lab.

Each opening of the page is a segment of the manifest, as a resume in the lab. The raw data are
made in a data set of their own; :mod:`twoalike.online._fetch` puts them into the study.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twoalike.online import _records as sent
from twoalike.online._archive import Ended, ReadSession
from twoalike.online._blocks import Block
from twoalike.online._items import PartItems
from twoalike.online._session import Part, QuestionStep
from twoalike.record import (
    Apparatus,
    RunName,
    check_by_rules,
    open_run,
    register_participants,
)
from twoalike.study import TwoalikeError, provenance, sha256_file, sync_together, write_json
from twoalike.tasks import Keeper, Prepared

KIND = "online_session"
"""Kind of the file that says which session of a browser was written."""
LEFT = "window_closed"
"""End of a segment after which the page was opened again, or not yet."""
_SYSTEMS = {
    "android": "Android",
    "chromeos": "ChromeOS",
    "ios": "iOS",
    "linux": "Linux",
    "macos": "macOS",
    "windows": "Windows",
    "other": "other",
}


def marker(root: Path, participant: str, session: int) -> Path:
    """File that says which session of a browser a participant's session was written from."""
    name = RunName(participant, session)
    return name.manifest(root).with_name(f"sub-{participant}_ses-{session:02d}_online.json")


@dataclass(frozen=True)
class Written:
    """A session whose raw data were made."""

    session: str
    participant: str
    ended: Ended | None
    n_trials: int
    errors: tuple[float, ...]
    """Differences between the frame a trial was planned for and the first that showed it, s."""
    files: tuple[str, ...]
    """Paths in the data set, with slashes; the marker last."""


def replay_session(
    read: ReadSession,
    prepared: Sequence[Prepared],
    parts: Sequence[Part],
    root: Path,
    page_version: str,
) -> Written:
    """Write the raw data of a session into a new data set at ``root``.

    ``prepared`` and ``parts`` are what the participant was to do, as the window and as the page
    have it.
    """
    replay = _Replay(read, prepared, parts, root, page_version)
    with sync_together():
        replay.run()
        _check_written(read, prepared, root)
        files = replay.mark()
    return Written(
        read.head.session,
        prepared[0].sitting.participant,
        read.head.ended,
        replay.n_trials,
        tuple(error for one in replay.items for error in one.errors),
        files,
    )


def _check_written(read: ReadSession, prepared: Sequence[Prepared], root: Path) -> None:
    """Check the raw data by the rules of their tasks: what a page sends may be forged."""
    for one in prepared:
        path = one.plan.name.rows(root)
        if path.exists() and (found := check_by_rules(root, path)):
            where = f"{path.name}, row {found[0].row}" if found[0].row else path.name
            raise _fault(read, f"{where}: {found[0].message}")


def _fault(read: ReadSession, problem: str) -> TwoalikeError:
    return TwoalikeError(problem, where=f"session {read.head.session}")


@dataclass
class _Replay:
    """A session being written, part by part."""

    read: ReadSession
    prepared: Sequence[Prepared]
    parts: Sequence[Part]
    root: Path
    page_version: str
    items: list[PartItems] = field(default_factory=list)
    n_trials: int = 0
    _before: float = 0.0
    """Time of the parts that are over, s."""

    def run(self) -> None:
        """Write all parts; check that a completed session has all of them."""
        head, records = self.read.head, self.read.records
        study, code = self.prepared[0].sitting.study, self.prepared[0].sitting.participant
        register_participants(self.root, study, {code: study}, simulated=False)
        reasons: list[str | None] = []
        for number, (prepared, part) in enumerate(zip(self.prepared, self.parts, strict=True)):
            own = [record for record in records if record.part == number]
            if own and (None in reasons or any(one != "completed" for one in reasons)):
                raise _fault(self.read, f"part {number} begins before the one before has ended")
            reasons.append(self._part(prepared, part, own))
        stray = next((one for one in records if one.part >= len(self.parts)), None)
        if stray is not None:
            raise _fault(self.read, f"record {stray.n} is of part {stray.part}, which is not there")
        order = [record.part for record in records]
        if order != sorted(order):
            raise _fault(self.read, "records of different parts are mixed")
        if head.ended == "completed" and any(reason != "completed" for reason in reasons):
            raise _fault(self.read, "is completed, but its last records are missing")

    def _part(self, prepared: Prepared, part: Part, records: Sequence[sent.Record]) -> str | None:
        """Write one part; return how it ended, None if it did not."""
        items = PartItems(prepared, part, chosen=self._chosen(len(self.items)))
        self.items.append(items)
        if not records:
            return None
        run = _Run(self, prepared, items, _asks_consent(part))
        with run.stack:
            for record in records:
                try:
                    run.take(record)
                except ValueError as error:
                    raise _fault(self.read, f"record {record.n}: {error}") from error
            ended = run.ended
            run.close(ended or (LEFT if self.read.head.ended is None else self.read.head.ended))
        self.n_trials += items.n_done
        self._before += items.time
        return ended

    def _chosen(self, number: int) -> dict[int, Block]:
        """Blocks of a part by their first trial."""
        own = (block for block in self.read.blocks if block.part == number)
        return {int(block.rows[0]["trial_index"]): block for block in own}

    def at(self, time: float) -> str | None:
        """Date and time of a moment of the part under way; None if the entry's is not known."""
        if self.read.head.entered is None:
            return None
        entered = datetime.fromisoformat(self.read.head.entered)
        return (entered + timedelta(seconds=self._before + time)).isoformat(timespec="seconds")

    def mark(self) -> tuple[str, ...]:
        """Write which session this is; return the paths of all its files, this one last."""
        head, sitting = self.read.head, self.prepared[0].sitting
        made = [path for path in sorted(self.root.glob("s*/**/*")) if path.is_file()]
        files = [path.relative_to(self.root).as_posix() for path in made]
        path = marker(self.root, sitting.participant, sitting.session)
        content = {
            **provenance(KIND),
            **head.model_dump(exclude={"kind"}),
            "n_records": len(self.read.records),
            "records_sha256": self.read.sha256,
            "n_trials": self.n_trials,
            "files": {name: sha256_file(self.root / name) for name in files},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
        return (*files, path.relative_to(self.root).as_posix())


def _asks_consent(part: Part) -> bool:
    return any(isinstance(one, QuestionStep) and one.measure == "consent" for one in part.steps)


@dataclass
class _Run:
    """One part being written: its run, opened anew for each opening of the page."""

    replay: _Replay
    prepared: Prepared
    items: PartItems
    consent_first: bool
    stack: ExitStack = field(default_factory=ExitStack)
    keeper: Keeper | None = None
    ended: str | None = None
    _resumed: bool = False

    def take(self, record: sent.Record) -> None:
        """Write one record."""
        for item in record.items:
            if self.ended is not None:
                raise ValueError("comes after the end of its part")
            if isinstance(item, sent.Segment):
                self._open(item)
            if self.keeper is None:
                raise ValueError("the part does not begin with what shows it (a segment)")
            for kept in self.items.of(item, record.step):
                self.keeper(kept)
            if isinstance(item, sent.Ending):
                self.items.pass_time(item.time)
                self.ended = item.reason

    def _open(self, segment: sent.Segment) -> None:
        """Begin a segment: the page was opened, or opened again."""
        self.items.pass_time(segment.time)
        begun = self.keeper is not None and self.keeper.record.started
        self._resumed = self._resumed or self.keeper is not None
        self.close(LEFT)
        self.consent_first = self.consent_first and not begun
        prepared = self.prepared
        run = open_run(
            *(self.replay.root, prepared.sitting.study, prepared.plan),
            apparatus_of(segment.device, self.replay.page_version),
            *(prepared.instructions, prepared.inputs, _displaced),
            now=lambda: None if self._resumed else self.replay.at(self.items.time),
        )
        self.keeper = Keeper(
            record=self.stack.enter_context(run),
            asked=prepared.asked,
            consent_first=self.consent_first,
            rt_source="browser",
            pilot=prepared.sitting.pilot,
        )

    def close(self, reason: str) -> None:
        """End the segment under way."""
        if self.keeper is not None:
            self.keeper.record.end(reason)
        self.stack.close()


def _displaced(line: str) -> None:
    raise TwoalikeError(line)


def apparatus_of(device: sent.Device, page_version: str) -> Apparatus:
    """Describe a browser as what showed the trials."""
    width = device.window_px[0]
    screen: dict[str, Any] = {
        "size_px": list(device.window_px),
        "refresh_hz": device.refresh_hz,
        "fullscreen": device.fullscreen,
        "pixel_ratio": device.pixel_ratio,
        "mobile": device.mobile,
    }
    if device.px_per_cm is not None:
        screen["width_m"] = round(width / device.px_per_cm / 100, 4)
    if device.distance_cm is not None:
        screen["distance_m"] = device.distance_cm / 100
    return Apparatus(
        software="twoalike in a browser",
        software_version=page_version,
        versions={device.browser: device.browser_version},
        clock="performance.now",
        input="touch and pointer events" if device.touch else "pointer events",
        system=_SYSTEMS[device.system],
        screen=screen,
    )
