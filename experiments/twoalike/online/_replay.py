"""Replays the records of a session into raw data, by the code that writes sessions in the lab.

Each record becomes the items of a window's session: notes, events, answers, results. What was shown
comes from the trial list, or from the blocks that the server chose; a record states only what was
answered, and all else in it must agree with that. Each opening of the page is a segment of the
manifest, as a resume in the lab. The raw data are made in a data set of their own;
:mod:`twoalike.online._fetch` puts them into the study.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from twoalike.design import ListedArrangement, PlannedArrangement
from twoalike.online import _records as sent
from twoalike.online._archive import Ended, ReadSession
from twoalike.online._blocks import Block, arranged, end_detail
from twoalike.online._built import NEW, Refusal, following, shapes_of
from twoalike.online._records import ArrangementStep, BlockStep, Part, QuestionStep
from twoalike.record import (
    OLDEST_AGE,
    TRIAL_SHOWN,
    Apparatus,
    AskedQuestion,
    RunName,
    check_by_rules,
    open_run,
    register_participants,
)
from twoalike.registry import find_task
from twoalike.study import TwoalikeError, provenance, sha256_file, sync_together, write_json
from twoalike.tables import Table
from twoalike.tasks import (
    EventRow,
    Item,
    Keeper,
    Note,
    Prepared,
    PreparedTriplets,
    QuestionAnswers,
    Sitting,
    Trial,
)
from twoalike.tasks.choosing import Answer, TrialResult
from twoalike.tasks.multi_arrangement import ArrangementResult, PreparedArrangements, submitted
from twoalike.tasks.screens import consent_text_hash

DRAWN = "drawn"
"""Event of the log: by how many s a trial's first frame missed the one it was planned for."""
_OURS = frozenset({DRAWN, "arranged", "block"})
"""Events of notes that are made here: a page that sends them is forged."""
_TAKEN = frozenset({"self", "event", "time_s", "n", "at", "what", "chain"})
"""Names that details of a note cannot have."""
_ROUNDING_S = 2e-4


@dataclass
class _PartRun:
    """One part being written: its run, opened anew for each opening of the page.

    What turns records into items raises ``ValueError`` with the reason if one cannot be true.
    """

    prepared: Prepared
    part: Part
    chosen: Sequence[Block]
    """Blocks that a server chose, in order."""
    read: ReadSession
    root: Path
    page_version: str
    before: float
    """Time of the parts that are over, s."""

    def __post_init__(self) -> None:
        self.keeper: Keeper | None = None
        self.ended: str | None = None  # how the part ended
        self._stack = ExitStack()
        self._resumed = False
        steps = self.part.steps
        self._consent_first = any(getattr(one, "measure", "") == "consent" for one in steps)
        self.n_done = 0  # trials that are over
        self.time = 0.0  # latest time of a note so far, s of the part
        self.errors: list[float] = []  # of the trials' first frames to those planned, s
        self._end = 0.0  # of the last arrangement, s
        self._trials: dict[int, Trial] = {}
        if isinstance(self.prepared, PreparedTriplets):
            self._trials = {trial.trial_index: trial for trial in self.prepared.trials}
        if isinstance(self.prepared, PreparedArrangements):
            self._arranging = replace(self.prepared.arranging, done=[])
        self._events: Table | None = find_task(self.prepared.plan.name.task).events

    def write(self, records: Sequence[sent.Record]) -> None:
        """Write all records of the part."""
        with self._stack:
            for record in records:
                try:
                    self._take(record)
                except ValueError as error:
                    raise _fault(self.read, f"record {record.n}: {error}") from error
            self._close(self.ended or self.read.head.ended or LEFT)

    def _take(self, record: sent.Record) -> None:
        for item in record.items:
            if isinstance(item, sent.Segment):
                self._open(item)
            if self.keeper is None:
                raise ValueError("the part does not begin with what shows it (a segment)")
            for kept in self._of(item, record.step):
                self.keeper(kept)
            if isinstance(item, sent.Ending):
                self._pass_time(item.time)
                self.ended = item.reason

    def _open(self, segment: sent.Segment) -> None:
        """Begin a segment: the page was opened, or opened again."""
        self._pass_time(segment.time)
        begun = self.keeper is not None and self.keeper.record.started
        self._resumed = self._resumed or self.keeper is not None
        self._close(LEFT)
        self._consent_first = self._consent_first and not begun
        prepared = self.prepared
        run = open_run(
            *(self.root, prepared.sitting.study, prepared.plan),
            apparatus_of(segment.device, self.page_version),
            *(prepared.instructions, prepared.inputs, _displaced),
            now=lambda: None if self._resumed else self._now(),
        )
        self.keeper = Keeper(
            record=self._stack.enter_context(run),
            asked=prepared.asked,
            consent_first=self._consent_first,
            rt_source="browser",
            pilot=prepared.sitting.pilot,
        )

    def _now(self) -> str | None:
        """Date and time of the moment under way; None if the entry's is not known."""
        if self.read.head.entered is None:
            return None
        entered = datetime.fromisoformat(self.read.head.entered)
        return (entered + timedelta(seconds=self.before + self.time)).isoformat(timespec="seconds")

    def _close(self, reason: str) -> None:
        """End the segment under way."""
        if self.keeper is not None:
            self.keeper.record.end(reason)
        self._stack.close()

    def _of(self, item: sent.Item, step: int) -> Iterator[Item]:
        """Items of a window's session that an item of a record gives; a segment gives none."""
        match item:
            case sent.Note():
                yield self._note(item)
            case sent.EventRow():
                yield self._event(item, step)
            case sent.Answers():
                yield self._answers(item, step)
            case sent.ChoiceResult():
                result = self._choice(item)
                firsts = (block for block in self.chosen if block.rows)
                for block in firsts:
                    if int(block.rows[0]["trial_index"]) == item.trial_index:
                        yield block.note(self.time)
                yield self._drawn(item.onset, item.planned_onset)
                yield result
            case sent.ArrangementResult():
                placed = self._arranged(item)
                yield self._drawn(item.onset, item.planned_onset)
                yield placed
                yield from self._after_arrangements(step)

    def _pass_time(self, time: float) -> None:
        """Check that time has not gone back."""
        if time < self.time - _ROUNDING_S:
            raise ValueError(f"{time:.4f} s lies before {self.time:.4f} s, which came earlier")
        self.time = max(self.time, time)

    def _note(self, item: sent.Note) -> Note:
        if item.event in _OURS or _TAKEN & item.detail.keys():
            raise ValueError(f"a page cannot send the event {item.event!r} with these details")
        self._pass_time(item.time)
        if item.event == TRIAL_SHOWN and item.detail != {"trial_index": self.n_done + 1}:
            raise ValueError(f"trial {item.detail.get('trial_index')} shown, not {self.n_done + 1}")
        return Note(item.event, item.time, dict(item.detail))

    def _drawn(self, onset: float, planned: float) -> Note:
        """Note how far the first frame was from the one planned; keep it for the summary."""
        self.errors.append(onset - planned)
        error = round(onset - planned, 6)
        return Note(DRAWN, self.time, {"trial_index": self.n_done, "error_s": error})

    def _event(self, item: sent.EventRow, step: int) -> EventRow:
        """Row of the table of events; numbers of JSON become those of its columns."""
        if self._events is None:
            raise ValueError("this task has no table of events")
        numbers = {one.name for one in self._events.columns if one.kind == "number"}
        values = {
            name: float(value) if name in numbers and type(value) is int else value
            for name, value in item.values.items()
        }
        if values.get("trial_index") != self.n_done + 1:
            raise ValueError(
                f"an event of trial {values.get('trial_index')}, not {self.n_done + 1}"
            )
        place = self.part.steps[step]
        shown = place.trial.items if isinstance(place, ArrangementStep) else ()
        if values.get("stimulus") is not None and values["stimulus"] not in shown:
            raise ValueError(f"an event of {values['stimulus']!r}, which the trial does not show")
        return EventRow(values)

    def _answers(self, item: sent.Answers, step: int) -> QuestionAnswers:
        if item.measure == "consent":
            return self._consent(item)
        place = self.part.steps[step]
        if not isinstance(place, QuestionStep) or set(item.values) != {place.id}:
            raise ValueError(f"answers to {', '.join(item.values)} in step {step}")
        asked = self.prepared.asked(item.measure, item.values)
        for name, value in item.values.items():
            if name not in asked:
                raise ValueError(f"an answer to {name!r}, which the protocol does not ask")
            if value is not None and not _answers_to(asked[name], value):
                raise ValueError(f"an answer to {name!r} that the page does not take")
        return QuestionAnswers(item.measure, dict(item.values))

    def _consent(self, item: sent.Answers) -> QuestionAnswers:
        protocol = self.prepared.protocol
        shown: Mapping[str, object] = {
            "consent": item.values.get("consent"),
            "consent_version": protocol.consent.version,
            "consent_sha256": consent_text_hash(protocol.texts),
            "consent_language": protocol.language,
        }
        if item.values != shown or type(shown["consent"]) is not bool:
            raise ValueError("consent to another text than the protocol's")
        return QuestionAnswers("consent", shown)

    def _choice(self, item: sent.ChoiceResult) -> TrialResult:
        assert isinstance(self.prepared, PreparedTriplets)
        self.n_done = index = item.trial_index
        trial = self._trials[index]
        protocol, answer = self.prepared.protocol, None
        if item.answer is not None:
            answer = Answer(**dict(item.answer))
            _check_choice(answer, trial, self.prepared)
        elif not protocol.timing.response_limit_s:
            raise ValueError(f"trial {index} has no answer, and there is no time limit")
        flag = "interrupted" if item.flag == "interrupted" else self._flag(answer)
        return TrialResult(trial, item.onset, answer, item.early, item.dropped, flag)

    def _flag(self, answer: Answer | None) -> str | None:
        assert isinstance(self.prepared, PreparedTriplets)
        timing = self.prepared.protocol.timing
        if answer is None:
            return None
        if answer.response_time < timing.flag_fast_s:
            return "fast"
        return "slow" if answer.response_time > timing.flag_slow_s else None

    def _arranged(self, item: sent.ArrangementResult) -> ArrangementResult:
        self.n_done = index = item.trial_index
        trials = (block.arranged for block in self.chosen)
        trial = next((one for one in trials if one and one.trial_index == index), None)
        if trial is None:
            planned = self._arranging.following()
            assert isinstance(planned, ListedArrangement | PlannedArrangement)
            trial = self._arranging.trial(planned)
        if item.items != trial.items:
            raise ValueError(
                f"trial {index} shows {', '.join(item.items)}, not {', '.join(trial.items)}"
            )
        _check_arranged(item, self.prepared)
        self._end = item.ending.time
        result = arranged(trial, item)
        self._arranging.done.append(submitted(result))
        return result

    def _after_arrangements(self, step: int) -> Iterator[Note]:
        """Note after the last arrangement why the main trials are over."""
        if any(isinstance(one, ArrangementStep | BlockStep) for one in self.part.steps[step + 1 :]):
            return
        last = self.chosen[-1] if self.chosen else None
        detail = end_detail(self._arranging.end()) if last is None else last.ended
        if detail:
            yield Note("arranged", self._end, detail)


def _answers_to(asked: AskedQuestion, value: object) -> bool:
    match asked.kind:
        case "choice":
            return value in asked.options
        case "choices":
            several = isinstance(value, tuple) and len(set(value)) == len(value) > 0
            return several and all(one in asked.options for one in value)  # type: ignore[attr-defined]
        case "age":
            return type(value) is int and 0 <= value <= OLDEST_AGE
        case "number":
            return type(value) is int and abs(value) < 10**9
    return isinstance(value, str) and bool(value.strip())


def _check_choice(answer: Answer, trial: Trial, prepared: PreparedTriplets) -> None:
    """Check what no rule of the raw table does; those are checked once it is written."""
    answers, timing = prepared.protocol.answers, prepared.protocol.timing
    where = f"trial {trial.trial_index}"
    by_key = answer.method == "keyboard"
    if by_key and (answer.key is None or answers.position(answer.key) != answer.position):
        raise ValueError(f"{where}: the key {answer.key!r} does not choose {answer.position!r}")
    if not by_key and (answer.key is not None or not answers.mouse):
        raise ValueError(f"{where}: answered by {answer.method}, which the protocol does not allow")
    if answer.response_time < timing.minimum_rt_s - _ROUNDING_S:
        raise ValueError(f"{where}: answered before answers count ({answer.response_time} s)")


def _check_arranged(item: sent.ArrangementResult, prepared: Prepared) -> None:
    where, n = f"trial {item.trial_index}", len(item.items)
    ending, protocol = item.ending, prepared.protocol.model_dump()
    if ending.time < item.onset:
        raise ValueError(f"{where} ended before it began")
    outside = n - sum(item.inside)
    if ending.reason == "done" and outside > protocol["rules"]["unplaced_allowed"]:
        raise ValueError(f"{where} is done, but {outside} images are outside")
    if (ending.reason == "timeout") != (ending.method == "none"):
        raise ValueError(f"{where} ended by {ending.reason} and {ending.method}")
    if ending.reason == "timeout" and not protocol["timing"]["trial_limit_s"]:
        raise ValueError(f"{where} ran out of time, and there is no time limit")


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
    have it. What is written is checked by the rules of its task: what a page sends may be forged.
    """
    head, sitting = read.head, prepared[0].sitting
    runs: list[_PartRun] = []
    with sync_together():
        register_participants(
            root, sitting.study, {sitting.participant: sitting.study}, simulated=False
        )
        _check_records(read, parts)
        for number, (one, part) in enumerate(zip(prepared, parts, strict=True)):
            blocks = [block for block in read.blocks if block.part == number]
            before = sum(run.time for run in runs)
            runs.append(_PartRun(one, part, blocks, read, root, page_version, before))
            runs[-1].write([record for record in read.records if record.part == number])
        for path in (one.plan.name.rows(root) for one in prepared):
            if path.exists() and (found := check_by_rules(root, path)):
                where = f"{path.name}, row {found[0].row}" if found[0].row else path.name
                raise _fault(read, f"{where}: {found[0].message}")
        n_trials = sum(run.n_done for run in runs)
        files = _mark(read, root, sitting, n_trials)
    errors = tuple(error for run in runs for error in run.errors)
    return Written(head.session, sitting.participant, head.ended, n_trials, errors, files)


def _check_records(read: ReadSession, parts: Sequence[Part]) -> None:
    """Check that records fit their steps and each other, as the server does."""
    shapes, state = shapes_of(parts), dict(NEW)
    for record in read.records:
        try:
            state = following(state, record, shapes)
        except Refusal as refusal:
            raise _fault(read, f"record {record.n}: {refusal.reason}") from refusal
    if read.head.ended == "completed" and not state["done"]:
        raise _fault(read, "is completed, but its last records are missing")


def _fault(read: ReadSession, problem: str) -> TwoalikeError:
    return TwoalikeError(problem, where=f"session {read.head.session}")


def _mark(read: ReadSession, root: Path, sitting: Sitting, n_trials: int) -> tuple[str, ...]:
    """Write which session this is; return the paths of all its files, this one last."""
    made = [path for path in sorted(root.glob("s*/**/*")) if path.is_file()]
    files = [path.relative_to(root).as_posix() for path in made]
    path = marker(root, sitting.participant, sitting.session)
    content = {
        **provenance(KIND),
        **read.head.model_dump(exclude={"kind"}),
        "n_records": len(read.records),
        "records_sha256": read.sha256,
        "n_trials": n_trials,
        "files": {name: sha256_file(root / name) for name in files},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
    return (*files, path.relative_to(root).as_posix())


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
