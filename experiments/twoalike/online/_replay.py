"""Replays the records of a session into raw data, by the code that writes sessions in the lab.

Each record becomes the items of a window's session: notes, events, answers, results. What was shown
comes from the trial list, or from the blocks that the server chose; a record states only what was
answered, and all else in it must agree with that. Each opening of the page is a segment of the
manifest, as a resume in the lab. The raw data are made in a data set of their own;
:mod:`twoalike.online._fetch` puts them into the study.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from twoalike.design import ListedArrangement, ListedSorting, PlannedArrangement
from twoalike.online import _records as sent
from twoalike.online._archive import ReadSession, SessionLine, records_sha256
from twoalike.online._blocks import Block, arranged, placed_fields
from twoalike.record import (
    OLDEST_AGE,
    TRIAL_SHOWN,
    Apparatus,
    RunName,
    check_by_rules,
    open_run,
)
from twoalike.registry import find_task
from twoalike.study import TwoalikeError, provenance, sha256_file, sync_together, write_json
from twoalike.tables import Table
from twoalike.tasks import (
    SOUND_PLAYED,
    EventRow,
    Item,
    Keeper,
    Note,
    Prepared,
    PreparedRatings,
    PreparedSortings,
    PreparedTriplets,
    Question,
    QuestionAnswers,
    Trial,
)
from twoalike.tasks.choosing import Answer, TrialResult, presented
from twoalike.tasks.free_sorting import SortingResult
from twoalike.tasks.multi_arrangement import (
    ArrangementResult,
    ArrangementTrial,
    PreparedArrangements,
    submitted,
)
from twoalike.tasks.pair_rating import RatingResult
from twoalike.tasks.screens import consent_text_hash

DRAWN = "drawn"
"""Event of the log: by how many s a trial's first frame missed the one it was planned for."""
_OURS = frozenset({DRAWN, "arranged", "block"})
"""Events of notes that are made here: a page that sends them is forged."""
_TAKEN = frozenset({"self", "event", "time_s", "n", "at", "what", "chain"})
"""Names that details of a note cannot have."""
_ROUNDING_S = 2e-4


class _PartRun:
    """One part being written: its run, opened anew for each opening of the page.

    What turns records into items raises ``ValueError`` with the reason if one cannot be true.
    """

    def __init__(
        self,
        prepared: Prepared,
        part: sent.Part,
        chosen: Sequence[Block],
        head: SessionLine,
        root: Path,
        page_version: str,
        before: float,
    ) -> None:
        self.prepared, self.part, self.chosen, self.head = prepared, part, chosen, head
        self._settings = prepared.protocol.model_dump()
        self.root, self.page_version = root, page_version
        self.before = before  # time of the parts that are over, s
        self.keeper: Keeper | None = None
        self.ended: str | None = None  # how the part ended
        self.n_done = 0  # trials that are over
        self.time = 0.0  # latest time of a note so far, s of the part
        self.errors: list[float] = []  # of the trials' first frames to those planned, s
        self._stack = ExitStack()
        self._resumed = False
        self._consent_first = any(getattr(one, "measure", "") == "consent" for one in part.steps)
        self._end = 0.0  # of the last arrangement, s
        self._hz: float | None = None  # of the screen
        self._heard = set[str]()  # sounds of the trial, to their end
        self._trials: dict[int, Any] = {}
        if isinstance(prepared, PreparedTriplets | PreparedRatings | PreparedSortings):
            self._trials = {trial.trial_index: trial for trial in prepared.trials}
        if isinstance(prepared, PreparedArrangements):
            self._arranging = replace(prepared.arranging, done=[])
        self._events: Table | None = find_task(prepared.plan.name.task).events

    def write(self, records: Sequence[sent.Record]) -> None:
        """Write all records of the part."""
        where = ""
        try:
            with self._stack:
                for record in records:
                    where = f"record {record.n}: "
                    self._take(record)
                where = ""  # a table is written that does not allow one of its rows
                self._close(self.ended or self.head.ended or LEFT)
        except ValueError as error:
            raise _fault(self.head, f"{where}{error}") from error

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
        self._pass_time(segment.time)
        begun = self.keeper is not None and self.keeper.record.started
        self._resumed = self._resumed or self.keeper is not None
        self._close(LEFT)
        self._consent_first = self._consent_first and not begun
        prepared, self._hz = self.prepared, segment.device.refresh_hz
        frames = {name: one.as_dict() for name, one in prepared.frame_counts(self._hz).items()}
        run = open_run(
            *(self.root, prepared.sitting.study, prepared.plan),
            replace(apparatus_of(segment.device, self.page_version), frames=frames),
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
        if self.head.entered is None:
            return None
        entered = datetime.fromisoformat(self.head.entered)
        return (entered + timedelta(seconds=self.before + self.time)).isoformat(timespec="seconds")

    def _close(self, reason: str) -> None:
        if self.keeper is not None:
            self.keeper.record.end(reason)
        self._stack.close()

    def _of(self, item: sent.Item, step: int) -> Iterator[Item]:
        """Items of a window's session that an item of a record gives; a segment gives none."""
        match item:
            case sent.Note():
                yield self._note(item)
            case sent.EventRow():
                yield self._event(item, self.part.steps[step])
            case sent.Answers():
                yield self._answers(item, self.part.steps[step])
            case sent.ChoiceResult() | sent.RatingResult() | sent.SortingResult():
                made: Any = {"choice": self._choice, "rating": self._rated}
                over: Item = made.get(item.kind, self._sorted)(item)
                for block in self.chosen:
                    if block.rows and int(block.rows[0]["trial_index"]) == item.trial_index:
                        yield block.note(self.time)
                yield self._drawn(item)
                yield over
            case sent.ArrangementResult():
                placed = self._arranged(item)
                yield self._drawn(item)
                yield placed
                left = self.part.steps[step + 1 :]
                if not any(isinstance(one, sent.ArrangementStep | sent.BlockStep) for one in left):
                    if detail := self.chosen[-1].ended if self.chosen else self._arranging.end():
                        yield Note("arranged", self._end, detail)  # why there is no further trial

    def _pass_time(self, time: float) -> None:
        if time < self.time - _ROUNDING_S:
            raise ValueError(f"{time:.4f} s lies before {self.time:.4f} s, which came earlier")
        self.time = max(self.time, time)

    def _note(self, item: sent.Note) -> Note:
        if item.event in _OURS or _TAKEN & item.detail.keys():
            raise ValueError(f"a page cannot send the event {item.event!r} with these details")
        self._pass_time(item.time)
        if item.event == TRIAL_SHOWN and item.detail != {"trial_index": self.n_done + 1}:
            raise ValueError(f"trial {item.detail.get('trial_index')} shown, not {self.n_done + 1}")
        if item.event == SOUND_PLAYED and item.detail.get("to_end") is True:
            self._heard.add(str(item.detail.get("stimulus")))
        return Note(item.event, item.time, dict(item.detail))

    def _check_heard(self, objects: Sequence[str], *, over: bool) -> None:
        kind, protocol = self.prepared.stimuli.kind, self.prepared.protocol
        sounds, heard = {one for one in objects if kind(one) == "sound"}, self._heard
        if sounds - heard and protocol.sounds.heard and not over:
            raise ValueError(f"answered before {min(sounds - heard)!r} was heard")
        self._heard = set()

    def _drawn(self, item: sent.TrialOver) -> Note:
        error = item.onset - item.planned_onset
        self.errors.append(error)
        return Note(DRAWN, self.time, {"trial_index": self.n_done, "error_s": round(error, 6)})

    def _event(self, item: sent.EventRow, step: sent.Step) -> EventRow:
        if self._events is None:
            raise ValueError("this task has no table of events")
        numbers = {one.name for one in self._events.columns if one.kind == "number"}
        values = {
            name: float(value) if name in numbers and type(value) is int else value
            for name, value in item.values.items()
        }
        found, expected = values.get("trial_index"), self.n_done + 1
        if found != expected:
            raise ValueError(f"an event of trial {found}, not {expected}")
        shown = step.trial.items if isinstance(step, sent.ArrangementStep) else ()
        if values.get("stimulus") is not None and values["stimulus"] not in shown:
            raise ValueError(f"an event of {values['stimulus']!r}, which the trial does not show")
        return EventRow(values)

    def _answers(self, item: sent.Answers, step: sent.Step) -> QuestionAnswers:
        if item.measure == "consent":
            protocol = self.prepared.protocol
            consent: Mapping[str, object] = {
                "consent": item.values.get("consent"),
                "consent_version": protocol.consent.version,
                "consent_sha256": consent_text_hash(protocol.texts),
                "consent_language": protocol.language,
            }
            if item.values != consent or type(consent["consent"]) is not bool:
                raise ValueError("consent to another text than the protocol's")
            return QuestionAnswers("consent", consent)
        if not isinstance(step, sent.QuestionStep) or set(item.values) != {*step.columns}:
            raise ValueError(f"answers to {', '.join(item.values)}, which the step does not ask")
        asked, found = self.prepared.questions(item.measure, item.values), dict[str, object]()
        for name, value in item.values.items():
            if value is not None and not _answers_to(asked[name], value):
                raise ValueError(f"an answer to {name!r} that the page does not take")
            found |= asked[name].judged(value)
        return QuestionAnswers(item.measure, found)

    def _choice(self, item: sent.ChoiceResult) -> TrialResult:
        given = item.answer
        answer = None if given is None else Answer(**given.model_dump(exclude_none=True))
        first = taken = None
        if answer is not None:
            taken, key = answer.response_time, answer.key
            first = answer.first_time if answer.first else taken
            assert isinstance(self.prepared, PreparedTriplets)
            place = self.prepared.protocol.answers.position(key) if key is not None else None
            # A button reached by Tab, or by a screen reader, is the keyboard's without a key.
            if key is not None and (answer.method, place) != ("keyboard", answer.position):
                raise ValueError(f"the key {key!r} does not choose {answer.position!r}")
            if first > taken:
                raise ValueError(f"the first of a pair chosen after the second ({first} s)")
        about = self._about(item, first, taken, None if answer is None else answer.method)
        timed = self._timed(item, about["trial"])
        return TrialResult(**about, answer=answer, n_taken_back=item.taken_back, timed=timed)

    def _timed(self, item: sent.ChoiceResult, trial: Trial) -> dict[str, object]:
        """Cells of timed presentation, from the times of its frames; none where it is not timed."""
        prepared, counts = self.prepared, self.prepared.frame_counts(self._hz)
        assert isinstance(prepared, PreparedTriplets)
        if not counts:
            return {}
        masked = replace(trial, masks=prepared.given.of(trial.stimuli, trial.trial_index))
        shown = presented(masked, prepared.protocol, counts)
        shown.put(item.starts)
        if shown.onset != item.onset:
            raise ValueError(f"an onset of {item.onset} s, and a first image at {shown.onset} s")
        return shown.columns() | {"timing_flag": shown.flag or ("away" if item.away else None)}

    def _rated(self, item: sent.RatingResult) -> RatingResult:
        value, scale = item.value, self._settings["scale"]
        likert, taken = scale["kind"] == "likert", item.response_time
        if len({value is None, taken is None, item.method == "none"}) > 1:
            raise ValueError("an answer without a time or a method, or the reverse")
        if value is not None:
            lowest, highest, digits = (1, scale["points"], 0) if likert else (0, 1, 4)
            if not lowest <= value <= highest or value != round(value, digits):
                raise ValueError(f"an answer of {value}, which the scale does not have")
            value = int(value) if likert else value
        return RatingResult(
            **self._about(item, taken, taken, item.method),
            value=value,
            response_time=taken,
            method=item.method,
            n_adjustments=item.n_adjustments,
            scale_points=scale["points"] if likert else None,
            start_value=None if likert else float(scale["start"]),
        )

    def _about(
        self,
        item: sent.ChoiceResult | sent.RatingResult,
        first: float | None,
        taken: float | None,
        method: str | None,
    ) -> dict[str, Any]:
        """Check what no rule of the raw table does; those are checked once it is written.

        ``first``: when the first press that counts came; ``taken``: the last, s.
        """
        self.n_done = item.trial_index
        timing, flag = self._settings["timing"], None
        if first is None or taken is None:
            if not timing["response_limit_s"]:
                raise ValueError("no answer, and there is no time limit")
        else:
            if first < timing["minimum_rt_s"] - _ROUNDING_S:
                raise ValueError(f"answered before answers count ({first} s)")
            flag = "slow" if taken > timing["flag_slow_s"] else None
            flag = "fast" if taken < timing["flag_fast_s"] else flag
        if method in ("mouse", "touch") and not self._settings["answers"]["mouse"]:
            raise ValueError(f"answered by {method}, which the protocol does not allow")
        trial = self._trials[item.trial_index]
        self._check_heard(trial.stimuli, over=taken is None)
        return {
            "trial": trial,
            "onset": item.onset,
            "early": item.early,
            "dropped": item.dropped,
            "flag": "interrupted" if item.flag == "interrupted" else flag,
        }

    def _arranged(self, item: sent.ArrangementResult) -> ArrangementResult:
        self.n_done = index = item.trial_index
        trials = (block.arranged for block in self.chosen)
        trial = next((one for one in trials if one and one.trial_index == index), None)
        if trial is None:
            planned = self._arranging.following()
            assert isinstance(planned, ListedArrangement | PlannedArrangement)
            trial = self._arranging.trial(planned)
        allowed = self._settings["rules"]["unplaced_allowed"]
        self._check_placed(item, trial, item.inside.count(False), allowed)
        self._end = item.ending.time
        result = arranged(trial, item)
        self._arranging.done.append(submitted(result))
        return result

    def _check_placed(
        self,
        item: sent.PlacedResult,
        trial: ArrangementTrial | ListedSorting,
        outside: int,
        allowed: int = 0,
        more: Mapping[str, bool] | None = None,
    ) -> None:
        """Check what both kinds of placed images have; ``more``: faults of the task's own."""
        ending = item.ending
        faults = {
            f"shows {', '.join(item.items)}, not {', '.join(trial.items)}": (
                item.items != trial.items
            ),
            "ended before it began": ending.time < item.onset,
            f"is done, but {outside} images are outside": ending.reason == "done"
            and outside > allowed,
            f"ended by {ending.reason} and {ending.method}": (ending.reason == "timeout")
            != (ending.method == "none"),
            "ran out of time, and there is no time limit": ending.reason == "timeout"
            and not self._settings["timing"]["trial_limit_s"],
            **(more or {}),
        }
        for fault in (fault for fault, there in faults.items() if there):
            raise ValueError(f"trial {item.trial_index} {fault}")
        self._check_heard(item.items, over=ending.reason == "timeout")

    def _sorted(self, item: sent.SortingResult) -> SortingResult:
        self.n_done = item.trial_index
        trial, rules = self._trials[item.trial_index], self._settings["rules"]
        cells, used = [cell for cell in item.cells if cell is not None], item.used
        done, named = item.ending.reason == "done", [name.strip() for name in item.names]
        more = {
            "has piles that do not hold its images": sorted(used) != sorted(set(cells))
            or any(cell >= rules["max_piles"] for cell in cells),
            f"is done, but has {len(used)} piles": done and len(used) < rules["min_piles"],
            "has other names than piles": len(named) != len(used)
            or (any(named) and not (done and rules["name_piles"])),
            "has a pile without a name": done
            and rules["name_piles"]
            and rules["names_required"]
            and not all(named),
        }
        self._check_placed(item, trial, item.cells.count(None), more=more)
        values = placed_fields(item) | {
            "piles": {cell: number for number, cell in enumerate(used, start=1)},
            "names": {cell: name for cell, name in zip(used, named, strict=True) if name},
        }
        del values["used"]
        return SortingResult(trial=trial, **values)


def _answers_to(asked: Question, value: object) -> bool:
    low, high = asked.limits
    match asked.kind:
        case "choice":
            return value in asked.options
        case "choices":
            several = isinstance(value, tuple) and len(set(value)) == len(value) > 0
            return several and all(one in asked.options for one in value)  # type: ignore[attr-defined]
        case "text" | "long_text":
            return isinstance(value, str) and low <= len(" ".join(value.split())) <= high
        case "age":
            high = min(high, OLDEST_AGE)
    return type(value) is int and low <= value <= high


KIND = "online_session"
"""Kind of the file that says which session of a browser was written."""
LEFT = "window_closed"
"""End of a segment after which the page was opened again, or not yet."""
_SYSTEMS = {"chromeos": "ChromeOS", "ios": "iOS", "macos": "macOS", "other": "other"}
"""Names that are not the capitalised one."""


def marker(root: Path, participant: str, session: int) -> Path:
    """File that says which session of a browser a participant's session was written from."""
    name = RunName(participant, session)
    return name.manifest(root).with_name(f"sub-{participant}_ses-{session:02d}_online.json")


class Written(NamedTuple):
    """A session whose raw data were made."""

    session: str
    participant: str
    ended: str | None
    n_trials: int
    errors: tuple[float, ...]
    """Differences between the frame a trial was planned for and the first that showed it, s."""
    files: tuple[str, ...]
    """Paths in the data set, with slashes; the marker last."""


def replay_session(
    read: ReadSession,
    prepared: Sequence[Prepared],
    parts: Sequence[sent.Part],
    root: Path,
    page_version: str,
) -> Written:
    """Write the raw data of a session into a new data set at ``root``.

    ``prepared`` and ``parts`` are what the participant was to do, as the window and as the page
    have it. Records are checked as the server does it, and what is written by the rules of its
    task: what a page sends may be forged.
    """
    head, sitting = read.head, prepared[0].sitting
    shapes, state = sent.shapes_of(parts), dict(sent.NEW)
    for record in read.records:
        try:
            state = sent.following(state, record, shapes)
        except sent.Refusal as refusal:
            raise _fault(head, f"record {record.n}: {refusal.reason}") from refusal
    if head.ended == "completed" and not state["done"]:
        raise _fault(head, "is completed, but its last records are missing")
    runs: list[_PartRun] = []
    with sync_together():
        for number, (one, part) in enumerate(zip(prepared, parts, strict=True)):
            blocks = [block for block in read.blocks if block.part == number]
            before = sum(run.time for run in runs)
            runs.append(_PartRun(one, part, blocks, head, root, page_version, before))
            runs[-1].write([record for record in read.records if record.part == number])
        for path in (one.plan.name.rows(root) for one in prepared):
            if path.exists() and (found := check_by_rules(root, path)):
                where = f"{path.name}, row {found[0].row}" if found[0].row else path.name
                raise _fault(head, f"{where}: {found[0].message}")
        n_trials = sum(run.n_done for run in runs)
        made = [path for path in sorted(root.glob("s*/**/*")) if path.is_file()]
        files = {path.relative_to(root).as_posix(): sha256_file(path) for path in made}
        content = {
            **provenance(KIND),
            **head.model_dump(exclude={"kind"}),
            "n_records": len(read.records),
            "records_sha256": records_sha256(read.records),
            "n_trials": n_trials,
            "files": files,
        }
        path = marker(root, sitting.participant, sitting.session)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
    names = (*files, path.relative_to(root).as_posix())
    errors = tuple(error for run in runs for error in run.errors)
    return Written(head.session, sitting.participant, head.ended, n_trials, errors, names)


def _fault(head: SessionLine, problem: str) -> TwoalikeError:
    return TwoalikeError(problem, where=f"session {head.session}")


def _displaced(line: str) -> None:
    raise TwoalikeError(line)


def apparatus_of(device: sent.Device, page_version: str) -> Apparatus:
    """Describe a browser as what showed the trials."""
    screen: dict[str, Any] = device.model_dump(
        include={"refresh_hz", "fullscreen", "pixel_ratio", "mobile"}
    )
    screen["size_px"] = list(device.window_px)
    if device.px_per_cm is not None:
        screen["width_m"] = round(device.window_px[0] / device.px_per_cm / 100, 4)
    if device.distance_cm is not None:
        screen["distance_m"] = device.distance_cm / 100
    return Apparatus(
        software="twoalike in a browser",
        software_version=page_version,
        versions={device.browser: device.browser_version},
        clock="performance.now",
        input="touch and pointer events" if device.touch else "pointer events",
        system=_SYSTEMS.get(device.system, device.system.capitalize()),
        screen=screen,
    )
