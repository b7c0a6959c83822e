"""Where lines, answers and images of a page are in a window, and whether texts fit there."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from twoalike.stimuli.lettering import LINE, right_to_left
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks._activity import Ask, Box, Page
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
class Frame:
    """A window of ``size`` pixels with lines of text ``text`` pixels high."""

    size: tuple[int, int]
    text: int


def frame(screen: Screen, size: tuple[int, int]) -> Frame:
    """Geometry of pages in a window of ``size`` pixels."""
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
    below: Mapping[str, Box]
    """What is below the text on the last page, by name: ``footer``, ``caption``, ``bar``,
    ``images``; or ``footer``, ``remark``, ``confirm``, ``entry``, as far as a question has them;
    of a slider ``ends``, ``slider`` and ``value``."""
    options: tuple[Box, ...] = ()
    """Answers to choose from, on the last page."""
    pad: Pad | None = None
    """Where several lines are written, in the box ``entry``."""

    @property
    def last(self) -> int:
        """Number of the last page, counted from 0."""
        return len(self.parts) - 1


def widest(frame: Frame) -> float:
    """Longest line of a label in a window, in pixels."""
    return _WIDEST * frame.size[0]


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


type _Thing = tuple[str, float, float, float]
"""Something below a text: name, width, height, and the gap above it in lines of text."""


def _things(scene: Page | Ask, frame: Frame) -> Iterator[_Thing]:
    """Give what is below a text, from the bottom up; what has no height takes no room."""
    unit, most = frame.text, widest(frame)
    if isinstance(scene, Page):
        share = frame.size[0] / (len(scene.images) + 2), 0.28 * frame.size[1]
        side = round(min(share) / 2) * 2 if scene.images else 0
        yield "footer", most, label_size(scene.footer, unit, most)[1], _GAP
        yield "caption", most, label_size(scene.caption, unit, most)[1], 0.3
        yield "bar", most, 0.4 * unit if scene.progress is not None else 0.0, 1.2
        yield "images", side, side, 1.2
        return
    lines = (scene.footer, scene.turn)
    yield "footer", most, max(label_size(one, unit, most)[1] for one in lines), _GAP
    if scene.confirm or not scene.options:
        yield "remark", most, LINE * unit, _GAP
    if scene.confirm:
        wide = label_size(scene.confirm, unit, most)[0] + 3 * unit
        yield "confirm", max(wide, 6 * unit), 2.0 * unit, _GAP
    if scene.ends is not None:
        wide = min(0.7 * frame.size[0], 36 * unit)
        yield "ends", wide, max(label_size(one, unit, wide / 2)[1] for one in scene.ends), 0.3
        yield "slider", wide, 2.0 * unit, 0.3
        yield "value", wide, LINE * unit, 1.2
        return
    if not scene.options:
        high = 2.4 * unit if scene.caret is None else (_WRITTEN_LINES * LINE + 0.8) * unit
        yield "entry", min(0.7 * frame.size[0], 36 * unit), high, 1.2
        return
    labels = option_labels(scene.options, scene.marked)
    widths = [label_size(label, unit, most)[0] + 2 * unit for label in labels]
    wide = min(max(min(0.6 * frame.size[0], 30 * unit), *widths), most, 42 * unit)
    for number in range(len(labels) - 1, -1, -1):
        height = label_size(labels[number], unit, wide - unit)[1] + 0.85 * unit
        yield f"option {number}", wide, height, 0.5 if number else 1.2


def _stack(
    things: Sequence[_Thing], floor: float, unit: int, lift: float = 0.0
) -> tuple[dict[str, Box], float]:
    """Boxes of things one above the other, and the floor for what comes above them.

    ``lift``: how much higher all of them are but the lowest.
    """
    boxes: dict[str, Box] = {}
    for name, width, height, gap in things:
        boxes[name] = Box(0.0, floor + height / 2 + lift * bool(boxes), width, height)
        floor += height + gap * unit if height else 0.0
    return boxes, floor


def lay_out_page(page: Page, frame: Frame) -> TextLayout:
    """Geometry of a page of text.

    Examples
    --------
    >>> layout = lay_out_page(Page("word " * 1500), Frame((1024, 768), 20))
    >>> len(layout.parts) > 3, layout.fits
    (True, True)
    """
    return _lay_out(replace(page, part=0), frame)


def lay_out_question(ask: Ask, frame: Frame) -> TextLayout:
    """Geometry of a question; it does not depend on the text typed so far."""
    entry = None if ask.entry is None else ""
    marked = None if ask.marked is None else ()
    caret = None if ask.caret is None else 0
    return _lay_out(
        replace(ask, part=0, entry=entry, remark="", marked=marked, caret=caret, top=0, value=None),
        frame,
    )


@lru_cache(maxsize=128)
def _lay_out(scene: Page | Ask, frame: Frame) -> TextLayout:
    unit, things = frame.text, list(_things(scene, frame))
    bottom, top = -frame.size[1] / 2 + _BOTTOM * unit, frame.size[1] / 2 - _TOP * unit
    boxes, floor = _stack(things, bottom, unit)
    # Of several pages, each has buttons at the bottom; those of a question before the last one have
    # nothing else but a line.
    turned, last = _stack(things, bottom + (2.2 + _GAP) * unit, unit)
    line = turned["footer"]
    earlier = last if isinstance(scene, Page) else line.y + line.height / 2 + _GAP * unit
    for scale in (_LARGE, _PLAIN):
        height = round(scale * unit)
        lines = set_text(scene.text, height, min(widest(frame), _COLUMN * height))
        taken = text_height(lines)
        parts: tuple[tuple[Line, ...], ...] = (lines,)
        if fits := taken <= top - floor:
            tops: tuple[float, ...] = ((top + floor + taken) / 2,)
            if isinstance(scene, Ask):  # a short question has its answers right below
                boxes, _ = _stack(things, bottom, unit, lift=tops[0] - taken - floor)
            break
    else:
        parts, boxes = _fill(lines, top - earlier, top - last), turned
        tops = (top,) * len(parts)
        fits = top - max(earlier, last) >= _FEWEST_LINES * LINE * unit
    rtl, x = right_to_left(scene.text), min(widest(frame), _COLUMN * unit) / 2 - 2.5 * unit
    left, right = (Box(side * x, bottom + 1.1 * unit, 5 * unit, 2.2 * unit) for side in (-1, 1))
    written = isinstance(scene, Ask) and scene.caret is not None
    return TextLayout(
        parts=parts,
        tops=tops,
        column=max((line.width for part in parts for line in part), default=0.0),
        rtl=rtl,
        back=right if rtl else left,
        forward=left if rtl else right,
        fits=fits,
        below=boxes,
        options=tuple(reversed([box for name, box in boxes.items() if name.startswith("option")])),
        pad=Pad(unit, boxes["entry"].width - 1.4 * unit, _WRITTEN_LINES) if written else None,
    )


_WRITTEN_LINES = 7
"""Lines of a text of several lines that are shown at a time."""
_BOXES = ("\N{BALLOT BOX}", "\N{BALLOT BOX WITH X}")


def option_labels(options: Sequence[str], marked: Collection[int] | None = None) -> tuple[str, ...]:
    """Options as they are drawn, each with the number that chooses it.

    ``marked``: places of those that are ticked, where several may be: a box says so.
    """
    boxes = ["" if marked is None else f"{_BOXES[k in marked]} " for k in range(len(options))]
    return tuple(
        f"{number}   {box}{option}".rstrip()
        for number, (box, option) in enumerate(zip(boxes, options, strict=True), start=1)
    )


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


def asked_scene(question: Question, texts: PageTexts) -> Ask:
    """Scene of a question before anything is answered."""
    footer = {"choice": texts.choose, "choices": texts.choose_several, "long_text": texts.write}
    footer |= {"likert": texts.choose, "slider": texts.slide}
    slides, words = question.kind == "slider", question.labels or question.options
    return Ask(
        question.text,
        () if slides else words,
        None if slides or question.options else "",
        footer.get(question.kind, texts.enter),
        turn=texts.go_on,
        marked=() if question.kind == "choices" else None,
        confirm=texts.finish if question.kind in ("choices", "long_text", "slider") else "",
        caret=0 if question.kind == "long_text" else None,
        ends=words or ("", "") if slides else None,
        limits=question.limits if slides else (0, 0),
    )


def _shown(protocol: Protocol) -> Iterator[tuple[str, Page | Ask]]:
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
    if protocol.consent.ask:
        consent = Ask(texts.consent, (texts.agree, texts.decline), None, texts.choose)
        yield "texts.consent", replace(consent, turn=texts.go_on)
    for part in ("form", "blocks", "debrief"):
        for one in (one for whole in getattr(protocol, part).questions for one in whole.parts):
            yield f"{part}.questions.{one.id}", asked_scene(one, texts)


def page_faults(protocol: Protocol, frame: Frame) -> Iterator[tuple[str, str]]:
    """Texts of pages and questions that do not fit a window, by key, each with the reason."""
    yield from _faults(_shown(protocol), frame)
    texts = protocol.texts
    single = [("texts.stop", Page(texts.stop)), ("texts.wait", Page(texts.wait))]
    if protocol.consent.ask:
        single.append(("texts.declined", Page(texts.declined, texts.go_on)))
    yield from single_page_faults(single, frame)
    remarks = {
        name: getattr(texts, name).format(low=-999_999_999, high=999_999_999)
        for name in ("needs_number", "needs_length")
    }
    remarks["needs_answer"] = texts.needs_answer
    most, text = widest(frame), frame.text
    rooms = [Room(f"texts.{key}", line, 1, most, 1.4 * text) for key, line in remarks.items()]
    yield from room_faults([*rooms, Room("texts.ready", texts.ready, 1.3, most, 3.8 * text)], frame)


def single_page_faults(
    pages: Iterable[tuple[str, Page]], frame: Frame
) -> Iterator[tuple[str, str]]:
    """Texts that must fit on one page and do not."""
    return _faults(pages, frame, single=True)


def room_faults(rooms: Iterable[Room], frame: Frame) -> Iterator[tuple[str, str]]:
    """Texts that do not fit their place."""
    return _faults(((room.key, room) for room in rooms), frame)


def _faults(
    texts: Iterable[tuple[str, Page | Ask | Room]], frame: Frame, *, single: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield findings by key; a missing font, which no shorter text repairs, has no key."""
    for key, text in texts:
        try:
            found = _fault(text, frame, single=single)
        except TwoalikeError as error:
            yield "", f"{key}: {error}"
        else:
            if found:
                yield key, found


def _fault(text: Page | Ask | Room, frame: Frame, *, single: bool) -> str:
    if isinstance(text, Room):
        wide, high = label_size(text.text, round(text.scale * frame.text), text.width)
        fits = wide <= text.width and high <= text.height + 1
        return "" if fits else f"its place is {text.width:.0f} x {text.height:.0f} px"
    layout = lay_out_page(text, frame) if isinstance(text, Page) else lay_out_question(text, frame)
    if single:
        return f"it takes {layout.last + 1} pages and can have one" if layout.last else ""
    return "" if layout.fits else "the lines and answers below leave it fewer than three lines"
