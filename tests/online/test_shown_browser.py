"""What a page shows in a real browser, for everybody: by keys, mouse and fingers."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Route, sync_playwright
from playwright.sync_api import Page as BrowserPage

import twoalike.online
from twoalike.online._compile import arrangement
from twoalike.tasks import AnchoredChoice, OddOneOut, PairRating, View, lay_out
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

PAGE = Path(str(twoalike.online.__file__)).parent / "page"
HARNESS = Path(__file__).parent / "js" / "harness.mjs"
SIZES = {"phone": (360, 740), "desk": (1280, 800)}
INDEX = """<!doctype html><html lang="en"><head><title>Study</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="base.css"><link rel="stylesheet" href="pages.css">
<link rel="stylesheet" href="trial.css">
<link rel="stylesheet" href="placing.css">
<script type="module" src="harness.mjs"></script></head>
<body><main id="page"></main></body></html>"""
TRIAL = {
    "trial_index": 1,
    "trial_type": "main",
    "stimuli": ["a", "b", "c"],
    "positions": ["middle", "right", "left"],
}
TEXT_PAGE = {
    "name": "instruction",
    "text": "Hello",
    "footer": "Go on",
    "minimum_s": 0.3,
    "keys": ["space", "return"],
}
QUESTION = {"measure": "form", "id": "q", "text": "What?", "options": [], "required": True}
ROW = OddOneOut.model_validate({"timing": {"fixation_s": 0.1, "feedback_s": 0.1}})
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
CONTENT_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css"}


def picture(colour: str, size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "png")
    return file.getvalue()


PICTURES = {
    "a": picture("#d22f27", (60, 60)),
    "b": picture("#1e50a0", (80, 40)),
    "c": picture("#3f8f29", (40, 80)),
}


def answer(route: Route) -> None:
    """Give the page its files without a server."""
    name = route.request.url.removeprefix("http://study.test/")
    path = HARNESS if name == HARNESS.name else PAGE / name
    if not name:
        route.fulfill(body=INDEX, content_type="text/html")
    elif name in PICTURES:
        route.fulfill(body=PICTURES[name], content_type="image/png")
    elif path.suffix in CONTENT_TYPES:
        route.fulfill(body=path.read_bytes(), content_type=CONTENT_TYPES[path.suffix])
    else:
        route.fulfill(status=404)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


type Show = Callable[..., BrowserPage]


@pytest.fixture(scope="module", params=["desk", pytest.param("phone", marks=pytest.mark.slow)])
def opened(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserPage]:
    width, height = SIZES[request.param]
    touch = request.param == "phone"
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=touch, is_mobile=touch
    )
    page = context.new_page()
    page.route("**/*", answer)
    yield page
    context.close()


def begin(page: BrowserPage, what: str, protocol: Any = ROW, **parameters: Any) -> BrowserPage:
    """Open the page, and begin a step in it."""
    page.goto("http://study.test/")
    page.wait_for_function("!!window.show")
    addresses = {name: f"http://study.test/{name}" for name in PICTURES}
    step = {"what": what, "protocol": protocol.model_dump(mode="json"), **parameters}
    page.evaluate("step => void show(step)", {**step, "addresses": addresses})
    return page


@pytest.fixture
def show(opened: BrowserPage) -> Iterator[Show]:
    """Open the page, and begin a step in it."""
    faults: list[str] = []

    def keep(error: object) -> None:
        faults.append(str(error))

    opened.on("pageerror", keep)
    yield partial(begin, opened)
    opened.remove_listener("pageerror", keep)
    assert not faults


def data(page: BrowserPage) -> Any:
    page.wait_for_function("!!window.data", timeout=20_000)
    return page.evaluate("window.data")


def is_phone(page: BrowserPage) -> bool:
    return page.viewport_size == {"width": 360, "height": 740}


def press(page: BrowserPage, selector: str, number: int = 0) -> None:
    """Tap on a phone, click on a desk."""
    found = page.locator(selector).nth(number)
    found.tap() if is_phone(page) else found.click()


def faults_of(page: BrowserPage) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


def await_images(page: BrowserPage) -> None:
    page.locator(".image img").first.wait_for(state="visible")
    page.wait_for_timeout(1000 * ROW.timing.minimum_rt_s + 50)


def test_an_image_is_chosen_that_is_as_large_as_in_a_window(show: Show) -> None:
    page = show("trial", trial=TRIAL)
    await_images(page)
    size = page.viewport_size
    assert size is not None
    boxes = [page.locator(".image").nth(number).bounding_box() or {} for number in range(3)]
    side = lay_out(ROW, View((size["width"], size["height"]))).image
    assert all(box["width"] == box["height"] >= side for box in boxes)
    along = "y" if is_phone(page) else "x"
    starts = [box[along] for box in boxes]
    assert all(later - one > side for one, later in zip(starts, starts[1:], strict=False))
    assert not faults_of(page)
    assert page.locator(".row .label").first.is_visible() != is_phone(page)
    assert page.get_by_role("button", name=ROW.texts.labels[2]).count() == 1
    press(page, "button.image", 2)
    found = data(page)
    assert found["items"][-1]["answer"]["position"] == "right"
    method = found["items"][-1]["answer"]["method"]
    assert method == ("touch" if is_phone(page) else "mouse")


@pytest.mark.parametrize("size", [(360, 740), (412, 915), (768, 1024)])
@pytest.mark.parametrize("rules", [ROW, AnchoredChoice()], ids=["row", "triangle"])
def test_on_a_phone_images_are_large_and_no_key_is_named(
    browser: Browser, size: tuple[int, int], rules: Any
) -> None:
    width, height = size
    viewport: Any = {"width": width, "height": height}
    context = browser.new_context(viewport=viewport, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.route("**/*", answer)
    begin(page, "trial", rules, trial=TRIAL)
    await_images(page)
    boxes = [page.locator(".image").nth(number).bounding_box() or {} for number in range(3)]
    left, right = min(b["x"] for b in boxes), max(b["x"] + b["width"] for b in boxes)
    top, bottom = min(b["y"] for b in boxes), max(b["y"] + b["height"] for b in boxes)
    assert all(box["width"] > 0.3 * width for box in boxes)
    assert max((right - left) / width, (bottom - top) / height) > 0.75
    assert left >= 0 and right <= width and top >= 0 and bottom <= height
    assert not any(label.is_visible() for label in page.locator(".keys-only").all())
    context.close()


def test_a_key_that_is_held_since_the_last_trial_answers_no_question(show: Show) -> None:
    step = {**QUESTION, "question": "number", "minimum_s": 0.0, "values": {}}
    rules = OddOneOut.model_validate({"pages": {"page_s": 0}})
    page = show("question", rules, step=step)
    page.keyboard.down("3")
    page = show("question", rules, step=step)
    page.locator("input").wait_for()
    for _ in range(3):
        page.keyboard.down("3")  # repeats
    assert page.locator("input").input_value() == ""
    page.keyboard.up("3")
    page.keyboard.type("7")
    assert page.locator("input").input_value() == "7"
    page.keyboard.press("Enter")
    assert data(page)["items"][1]["values"] == {"q": 7}


def test_the_reference_of_an_anchored_choice_is_no_button(show: Show) -> None:
    page = show("trial", AnchoredChoice(), trial={**TRIAL, "anchored": True})
    await_images(page)
    assert page.locator("button.image").count() == 2
    assert not faults_of(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    assert data(page)["items"][-1]["answer"]["position"] == "left"


def test_a_slider_is_dragged_moved_by_keys_and_left_by_return(show: Show) -> None:
    rules = PairRating.model_validate({"scale": {"kind": "slider"}, "timing": {"fixation_s": 0}})
    pair = {**TRIAL, "stimuli": ["a", "b"], "positions": ["left", "right"], "n_chosen": 0}
    page = show("trial", rules, trial=pair)
    await_images(page)
    assert not faults_of(page)
    box = page.locator("input").bounding_box()
    assert box is not None
    press(page, "input")  # in its middle, where it is
    if not is_phone(page):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 5, steps=4)
        page.mouse.up()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    found = data(page)["items"][-1]
    assert found["value"] == pytest.approx(0.52 if is_phone(page) else 0.82, abs=0.03)
    assert (found["method"], found["n_adjustments"] > 0) == ("keyboard", True)


@pytest.mark.parametrize("keys", [["Tab", "Tab", "Enter"], ["Tab", "2"], ["ArrowDown"]])
def test_focus_does_not_change_what_keys_mean(show: Show, keys: list[str]) -> None:
    page = show("trial", trial=TRIAL)
    await_images(page)
    for key in keys:
        page.keyboard.press(key)
    found = data(page)
    assert found["items"][-1]["answer"]["position"] == "middle"
    assert found["items"][-1]["answer"]["method"] == "keyboard"


def test_a_long_page_is_left_from_its_end(show: Show) -> None:
    text = "\n\n".join(["So it goes on. " * 20] * 12)
    images = {"images": ["a", "b"], "progress": [1, 4], "caption": "1 of 4 done"}
    page = show("page", step={**TEXT_PAGE, "text": text, **images})
    page.locator(".words").wait_for()
    page.wait_for_timeout(400)
    assert not faults_of(page)
    page.keyboard.press("Enter")
    assert page.evaluate("window.data") is None
    pressed = 0
    while page.evaluate("window.data") is None and pressed < 60:
        page.keyboard.press("Space")
        page.wait_for_timeout(120)
        pressed += 1
    assert pressed > 2
    assert data(page)["items"][0]["detail"]["ended_by"] == "press"


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("choice", ["one", "two"], "two"),
        ("choices", ["one", "two", "three"], ["two", "three"]),
        ("age", [], 89),
        ("long_text", [], "first\nsecond"),
    ],
)
def test_questions_are_answered(
    show: Show, kind: str, options: list[str], expected: object
) -> None:
    step = {**QUESTION, "question": kind, "options": options, "minimum_s": 0.1, "values": {}}
    rules = OddOneOut.model_validate({"pages": {"page_s": 0.1}})
    page = show("question", rules, step=step)
    page.locator(".words").wait_for()
    page.wait_for_timeout(300)
    assert not faults_of(page)
    if kind == "choice":
        press(page, "button.option", 1)
    elif kind == "choices":
        press(page, "label", 1)
        page.keyboard.press("1")
        page.keyboard.press("3")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    elif kind == "age":
        page.keyboard.type("old")
        page.keyboard.press("Enter")
        page.get_by_text("Please enter a whole number from 0 to 130.").wait_for()
        page.locator("input").fill("93")
        page.keyboard.press("Enter")
    else:
        page.keyboard.type("first\nsecond")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
    note, answers = data(page)["items"]
    assert note["detail"] == {"id": "q"}
    assert answers == {"kind": "answers", "measure": "form", "values": {"q": expected}}


ARRANGE = MultiArrangement.model_validate({"timing": {"minimum_s": 0.1}})
ARRANGED = ArrangementTrial(
    trial_index=1, trial_type="main", items=tuple(PICTURES), seats=Seating((2, 0, 1), 40.0)
)


class Table:
    """A page that shows an arrangement, and where its images are by Python's layout."""

    def __init__(self, page: BrowserPage, size: tuple[int, int]) -> None:
        self.page, self.size = page, size
        self.layout = lay_out_arena(ARRANGE, size, len(ARRANGED.items))
        self.seats = ArrangementActivity(ARRANGED, ARRANGE, self.layout).places

    def begin(self) -> None:
        trial = arrangement(ARRANGED).model_dump(mode="json") | {"progress": 0.5}
        begin(self.page, "arrangement", ARRANGE, trial=trial)
        self.page.locator(".item").first.wait_for()
        self.page.wait_for_timeout(200)

    def on_screen(self, place: tuple[float, float]) -> tuple[float, float]:
        """Point of the window, from the centre, as the browser counts."""
        return self.size[0] / 2 + place[0], self.size[1] / 2 - place[1]


def table(browser: Browser, size: tuple[int, int], *, touch: bool) -> Iterator[Table]:
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
    yield from table(browser, (1024, 768), touch=False)


@pytest.fixture
def phone(browser: Browser) -> Iterator[Table]:
    yield from table(browser, (360, 740), touch=True)


def test_the_right_button_looks(desk: Table) -> None:
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


def test_keys_alone_arrange(desk: Table) -> None:
    page, keyboard = desk.page, desk.page.keyboard
    root = page.locator(".twoalike-placing")
    step = 2 * desk.layout.radius * ARRANGE.answers.step_fraction
    for _ in desk.seats:
        keyboard.press("Tab")
        page.evaluate(TWO_FRAMES)  # until then the image before it looks held
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
    page.get_by_text(ARRANGE.texts.left_none).wait_for()
    keyboard.press("Space")
    page.locator(".magnified").wait_for(state="visible")
    keyboard.press("Space")
    keyboard.press("Enter")
    items = data(page)["items"]
    rows = [item["values"] for item in items if item["kind"] == "event"]
    counts = Counter((row["trial_type"], row["pointer"]) for row in rows)
    assert counts["seat", None] == len(desk.seats)
    assert items[-1]["inside"] == [True] * len(desk.seats)
    assert items[-1]["ending"]["method"] == "keyboard"
    assert counts["drag", "keyboard"] == len(desk.seats)
    assert counts["inspect", "keyboard"] == 1


def test_a_finger_that_rests_looks(phone: Table) -> None:
    page = phone.page
    session = page.context.new_cdp_session(page)
    x, y = phone.on_screen(phone.seats[0])
    touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    session.send("Input.dispatchTouchEvent", touch)
    page.locator(".magnified").wait_for(state="visible")
    assert not faults_of(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(".magnified").wait_for(state="hidden")
