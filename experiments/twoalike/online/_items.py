"""Conversion of records into the items of a window's session: notes, events, answers, results.

What was shown comes from the trial list, or is chosen again as the evidence grows; a record states
only what was answered. All else in it must agree with that.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from twoalike.design import ArrangementEnd
from twoalike.online import _records as sent
from twoalike.online._blocks import Block
from twoalike.online._session import ArrangementsStep, Part, QuestionStep, TrialStep
from twoalike.record import OLDEST_AGE, TRIAL_SHOWN, AskedQuestion
from twoalike.registry import find_task
from twoalike.tables import Table
from twoalike.tasks import EventRow, Item, Note, Prepared, PreparedTriplets, QuestionAnswers, Trial
from twoalike.tasks.multi_arrangement import (
    ArrangementResult,
    ArrangementTrial,
    Ending,
    Handling,
    PreparedArrangements,
    submitted,
)
from twoalike.tasks.odd_one_out import Answer, TrialResult
from twoalike.tasks.screens import consent_text_hash

DRAWN = "drawn"
"""Event of the log: by how many s a trial's first frame missed the one it was planned for."""
_OURS = frozenset({DRAWN})
"""Events of notes that are made here: a page that sends them is forged."""
_TAKEN = frozenset({"self", "event", "time_s", "n", "at", "what", "chain"})
"""Names that details of a note cannot have."""
_ROUNDING_S = 2e-4
_SAME = 1e-9
"""Difference of computed numbers between the page and Python that is none."""


@dataclass
class PartItems:
    """Turns the records of one part into items of a window's session, in order.

    Every method raises ``ValueError`` with the reason if a record cannot be true.
    """

    prepared: Prepared
    part: Part
    chosen: Mapping[int, Block] = field(default_factory=dict)
    """Blocks that a server chose, by the number of their first trial."""
    n_done: int = 0
    """Trials that are over."""
    time: float = 0.0
    """Latest time of a note so far, s of the part."""
    errors: list[float] = field(default_factory=list)
    """Differences of the trials' first frames to those planned, s."""

    def __post_init__(self) -> None:
        self._end = 0.0  # of the last trial, s
        self._trials: dict[int, Trial] = {}
        self._next: ArrangementTrial | None = None
        if isinstance(self.prepared, PreparedTriplets):
            self._trials = {trial.trial_index: trial for trial in self.prepared.trials}
        if isinstance(self.prepared, PreparedArrangements):
            self._arranging = replace(self.prepared.arranging, done=[])
            self._next = self._arrangement()
        self._events: Table | None = find_task(self.prepared.plan.name.task).events

    def of(self, item: sent.Item, step: int) -> Iterator[Item]:
        """Items of a window's session that an item of a record gives; a segment gives none."""
        match item:
            case sent.Note():
                yield self._note(item)
            case sent.EventRow():
                yield self._event(item)
            case sent.Answers():
                yield self._answers(item, step)
            case sent.ChoiceResult():
                result = self._choice(item, step)
                if (block := self.chosen.get(item.trial_index)) is not None:
                    yield block.note(self.time)
                yield self._drawn(item.onset, item.planned_onset)
                yield result
            case sent.ArrangementResult():
                arranged = self._arranged(item, step)
                yield self._drawn(item.onset, item.planned_onset)
                yield arranged

    def pass_time(self, time: float) -> None:
        """Check that time has not gone back."""
        if time < self.time - _ROUNDING_S:
            raise ValueError(f"{time:.4f} s lies before {self.time:.4f} s, which came earlier")
        self.time = max(self.time, time)

    def _note(self, item: sent.Note) -> Note:
        if item.event in _OURS or _TAKEN & item.detail.keys():
            raise ValueError(f"a page cannot send the event {item.event!r} with these details")
        self.pass_time(item.time)
        if item.event == TRIAL_SHOWN and item.detail != {"trial_index": self.n_done + 1}:
            raise ValueError(f"trial {item.detail.get('trial_index')} shown, not {self.n_done + 1}")
        if item.event == "arranged":
            return self._arranged_note(item)
        return Note(item.event, item.time, dict(item.detail))

    def _drawn(self, onset: float, planned: float) -> Note:
        """Note how far the first frame was from the one planned; keep it for the summary."""
        self.errors.append(onset - planned)
        error = round(onset - planned, 6)
        return Note(DRAWN, self.time, {"trial_index": self.n_done, "error_s": error})

    def _event(self, item: sent.EventRow) -> EventRow:
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
        shown = () if self._next is None else self._next.items
        if values.get("stimulus") is not None and values["stimulus"] not in shown:
            raise ValueError(f"an event of {values['stimulus']!r}, which the trial does not show")
        return EventRow(values)

    def _answers(self, item: sent.Answers, step: int) -> QuestionAnswers:
        if item.measure == "consent":
            return self._consent(item)
        place = self._step(step)
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

    def _step(self, step: int) -> object:
        if step >= len(self.part.steps):
            raise ValueError(f"step {step}, but the part has {len(self.part.steps)}")
        return self.part.steps[step]

    def _start_trial(self, index: int, onset: float) -> None:
        if index != self.n_done + 1:
            raise ValueError(f"trial {index} follows trial {self.n_done}")
        if onset < self._end - _ROUNDING_S:
            raise ValueError(f"trial {index} begins before the end of the trial before")
        self.n_done = index

    def _choice(self, item: sent.ChoiceResult, step: int) -> TrialResult:
        index, place = item.trial_index, self._step(step)
        listed = isinstance(place, TrialStep) and place.trial.trial_index == index
        trial = self._trials.get(index)
        if trial is None or not listed:
            raise ValueError(f"trial {index} is not in step {step} of the trial list")
        assert isinstance(self.prepared, PreparedTriplets)
        self._start_trial(index, item.onset)
        protocol, answer = self.prepared.protocol, None
        if item.answer is not None:
            answer = Answer(**dict(item.answer))
            _check_choice(answer, trial, self.prepared)
        elif not protocol.timing.response_limit_s:
            raise ValueError(f"trial {index} has no answer, and there is no time limit")
        limit = protocol.timing.response_limit_s if answer is None else answer.response_time
        self._end = item.onset + limit
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

    def _arrangement(self) -> ArrangementTrial | None:
        """Choose the trial that Python would show next; None after the last."""
        planned = self._arranging.following()
        if planned is None or isinstance(planned, ArrangementEnd):
            return None
        return self._arranging.trial(planned)

    def _arranged(self, item: sent.ArrangementResult, step: int) -> ArrangementResult:
        index, trial = item.trial_index, self._next
        if trial is None or not isinstance(self._step(step), ArrangementsStep):
            raise ValueError(f"trial {index} is an arrangement after the last one")
        self._start_trial(index, item.onset)
        _check_shown(item, trial)
        _check_arranged(item, trial, self.prepared)
        self._end = item.ending.time
        result = ArrangementResult(
            trial=trial,
            onset=item.onset,
            places=item.places,
            inside=item.inside,
            seat_angles=item.seat_angles,
            handling=tuple(Handling(**one.model_dump()) for one in item.handling),
            ending=Ending(**item.ending.model_dump()),
            radius_px=item.radius_px,
            item_px=item.item_px,
        )
        self._arranging.done.append(submitted(result))
        self._next = self._arrangement()
        return result

    def _arranged_note(self, item: sent.Note) -> Note:
        """Say why the main trials are over, in Python's words and numbers."""
        end = self._arranging.end() if isinstance(self.prepared, PreparedArrangements) else None
        if end is None or item.detail.get("reason") != end.reason:
            raise ValueError(
                f"the arrangements are not over because of {item.detail.get('reason')}"
            )
        detail = {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}
        return Note("arranged", item.time, detail)


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
    answers, timing = prepared.protocol.answers, prepared.protocol.timing
    where = f"trial {trial.trial_index}"
    if answer.position not in trial.positions or answer.position not in answers.places:
        raise ValueError(f"{where} was answered at {answer.position!r}, where nothing is")
    by_key = answer.method == "keyboard"
    if by_key and (answer.key is None or answers.position(answer.key) != answer.position):
        raise ValueError(f"{where}: the key {answer.key!r} does not choose {answer.position!r}")
    if not by_key and (answer.key is not None or not answers.mouse):
        raise ValueError(f"{where}: answered by {answer.method}, which the protocol does not allow")
    if answer.response_time < timing.minimum_rt_s - _ROUNDING_S:
        raise ValueError(f"{where}: answered before answers count ({answer.response_time} s)")
    if answer.response_time > (timing.response_limit_s or math.inf) + _ROUNDING_S:
        raise ValueError(f"{where}: answered after the time limit ({answer.response_time} s)")


def _check_shown(item: sent.ArrangementResult, trial: ArrangementTrial) -> None:
    """Check that the page showed what Python would have shown."""
    where = f"trial {item.trial_index}"
    if item.items != trial.items:
        raise ValueError(f"{where} shows {', '.join(item.items)}, not {', '.join(trial.items)}")
    if item.order != trial.seats.order or not _same(item.rotation, trial.seats.rotation):
        raise ValueError(f"{where}: the images are seated in another way")
    for name in ("min_evidence", "mean_evidence"):
        found, expected = getattr(item, name), getattr(trial, f"{name}_before")
        if not _same(found, expected):
            raise ValueError(f"{where}: {name} is {found}, not {expected}")


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _SAME


def _check_arranged(
    item: sent.ArrangementResult, trial: ArrangementTrial, prepared: Prepared
) -> None:
    where, n = f"trial {item.trial_index}", len(trial.items)
    if {len(each) for each in (item.places, item.inside, item.seat_angles, item.handling)} != {n}:
        raise ValueError(f"{where} has {n} images, and more or fewer places")
    ending, protocol = item.ending, prepared.protocol.model_dump()
    times = [time for one in item.handling for time in (one.first_move, one.last_move)]
    for time in (*times, ending.time):
        if time is not None and not item.onset - _ROUNDING_S <= time <= ending.time + _ROUNDING_S:
            raise ValueError(f"{where}: {time:.4f} s is not between its beginning and its end")
    outside = n - sum(item.inside)
    if ending.reason == "done" and outside > protocol["rules"]["unplaced_allowed"]:
        raise ValueError(f"{where} is done, but {outside} images are outside")
    if (ending.reason == "timeout") != (ending.method == "none"):
        raise ValueError(f"{where} ended by {ending.reason} and {ending.method}")
    if ending.reason == "timeout" and not protocol["timing"]["trial_limit_s"]:
        raise ValueError(f"{where} ran out of time, and there is no time limit")
