"""What the protocols of all tasks share: screen, breaks, pages, triggers, and their texts."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from twoalike.study import Language, Strict, declared, formed

_NAMES = declared("twoalike.tasks", "keys.toml")
SYNONYMS: Mapping[str, str] = _NAMES["synonyms"]
"""Other name of a key -> ours. Names of one key, and what the number pad sends while NumLock is
off: the person presses the same keys."""

KEYS = frozenset(_NAMES["keys"].split())
"""Every key that a window can report."""


def check_key(name: str) -> str:
    """Return our name of a key."""
    found = SYNONYMS.get(name, name)
    if found in KEYS:
        return found
    # Names are in lower case; a person may write Left, or KP_1 for the number pad.
    close = difflib.get_close_matches(name.lower(), sorted(KEYS | SYNONYMS.keys()), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "names are such as left, a, 1, num_1"
    raise ValueError(f"no key of the keyboard is called {name!r}; {hint}")


def check_keys(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return our names of the keys, each once, in their order."""
    return tuple(dict.fromkeys(map(check_key, names)))


def check_each_once(keys: Iterable[str], *, why: str = "escape stops the session") -> None:
    """Refuse keys of answers of which one has two meanings."""
    counts = Counter(["escape", *keys])
    if twice := [key for key, count in counts.items() if count > 1]:
        raise ValueError(f"key {twice[0]!r} has two meanings ({why})")


def check_format(name: str, text: str, **values: int) -> None:
    """Refuse a text in which a number is to stand that there is none of."""
    try:
        text.format(**values)
    except (KeyError, IndexError, ValueError) as error:
        known = " and ".join(f"{{{value}}}" for value in values)
        raise ValueError(f"{name} knows {known} only") from error


type Code = Annotated[int, Field(ge=0, le=255)]
type Moment = str
"""What is marked: a key of :class:`TriggerCodes`."""


class TriggerCodes(Strict):
    """The number sent for each kind of moment, 1 to 255; 0: this one is not sent."""

    session_start: Code = Field(default=1, description="the first page appears")
    image_onset: Code = Field(
        default=2,
        description="first frame that shows a trial's images, or each of those shown in turn",
    )
    response: Code = Field(default=3, description="the participant answers")
    trial_end: Code = Field(default=4, description="the trial is over and recorded")
    break_: Code = Field(default=5, description="a break begins")
    session_end: Code = Field(default=6, description="the session is over")
    fixation_onset: Code = Field(default=0, description="first frame of the cross before a trial")
    image_offset: Code = Field(
        default=7,
        description="first frame without timed images, unless it shows a mask or the next image",
    )
    mask_onset: Code = Field(default=8, description="first frame of a mask")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        counts = Counter(code for code in self.model_dump().values() if code)
        if twice := [code for code, count in counts.items() if count > 1]:
            raise ValueError(f"two moments have the code {twice[0]}; 0 leaves a moment out")
        return self


class Triggers(Strict):
    """Marks for EEG and other recordings; off by default."""

    kind: Literal["none", "parallel", "serial", "lsl"] = "none"
    """none; a parallel port; one byte on a serial port; a stream of the lab streaming layer"""
    port: str = ""
    """serial: its name, such as /dev/ttyUSB0 or COM3; parallel: /dev/parport0 or an address such as
    0x0378; lsl: name of the stream, twoalike if empty"""
    baud: PositiveInt = 115200
    """speed of the serial port, bits a second"""
    pulse_ms: float = Field(default=5.0, ge=0, le=100)
    """the code is held this long, then 0 as long; take at least two samples of the recording; 0:
    the code is held until the next one (not for lsl)"""
    photodiode: Literal["none", "top-left", "top-right", "bottom-left", "bottom-right"] = "none"
    """corner of the window with a square that is white while images are shown and black otherwise,
    for a photodiode"""
    photodiode_size: float = Field(default=0.06, gt=0, le=0.3)
    """its side as a share of the window's smaller side"""
    calibrate: Annotated[
        str,
        formed(r"([A-Za-z_][\w.]*:[A-Za-z_]\w*)?", "module:function, such as tracker:calibrate"),
    ] = ""
    """function of yours that gets PsychoPy's window before the first page, such as to calibrate an
    eye tracker; its module is in the study's folder or installed"""
    codes: TriggerCodes = TriggerCodes()
    """what is sent when"""

    @model_validator(mode="after")
    def _port_is_named(self) -> Self:
        if self.kind in {"parallel", "serial"} and not self.port:
            raise ValueError(f"port must be given for kind {self.kind!r}")
        hexadecimal = re.fullmatch("0x[0-9a-fA-F]+", self.port)
        if self.kind == "parallel" and self.port.startswith("0x") and not hexadecimal:
            raise ValueError(f"port {self.port!r} is no address such as 0x0378")
        return self

    def plan(self, shown_ms: float) -> str:
        """Say in one line which code marks what, and what will come late; empty without marks.

        ``shown_ms``: how long images are shown; 0 where the answer ends them.
        """
        if self.kind == "none":
            return ""
        codes = self.codes.model_dump(exclude=None if shown_ms else {"image_offset", "mask_onset"})
        said = ", ".join(f"{name} {code}" for name, code in codes.items() if code)
        said = f"marks, {self.kind} port {self.port or 'twoalike'}: {said}"
        if unsent := [name for name, code in codes.items() if not code]:
            said += f"; not sent: {', '.join(unsent)}"
        if self.kind != "lsl" and 0 < shown_ms < 2 * self.pulse_ms:
            said += (
                f"; the mark after images of {shown_ms:g} ms is late: two codes take "
                f"{2 * self.pulse_ms:g} ms (pulse_ms)"
            )
        return said


_FOLDER = files("twoalike.tasks") / "texts"


@cache
def languages() -> tuple[str, ...]:
    """Languages whose texts are shipped, by their two-letter code."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return tuple(sorted(name.split(".")[1] for name in names if name.startswith("common.")))


@cache
def shipped_texts(task: str, language: str) -> dict[str, Any]:
    """Texts of a task in a language; none where the language is not shipped.

    A task of another package has those that all tasks share; its own are defaults of its model.
    """
    if language not in languages():
        return {}
    name = task.replace("-", "_")
    own = preset_texts(name, language) if (_FOLDER / f"{name}.{language}.toml").is_file() else {}
    return {**preset_texts("common", language), **own}


def task_field(name: str) -> Any:
    """Field of a protocol that says whose it is."""
    return Field(default=name, description="the task that this protocol is for")


def texts_field(model: type[BaseModel], task: str) -> Any:
    """Field of a protocol that holds what the participant reads."""
    return Field(
        default_factory=lambda: model(**shipped_texts(task, "en")),
        description="What the participant reads: UTF-8, any language.",
    )


@cache
def preset_texts(name: str, language: str) -> dict[str, Any]:
    """Texts of one file: ``common`` or a task."""
    found = declared("twoalike.tasks", f"texts/{name}.{language}.toml")
    return {key: text for key, text in found.items() if key != READ}


READ = "read_by_speaker"
"""Key of each file of shipped texts: whether a speaker of the language has read it."""


@cache
def translation_note(language: str) -> str:
    """Remark on shipped texts that no speaker of their language has read; empty for others."""
    files = (one for one in _FOLDER.iterdir() if one.name.endswith(f".{language}.toml"))
    read = all(declared("twoalike.tasks", f"texts/{one.name}").get(READ) for one in files)
    if read or language == "en":  # which the others are translated from
        return ""
    return (
        f"the texts that come with twoalike in {language!r} are translations that no speaker of "
        "the language has read. Have one look at all pages of a pilot run"
    )


def consent_remarks() -> tuple[str, ...]:
    """Last paragraphs of the shipped consent texts, which say to replace them; on one line each."""
    texts = [str(preset_texts("common", language)["consent"]) for language in languages()]
    return tuple(" ".join(text.rpartition("\n\n")[2].split()) for text in texts)


type Colour = Annotated[str, formed("#[0-9a-fA-F]{6}", "a colour such as #e6e6e6")]
type ThemeColour = Annotated[
    str, formed("theme|#[0-9a-fA-F]{6}", 'a colour such as #e6e6e6, or "theme"')
]
type KeyName = Annotated[str, AfterValidator(check_key)]
type KeyNames = Annotated[tuple[str, ...], AfterValidator(check_keys)]
type ColumnName = Annotated[
    str, formed("[a-z][a-z0-9_]*", "small letters, digits and _ such as age_group")
]


class Screen(Strict):
    """The screen."""

    background: Colour = "#e6e6e6"
    """colour behind the images; light grey spares the eyes"""
    foreground: Colour = "#262626"
    """colour of texts and fixation"""
    accent: Colour = "#0072b2"
    """colour of progress and timer; kept by the colour-blind"""
    text_fraction: float = Field(default=0.026, ge=0.02, le=0.1)
    """height of text as a share of the window's smaller side; under .02 is hard to read"""
    touch: bool = False
    """whether the screen is touched; the window reports a touch as a mouse press, so only you can
    tell"""


class Pages(Strict):
    """The pages of text."""

    page_s: NonNegativeFloat = 1.0
    """shortest time for a page, so that a stray press skips none, in seconds"""
    instruction_s: NonNegativeFloat = 1.0
    """shortest time for a page of instruction, in seconds"""
    images: tuple[tuple[str, ...], ...] = ()
    """ids of up to four objects shown below each page of instruction, such as [[], ["dog", "cat",
    "car"]]"""


class Breaks(Strict):
    """Rests between trials."""

    break_every: NonNegativeInt = 0
    """trials between two breaks, practice not counted; 0: a break between the blocks of the design;
    a last block of fewer than half as many follows without one"""
    break_limit_s: NonNegativeFloat = 120.0
    """longest break in seconds; 0: no limit"""
    keys: KeyNames = Field(default=("space",), min_length=1)
    """the only keys that end a break; name them in texts.go_on"""
    ready_s: float = Field(default=3.0, ge=0, le=60)
    """countdown in seconds before each trial that follows a page: after the instruction, the
    practice, a break, and Esc; 0: none"""


class TrialTiming(Strict):
    """How long the parts of a trial last that is answered by a press."""

    fixation_s: NonNegativeFloat = 0.5
    """cross before each trial, in seconds"""
    minimum_rt_s: NonNegativeFloat = 0.2
    """presses before this are ignored and counted: nobody sees the images faster"""
    response_limit_s: NonNegativeFloat = 0.0
    """longest time for an answer; 0: no limit"""
    show_timer: bool = True
    """whether the time left is shown, where there is a limit"""
    feedback_s: NonNegativeFloat = 0.4
    """after an answer only what was chosen stays, this long"""
    flag_fast_s: NonNegativeFloat = 0.5
    """answers faster than this are flagged, never deleted"""
    flag_slow_s: PositiveFloat = 10.0
    """answers slower than this are flagged, never deleted"""

    @model_validator(mode="after")
    def _limit_leaves_time(self) -> Self:
        if 0 < self.response_limit_s <= self.minimum_rt_s:
            raise ValueError("response_limit_s must be longer than minimum_rt_s, or 0")
        return self


class Sounds(Strict):
    """Playing of sounds, in studies that have any."""

    hover: bool = True
    """whether pointing at a sound plays it; a click or a touch does as well, while sounds are left
    to hear"""
    keys: KeyNames = ("a", "s", "d", "g", "h", "j")  # F leaves the full screen in WebKitGTK
    """keys that play sounds side by side, from left to right; in an arena the keys that take an
    object play it"""
    heard: bool = True
    """whether each sound of a trial must be heard to its end before an answer counts"""
    volume: float = Field(default=1.0, gt=0, le=1)
    """share of the full volume"""


class Consent(Strict):
    """The consent page of a participant's first session."""

    ask: bool = False
    """whether to ask; write your own text into texts.consent first"""
    version: str = Field(default="1", min_length=1)
    """version of the text; stored, with the text's hash"""
    minimum_s: NonNegativeFloat = 5.0
    """shortest time for reading, seconds"""


CHECKED = "_correct"
"""Ending of the id by which the verdict on an attention item is stored."""
_LARGEST = 999_999_999
_LIMITS = {
    "age": (0, 130),
    "number": (-_LARGEST, _LARGEST),
    "slider": (0, 100),
    "text": (1, 500),
    "long_text": (1, 10_000),
}
"""Smallest and largest number, or fewest and most characters."""
_OF_TEXT = ("text", "long_text")
type Value = str | int
_EXPECTED: Any = Field(
    default=None,
    description="the answer of somebody who reads: this is an attention item then, and another "
    "answer counts like a failed attention check; of a scale its number",
)

_ASKED: Any = Field(
    default="", description="the text as it is stored; made from a text by language"
)


class Row(Strict):
    """A statement of a matrix."""

    id: ColumnName = Field(description="the answer is stored as ID_ROW")
    text: str = Field(min_length=1, description="the statement")
    asked: str = _ASKED
    expected: Value | None = _EXPECTED


class Question(Strict):
    """A question outside the trials."""

    id: ColumnName
    """column the answer is stored in"""
    text: str = Field(min_length=1)
    """what is asked"""
    asked: str = _ASKED
    kind: Literal[
        "choice", "choices", "likert", "matrix", "slider", "age", "number", "text", "long_text"
    ]
    """choice: one of options; choices: any of them; likert: a point of a scale, stored as its
    number from 1; matrix: several statements with one such scale; slider: a whole number between
    two ends; age: whole years, above 89 stored as 89; text: a line; long_text: several lines, kept
    as they are written"""
    options: tuple[str, ...] = Field(default=(), max_length=9)
    """of a choice, or of choices; points of a scale, from the first on, those without words empty;
    words at the two ends of a slider"""
    labels: tuple[str, ...] = ()
    """the options as they are read; made from options by language"""
    rows: tuple[Row, ...] = Field(default=(), max_length=20)
    """statements of a matrix, such as [{ id = "calm", text = "I feel calm." }]"""
    required: bool = True
    """whether an answer must be given"""
    least: int | None = None
    """smallest number, or fewest characters of a text"""
    most: int | None = None
    """largest number, or most characters of a text"""
    when: dict[ColumnName, Value | list[Value]] = {}
    """earlier questions of the same list, and the answers, or one of them, with which this one is
    asked, such as { smokes = "yes" }"""
    expected: Value | None = _EXPECTED

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest number, or fewest and most characters."""
        low, high = _LIMITS.get(self.kind, (1, max(1, len(self.options))))
        return (low if self.least is None else self.least, high if self.most is None else self.most)

    @property
    def parts(self) -> tuple["Question", ...]:
        """The question as it is stored: of a matrix each row by itself, as a Likert scale."""
        if self.kind != "matrix":
            return (self,)
        return tuple(
            Question(
                id=f"{self.id}_{row.id}",
                text=f"{self.text}\n\n{row.text}",
                asked=f"{self.asked or self.text}\n\n{row.asked or row.text}",
                kind="likert",
                options=self.options,
                labels=self.labels,
                required=self.required,
                when=self.when,
                expected=row.expected,
            )
            for row in self.rows
        )

    def value(self, option: int) -> Value:
        """Answer that an option stands for, by its place from 0."""
        return option + 1 if self.kind == "likert" else self.options[option]

    def judged(self, answer: object) -> dict[str, object]:
        """Give the answer by id, and whether it is that of an attention item."""
        verdict = {} if self.expected is None else {self.id + CHECKED: answer == self.expected}
        return {self.id: answer, **verdict}

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        kind, n, (low, high) = self.kind, len(self.options), self.limits
        if len(self.labels) not in (0, n):
            raise ValueError(f"{n} options in one language, {len(self.labels)} in another")
        if kind == "slider" and n not in (0, 2):
            raise ValueError("the options of a slider are the words at its two ends")
        if kind != "slider" and (kind not in _LIMITS) != (n >= 2):
            raise ValueError("a choice or scale, and only one of them, needs options, at least two")
        if (kind == "matrix") != bool(self.rows):
            raise ValueError("a matrix, and only a matrix, needs rows")
        least, most = _LIMITS.get(kind, (low, high) if self.least == self.most is None else (0, 0))
        if not least <= low <= high <= most:
            raise ValueError(f"least and most: expected a range within {least} to {most}")
        answers = self.options if kind in ("choice", "choices") else range(low, high + 1)
        for given in (self.expected, *(row.expected for row in self.rows)):
            if given is not None and (kind in _OF_TEXT or given not in answers):
                raise ValueError(f"expected: {given!r} is no answer to such a question")
        return self


def holds(when: Mapping[str, Value | list[Value]], answers: Mapping[str, object]) -> bool:
    """Whether a question is asked after earlier answers; an answer that is not known counts."""

    def given(name: str) -> set[str]:
        answer = answers[name]
        return set(map(str, answer if isinstance(answer, tuple | list) else [answer]))

    return all(
        name not in answers or given(name) & set(map(str, one if isinstance(one, list) else [one]))
        for name, one in when.items()
    )


_RESERVED = ("participant_id", "session_id")


class Questions(Strict):
    """Questions whose answers are kept in one table, a column each."""

    questions: tuple[Question, ...] = ()

    @model_validator(mode="after")
    def _each_id_once(self) -> Self:
        ids = [part.id for question in self.questions for part in question.parts]
        for number, question in enumerate(self.questions):
            before = {part.id for one in self.questions[:number] for part in one.parts}
            if unknown := [name for name in question.when if name not in before]:
                raise ValueError(f"when: no question before {question.id!r} is {unknown[0]!r}")
        if twice := [name for name in ids if ids.count(name) > 1]:
            raise ValueError(f"two questions have the id {twice[0]!r}")
        if taken := [name for name in ids if name in _RESERVED or name.endswith(CHECKED)]:
            raise ValueError(f"the id {taken[0]!r} is taken; call the question something else")
        return self


class Form(Questions):
    """Questions before a participant's first session."""

    questions: tuple[Question, ...] = ()
    """each a table [[form.questions]] with id, text, kind and what belongs to it
    (docs/how-to/questionnaires.md); never ask for names or birth dates"""


class Debrief(Questions):
    """Questions after the last trial."""

    questions: tuple[Question, ...] = ()
    """as form.questions, such as the strategy the participant used"""


class BlockQuestion(Question):
    """A question after blocks of trials."""

    after: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """numbers of the blocks that it comes after, from 1, practice not counted; empty: after each"""


class Blocks(Questions):
    """Questions between blocks of trials: blocks end with a break, and with the last trial."""

    questions: tuple[BlockQuestion, ...] = ()
    """each a table [[blocks.questions]] as form.questions, and after: numbers of the blocks that it
    comes after; answers are stored as ID_blockNUMBER"""

    def after(self, block: int) -> tuple[Question, ...]:
        """Questions after a block, with the ids that their answers are stored by."""
        asked = [one for one in self.questions if not one.after or block in one.after]
        found, end = list[Question](), f"_block{block}"
        for values in (one.model_dump(exclude={"after"}) for one in asked):
            for named in values["rows"] or [values]:
                named["id"] += end
            when = {name + end: one for name, one in values["when"].items()}
            found.append(Question(**values | {"when": when}))
        return tuple(found)


class PageTexts(Strict):
    """What the participant reads in every task; UTF-8, any language."""

    consent: str = Field(description="the consent page; shown where consent.ask is true")
    agree: str = Field(description="choice below the consent text")
    decline: str = Field(description="the other choice; nothing but it is stored then")
    declined: str = Field(description="page after consent was not given")
    instruction: tuple[str, ...] = Field(
        min_length=1, description="pages shown before the first trial"
    )
    practice_end: str = Field(description="page after the practice trials")
    pause: str = Field(description="page of a break")
    ready: str = Field(default="", description="above the countdown that comes before trials")
    resume: str = Field(description="page shown before the instruction when a session is resumed")
    stop: str = Field(description="page after Esc")
    end: str = Field(description="page at the end")
    next_part: str = Field(
        default="",
        description="page between two parts of a sitting, in place of the end; {done} and {total} "
        "are numbers of parts; empty: the page of a break",
    )
    go_on: str = Field(description="line at the bottom of the pages")
    choose: str = Field(description="line at the bottom of a question with options")
    enter: str = Field(description="line at the bottom of a question with a text to enter")
    choose_several: str = Field(
        default="", description="line at the bottom of a question with several answers to tick"
    )
    write: str = Field(
        default="", description="line at the bottom of a question with several lines to write"
    )
    slide: str = Field(default="", description="line at the bottom of a question with a slider")
    finish: str = Field(
        default="→", min_length=1, description="on the button that ends such an answer"
    )
    needs_number: str = Field(
        description="below an answer that should be a number from {low} to {high}"
    )
    needs_length: str = Field(
        default="{low} – {high}",
        description="below a text that should have {low} to {high} characters",
    )
    needs_answer: str = Field(description="below a question that must be answered")
    listen: str = Field(
        default="", description="above a trial's sounds until all were heard, if they must be"
    )
    wait: str = Field(description="page while something is computed between blocks")
    scanner: str = Field(
        default="", description="page while a scanner's trigger is awaited, in tasks of choices"
    )
    progress: str = Field(
        description="line of the break page; {done} and {total} are numbers of trials"
    )

    @model_validator(mode="after")
    def _are_formats(self) -> Self:
        counts = dict.fromkeys(("done", "total"), 1)
        known = {"progress": counts, "next_part": counts, "needs_number": {"low": 0, "high": 1}}
        known["needs_length"] = known["needs_number"]
        for name, values in known.items():
            check_format(name, getattr(self, name), **values)
        return self


class Protocol(Strict):
    """What the protocols of all tasks have in common.

    Texts that the file leaves out are those shipped for its language.
    """

    if TYPE_CHECKING:  # each task's own, at the end of the file
        texts: PageTexts

    plays_sounds: ClassVar[bool] = False
    """Whether trials of the task can have sounds."""

    schema_version: Literal[1] = 1
    """version of this file's format"""
    task: str
    language: Language = "en"
    """language of the texts, such as en or de (shipped); another one needs all keys of [texts]"""
    screen: Screen = Screen()
    pages: Pages = Pages()
    breaks: Breaks = Breaks()
    sounds: Sounds = Sounds()
    consent: Consent = Consent()
    form: Form = Form()
    blocks: Blocks = Blocks()
    """Questions between blocks of trials."""
    debrief: Debrief = Debrief()
    triggers: Triggers = Triggers()

    @property
    def marks_line(self) -> str:
        """Which code marks what, in one line; empty where nothing is marked."""
        return self.triggers.plan(getattr(getattr(self, "timing", None), "presentation_ms", 0.0))

    @classmethod
    def shipped(cls, values: Mapping[str, Any], language: str) -> dict[str, Any]:
        """Texts of the task in a language, which may depend on the protocol's other values."""
        return shipped_texts(cls.model_fields["task"].default, language)

    @model_validator(mode="before")
    @classmethod
    def _fill_texts(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        given = values.get("texts", {})
        if isinstance(given, BaseModel) or not isinstance(given, Mapping):
            return values
        language = values.get("language", cls.model_fields["language"].default)
        shipped = cls.shipped(values, str(language))
        texts = {**shipped, **given}
        field = cls.model_fields.get("texts")
        keys = getattr(field.annotation, "model_fields", {}) if field is not None else {}
        missing = [key for key, field in keys.items() if field.is_required() and key not in texts]
        if missing and not shipped:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise ValueError(
                f"no texts are shipped for the language {language!r} (shipped: "
                f"{', '.join(languages())}). Write all keys of [texts] in it: {missing[0]!r}{more} "
                "still missing"
            )
        return {**values, "texts": texts}
