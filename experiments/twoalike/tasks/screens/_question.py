"""A question with an answer to choose or to type."""

import re
from collections.abc import Sequence

from twoalike.record import OLDEST_AGE
from twoalike.tasks._activity import Item, Note
from twoalike.tasks._events import Event, KeyPress, PointerPress, Shown, Typed
from twoalike.tasks._scenes import Ask
from twoalike.tasks._settings import PageTexts, Question
from twoalike.tasks.screens._frame import Frame
from twoalike.tasks.screens._layout import lay_out_question
from twoalike.tasks.screens._turning import Turning

_LONGEST = 500
_WHOLE = re.compile(r"[+-]?\d{1,9}")
_ENTER = ("return", "num_enter")
type Answer = str | int | None


def read_answer(question: Question, entry: str) -> Answer:
    """Typed answer as it is stored; None for no answer.

    Raises
    ------
    ValueError
        If a number is asked for and it is none.

    Examples
    --------
    >>> read_answer(Question(id="age", text="How old?", kind="age"), " 93 ")
    89
    """
    text = " ".join(entry.split())
    if not text:
        return None
    if question.kind == "text":
        return text
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"no whole number of at most nine digits: {text!r}")
    value = int(text)
    if question.kind == "age" and not 0 <= value <= 130:
        raise ValueError(f"no age: {value}")
    return min(value, OLDEST_AGE) if question.kind == "age" else value


class QuestionActivity:
    """A question; ``answer`` is there once it is finished.

    A long text takes several pages; the answer can be given on the last one only.

    Parameters
    ----------
    question, texts
        What is asked, and the lines around it.
    frame
        The window, which determines how much of the text fits and where the options are.
    minimum_s
        Shortest time before an answer is taken.
    page_s
        Shortest time for each page of a long text.
    """

    def __init__(
        self,
        question: Question,
        texts: PageTexts,
        frame: Frame,
        minimum_s: float = 0.0,
        page_s: float = 0.0,
    ) -> None:
        self.name = "question"
        self.question, self._texts = question, texts
        self._entry, self._remark = "", ""
        self.minimum_s, self.page_s = minimum_s, page_s
        layout = lay_out_question(self._ask(0), frame)
        self._boxes = layout.options
        self._turning = Turning(question.id, layout, frame.size[0], minimum_s=page_s)
        self._since: float | None = None
        self.finished = False
        self.answer: Answer = None
        self.chosen: int | None = None

    @property
    def deadline(self) -> float | None:
        """A question waits."""
        return None

    @property
    def scene(self) -> Ask:
        """The question as it stands."""
        return self._ask(self._turning.part)

    @property
    def at_last(self) -> bool:
        """Whether the page with the answers is shown."""
        return self._turning.at_last

    def _ask(self, part: int) -> Ask:
        options, texts = self.question.options, self._texts
        return Ask(
            self.question.text,
            options,
            None if options else self._entry,
            texts.choose if options else texts.enter,
            self._remark,
            texts.go_on,
            part,
        )

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event."""
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
        turned = self._turning.handle(event)
        if turned is not None:
            return turned
        if not self._turning.at_last or not self._turning.may_leave(event.time):
            return []
        if self._since is None or event.time - self._since < self.minimum_s:
            return []
        if self.question.options:
            return self._choose(event)
        match event:
            case Typed(text=text):
                printable = "".join(mark for mark in text if mark.isprintable())
                self._entry = (self._entry + printable)[:_LONGEST]
            case KeyPress(key="backspace"):
                self._entry = self._entry[:-1]
            case KeyPress(key=key) if key in _ENTER:
                return self._enter(event.time)
        return []

    def restart(self, time: float) -> Sequence[Item]:
        """Go on after Esc: what was typed stays."""
        return []

    def _choose(self, event: Event) -> Sequence[Item]:
        chosen = None
        match event:
            case KeyPress(key=key):
                number = key.removeprefix("num_")
                chosen = int(number) - 1 if number.isascii() and number.isdigit() else None
            case PointerPress(x=x, y=y, button="left"):
                chosen = next((k for k, box in enumerate(self._boxes) if box.holds(x, y)), None)
        if chosen is None or not 0 <= chosen < len(self.question.options):
            return []
        self.chosen = chosen
        return self._done(self.question.options[chosen], event.time)

    def _enter(self, time: float) -> Sequence[Item]:
        try:
            answer = read_answer(self.question, self._entry)
        except ValueError:
            self._remark = self._texts.needs_number
            return []
        if answer is None and self.question.required:
            self._remark = self._texts.needs_answer
            return []
        return self._done(answer, time)

    def _done(self, answer: Answer, time: float) -> Sequence[Item]:
        self.answer, self.finished = answer, True
        # The answer itself goes to its own table: the log is not the place for what people say.
        return [Note("question", time, {"id": self.question.id})]
