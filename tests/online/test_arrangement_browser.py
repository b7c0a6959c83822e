"""An arrangement in a real browser: mouse, fingers and keys; for everybody."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as BrowserPage
from tests.online.test_choice_browser import PICTURES, answer, begin, browser, data, faults_of

from twoalike.online._blocks import arrangement
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

__all__ = ["browser"]
TARGETS = [(-0.2, 0.1), (0.1, 0.25), (0.2, -0.2)]
PROTOCOL = MultiArrangement.model_validate({"timing": {"minimum_s": 0.1}})
TRIAL = ArrangementTrial(
    trial_index=1, trial_type="main", items=tuple(PICTURES), seats=Seating((2, 0, 1), 40.0)
)


class Table:
    """A page that shows an arrangement, and where its images are by Python's layout."""

    def __init__(self, page: BrowserPage, size: tuple[int, int]) -> None:
        self.page, self.size = page, size
        self.layout = lay_out_arena(PROTOCOL, size, len(TRIAL.items))
        self.seats = ArrangementActivity(TRIAL, PROTOCOL, self.layout).places

    def begin(self) -> None:
        trial = arrangement(TRIAL).model_dump(mode="json") | {"progress": 0.5}
        begin(self.page, "arrangement", PROTOCOL, trial=trial)
        self.page.locator(".item").first.wait_for()
        self.page.wait_for_timeout(200)

    def on_screen(self, place: tuple[float, float]) -> tuple[float, float]:
        """Point of the window, from the centre, as the browser counts."""
        return self.size[0] / 2 + place[0], self.size[1] / 2 - place[1]

    def target(self, number: int) -> tuple[float, float]:
        return self.on_screen(self.layout.to_pixels(*TARGETS[number]))

    def finish(self) -> tuple[Any, Counter[Any]]:
        """Result, and what the events count by kind and pointer."""
        items = data(self.page)["items"]
        rows = [item["values"] for item in items if item["kind"] == "event"]
        counts = Counter((row["trial_type"], row["pointer"]) for row in rows)
        assert counts["seat", None] == len(TARGETS)
        assert items[-1]["inside"] == [True] * len(TARGETS)
        return items[-1], counts


def opened(browser: Browser, size: tuple[int, int], *, touch: bool) -> Iterator[Table]:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, has_touch=touch, is_mobile=touch
    )
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.route("**/*", answer)
    table = Table(page, size)
    table.begin()
    yield table
    context.close()
    assert not faults


@pytest.fixture
def desk(browser: Browser) -> Iterator[Table]:
    yield from opened(browser, (1024, 768), touch=False)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Table]:
    yield from opened(browser, (360, 740), touch=True)


def is_close(places: list[list[float]]) -> bool:
    return all(
        place == pytest.approx(target, abs=0.005)
        for place, target in zip(places, TARGETS, strict=True)
    )


def test_a_mouse_drags_looks_and_presses_done(desk: Table) -> None:
    page, mouse = desk.page, desk.page.mouse
    assert not faults_of(page)
    for number, seat in enumerate(desk.seats):
        box = page.locator(".item").nth(number).bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert middle == pytest.approx(desk.on_screen(seat), abs=0.01)
    mouse.move(*desk.on_screen(desk.seats[0]))
    mouse.down(button="right")
    page.locator(".magnified").wait_for(state="visible")
    mouse.up(button="right")
    page.locator(".magnified").wait_for(state="hidden")
    for number, seat in enumerate(desk.seats):
        mouse.move(*desk.on_screen(seat))
        mouse.down()
        mouse.move(*desk.target(number), steps=4)
        mouse.up()
    page.get_by_text(PROTOCOL.texts.left_none).wait_for()
    assert not faults_of(page)
    mouse.click(*desk.on_screen((desk.layout.done.x, desk.layout.done.y)))
    result, counts = desk.finish()
    assert is_close(result["places"])
    assert result["ending"]["method"] == "mouse"
    assert counts["drag", "mouse"] == len(TARGETS)
    assert counts["inspect", "mouse"] == 1


def test_keys_alone_arrange(desk: Table) -> None:
    page, keyboard = desk.page, desk.page.keyboard
    root = page.locator(".twoalike-arrangement")
    step = 2 * desk.layout.radius * PROTOCOL.answers.step_fraction
    for _ in TARGETS:
        keyboard.press("Tab")
        assert root.evaluate("root => root === document.activeElement")
        held = page.locator(".item[data-rim=held]").bounding_box()
        assert held is not None
        left = desk.size[0] / 2 - held["x"] - held["width"] / 2
        for _ in range(round(abs(left) / step)):
            keyboard.press("ArrowRight" if left > 0 else "ArrowLeft")
        up = held["y"] + held["height"] / 2 - desk.size[1] / 2
        for _ in range(round(abs(up) / step)):
            keyboard.press("ArrowUp" if up > 0 else "ArrowDown")
        keyboard.press("Shift+ArrowRight")
    keyboard.press("Space")
    page.locator(".magnified").wait_for(state="visible")
    keyboard.press("Space")
    keyboard.press("Enter")
    result, counts = desk.finish()
    assert result["ending"]["method"] == "keyboard"
    assert counts["drag", "keyboard"] == len(TARGETS)
    assert counts["inspect", "keyboard"] == 1


def test_a_finger_drags_and_rests_to_look(phone: Table) -> None:
    page = phone.page
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})

    touch("Start", phone.on_screen(phone.seats[0]))
    page.locator(".magnified").wait_for(state="visible")
    assert not faults_of(page)
    touch("End")
    page.locator(".magnified").wait_for(state="hidden")
    for number, seat in enumerate(phone.seats):
        (x, y), (to_x, to_y) = phone.on_screen(seat), phone.target(number)
        touch("Start", (x, y))
        touch("Move", ((x + to_x) / 2, (y + to_y) / 2))
        touch("Move", (to_x, to_y))
        touch("End")
    page.get_by_text(PROTOCOL.texts.left_none).wait_for()
    page.touchscreen.tap(*phone.on_screen((phone.layout.done.x, phone.layout.done.y)))
    result, counts = phone.finish()
    assert is_close(result["places"])
    assert result["ending"]["method"] == "touch"
    assert counts["drag", "touch"] == len(TARGETS)
    assert counts["inspect", "touch"] == 1
