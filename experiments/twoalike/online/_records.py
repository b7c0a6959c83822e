"""Content and messages of the page: what it shows, and records of what participants did.

``session.json`` has the study, and a file for each participant their steps, from the scripts of the
window's tasks. The page runs them; of what depends on answers it decides only whether the session
goes on after the consent page.

A record contains the items that one step gave, the same as in a window
(:data:`twoalike.tasks.Item`). It states what was answered, not what was shown: that comes from the
trial list, or from the blocks that the server chose, when records become raw data, so that a forged
record cannot change it. Records of a session are numbered from 1 without gaps; session and number
identify a record: one that is sent twice is stored once, and one that differs is refused.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, FailFast, Field, FiniteFloat

MOST_BYTES = 262_144
"""Longest record as JSON; an arrangement of a hundred images with a thousand moves takes less."""

type Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
"""Identifier: no path, markup or white space."""
type ObjectId = Annotated[str, Field(min_length=1, max_length=200)]
type Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type Seconds = Annotated[FiniteFloat, Field(ge=0, le=1e7)]
"""Seconds of the run's clock: 0 is the first page of the part, and a resume goes on from the last
record."""
type Reason = Literal["completed", "declined", "screened_out", "interrupted"]
"""How a participant ended a session or a part of it."""
type Number = Annotated[int, Field(ge=0, le=1_000_000)]
type Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""A number that is exact in JavaScript."""
type Coordinate = Annotated[FiniteFloat, Field(ge=-1e5, le=1e5)]
type TrialIndex = Annotated[int, Field(ge=1, le=1_000_000)]
type PartIndex = Annotated[int, Field(ge=0, le=100)]
type Cells = dict[Name, str | Whole | FiniteFloat | bool | None]
type AnswerText = Annotated[str, Field(max_length=10_000)]


class Sent(BaseModel):
    """JSON between page and server: frozen, without unknown keys, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Note(Sent):
    """Entry for the log, apart from the trials (:class:`twoalike.tasks.Note`)."""

    kind: Literal["note"] = "note"
    event: Name
    time: Seconds
    detail: Cells = Field(default_factory=dict, max_length=20)


class EventRow(Sent):
    """A row of the run's table of events, by column (:class:`twoalike.tasks.EventRow`)."""

    kind: Literal["event"] = "event"
    values: Cells = Field(max_length=20)


class Answers(Sent):
    """Answers outside the trials (:class:`twoalike.tasks.QuestionAnswers`)."""

    kind: Literal["answers"] = "answers"
    measure: Literal["consent", "form", "blocks", "debrief"]
    values: dict[Name, AnswerText | Whole | bool | tuple[AnswerText, ...] | None] = Field(
        max_length=20
    )


class Choice(Sent):
    """Which place was chosen and how; ``response_time`` in s since the onset."""

    position: Name
    method: Literal["keyboard", "mouse", "touch"]
    response_time: Seconds
    key: Name | None = None
    first: Name | None = None
    """Of a pair, the place chosen first; ``position`` is the second one."""
    first_time: Seconds | None = None

    @property
    def places(self) -> tuple[str, ...]:
        """All that was chosen."""
        return (self.position,) if self.first is None else (self.first, self.position)


class _Listed(Sent):
    trial_index: TrialIndex
    onset: Seconds
    early: Number
    """Presses ignored because they came too early."""
    dropped: Number | None
    """Late frames while the images were shown; None if not known."""
    flag: Literal["fast", "slow", "interrupted"] | None
    planned_onset: Seconds
    """Frame the images were scheduled for; the difference to ``onset`` is the display's error."""


class ChoiceResult(_Listed):
    """A trial of choices that was shown to its end (:class:`twoalike.tasks.TrialResult`)."""

    kind: Literal["choice"] = "choice"
    answer: Choice | None
    """None if the time limit passed."""
    taken_back: Number = 0
    """Times that an image of a pair was chosen and taken back."""
    starts: Annotated[tuple[Seconds, ...], Field(max_length=100)] = ()
    """First frame of the cross and of each timed image, mask and interval, and of what followed."""
    away: bool = False
    """Whether the page had lost the keyboard meanwhile, or was hidden."""


class RatingResult(_Listed):
    """A rating that was shown to its end."""

    kind: Literal["rating"] = "rating"
    value: FiniteFloat | None
    """Point of a Likert scale, or place on a slider; None if the time limit passed."""
    response_time: Seconds | None
    method: Literal["keyboard", "mouse", "touch", "wheel", "none"]
    n_adjustments: Number


class Handled(Sent):
    """How often, and when, one item was moved and inspected; times in s of the run."""

    n_moves: Number
    first_move: Seconds | None
    last_move: Seconds | None
    n_inspections: Number


class Ended(Sent):
    """When, why and how a trial ended."""

    time: Seconds
    reason: Literal["done", "timeout"]
    method: Literal["keyboard", "mouse", "touch", "none"]


class PlacedResult(Sent):
    """Images placed in a trial that was shown to its end; lists have one entry an item."""

    trial_index: TrialIndex
    items: Annotated[tuple[ObjectId, ...], Field(min_length=2, max_length=500)]
    """Objects that were placed; those of the step."""
    onset: Seconds
    planned_onset: Seconds
    handling: tuple[Handled, ...]
    ending: Ended
    item_px: Coordinate


class ArrangementResult(PlacedResult):
    """An arrangement."""

    kind: Literal["arrangement"] = "arrangement"
    places: tuple[tuple[Coordinate, Coordinate], ...]
    """Final places, arena units."""
    inside: tuple[bool, ...]
    seat_angles: tuple[FiniteFloat, ...]
    radius_px: Coordinate


class SortingResult(PlacedResult):
    """A sorting."""

    kind: Literal["sorting"] = "sorting"
    cells: tuple[Number | None, ...]
    """Place of each item's pile, from 0; None where it was not sorted."""
    used: tuple[Number, ...]
    """Places that hold a pile, in the order in which they were first used."""
    names: tuple[Annotated[str, Field(max_length=60)], ...]
    """Names of these piles; empty where none was given."""


class Device(Sent):
    """Browser, system and screen that showed the trials; nothing that identifies a person."""

    browser: Literal["chrome", "edge", "firefox", "opera", "safari", "samsung", "other"]
    browser_version: Annotated[str, Field(max_length=16, pattern=r"^[0-9.]*$")]
    """Major and minor version."""
    system: Literal["android", "chromeos", "ios", "linux", "macos", "windows", "other"]
    mobile: bool
    window_px: tuple[Number, Number]
    """Width and height of the page in CSS pixels."""
    pixel_ratio: Annotated[FiniteFloat, Field(gt=0, le=20)]
    refresh_hz: Annotated[FiniteFloat, Field(gt=0, le=1000)] | None
    fullscreen: bool
    touch: bool
    px_per_cm: Annotated[FiniteFloat, Field(gt=0, le=1000)] | None
    """CSS pixels a centimetre, where the participant measured the screen with a card."""
    distance_cm: Annotated[FiniteFloat, Field(gt=0, le=1000)] | None


class Segment(Sent):
    """The page was opened or reopened: what it gave before comes before this item."""

    kind: Literal["segment"] = "segment"
    time: Seconds
    device: Device


class Ending(Sent):
    """The end of a part: last item of its last record."""

    kind: Literal["end"] = "end"
    time: Seconds
    reason: Reason


type Item = Annotated[
    Note
    | EventRow
    | Answers
    | ChoiceResult
    | RatingResult
    | ArrangementResult
    | SortingResult
    | Segment
    | Ending,
    Field(discriminator="kind"),
]


type TrialOver = ChoiceResult | RatingResult | ArrangementResult | SortingResult


class Record(Sent):
    """The items of one step of a session."""

    session: Name
    n: Annotated[int, Field(ge=1, le=1_000_000)]
    """Number in the session."""
    protocol: Sha256
    """Hash of the study as built (:attr:`OnlineSession.hash`)."""
    part: PartIndex
    step: Annotated[int, Field(ge=0, le=100_000)]
    """Place of the step in its part; all arrangements of a part are one step."""
    items: Annotated[tuple[Item, ...], FailFast(), Field(max_length=5_000)]


type Batch = Annotated[
    tuple[Record, ...],
    FailFast(),  # thousands of errors would take long to collect
    Field(min_length=1, max_length=50),
]
"""Records of one request."""


class Asked(Sent):
    """The block that a page has come to."""

    part: PartIndex
    block: Annotated[int, Field(ge=1, le=100_000)]


class ImageFile(Sent):
    """A picture beside session.json: path, size in pixels, SHA-256 of the file."""

    file: Annotated[str, Field(pattern=r"^images/[A-Za-z0-9_.-]+$")]
    width: int
    height: int
    sha256: Sha256


class SoundFile(Sent):
    """A sound beside session.json: path, duration, label for those who hear it, SHA-256."""

    file: Annotated[str, Field(pattern=r"^sounds/[A-Za-z0-9_.-]+$")]
    seconds: float
    text: str
    sha256: Sha256


class PageStep(Sent):
    """A page of text (:class:`twoalike.tasks.Page`); times in s."""

    kind: Literal["page"] = "page"
    name: str
    """For the log: ``instruction``, ``practice_end``, ``break``, ``declined``, ``end``, ..."""
    text: str
    footer: str = ""
    progress: tuple[int, int] | None = None
    caption: str = ""
    images: tuple[ObjectId, ...] = ()
    minimum_s: float
    limit_s: float = 0.0
    keys: tuple[str, ...] = ()
    """Keys that turn it, by their names in protocols, such as ``left`` or ``num_1``."""


class QuestionStep(Sent):
    """A question (:class:`twoalike.tasks.Ask`); ``measure`` ``consent`` is the consent page."""

    kind: Literal["question"] = "question"
    measure: Literal["consent", "form", "blocks", "debrief"]
    id: str
    text: str
    question: str
    """Kind of the question, as protocols have it."""
    options: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    """The options as they are read, where they are stored in another language."""
    rows: tuple[tuple[str, str], ...] = ()
    """Id, as the answer is stored by it, and text of each statement of a matrix."""
    limits: tuple[int, int] = (0, 0)
    when: dict[str, str | int | tuple[str | int, ...]] = Field(default_factory=dict)
    """``limits``, ``when``: As :class:`twoalike.tasks.Question` has them."""
    required: bool = True
    minimum_s: float
    values: dict[str, str] = Field(default_factory=dict)
    """Consent: what is stored with the answer (version, hash, language)."""
    declined: PageStep | None = None
    """Consent: the page after the second option, which ends the session."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids that the answers are stored by."""
        return tuple(name for name, _ in self.rows) or (self.id,)


class TimedStep(Sent):
    """What is shown for whole frames (:class:`twoalike.tasks.Step`)."""

    kind: Literal["fixation", "image", "interval", "mask"]
    items: tuple[int, ...]
    ms: float


class ListedTrial(Sent):
    """A choice or a rating; the fields of :class:`twoalike.tasks.Trial` that the page needs."""

    trial_index: int
    block_index: int
    trial_type: str
    stimuli: tuple[ObjectId, ...]
    positions: tuple[str, ...]
    expected: int | None = None
    """Number of the right answer among ``stimuli``, from 1: in practice trials with feedback only,
    so that attention checks cannot be read from the page."""
    expected_with: int | None = None
    """Number of the other image of a pair that is right."""
    anchored: bool = False
    masks: tuple[ObjectId, ...] = ()
    """Pictures that mask ``stimuli``, by their names in :attr:`OnlineSession.images`."""
    steps: tuple[TimedStep, ...] = ()
    """What is shown for a time."""
    n_chosen: int = 1
    """How many of ``stimuli`` are chosen: 2 for a pair, 0 for a rating."""


class TrialStep(Sent):
    """A trial that is listed."""

    kind: Literal["trial"] = "trial"
    trial: ListedTrial


class Arrangement(Sent):
    """What the page needs to show images that are arranged or sorted."""

    trial_index: int
    items: tuple[ObjectId, ...]
    order: tuple[int, ...] = ()
    """Seat of each item, from 0; a sorting has none."""
    rotation: float = 0.0
    """Of the seats, degrees."""
    progress: float | None = None
    """Share of the session that is over before it, in [0, 1]; None in practice."""


class ArrangementStep(Sent):
    """An arrangement that is listed, or was chosen by the server; or a sorting."""

    kind: Literal["arrangement"] = "arrangement"
    trial: Arrangement


class BlockStep(Sent):
    """Trials that the server chooses when the session comes to them, by the answers so far.

    The steps of the block replace it, so that later steps have higher numbers. A block of
    arrangements is one trial, and ends with the block of the next one.
    """

    kind: Literal["block"] = "block"
    block: int
    """Number in the part, from 1; of choices as :func:`twoalike.design.adaptive_blocks` has it."""
    task: str = "odd-one-out"
    practice_end: PageStep | None = None
    pause: PageStep | None = None
    """Pages among the choices; the server fills in the progress of ``pause``."""


type Step = Annotated[
    PageStep | QuestionStep | TrialStep | ArrangementStep | BlockStep, Field(discriminator="kind")
]


class Part(Sent):
    """One task, or one condition of a task: a run of its own."""

    protocol: str
    """Key of :attr:`OnlineSession.protocols`."""
    task: str
    steps: tuple[Step, ...]
    resume: PageStep
    """Shown when the page is reopened, before the pages of instruction that are done."""


class Person(Sent):
    """What one participant does: ``people/CODE.json``."""

    format: Literal[1] = 1
    participant: Name
    session: int
    group: str = ""
    """Group of people that the participant is in; empty: the study has none."""
    parts: tuple[Part, ...]


class OnlineSession(Sent):
    """The study as built: ``session.json``."""

    format: Literal[1] = 1
    version: str
    """Version of twoalike."""
    hash: Sha256
    """SHA-256 of all that is shown: of this file's other fields and of each participant's file, in
    all languages."""
    study: str
    session: int
    language: str
    languages: tuple[str, ...] = ()
    """Languages to choose from; of each but the first the page has a folder."""
    participants: tuple[Name, ...]
    """Codes that have a file in ``people``."""
    protocols: dict[str, dict[str, Any]]
    """Resolved protocols as JSON, by key."""
    images: dict[ObjectId, ImageFile]
    """Pictures of objects, and of masks, whose names begin with their folder and a semicolon."""
    sounds: dict[ObjectId, SoundFile] = Field(default_factory=dict)
    texts: dict[str, str]
    """Texts of the page that no window needs, in the language of the study."""
    without_keys: dict[str, str] = Field(default_factory=dict)
    """Sentences of protocols and steps, and what they are on a device without keys."""
    least_window_px: tuple[int, int]
    """Smallest window in which everything fits."""
    least_hz: float = 0.0
    """Least refresh rate that can show all timed images; 0 where nothing is timed."""
    card: bool
    """Whether the participant measures the screen with a bank card: sizes are in degrees."""
    return_hours: float
    """Hours after the last record within which a session may be continued."""
    reload: Literal["resume", "restart-block", "end"] = "resume"
    longest_absence: float = 0.0
    """Minutes for which the page may be closed; 0 for no bound of its own."""
    completion_url: str = ""
    """Where the page goes at the end; {code} is the completion code."""
    id_parameter: str = ""
    """Part of the address that identifies a person."""


class Refusal(Exception):
    """A refused request; ``error`` is sent to the page, ``reason`` goes to the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


class StepShape(NamedTuple):
    """What a record of a step may contain."""

    about: str | int | None
    """Measure of a question, number of a trial; None for a page."""
    before: int
    """Trials in the part before it; all of them have been answered by then."""
    items: tuple[str, ...] = ()
    """Objects to be arranged."""
    places: tuple[str, ...] = ()
    """Places that may be chosen."""
    chosen: int = 1
    """How many of them are; 0 for a rating."""
    right: frozenset[str | int] = frozenset()
    """The right ones, of an attention check; the page does not have them."""
    gives: str = ""
    """Kind of its result."""
    asked: Mapping[str, frozenset[str | int]] = MappingProxyType({})
    """Right answers to attention items, by id; the page does not have them either."""


class PartShape(NamedTuple):
    """Steps of a part, up to trials that are not chosen yet, and how many of them are trials."""

    steps: tuple[StepShape, ...]
    n_trials: int | None
    """None while trials are to be chosen."""


def shapes_of(
    parts: Sequence[Part],
    right: Mapping[tuple[int, int | str], frozenset[str | int]] | None = None,
) -> tuple[PartShape, ...]:
    """Return what parts allow; ``right`` are right answers, by part and trial or question."""
    shapes, right = [], right or {}
    for number, part in enumerate(parts):
        found, before = list[StepShape](), 0
        for step in takewhile(lambda one: not isinstance(one, BlockStep), part.steps):
            match step:
                case TrialStep(trial=trial):
                    checked = right.get((number, trial.trial_index), frozenset())
                    places, chosen = trial.positions[trial.anchored :], trial.n_chosen
                    about = trial.trial_index
                    gives = "choice" if chosen else "rating"
                    found.append(StepShape(about, before, (), places, chosen, checked, gives))
                case ArrangementStep(trial=placed):
                    gives = "sorting" if part.task == "free-sorting" else "arrangement"
                    found.append(StepShape(placed.trial_index, before, placed.items, gives=gives))
                case QuestionStep():
                    own = {one: right.get((number, one)) for one in step.columns}
                    known = {name: one for name, one in own.items() if one}
                    found.append(StepShape(step.measure, before, asked=known))
                case _:
                    found.append(StepShape(None, before))
            before += isinstance(step, TrialStep | ArrangementStep)
        shapes.append(PartShape(tuple(found), before if len(found) == len(part.steps) else None))
    return tuple(shapes)


def is_known(record: Record, parts: tuple[PartShape, ...]) -> bool:
    """Whether the participant was given the step of a record."""
    return record.part < len(parts) and record.step < len(parts[record.part].steps)


NEW: Mapping[str, Any] = {
    "n": 0,
    "part": 0,
    "step": -1,
    "clock": 0.0,  # s of the part's clock
    "over": 0,  # trials of the part
    "answered": 0,  # whether the step has its answer
    "part_end": "",
    "done": 0,  # whether the last part was completed
    **dict.fromkeys(("trials", "fast", "checks", "right", "wrong"), 0),  # counts for the operator
}
"""State of a session without a record; the store has a column for each."""


def following(
    state: Mapping[str, Any], record: Record, parts: tuple[PartShape, ...]
) -> dict[str, Any]:
    """State of a session after a record, which must fit its step and follow from the state before.

    Neither a record that contradicts what the participant was given (``parts``) nor one that does
    not follow from those before is stored.
    """
    if not is_known(record, parts):
        raise Refusal("malformed", "no such step")
    part, same = parts[record.part], record.part == state["part"]
    step = part.steps[record.step]
    again = same and record.step == state["step"]  # what a step gave may take several records
    result, end = _checked_items(record.items, step)
    answers = result is not None or any(isinstance(item, Answers) for item in record.items)
    over = state["over"] if same else 0
    n_trials = int(result is not None)
    faults = {
        "a record after the end of its part": same and state["part_end"],
        "a step that was answered before": (same and record.step < state["step"])
        or (again and state["answered"] and answers),
        "a part before its turn": not same
        and (record.part != state["part"] + 1 or state["part_end"] != "completed"),
        "trials were left out": not again and over != step.before,
        "an end before the last trial": end == "completed" and over + n_trials != part.n_trials,
    }
    for fault in (fault for fault, there in faults.items() if there):
        raise Refusal("malformed", fault)
    choice = result if isinstance(result, ChoiceResult) else None
    places = choice.answer.places if choice is not None and choice.answer is not None else ()
    given = [one.values for one in record.items if isinstance(one, Answers)]
    items = [one.get(name) in answer for one in given for name, answer in step.asked.items()]
    time = max(map(_end_of, record.items), default=0.0)
    return {
        "n": record.n,
        "part": record.part,
        "step": record.step,
        "clock": max(time, state["clock"] if same else 0.0),
        "over": over + n_trials,
        "answered": int(answers or (again and bool(state["answered"]))),
        "part_end": end,
        "done": int(record.part == len(parts) - 1 and end == "completed"),
        "trials": state["trials"] + n_trials,
        "fast": state["fast"] + (getattr(result, "flag", None) == "fast"),
        "checks": state["checks"] + (choice is not None and bool(step.right)) + len(items),
        "wrong": state["wrong"] + items.count(False),
        "right": state["right"] + (bool(step.right) and set(places) == step.right) + sum(items),
    }


def _checked_items(items: tuple[Item, ...], step: StepShape) -> tuple[TrialOver | None, str]:
    results = [item for item in items if isinstance(item, TrialOver.__value__)]
    if any(isinstance(item, Ending) for item in items[:-1]):
        raise Refusal("malformed", "an ending that is not last")
    if len(results) > 1:
        raise Refusal("malformed", "two results")
    if any(isinstance(item, Answers) and item.measure != step.about for item in items):
        raise Refusal("malformed", "answers to other questions")
    for result in results:
        if result.kind != step.gives or result.trial_index != step.about:
            raise Refusal("malformed", "the result of another trial")
        if isinstance(result, PlacedResult):
            names = ("handling", "places", "inside", "seat_angles", "cells")
            lists = [getattr(result, name, result.items) for name in names]
            if result.items != step.items or any(len(one) != len(step.items) for one in lists):
                raise Refusal("malformed", "places of other objects")
        elif isinstance(result, ChoiceResult) and result.answer is not None:
            places = set(result.answer.places)
            if not places <= set(step.places) or len(places) != step.chosen:
                raise Refusal("malformed", "places that cannot be chosen")
    last = items[-1] if items else None
    return next(iter(results), None), last.reason if isinstance(last, Ending) else ""


def _end_of(item: Item) -> float:
    match item:
        case Note() | Segment() | Ending():
            return item.time
        case ChoiceResult():
            return item.onset + (0.0 if item.answer is None else item.answer.response_time)
        case RatingResult():
            return item.onset + (item.response_time or 0.0)
        case PlacedResult():
            return item.ending.time
        case EventRow(values=values):
            numbers = [values.get(name) for name in ("onset", "duration")]
            total = sum(one for one in numbers if isinstance(one, int | float))
            return total if 0 <= total <= 1e7 else 0.0
    return 0.0
