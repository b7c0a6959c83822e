"""Texts of any length: what stands on which page, and how pages are turned."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.display.consent import LANGUAGES, consent_text
from tests.tasks.scripts import triplet_script

from twoalike.tasks import (
    Ask,
    Box,
    Event,
    Frame,
    Item,
    KeyPress,
    Note,
    NoWindow,
    OddOneOut,
    Opening,
    Page,
    PageActivity,
    PointerPress,
    PointerRelease,
    QuestionActivity,
    QuestionAnswers,
    Scroll,
    Session,
    Shown,
    SimulatedParticipant,
    TextLayout,
    Tick,
    View,
    VirtualClock,
    frame,
    lay_out,
    lay_out_page,
    lay_out_question,
    run_session,
)
from twoalike.tasks._protocol import Question
from twoalike.tasks.lettering import label_size, text_height

DEFAULT = OddOneOut()
SIZES = [(1024, 768), (1920, 1080), (3840, 2160)]
SMALL = frame(DEFAULT.screen, SIZES[0])
LONG = consent_text("en")
YES_NO = ("I have read this, and I agree to take part", "I do not agree")


def feed(target: Any, *events: Event) -> list[Item]:
    return [item for event in events for item in target.handle(event)]


def consent_page(text: str = LONG, **settings: Any) -> QuestionActivity:
    asked = Question(id="consent", text=text, kind="choice", options=YES_NO)
    return QuestionActivity(asked, DEFAULT.texts, SMALL, **settings)


def words(layout: TextLayout) -> str:
    return "".join("".join(line.text for line in part) for part in layout.parts).replace(" ", "")


# What stands where.


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_a_text_of_1500_words_is_whole_and_every_page_inside_its_room(
    size: tuple[int, int], language: str
) -> None:
    text, at = consent_text(language), frame(DEFAULT.screen, size)
    layout = lay_out_question(Ask(text, YES_NO, None, "choose", turn="go on"), at)
    assert layout.fits
    assert 4 <= len(layout.parts) <= 12
    if language != "ar":  # its letters are joined
        source = "".join(line.removeprefix("# ") for line in text.split("\n"))
        assert words(layout) == source.replace(" ", "")
    # All pages but the last are nearly full.
    filled = [text_height(part) for part in layout.parts[:-1]]
    assert min(filled[:-1]) > 0.6 * max(filled)
    top = size[1] / 2
    for number, (part, upper) in enumerate(zip(layout.parts, layout.tops, strict=True)):
        assert part and not part[-1].heading
        assert upper < top - at.text
        lower = upper - text_height(part)
        answers = layout.options[0] if number == layout.last else layout.back
        assert lower > max(answers.y + answers.height / 2, layout.below["footer"].y + at.text)
        assert max(line.width for line in part) <= 0.84 * size[0]
    assert layout.column <= 0.84 * size[0]


def test_no_line_of_a_paragraph_is_left_alone() -> None:
    paragraphs = [" ".join(["likeness"] * n) for n in range(12, 90)]
    layout = lay_out_page(Page("\n\n".join(paragraphs), "on"), SMALL)
    for before, after in zip(layout.parts, layout.parts[1:], strict=False):
        alone_above = before[-1].first and not after[0].first
        alone_below = not after[0].first and after[1].first
        assert not alone_above
        assert not alone_below


def rectangles(scene: Page | Ask, layout: TextLayout, at: Frame) -> list[Box]:
    """All that is drawn on a page: texts, answers, buttons, bar, images."""
    last, lines, top = scene.part == layout.last, layout.parts[scene.part], layout.tops[scene.part]
    high = text_height(lines)
    found = [Box(0, top - high / 2, layout.column, high)]

    def label(text: str, y: float) -> None:
        wide, tall = label_size(text, at.text, 0.84 * at.size[0])
        found.append(Box(0, y, wide, tall))

    if layout.last:
        label(f"{scene.part + 1} / {layout.last + 1}", layout.back.y)
        found += [layout.back] * (scene.part > 0)
        found += [layout.forward] * (not last or isinstance(scene, Page))
    if isinstance(scene, Page):
        label(scene.footer, layout.below["footer"].y)
        label(scene.caption, layout.below["caption"].y)
        if scene.progress:
            found.append(Box(0, layout.below["bar"].y, 0.5 * at.size[0], 0.4 * at.text))
        if scene.images:
            wide = layout.below["images"].height * len(scene.images) + at.text * (
                len(scene.images) - 1
            )
            found.append(Box(0, layout.below["images"].y, wide, layout.below["images"].height))
    else:
        label(scene.footer if last else scene.turn, layout.below["footer"].y)
        found += layout.options if last else ()
        if last and "entry" in layout.below:
            label("Please enter a whole number.", layout.below["remark"].y)
            found.append(layout.below["entry"])
    return [box for box in found if box.height]


@pytest.mark.parametrize("fraction", [0.02, 0.026, 0.05, 0.1])
@pytest.mark.parametrize("size", [SIZES[0], SIZES[2]])
def test_nothing_covers_anything_at_any_size(size: tuple[int, int], fraction: float) -> None:
    at = frame(DEFAULT.screen.model_copy(update={"text_fraction": fraction}), size)
    lines = "Press the space bar to go on", "Press the number of your answer, or click on it"
    scenes: list[Page | Ask] = [
        Page(LONG[:2000], lines[0]),
        Page("A break.", lines[0], (1, 2), "152 of 304 done"),
        Page(LONG[:1000], lines[0], images=("dog", "rabbit", "car")),
        Ask(LONG[:2000], YES_NO, None, lines[1], turn=lines[0]),
        Ask("Which?", ("left", "right " * 30, "both"), None, lines[1], turn=lines[0]),
        Ask("How old are you?", (), "", lines[1], turn=lines[0]),
        Ask(LONG[:2000], (), "", lines[1], turn=lines[0]),
    ]
    for scene in scenes:
        layout = lay_out_page(scene, at) if isinstance(scene, Page) else lay_out_question(scene, at)
        if not layout.fits:
            assert fraction >= 0.05, scene
            continue
        for part in range(layout.last + 1):
            boxes = rectangles(replace(scene, part=part), layout, at)
            for number, box in enumerate(boxes):
                assert abs(box.x) + box.width / 2 <= size[0] / 2
                assert abs(box.y) + box.height / 2 <= size[1] / 2
                for other in boxes[:number]:
                    apart = abs(box.x - other.x) >= (box.width + other.width) / 2
                    above = abs(box.y - other.y) >= (box.height + other.height) / 2 - 0.01
                    assert apart or above, (scene, part, box, other)


# Turning.


def test_agreement_is_possible_on_the_last_page_only() -> None:
    asked = consent_page()
    layout = lay_out_question(asked.scene, SMALL)
    yes, time = layout.options[0], 0.0
    attempts: list[Callable[[float], Event]] = [
        lambda t: KeyPress(t, "1"),
        lambda t: KeyPress(t, "num_1"),
        lambda t: PointerPress(t, yes.x, yes.y),
    ]
    for part in range(layout.last):
        feed(asked, Shown(time))
        assert asked.scene.part == part
        assert not asked.at_last
        feed(asked, *(attempt(time + 1) for attempt in attempts))
        assert asked.chosen is None
        assert not asked.finished
        (note,) = feed(asked, KeyPress(time + 2, "space"))
        detail = {"text": "consent", "page": part + 1, "pages": layout.last + 1, "to": part + 2}
        assert note == Note("page_turned", time + 2, {**detail, "shown_s": 2.0, "by": "key"})
        time += 3
    # The last page counts from its first frame on; space and the wheel agree to nothing.
    assert feed(asked, KeyPress(time, "1")) == []
    feed(asked, Shown(time), KeyPress(time + 1, "space"), Scroll(time + 1, -1), Tick(time + 1))
    assert not asked.finished
    feed(asked, KeyPress(time + 2, "1"))
    assert (asked.finished, asked.answer) == (True, YES_NO[0])


@pytest.mark.parametrize("key", ["space", "return", "num_enter", "right", "down", "pagedown"])
@pytest.mark.parametrize("back", ["left", "up", "pageup"])
def test_keys_turn_on_and_back(key: str, back: str) -> None:
    page = PageActivity("p", Page(LONG, "on"), SMALL)
    feed(page, Shown(0), KeyPress(1, key))
    assert page.scene.part == 1
    feed(page, Shown(2), KeyPress(3, back))
    assert page.scene.part == 0
    assert feed(page, Shown(4), KeyPress(5, back)) == []
    assert not page.finished


def test_in_arabic_the_left_arrow_turns_on() -> None:
    page = PageActivity("p", Page(consent_text("ar"), "on"), SMALL)
    feed(page, Shown(0), KeyPress(1, "left"), Shown(2), KeyPress(3, "left"))
    assert page.scene.part == 2
    feed(page, Shown(4), KeyPress(5, "right"))
    assert page.scene.part == 1


def test_the_wheel_turns_one_page_a_flick_and_never_leaves_the_text() -> None:
    page = PageActivity("p", Page(LONG, "on"), SMALL)
    last = lay_out_page(page.scene, SMALL).last
    feed(page, Shown(0), *(Scroll(1 + 0.02 * k, -1) for k in range(20)), Shown(2))
    assert page.scene.part == 1
    feed(page, Scroll(3, 2), Shown(4))
    assert page.scene.part == 0
    for k in range(last + 3):
        feed(page, Scroll(5.0 + k, -1), Shown(5.5 + k))
    assert page.scene.part == last
    assert not page.finished


def test_a_finger_turns_on_by_button_and_by_drawing_the_page_away() -> None:
    page = PageActivity("p", Page(LONG, "on"), SMALL)
    layout = lay_out_page(page.scene, SMALL)
    to = layout.forward

    def drag(time: float, dx: float, dy: float) -> list[Event]:
        start = PointerPress(time, 40, 30)
        return [start, PointerRelease(time + 0.2, 40 + dx, 30 + dy), Shown(time + 0.3)]

    feed(page, Shown(0), PointerPress(1, to.x, to.y), PointerRelease(1.1, to.x, to.y), Shown(1.2))
    assert page.scene.part == 1
    feed(page, *drag(2, 0, 120), *drag(3, -150, 20))
    assert page.scene.part == 3
    feed(page, *drag(4, 0, -120), *drag(5, 150, 20))
    assert page.scene.part == 1
    # A tap beside the buttons, and a small slip of the finger, turn nothing.
    feed(page, *drag(6, 4, 5))
    assert page.scene.part == 1
    back = layout.back
    feed(page, PointerPress(7, back.x, back.y))
    assert page.scene.part == 0


def test_a_page_is_read_for_its_shortest_time_but_what_was_read_is_turned_at_once() -> None:
    page = PageActivity("p", Page(LONG, "on"), SMALL, minimum_s=2.0)
    assert feed(page, Shown(10), KeyPress(11.9, "space")) == []
    feed(page, KeyPress(12, "space"))
    assert page.scene.part == 1
    # Nothing counts before the new page is on the screen.
    assert feed(page, KeyPress(20, "space"), KeyPress(20, "left")) == []
    feed(page, Shown(20.1), KeyPress(20.2, "left"), Shown(20.3), KeyPress(20.4, "space"))
    assert page.scene.part == 1
    assert feed(page, Shown(20.5), KeyPress(20.6, "space")) == []


def test_a_long_page_is_left_from_its_last_by_key_or_button() -> None:
    for leaves in ("key", "button"):
        page = PageActivity("p", Page(LONG, "on"), SMALL, keys=frozenset({"1"}))
        layout = lay_out_page(page.scene, SMALL)
        for k in range(layout.last):
            feed(page, Shown(k), KeyPress(k + 0.5, "1"))
        feed(page, Shown(50), PointerPress(51, 0, 100), PointerRelease(51.1, 0, 100))
        feed(page, KeyPress(52, "pagedown"))
        assert not page.finished
        press: Event = KeyPress(53, "1")
        if leaves == "button":
            press = PointerPress(53, layout.forward.x, layout.forward.y)
        (note,) = feed(page, press)
        assert note == Note("p", 53, {"shown_s": 53.0, "ended_by": "press"})
        assert page.finished


# In a session.


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_simulated_participant_reads_every_page(language: str) -> None:
    text = consent_text(language)
    long = {"consent": text, "instruction": [text, "Short."], "end": text}
    protocol = OddOneOut.model_validate({"consent": {"ask": True}, "texts": long})
    clock = VirtualClock()
    screen = NoWindow(clock, (1024, 768))
    script = triplet_script(
        protocol,
        lay_out(protocol, View(screen.size)),
        [],
        Opening(consent=True, form=(), resumed=False),
    )
    session = Session(script, protocol.texts.stop)
    kept: list[Item] = []
    player = SimulatedParticipant(None, screen, clock)  # type: ignore[arg-type]
    assert run_session(session, screen, kept.append, player.act) == "completed"
    turned = [
        item.detail for item in kept if isinstance(item, Note) and item.event == "page_turned"
    ]
    assert [item.values["consent"] for item in kept if isinstance(item, QuestionAnswers)] == [True]
    for name in ("consent", "instruction", "end"):
        pages = [(d["page"], d["to"]) for d in turned if d["text"] == name]
        (total,) = {d["pages"] for d in turned if d["text"] == name}
        assert pages == [(k, k + 1) for k in range(1, int(str(total)))]
