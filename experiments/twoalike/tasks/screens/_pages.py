"""Pages, questions and waiting as activities: shown, turned, answered, left."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import PositiveInt

from twoalike.record import OLDEST_AGE
from twoalike.study import Strict
from twoalike.tasks._activity import (
    Ask,
    Box,
    Countdown,
    Event,
    Item,
    KeyPress,
    Note,
    Nudge,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    Pulse,
    Scroll,
    Shown,
    Typed,
)
from twoalike.tasks._protocol import KeyName, PageTexts, Protocol, Question
from twoalike.tasks.lettering import can_draw
from twoalike.tasks.screens._text_layout import (
    Frame,
    TextLayout,
    asked_scene,
    lay_out_page,
    lay_out_question,
)
from twoalike.tasks.screens._writing import Pad, Writing

GO_ON = frozenset({"space", "return", "num_enter"})
"""Keys that turn a page in every task."""
_FORWARD, _BACK = frozenset({"down", "pagedown"}), frozenset({"up", "pageup"})
_WHEEL_REST_S = 0.35
"""A flick of the wheel is many notches; those within this time count as one."""
_SWIPE = 0.06
"""Shortest movement of a finger that turns a page, as a share of the window's width."""


class _BesideTrials:
    """What activities other than trials share: since when one is shown, and whether it is over."""

    finished = False
    _since: float | None = None

    @property
    def deadline(self) -> float | None:
        return None

    def restart(self, time: float) -> Sequence[Item]:
        return []

    def _take_frame(self, event: Event) -> None:
        if isinstance(event, Shown) and self._since is None:
            self._since = event.time

    def _end(self, name: str, time: float, **detail: str) -> Sequence[Item]:
        self.finished = True
        shown = 0.0 if self._since is None else round(time - self._since, 4)
        return [Note(name, time, {"shown_s": shown, **detail})]


class Turning:
    """Which page of a text is shown: ``part``, from 0."""

    def __init__(
        self,
        name: str,
        layout: TextLayout,
        width: int,
        *,
        minimum_s: float = 0.0,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        self._name, self._layout, self._width = name, layout, width
        self._minimum_s = minimum_s
        ahead, behind = ("left", "right") if layout.rtl else ("right", "left")
        self._back = _BACK | {behind}
        self._forward = (GO_ON | _FORWARD | {ahead} | keys) - self._back
        self._wheel = float("-inf")
        self._touched: tuple[float, float] | None = None
        self.part, self.last = 0, layout.last
        self._read = 0
        self._since: float | None = None

    @property
    def at_last(self) -> bool:
        """Whether the last page is shown."""
        return self.part == self.last

    def may_leave(self, time: float) -> bool:
        """Whether the page has been shown for its shortest time, now or before."""
        if self._since is None:
            return False
        return self.part < self._read or time - self._since >= self._minimum_s

    def handle(self, event: Event) -> Sequence[Item] | None:
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
            return None
        if self._since is None or self.last == 0:
            return None
        found = self._meaning(event)
        if found is None:
            return None
        (step, by), part = found, self.part + found[0]
        in_vain = not 0 <= part <= self.last or (step > 0 and not self.may_leave(event.time))
        if step == 0 or in_vain:
            return []
        detail = {"text": self._name, "page": self.part + 1, "pages": self.last + 1}
        detail |= {"to": part + 1, "shown_s": round(event.time - self._since, 4), "by": by}
        self._read = max(self._read, part)
        self.part, self._since, self._touched = part, None, None
        return [Note("page_turned", event.time, detail)]

    def _meaning(self, event: Event) -> tuple[int, str] | None:
        """Pages to turn (0 for none), and by what; None if the event does not concern turning."""
        match event:
            case KeyPress(key=key) if key in self._back:
                return -1, "key"
            case KeyPress(key=key) if key in self._forward and not self.at_last:
                return 1, "key"
            case Scroll(time=time, notches=notches):
                rested = time - self._wheel >= _WHEEL_REST_S
                self._wheel = time
                return (-1 if notches > 0 else 1, "wheel") if rested else (0, "wheel")
            case PointerPress(x=x, y=y, button="left"):
                back = self._layout.back.holds(x, y)
                if back or (self._layout.forward.holds(x, y) and not self.at_last):
                    return (-1 if back else 1), "button"
                self._touched = (x, y)
            case PointerRelease(x=x, y=y, button="left") if self._touched is not None:
                (dx, dy), self._touched = (x - self._touched[0], y - self._touched[1]), None
                if max(abs(dx), abs(dy)) >= _SWIPE * self._width:
                    # The text follows the finger: moving it up, or against reading, turns on.
                    on = dy > 0 if abs(dy) > abs(dx) else (dx > 0) == self._layout.rtl
                    return (1 if on else -1), "drag"
        return None


class PageActivity(_BesideTrials):
    """A page of text, turned by keys and pointer; a long text takes several.

    Each page stays for ``minimum_s``, so that a stray press skips nothing; all end after
    ``limit_s``, if it is not 0.
    """

    def __init__(
        self,
        name: str,
        page: Page,
        frame: Frame,
        *,
        keys: frozenset[str] = GO_ON,
        pointer: bool = True,
        minimum_s: float = 0.0,
        limit_s: float = 0.0,
    ) -> None:
        self.name, self._page = name, page
        self.keys, self._pointer = keys, pointer
        self.minimum_s, self.limit_s = minimum_s, limit_s
        self._layout = lay_out_page(page, frame)
        self._turning = Turning(
            name, self._layout, frame.size[0], minimum_s=minimum_s, keys=self.keys
        )

    @property
    def scene(self) -> Page:
        return replace(self._page, part=self._turning.part)

    @property
    def deadline(self) -> float | None:
        return self._since + self.limit_s if self._since is not None and self.limit_s else None

    def handle(self, event: Event) -> Sequence[Item]:
        if isinstance(event, Shown):
            self._take_frame(event)
        elif self.deadline is not None and event.time >= self.deadline:
            return self._end(self.name, event.time, ended_by="limit")
        turned = self._turning.handle(event)
        if turned is not None:
            return turned
        if self._leaves(event) and self._turning.at_last and self._turning.may_leave(event.time):
            return self._end(self.name, event.time, ended_by="press")
        return []

    def _leaves(self, event: Event) -> bool:
        match event:
            case KeyPress(key=key):
                return key in self.keys
            case PointerPress(x=x, y=y, button="left"):
                anywhere = self._turning.last == 0
                return self._pointer and (anywhere or self._layout.forward.holds(x, y))
        return False


_LONGEST = 500
"""Characters that are typed where a number is expected."""
_WHOLE = re.compile(r"[+-]?\d{1,9}")
_ENTER = ("return", "num_enter")
_CARET = {"home": False, "end": True}
type Answer = str | int | tuple[str, ...] | None


def read_answer(question: Question, entry: str) -> Answer:
    """Typed answer as it is stored; None for no answer."""
    text = " ".join(entry.split())
    if not text:
        return None
    low, high = question.limits
    if question.kind in ("text", "long_text"):
        if not low <= len(text) <= high:
            raise ValueError(f"not {low} to {high} characters: {text!r}")
        return entry if question.kind == "long_text" else text
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise ValueError(f"no whole number from {low} to {high}: {text!r}")
    return min(int(text), OLDEST_AGE) if question.kind == "age" else int(text)


def _drawable(text: str) -> str:
    """Characters that can be shown; others, of which no font has a picture, are not taken."""
    printable = "".join(mark for mark in text if mark.isprintable())
    return printable if can_draw(printable) else ""


class QuestionActivity(_BesideTrials):
    """A question, part of a ``measure``; ``answer`` is there once it is finished.

    A long text takes several pages; the answer can be given on the last one only, and not before
    ``minimum_s``.
    """

    def __init__(
        self,
        question: Question,
        texts: PageTexts,
        frame: Frame,
        minimum_s: float = 0.0,
        page_s: float = 0.0,
        measure: str = "",
        whole: Question | None = None,
    ) -> None:
        self.name, self.measure, self.whole = "question", measure, whole or question
        self.question, self._texts = question, texts
        self._entry, self._remark = "", ""
        self._writing, self._marked = Writing(), frozenset[int]()
        self._value: int | None = None
        self._held = False
        self.minimum_s, self.page_s = minimum_s, page_s
        layout = lay_out_question(self._ask(0), frame)
        self._boxes, self._pad, self._rtl = layout.options, layout.pad, layout.rtl
        self._track = layout.below.get("slider")
        self._confirm = layout.below.get("confirm")
        self._turning = Turning(question.id, layout, frame.size[0], minimum_s=page_s)
        self.answer: Answer = None
        self.chosen: int | None = None

    @property
    def scene(self) -> Ask:
        return self._ask(self._turning.part)

    @property
    def at_last(self) -> bool:
        """Whether the page with the answers is shown."""
        return self._turning.at_last

    def _ask(self, part: int) -> Ask:
        scene = replace(asked_scene(self.question, self._texts), part=part, remark=self._remark)
        if scene.marked is not None:
            return replace(scene, marked=tuple(sorted(self._marked)))
        if scene.caret is not None:
            written = self._writing
            return replace(scene, entry=written.text, caret=written.caret, top=written.top)
        if scene.ends is not None:
            return replace(scene, value=self._value)
        return scene if scene.entry is None else replace(scene, entry=self._entry)

    def handle(self, event: Event) -> Sequence[Item]:
        self._take_frame(event)
        turned = None if self._moves_caret(event) else self._turning.handle(event)
        if turned is not None:
            return turned
        shown = self._since is not None and event.time - self._since >= self.minimum_s
        if shown and self._turning.at_last and self._turning.may_leave(event.time):
            return self._answer(event)
        return []

    def _answer(self, event: Event) -> Sequence[Item]:
        chosen = self._option(event)
        if self._confirm is not None and self._confirms(event):
            return self._enter(event.time)
        if self._pad is not None:
            self._write(event, self._pad)
        elif self._track is not None:
            self._slide(event, self._track)
        elif chosen is not None and self._confirm is None:
            self.chosen = chosen
            return self._done(self.question.value(chosen), event.time)
        elif chosen is not None:
            self._marked ^= {chosen}
            self._remark = ""
        elif not self.question.options:
            return self._type(event)
        return []

    def _type(self, event: Event) -> Sequence[Item]:
        match event:
            case Typed(text=text):
                most = self.question.limits[1] if self.question.kind == "text" else _LONGEST
                self._entry = (self._entry + _drawable(text))[:most]
            case KeyPress(key="backspace"):
                self._entry = self._entry[:-1]
            case KeyPress(key=key) if key in _ENTER:
                return self._enter(event.time)
        return []

    def _moves_caret(self, event: Event) -> bool:
        """Whether an event that turns pages elsewhere belongs to the text that is written."""
        caret = isinstance(event, KeyPress) and event.key in ("up", "down", "left", "right")
        here = (self._pad or self._track) is not None and self.at_last
        return here and (caret or isinstance(event, Scroll))

    def _confirms(self, event: Event) -> bool:
        match event:
            case KeyPress(key=key):
                return key in (("tab",) if self._pad is not None else _ENTER)
            case PointerPress(x=x, y=y, button="left"):
                return self._confirm is not None and self._confirm.holds(x, y)
        return False

    def _write(self, event: Event, pad: Pad) -> None:
        written = self._writing
        match event:
            case Typed(text=text) if text := _drawable(text):
                written = written.insert(text, pad)
            case KeyPress(key=key) if key in _ENTER:
                written = written.insert("\n", pad)
            case KeyPress(key="backspace" | "delete" as key):
                written = written.erase(pad, after=key == "delete")
            case KeyPress(key=key) if key in _CARET:
                written = written.edge(pad, end=_CARET[key])
            case Nudge(dx=dx, dy=dy):
                written = written.step(dx, dy, pad)
            case Scroll(notches=notches):
                written = written.scroll(-1 if notches > 0 else 1, pad)
        if len(written.text) > self.question.limits[1]:
            return
        if written.text != self._writing.text:
            self._remark = ""
        self._writing = written

    def _slide(self, event: Event, track: Box) -> None:
        (low, high), side = self.question.limits, -1 if self._rtl else 1
        match event:
            case PointerPress(x=x, y=y, button="left"):
                self._held = track.holds(x, y)
            case PointerRelease():
                self._held = False
            case Nudge(dx=dx, dy=dy):
                middle = (low + high) // 2
                moved = middle if self._value is None else self._value + (dx * side or dy)
                self._value, self._remark = min(max(moved, low), high), ""
        if self._held and isinstance(event, PointerPress | PointerMove):
            share = min(max(side * (event.x - track.x) / track.width + 0.5, 0.0), 1.0)
            self._value, self._remark = round(low + share * (high - low)), ""

    def _option(self, event: Event) -> int | None:
        chosen = None
        match event:
            case KeyPress(key=key):
                number = key.removeprefix("num_")
                chosen = int(number) - 1 if number.isascii() and number.isdigit() else None
            case PointerPress(x=x, y=y, button="left"):
                chosen = next((k for k, box in enumerate(self._boxes) if box.holds(x, y)), None)
        return chosen if chosen is not None and 0 <= chosen < len(self._boxes) else None

    def _enter(self, time: float) -> Sequence[Item]:
        answer: Answer
        if self.question.kind == "choices":
            answer = tuple(self.question.options[k] for k in sorted(self._marked)) or None
        elif self._track is not None:
            answer = self._value
        else:
            entry = self._entry if self._pad is None else self._writing.text
            try:
                answer = read_answer(self.question, entry)
            except ValueError:
                low, high = self.question.limits
                texts, counted = self._texts, self.question.kind in ("text", "long_text")
                words = texts.needs_length if counted else texts.needs_number
                self._remark = words.format(low=low, high=high)
                return []
        if answer is None and self.question.required:
            self._remark = self._texts.needs_answer
            return []
        return self._done(answer, time)

    def _done(self, answer: Answer, time: float) -> Sequence[Item]:
        self.answer, self.finished = answer, True
        # The answer itself goes to its own table: the log is not the place for what people say.
        return [Note("question", time, {"id": self.question.id})]


class ReadyActivity(_BesideTrials):
    """Counts ``length_s`` seconds down from its first frame; no key shortens it."""

    name = "ready"

    def __init__(self, text: str, length_s: float) -> None:
        self._text, self._length_s = text, length_s

    @property
    def scene(self) -> Countdown:
        return Countdown(self._text, self._length_s, self.deadline)

    @property
    def deadline(self) -> float | None:
        return None if self._since is None else self._since + self._length_s

    def handle(self, event: Event) -> Sequence[Item]:
        self._take_frame(event)
        if isinstance(event, Shown) or self.deadline is None or event.time < self.deadline:
            return []
        return self._end(self.name, event.time)

    def restart(self, time: float) -> Sequence[Item]:
        self._since = None
        return []


def getting_ready(protocol: Protocol) -> Callable[[], ReadyActivity] | None:
    """Return a function that makes countdowns; None if the protocol has none."""
    length_s = protocol.breaks.ready_s
    return (lambda: ReadyActivity(protocol.texts.ready, length_s)) if length_s else None


class WaitActivity(_BesideTrials):
    """A page that calls ``ready`` at every event and is finished once it returns true."""

    def __init__(self, name: str, page: Page, ready: Callable[[], bool]) -> None:
        self.name, self.scene = name, page
        self._ready = ready

    def handle(self, event: Event) -> Sequence[Item]:
        self._take_frame(event)
        if self._since is None or not self._ready():
            return []
        return self._end(self.name, event.time)


class Scanner(Strict):
    """Start by a trigger, such as that of a scanner."""

    start: Literal["none", "session", "block"] = "none"
    """what waits for a trigger: nothing; the session's first trial after practice (again when it is
    resumed); that, and the first trial after each break"""
    key: KeyName = "5"
    """key that the trigger presses; it starts the trials by hand as well"""
    port: str = ""
    """serial port on which any byte but 0 is a trigger, such as /dev/ttyUSB0 or COM3; empty: the
    key alone"""
    baud: PositiveInt = 115200
    """speed of that port, bits a second"""


class ScannerActivity(_BesideTrials):
    """Waits for a trigger: a key, or a pulse of the port, at ``time``."""

    name = "scanner"

    def __init__(self, text: str, key: str) -> None:
        self.scene, self.key = Page(text), key
        self.time: float | None = None

    def handle(self, event: Event) -> Sequence[Item]:
        self._take_frame(event)
        by = "key" if isinstance(event, KeyPress) and event.key == self.key else ""
        by = "port" if isinstance(event, Pulse) else by
        if not by or self._since is None or self.finished:
            return []
        self.time = event.time
        return self._end("scanner_trigger", event.time, by=by)
