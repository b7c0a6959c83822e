"""Content and messages of the page: what it shows, and records of what participants did.

``session.json`` has the study, and a file for each participant their steps, from the scripts of the
window's tasks: the same pages, questions, breaks and trials in the same order. The page runs them;
of what depends on answers it decides only whether the session goes on after the consent page.

A record contains the items that one step gave, the same as in a window
(:data:`twoalike.tasks.Item`). It states what was answered, not what was shown: that comes from the
trial list, or from the blocks that the server chose, when records become raw data, so that a forged
record cannot change it. Records of a session are numbered from 1 without gaps; session and number
identify a record: one that is sent twice is stored once, and one that differs is refused.
"""

from typing import Annotated, Any, Literal

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
    """Objects of ``places``; those of the step."""
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


type Key = str
"""A key by its name in protocols, such as ``left`` or ``num_1``."""


class ImageFile(Sent):
    """A picture beside session.json: path, size in pixels, SHA-256 of the file."""

    file: Annotated[str, Field(pattern=r"^images/[A-Za-z0-9_.-]+$")]
    width: int
    height: int
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
    keys: tuple[Key, ...] = ()
    """Keys that turn it."""


class QuestionStep(Sent):
    """A question (:class:`twoalike.tasks.Ask`); ``measure`` ``consent`` is the consent page."""

    kind: Literal["question"] = "question"
    measure: Literal["consent", "form", "blocks", "debrief"]
    id: str
    text: str
    question: Literal["choice", "choices", "age", "number", "text", "long_text"]
    options: tuple[str, ...] = ()
    required: bool = True
    minimum_s: float
    values: dict[str, str] = Field(default_factory=dict)
    """Consent: what is stored with the answer (version, hash, language)."""
    declined: PageStep | None = None
    """Consent: the page after the second option, which ends the session."""


class ChoiceTrial(Sent):
    """A trial of choices; the fields of :class:`twoalike.tasks.Trial` that the page needs."""

    trial_index: int
    block_index: int
    trial_type: str
    stimuli: tuple[ObjectId, ...]
    positions: tuple[str, ...]
    expected: int | None = None
    """Number of the right answer among ``stimuli``, from 1: in practice trials with feedback only,
    so that attention checks cannot be read from the page."""
    anchored: bool = False


class TrialStep(Sent):
    """A trial that is listed."""

    kind: Literal["trial"] = "trial"
    trial: ChoiceTrial


class Arrangement(Sent):
    """What the page needs of an arrangement to show."""

    trial_index: int
    items: tuple[ObjectId, ...]
    order: tuple[int, ...]
    """Seat of each item, from 0."""
    rotation: float
    """Of the seats, degrees."""
    progress: float | None = None
    """Share of the session that is over before it, in [0, 1]; None in practice."""


class ArrangementStep(Sent):
    """An arrangement that is listed, or was chosen by the server."""

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
    task: Literal["odd-one-out", "multi-arrangement"] = "odd-one-out"
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


class PageTexts(Sent):
    """Texts of the page that no window needs, in the language of the study."""

    title: str
    start: str
    """Button that enters the session and the full screen."""
    loading: str
    """While images load; {done} and {total}."""
    full: str
    stopped: str
    used: str
    finished: str
    expired: str
    """``full`` to ``expired``: Why this link does not lead to a session now."""
    lost: str
    """The server was restored from a backup that lacks answers, and the page cannot send them."""
    too_small: str
    """The window or screen is too small; {width} and {height} are the least, in pixels."""
    unsupported: str
    """The browser lacks something; {what}."""
    turn: str
    """A phone that has to be turned to be large enough."""
    offline: str
    """There is no connection: answers are kept in the browser and sent later."""
    left_fullscreen: str
    back_to_fullscreen: str
    card: str
    """Instruction to fit the frame to a bank card."""
    card_done: str
    sending: str
    """After the last trial, while {n} records are still to be sent."""
    closing: str
    """Afterwards: all is stored."""
    declined: str
    screened_out: str
    """``declined``, ``screened_out``: Instead, after such an end."""
    close: str
    """Below the codes: the window may be closed."""
    code: str
    """Above the completion code."""
    copy_code: str
    """Button that copies it."""
    go_back: str
    """Link to online.completion_url; {host} is its site."""
    withdraw: str
    """How to withdraw later; {code}."""
    download: str
    """Link that saves the answers as a file; pages without a server only."""
    send_file: str
    """Above that link, if the answers are stored nowhere else."""
    failed: str
    """An error in the page; the session goes on after a reload."""
    other_tab: str
    """The session is open in another tab or window."""
    unknown: str
    """The link is not known."""
    withdraw_title: str
    withdraw_ask: str
    withdraw_button: str
    withdraw_done: str
    withdraw_unknown: str
    """``withdraw_title`` to ``withdraw_unknown``: The withdrawal page: heading, label of the field,
    button, and the two answers."""


class OnlineSession(Sent):
    """The study as built: ``session.json``."""

    format: Literal[1] = 1
    version: str
    """Version of twoalike."""
    hash: Sha256
    """SHA-256 of all that is shown: of this file's other fields and of each participant's file."""
    study: str
    session: int
    language: str
    participants: tuple[Name, ...]
    """Codes that have a file in ``people``."""
    protocols: dict[str, dict[str, Any]]
    """Resolved protocols as JSON, by key."""
    images: dict[ObjectId, ImageFile]
    texts: PageTexts
    without_keys: dict[str, str] = Field(default_factory=dict)
    """Sentences of protocols and steps, and what they are on a device without keys."""
    least_window_px: tuple[int, int]
    """Smallest window in which everything fits."""
    card: bool
    """Whether the participant measures the screen with a bank card: sizes are in degrees."""
    return_hours: float
    """Hours after the last record within which a session may be continued."""
    completion_url: str = ""
    """Where the page goes at the end; {code} is the completion code."""
    id_parameter: str = ""
    """Part of the address that identifies a person."""


class Asked(Sent):
    """The block that a page has come to."""

    part: Annotated[int, Field(ge=0, le=100)]
    block: Annotated[int, Field(ge=1, le=100_000)]


class Entry(Sent):
    """Request to take part; ``external`` are the parameters of the page's address."""

    external: dict[Name, Annotated[str, Field(max_length=200)]] = Field(
        default_factory=dict, max_length=20
    )
    link: Annotated[str, Field(max_length=100)] | None = None
    token: Annotated[str, Field(max_length=200)] | None = None


class Finish(Sent):
    """How a session ended."""

    reason: Reason


class Withdrawal(Sent):
    """The code that a participant was given."""

    code: Annotated[str, Field(max_length=100)]


class Accepting(Sent):
    """Whether new people may take part."""

    on: bool


class Freed(Sent):
    """The session that an operator ends."""

    session: Name
