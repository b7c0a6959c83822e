"""Where lines, answers and images of a page are in a window, and whether texts fit there."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from twoalike.stimuli.lettering import LINE, right_to_left
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks._activity import Ask, Page
from twoalike.tasks._protocol import PageTexts, Protocol, Question, Screen
from twoalike.tasks.lettering import Line, label_size, set_text, text_height
from twoalike.tasks.screens._writing import Pad


def usual_screen(size: tuple[int, int]) -> ScreenProfile:
    """Profile for a screen of so many pixels that was not measured.

    It has 96 pixels per inch, as CSS assumes, and is 57 cm from the eyes, where a centimetre spans
    a degree.
    """
    return ScreenProfile(width_m=size[0] * 0.0254 / 96, distance_m=0.57, size_px=size)


def is_upright(size: tuple[int, int]) -> bool:
    """Whether a window is higher than wide."""
    return size[1] > size[0]


@dataclass(frozen=True)
class View:
    """A window on a screen."""

    size: tuple[int, int]
    """Width and height of the window in pixels."""
    profile: ScreenProfile = ScreenProfile()
    """The screen as it was measured, or not."""
    full_width_px: int = 0
    """Width of the whole screen in pixels; 0 takes the window's."""
    refresh_hz: float | None = None
    """Measured refresh rate, or that of a simulated screen; None where it is not known."""
    preview: bool = False
    """Whether a pilot run shows what this screen cannot as well as it can: images that do not fit
    smaller, angles as on a usual screen where it was not measured."""

    def pixels(self, degrees: float) -> float:
        """Pixels of a visual angle."""
        width = self.full_width_px or self.size[0]
        if self.preview and not self.profile.measured:
            return usual_screen(self.size).pixels(degrees, self.size[0])
        return self.profile.pixels(degrees, width)


@dataclass(frozen=True)
class Box:
    """A rectangle: centre and size in pixels from the centre of the window, y up."""

    x: float
    y: float
    width: float
    height: float

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies in it."""
        return abs(x - self.x) <= self.width / 2 and abs(y - self.y) <= self.height / 2


@dataclass(frozen=True)
class Frame:
    """A window of ``size`` pixels with lines of text ``text`` pixels high."""

    size: tuple[int, int]
    text: int


def frame(screen: Screen, size: tuple[int, int]) -> Frame:
    """Geometry of pages in a window of ``size`` pixels.

    Examples
    --------
    >>> frame(Screen(), (1280, 1024)).text
    27
    """
    return Frame(size, max(16, round(screen.text_fraction * min(size))))


_TOP, _BOTTOM, _GAP = 1.6, 1.8, 0.8
"""Margins of the window and the space between two things, in lines of text."""
_LARGE, _PLAIN = 1.3, 1.0
"""Scales of a text on one page, and of one that needs the room or several pages."""
_COLUMN = 40
"""Longest line in heights of its letters: 70 to 80 letters, or 40 East Asian ones."""
_FEWEST_LINES = 3
"""Lines of a longer text that must fit above the answers."""
_MOST_MOVED = 6
"""Lines that may move to the next page so that no line is left alone."""
_WIDEST = 0.84
"""Longest line as a share of the window's width."""


@dataclass(frozen=True)
class TextLayout:
    """Geometry of a page; pixels from the centre of the window, y up."""

    parts: tuple[tuple[Line, ...], ...]
    """Lines of the text on each page."""
    tops: tuple[float, ...]
    """Upper edge of the text on each."""
    column: float
    """Width of the text's widest line."""
    rtl: bool
    """Whether it is read from right to left."""
    back: Box
    forward: Box
    """Buttons that turn pages; drawn if there are several pages."""
    fits: bool
    """Whether every page has room for a few lines of text."""
    footer_y: float = 0.0
    caption_y: float = 0.0
    bar_y: float = 0.0
    images_y: float = 0.0
    remark_y: float = 0.0
    """Middle of the line at the bottom, of the one below the bar, and so on."""
    image_side: int = 0
    """Side of the squares of example images."""
    options: tuple[Box, ...] = ()
    entry: Box | None = None
    """Boxes of the answers to choose from, and of the one to type; on the last page."""
    confirm: Box | None = None
    """Button that ends an answer of several choices or lines; there too."""
    pad: Pad | None = None
    """Where several lines are written, in ``entry``."""

    @property
    def last(self) -> int:
        """Number of the last page, counted from 0."""
        return len(self.parts) - 1


def widest(frame: Frame) -> float:
    """Longest line of a label in a window, in pixels."""
    return _WIDEST * frame.size[0]


class _Stack:
    """Heights of things one above the other, from the bottom of the window up."""

    def __init__(self, frame: Frame) -> None:
        self._unit = frame.text
        self.floor = -frame.size[1] / 2 + _BOTTOM * self._unit

    def add(self, height: float, gap: float = _GAP) -> float:
        """Put something on top, unless it has no height; return its middle."""
        middle = self.floor + height / 2
        if height:
            self.floor += height + gap * self._unit
        return middle


def _label_height(text: str, frame: Frame, width: float = 0.0) -> float:
    return label_size(text, frame.text, width or widest(frame))[1]


def _fill(lines: Sequence[Line], full: float, last: float) -> tuple[tuple[Line, ...], ...]:
    """Lines of each page: ``full`` pixels high, but ``last`` pixels on the last one."""
    parts, rest = [], list(lines)
    while rest and text_height(rest) > last:
        n = max(1, _most(rest, full))
        # Break a little earlier, so that no line is left alone; or, if only the answers do not fit
        # on the page, a little after its middle.
        wanted = range(n, max(1, n - _MOST_MOVED), -1)
        if n == len(rest):
            n = max(1, n - _most(rest[::-1], last), _most(rest, text_height(rest) / 2))
            wanted = range(n, len(rest))
        n = next((k for k in wanted if _breaks_well(rest, k)), n)
        parts.append(tuple(rest[:n]))
        rest = rest[n:]
    return (*parts, tuple(rest))


def _most(lines: Sequence[Line], room: float) -> int:
    taken = 0.0
    for number, line in enumerate(lines):
        taken += line.step + (line.space if number else 0.0)
        if taken > room:
            return number
    return len(lines)


def _breaks_well(lines: Sequence[Line], k: int) -> bool:
    """Whether a page may end before line ``k``: no heading or single line is left alone."""
    begins = k == len(lines) or lines[k].first
    alone_above = lines[k - 1].first and not begins
    alone_below = not begins and (k + 1 == len(lines) or lines[k + 1].first)
    return not (lines[k - 1].heading or alone_above or alone_below)


def _set_in(
    text: str, frame: Frame, single: float, floors: tuple[float, float], turners: tuple[Box, Box]
) -> TextLayout:
    """Set a text above its answers; where these and other parts of the page are, is left open."""
    top = frame.size[1] / 2 - _TOP * frame.text
    parts: tuple[tuple[Line, ...], ...]
    tops: tuple[float, ...]
    for scale in (_LARGE, _PLAIN):
        height = round(scale * frame.text)
        lines = set_text(text, height, min(widest(frame), _COLUMN * height))
        taken = text_height(lines)
        if fits := taken <= top - single:
            parts, tops = (lines,), ((top + single + taken) / 2,)
            break
    else:
        parts = _fill(lines, top - floors[0], top - floors[1])
        tops = (top,) * len(parts)
        fits = top - max(floors) >= _FEWEST_LINES * LINE * frame.text
    return TextLayout(
        parts=parts,
        tops=tops,
        column=max((line.width for part in parts for line in part), default=0.0),
        rtl=right_to_left(text),
        back=turners[0],
        forward=turners[1],
        fits=fits,
    )


def _turners(frame: Frame, *, rtl: bool) -> tuple[_Stack, tuple[Box, Box]]:
    stack, unit = _Stack(frame), frame.text
    y = stack.add(2.2 * unit)
    x = min(widest(frame), _COLUMN * unit) / 2 - 2.5 * unit
    left, right = (Box(side * x, y, 5 * unit, 2.2 * unit) for side in (-1, 1))
    return stack, (right, left) if rtl else (left, right)


def lay_out_page(page: Page, frame: Frame) -> TextLayout:
    """Geometry of a page of text.

    Examples
    --------
    >>> layout = lay_out_page(Page("word " * 1500), Frame((1024, 768), 20))
    >>> len(layout.parts) > 3, layout.fits
    (True, True)
    """
    return _lay_out_page(replace(page, part=0), frame)


@lru_cache(maxsize=64)
def _lay_out_page(page: Page, frame: Frame) -> TextLayout:
    above, turners = _turners(frame, rtl=right_to_left(page.text))
    pile, side = _pile(page, _Stack(frame), frame)
    turned, _ = _pile(page, above, frame)
    layout = _set_in(page.text, frame, pile[-1], (turned[-1], turned[-1]), turners)
    footer, caption, bar, images, _ = turned if layout.last else pile
    return replace(
        layout, footer_y=footer, caption_y=caption, bar_y=bar, images_y=images, image_side=side
    )


def _pile(page: Page, stack: _Stack, frame: Frame) -> tuple[tuple[float, ...], int]:
    """Middles of footer, caption, bar and images, the floor above them; side of the images."""
    unit, side = frame.text, 0
    if page.images:
        share = frame.size[0] / (len(page.images) + 2), 0.28 * frame.size[1]
        side = round(min(share) / 2) * 2
    footer = stack.add(_label_height(page.footer, frame))
    caption = stack.add(_label_height(page.caption, frame), 0.3)
    bar = stack.add(0.4 * unit if page.progress is not None else 0.0, 1.2)
    images = stack.add(side, 1.2)
    return (footer, caption, bar, images, stack.floor), side


def lay_out_question(ask: Ask, frame: Frame) -> TextLayout:
    """Geometry of a question; it does not depend on the text typed so far.

    Examples
    --------
    >>> layout = lay_out_question(Ask("Agreed?", ("Yes", "No")), Frame((1024, 768), 20))
    >>> len(layout.options), layout.last
    (2, 0)
    """
    entry = None if ask.entry is None else ""
    marked = None if ask.marked is None else ()
    caret = None if ask.caret is None else 0
    plain = replace(ask, part=0, entry=entry, remark="", marked=marked, caret=caret, top=0)
    return _lay_out_question(plain, frame)


@lru_cache(maxsize=64)
def _lay_out_question(ask: Ask, frame: Frame) -> TextLayout:
    above, turners = _turners(frame, rtl=right_to_left(ask.text))
    line = max(_label_height(text, frame) for text in (ask.footer, ask.turn))
    plain = _Stack(frame)
    single = _answers(ask, plain, line, frame)
    turned = _answers(ask, above, line, frame)
    earlier = turned[0] + line / 2 + _GAP * frame.text
    layout = _set_in(ask.text, frame, plain.floor, (earlier, above.floor), turners)
    footer, remark, confirm, options, entry = turned if layout.last else single
    # A short question has its answers right below, wherever on the page it is.
    below = layout.tops[0] - text_height(layout.parts[0]) - plain.floor
    lift = 0.0 if layout.last else below
    return replace(
        layout,
        footer_y=footer,
        options=tuple(replace(box, y=box.y + lift) for box in options),
        entry=None if entry is None else replace(entry, y=entry.y + lift),
        confirm=None if confirm is None else replace(confirm, y=confirm.y + lift),
        pad=None if entry is None or ask.caret is None else _pad(entry, frame),
        remark_y=remark + lift,
    )


_WRITTEN_LINES = 7
"""Lines of a text of several lines that are shown at a time."""


def _pad(entry: Box, frame: Frame) -> Pad:
    return Pad(frame.text, entry.width - 1.4 * frame.text, _WRITTEN_LINES)


def _answers(
    ask: Ask, stack: _Stack, line: float, frame: Frame
) -> tuple[float, float, Box | None, tuple[Box, ...], Box | None]:
    """Middles of footer and remark, the button, and the boxes of options, top first, or entry."""
    unit, confirm = frame.text, None
    footer = stack.add(line)
    remark = stack.add(LINE * unit) if ask.confirm or not ask.options else 0.0
    if ask.confirm:
        wide = label_size(ask.confirm, unit, widest(frame))[0] + 3 * unit
        confirm = Box(0.0, stack.add(2.0 * unit), max(wide, 6 * unit), 2.0 * unit)
    if not ask.options:
        high = 2.4 * unit if ask.caret is None else (_WRITTEN_LINES * LINE + 0.8) * unit
        box = Box(0.0, stack.add(high, 1.2), min(0.7 * frame.size[0], 36 * unit), high)
        return footer, remark, confirm, (), box
    labels = option_labels(ask.options, ask.marked)
    widths = [label_size(label, unit, widest(frame))[0] + 2 * unit for label in labels]
    low, high = min(0.6 * frame.size[0], 30 * unit), min(widest(frame), 42 * unit)
    wide = min(max(low, *widths), high)
    return footer, remark, confirm, tuple(reversed([*_boxes(labels, stack, wide, frame)])), None


def _boxes(labels: Sequence[str], stack: _Stack, wide: float, frame: Frame) -> Iterator[Box]:
    """Boxes around labels, from the lowest up, each as high as its label."""
    for number, label in enumerate(reversed(labels), start=1):
        height = _label_height(label, frame, wide - frame.text) + 0.85 * frame.text
        gap = 1.2 if number == len(labels) else 0.5
        yield Box(0.0, stack.add(height, gap), wide, height)


_BOXES = ("\N{BALLOT BOX}", "\N{BALLOT BOX WITH X}")


def option_labels(options: Sequence[str], marked: Collection[int] | None = None) -> tuple[str, ...]:
    """Options as they are drawn, each with the number that chooses it.

    ``marked``: places of those that are ticked, where several may be: a box says so.
    """
    boxes = ["" if marked is None else f"{_BOXES[k in marked]} " for k in range(len(options))]
    return tuple(
        f"{number}   {box}{option}"
        for number, (box, option) in enumerate(zip(boxes, options, strict=True), start=1)
    )


_NO_ROOM = "the lines and answers below leave it fewer than three lines"


@dataclass(frozen=True)
class Room:
    """A place for a text that cannot be continued on another page."""

    key: str
    """The text's key in the protocol."""
    text: str
    scale: float
    """Height of its letters in heights of a line of text."""
    width: float
    height: float
    """``width``, ``height``: Largest size, in pixels."""

    def holds(self, frame: Frame) -> bool:
        """Whether the text fits."""
        wide, high = label_size(self.text, round(self.scale * frame.text), self.width)
        return wide <= self.width and high <= self.height + 1


def _long_texts(protocol: Protocol) -> Iterator[tuple[str, Page]]:
    texts, pictures = protocol.texts, protocol.pages.images
    for number, text in enumerate(texts.instruction):
        images = pictures[number] if number < len(pictures) else ()
        yield f"texts.instruction, page {number + 1}", Page(text, texts.go_on, images=images)
    progress = texts.progress.format(done=999, total=999)
    yield "texts.pause", Page(texts.pause, texts.go_on, (1, 2), progress)
    for key in ("practice_end", "resume"):
        yield f"texts.{key}", Page(getattr(texts, key), texts.go_on)
    following = texts.next_part.format(done=99, total=99)
    for key, text in (("end", texts.end), ("next_part", following)):
        yield f"texts.{key}", Page(text, texts.go_on, (1, 1))


_LARGEST = 999_999_999
RANGES = {"age": (0, 130), "number": (-_LARGEST, _LARGEST)}
"""Smallest and largest number that questions of a kind take."""


def asked_scene(question: Question, texts: PageTexts) -> Ask:
    """Scene of a question before anything is answered."""
    footer = {"choice": texts.choose, "choices": texts.choose_several, "long_text": texts.write}
    return Ask(
        question.text,
        question.options,
        None if question.options else "",
        footer.get(question.kind, texts.enter),
        turn=texts.go_on,
        marked=() if question.kind == "choices" else None,
        confirm=texts.finish if question.kind in ("choices", "long_text") else "",
        caret=0 if question.kind == "long_text" else None,
    )


def _questions(protocol: Protocol) -> Iterator[tuple[str, Ask]]:
    texts = protocol.texts
    asked = [("form.questions", one) for one in protocol.form.questions]
    asked += [("blocks.questions", one) for one in protocol.blocks.questions]
    asked += [("debrief.questions", one) for one in protocol.debrief.questions]
    if protocol.consent.ask:
        answers = (texts.agree, texts.decline)
        one = Question(id="consent", text=texts.consent, kind="choice", options=answers)
        asked.insert(0, ("texts", one))
    for where, one in asked:
        yield f"{where}.{one.id}", asked_scene(one, texts)


def page_faults(protocol: Protocol, frame: Frame) -> Iterator[tuple[str, str]]:
    """Texts of pages and questions that do not fit a window, by key, each with the reason."""
    yield from _faults(
        lambda page: "" if lay_out_page(page, frame).fits else _NO_ROOM, _long_texts(protocol)
    )
    yield from _faults(
        lambda ask: "" if lay_out_question(ask, frame).fits else _NO_ROOM, _questions(protocol)
    )
    texts = protocol.texts
    single = [("texts.stop", Page(texts.stop)), ("texts.wait", Page(texts.wait))]
    if protocol.consent.ask:
        single.append(("texts.declined", Page(texts.declined, texts.go_on)))
    yield from single_page_faults(single, frame)
    low, high = RANGES["number"]
    remarks = [("needs_number", texts.needs_number.format(low=low, high=high))]
    remarks.append(("needs_answer", texts.needs_answer))
    rooms = [
        Room(f"texts.{key}", text, 1, widest(frame), 1.4 * frame.text) for key, text in remarks
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
