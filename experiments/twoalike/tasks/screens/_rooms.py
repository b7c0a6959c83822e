"""Whether texts fit where they are drawn: measured with their fonts, without a window."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from twoalike.study import TwoalikeError
from twoalike.tasks._scenes import Ask, Page
from twoalike.tasks._settings import PageTexts, Protocol, Question
from twoalike.tasks.lettering import label_size
from twoalike.tasks.screens._frame import Frame
from twoalike.tasks.screens._layout import lay_out_page, lay_out_question, widest

_NO_ROOM = "the lines and answers below leave it fewer than three lines"


@dataclass(frozen=True)
class Room:
    """A place for a text that cannot be continued on another page.

    Attributes
    ----------
    key
        The text's key in the protocol.
    scale
        Height of its letters in heights of a line of text.
    width, height
        Largest size, in pixels.
    """

    key: str
    text: str
    scale: float
    width: float
    height: float

    def holds(self, frame: Frame) -> bool:
        """Whether the text fits."""
        wide, high = label_size(self.text, round(self.scale * frame.text), self.width)
        return wide <= self.width and high <= self.height + 1


def _long_texts(protocol: Protocol, texts: PageTexts) -> Iterator[tuple[str, Page]]:
    """Pages whose text may take several pages, by key."""
    pictures = protocol.pages.images
    for number, text in enumerate(texts.instruction):
        images = pictures[number] if number < len(pictures) else ()
        yield f"texts.instruction, page {number + 1}", Page(text, texts.go_on, images=images)
    progress = texts.progress.format(done=999, total=999)
    yield "texts.pause", Page(texts.pause, texts.go_on, (1, 2), progress)
    for key in ("practice_end", "resume"):
        yield f"texts.{key}", Page(getattr(texts, key), texts.go_on)
    yield "texts.end", Page(texts.end, texts.go_on, (1, 1))


def _questions(protocol: Protocol, texts: PageTexts) -> Iterator[tuple[str, Ask]]:
    asked = [("form.questions", one) for one in protocol.form.questions]
    asked += [("debrief.questions", one) for one in protocol.debrief.questions]
    if protocol.consent.ask:
        answers = (texts.agree, texts.decline)
        one = Question(id="consent", text=texts.consent, kind="choice", options=answers)
        asked.insert(0, ("texts", one))
    for where, one in asked:
        footer = texts.choose if one.options else texts.enter
        entry = None if one.options else ""
        yield f"{where}.{one.id}", Ask(one.text, one.options, entry, footer, turn=texts.go_on)


def page_faults(protocol: Protocol, texts: PageTexts, frame: Frame) -> Iterator[tuple[str, str]]:
    """Texts of pages and questions that do not fit a window, by key, each with the reason."""
    yield from _faults(
        lambda page: "" if lay_out_page(page, frame).fits else _NO_ROOM,
        _long_texts(protocol, texts),
    )
    yield from _faults(
        lambda ask: "" if lay_out_question(ask, frame).fits else _NO_ROOM,
        _questions(protocol, texts),
    )
    single = [("texts.stop", Page(texts.stop)), ("texts.wait", Page(texts.wait))]
    if protocol.consent.ask:
        single.append(("texts.declined", Page(texts.declined, texts.go_on)))
    yield from single_page_faults(single, frame)
    rooms = [
        Room(f"texts.{key}", getattr(texts, key), 1, widest(frame), 1.4 * frame.text)
        for key in ("needs_number", "needs_answer")
    ]
    rooms.append(Room("texts.ready", texts.ready, 1.3, widest(frame), 3.8 * frame.text))
    yield from room_faults(rooms, frame)


def single_page_faults(
    pages: Iterable[tuple[str, Page]], frame: Frame
) -> Iterator[tuple[str, str]]:
    """Texts that must fit on one page and do not."""

    def fault(page: Page) -> str:
        layout = lay_out_page(page, frame)
        return f"it takes {layout.last + 1} pages and can have one" if layout.last else ""

    return _faults(fault, pages)


def room_faults(rooms: Iterable[Room], frame: Frame) -> Iterator[tuple[str, str]]:
    """Texts that do not fit their place."""

    def fault(room: Room) -> str:
        return "" if room.holds(frame) else f"its place is {room.width:.0f} x {room.height:.0f} px"

    return _faults(fault, ((room.key, room) for room in rooms))


def _faults[T](
    check: Callable[[T], str], texts: Iterable[tuple[str, T]]
) -> Iterator[tuple[str, str]]:
    """Yield findings by key; a missing font, which no shorter text repairs, has no key."""
    for key, text in texts:
        try:
            found = check(text)
        except TwoalikeError as error:
            yield "", f"{key}: {error}"
        else:
            if found:
                yield key, found
