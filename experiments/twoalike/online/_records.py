"""Records: the messages in which the page sends what participants did, one for each page or trial.

A record contains the items that one step of a session produced, the same as in a window
(:data:`twoalike.tasks.Item`): notes, events, answers, the result of a trial. It states what was
answered, not what was shown: objects, positions and right answers come from the trial list when the
records become raw data, so that a forged record cannot change them.

A session's records are numbered from 1 without gaps. Session and number identify a record: one that
is sent twice is stored once, and one that differs from the stored one is refused.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FailFast, Field, FiniteFloat

MOST_BYTES = 262_144
"""Longest record as JSON; an arrangement of a hundred images with a thousand moves takes less."""

type Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
"""Identifier: no path, markup or white space."""
type ObjectId = Annotated[str, Field(min_length=1, max_length=200)]
type Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type Seconds = Annotated[FiniteFloat, Field(ge=0, le=1e7)]
"""Seconds of the run's clock: 0 is the first page of the part, and a resume goes on from the last
record."""
type Reason = Literal["completed", "declined", "screened_out"]
"""How a participant ended a session or a part of it."""
type Number = Annotated[int, Field(ge=0, le=1_000_000)]
type Whole = Annotated[int, Field(ge=-(2**53), le=2**53)]
"""A number that is exact in JavaScript."""
type Coordinate = Annotated[FiniteFloat, Field(ge=-1e5, le=1e5)]


class Sent(BaseModel):
    """JSON between page and server: frozen, without unknown keys, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Note(Sent):
    """Entry for the log, apart from the trials (:class:`twoalike.tasks.Note`)."""

    kind: Literal["note"] = "note"
    event: Name
    time: Seconds
    detail: dict[Name, str | Whole | FiniteFloat | bool | None] = Field(
        default_factory=dict, max_length=20
    )


class EventRow(Sent):
    """A row of the run's table of events, by column (:class:`twoalike.tasks.EventRow`)."""

    kind: Literal["event"] = "event"
    values: dict[Name, str | Whole | FiniteFloat | bool | None] = Field(max_length=20)


type AnswerText = Annotated[str, Field(max_length=10_000)]


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


class ChoiceResult(Sent):
    """A trial of choices that was shown to its end (:class:`twoalike.tasks.TrialResult`)."""

    kind: Literal["choice"] = "choice"
    trial_index: Annotated[int, Field(ge=1, le=1_000_000)]
    onset: Seconds
    answer: Choice | None
    """None if the time limit passed."""
    early: Number
    """Presses ignored because they came too early."""
    dropped: Number | None
    """Late frames while the images were shown; None if not known."""
    flag: Literal["fast", "slow", "interrupted"] | None
    planned_onset: Seconds
    """Frame the images were scheduled for; the difference to ``onset`` is the display's error."""


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


class ArrangementResult(Sent):
    """An arrangement that was shown to its end; lists have one entry an item."""

    kind: Literal["arrangement"] = "arrangement"
    trial_index: Annotated[int, Field(ge=1, le=1_000_000)]
    items: Annotated[tuple[ObjectId, ...], Field(min_length=2, max_length=500)]
    """What the page chose to show; checked against what Python would have chosen."""
    order: tuple[Number, ...]
    rotation: FiniteFloat
    """``order``, ``rotation``: The seats, also checked."""
    min_evidence: FiniteFloat | None
    mean_evidence: FiniteFloat | None
    """Evidence of the pairs before the trial; checked to 1e-9."""
    onset: Seconds
    planned_onset: Seconds
    places: tuple[tuple[Coordinate, Coordinate], ...]
    """Final places, arena units."""
    inside: tuple[bool, ...]
    seat_angles: tuple[FiniteFloat, ...]
    handling: tuple[Handled, ...]
    ending: Ended
    radius_px: Coordinate
    item_px: Coordinate


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
    Note | EventRow | Answers | ChoiceResult | ArrangementResult | Segment | Ending,
    Field(discriminator="kind"),
]


def end_of(item: Item) -> float:
    """When an item had arisen, s; 0 if it has no time."""
    match item:
        case Note() | Segment() | Ending():
            return item.time
        case ChoiceResult():
            return item.onset + (0.0 if item.answer is None else item.answer.response_time)
        case ArrangementResult():
            return item.ending.time
        case EventRow(values=values):
            numbers = [values.get(name) for name in ("onset", "duration")]
            total = sum(one for one in numbers if isinstance(one, int | float))
            return total if 0 <= total <= 1e7 else 0.0
        case Answers():
            return 0.0


class Record(Sent):
    """The items of one step of a session."""

    session: Name
    n: Annotated[int, Field(ge=1, le=1_000_000)]
    """Number in the session."""
    protocol: Sha256
    """Hash of the study as built (:attr:`OnlineSession.hash`)."""
    part: Annotated[int, Field(ge=0, le=100)]
    step: Annotated[int, Field(ge=0, le=100_000)]
    """Place of the step in its part; all arrangements of a part are one step."""
    items: Annotated[tuple[Item, ...], FailFast(), Field(max_length=5_000)]


def _unique(records: tuple[Record, ...]) -> tuple[Record, ...]:
    if len({(one.session, one.n) for one in records}) < len(records):
        raise ValueError("two records of one request have the same number")
    return records


type Batch = Annotated[
    tuple[Record, ...],
    FailFast(),  # thousands of errors would take long to collect
    Field(min_length=1, max_length=50),
    AfterValidator(_unique),
]
"""Records of one request."""
