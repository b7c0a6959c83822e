"""The content of the page: session.json for the study, and a file of steps for each participant.

Steps come from the scripts of the window's tasks: the same pages, questions, breaks and trials in
the same order. The page runs them and decides only what depends on answers: whether the session
goes on after the consent page, and which images the next arrangement shows.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from twoalike.online._records import Name, ObjectId, Sent, Sha256

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
    """Keys that turn it, besides space and return."""


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


class ArrangementsStep(Sent):
    """All trials of a multi-arrangement session: listed ones, and those chosen as evidence grows.

    The fields of :class:`twoalike.tasks.multi_arrangement.Arranging`.
    """

    kind: Literal["arrangements"] = "arrangements"
    config: dict[str, Any]
    """:class:`twoalike.study.ArrangementConfig` as JSON."""
    ids: tuple[ObjectId, ...]
    listed: tuple[dict[str, Any], ...]
    """:class:`twoalike.design.ListedArrangement` as JSON: ``trial_type``, ``stimuli``,
    ``scheduler``."""
    seed: Annotated[str, Field(pattern=r"^[0-9]+$")]
    """Decimal digits, as JavaScript's numbers have 53 bits."""
    earlier: tuple[dict[str, Any], ...] = ()
    """Main trials of earlier sessions: ``places`` by id (arena units)."""
    practice_end: PageStep
    pause: PageStep
    """Pages between trials; the page fills in the progress of ``pause``."""


class BlockStep(Sent):
    """Trials that the server chooses when the session comes to them (adaptive designs).

    The steps of the block replace it, so that later steps have higher numbers.
    """

    kind: Literal["block"] = "block"
    block: int
    """As :func:`twoalike.design.adaptive_blocks` numbers them."""
    practice_end: PageStep | None = None
    pause: PageStep | None = None
    """Pages among the trials; the server fills in the progress of ``pause``."""


type Step = Annotated[
    PageStep | QuestionStep | TrialStep | ArrangementsStep | BlockStep, Field(discriminator="kind")
]


class Part(Sent):
    """One task, or one condition of a task: a run of its own."""

    protocol: str
    """Key of :attr:`OnlineSession.protocols`."""
    task: str
    steps: tuple[Step, ...]
    resume: PageStep
    """Shown when the page is reopened, instead of the steps that are done."""


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
