"""A long consent text read by a person at the real command line: keys, wheel, buttons, a finger."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.display.consent import TEXTS, consent_text, protocol_with

from twoalike.record import check_bids, read_run
from twoalike.tasks import Ask, OddOneOut, TextLayout, frame, lay_out_question

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

_QUICK = Path(__file__).with_name("quick.toml").read_text(encoding="utf-8")
QUICK = "minimum_s = 0\n" + _QUICK.replace("page_s = 0", "page_s = 0.3")
DESIGN = "trials = 1\npractice = 0\n"


def layout_of(language: str) -> TextLayout:
    texts = TEXTS[language]
    answers, turn = (texts["agree"], texts["decline"]), texts["go_on"]
    ask = Ask(consent_text(language), answers, None, texts["choose"], turn=turn)
    return lay_out_question(ask, frame(OddOneOut().screen, (1280, 1024)))


class Reading:
    """Somebody in front of the pages, who sees when another one appears."""

    def __init__(self, session: Any, person: Any) -> None:
        self.session, self.person = session, person
        self.page = b""

    def look(self) -> bytes:
        """What the part of the screen shows where the text is."""
        from Xlib import X

        root = self.person.display.screen().root
        return bytes(root.get_image(200, 40, 500, 400, X.ZPixmap, 0xFFFFFFFF).data)

    def begin(self) -> None:
        """Wait for the first page."""
        self.session.until(self.person.window)
        self.session.until(lambda: len(set(self.look())) > 20)
        self.page = self.look()

    def turn(self, act: Callable[[], object]) -> None:
        """Do what turns the page until another one is there."""
        self.session.until(lambda: self.look() != self.page, act)
        self.person.wait(0.2)
        self.page = self.look()

    def in_vain(self, act: Callable[[], object]) -> None:
        """Do what must not change anything."""
        act()
        self.person.wait(0.4)
        assert self.look() == self.page


def test_a_long_consent_is_agreed_to_on_its_last_page_only(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    protocol = protocol_with("en", QUICK)
    session = sit(make_study("study", DESIGN, protocol), "odd-one-out")
    layout, reading = layout_of("en"), Reading(session, person)
    agree, on, back = layout.options[0], layout.forward, layout.back
    reading.begin()
    acts: list[Callable[[], object]] = [
        lambda: person.press("space"),
        lambda: person.click(0, 0, button=5),  # the wheel, towards the person
        lambda: person.click(on.x, on.y),
        lambda: person.drag((0, -150), (0, 150)),
        lambda: person.press("Next"),
        lambda: person.press("Right"),
    ]
    for number in range(layout.last):
        reading.in_vain(lambda: (person.press("1"), person.click(agree.x, agree.y)))
        assert not (session.raw / "phenotype").exists()
        reading.turn(acts[number % len(acts)])
    reading.turn(lambda: person.click(0, 0, button=4))
    reading.turn(lambda: person.press("Down"))
    reading.turn(lambda: person.click(back.x, back.y))
    reading.in_vain(lambda: person.press("1"))
    reading.turn(lambda: person.press("space"))
    # On the last page the wheel, the space bar and a press beside the answers agree to nothing.
    reading.in_vain(lambda: (person.click(0, 0, button=5), person.press("space")))
    session.until(lambda: session.notes("question"), lambda: person.press("1"))
    session.begin()
    session.until(lambda: session.n_rows() == 1, lambda: person.press("1"))
    assert session.finish() == 0

    turned = session.notes("page_turned")
    assert {note["text"] for note in turned} == {"consent"}
    assert {note["pages"] for note in turned} == {layout.last + 1}
    steps = [(note["page"], note["to"]) for note in turned]
    last = layout.last + 1
    there = [(page, page + 1) for page in range(1, last)]
    assert steps == [*there, *2 * [(last, last - 1), (last - 1, last)]]
    assert {note["by"] for note in turned} == {"key", "wheel", "button", "drag"}
    assert all(note["shown_s"] >= 0.3 for note in turned[: len(there)])
    assert len(read_run(session.name.rows(session.raw)).rows) == 1
    assert check_bids(session.raw) == []
