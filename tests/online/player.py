"""A simulated participant in a real browser: what the window's simulated hands do, as real presses.

What to do is planned in Python, without a browser: the script of the window's task is run, its
hands act, and each of their presses is written down. The player then waits until the page shows a
trial and makes these presses with keyboard, mouse or finger. From the page it takes nothing but
which step is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Literal

from playwright.sync_api import CDPSession, Page

from twoalike.online import Person
from twoalike.record import Progress
from twoalike.tables import POSITIONS
from twoalike.tasks import (
    NoWindow,
    Prepared,
    Result,
    Session,
    SimulatedParticipant,
    View,
    VirtualClock,
    run_session,
)
from twoalike.tasks._simulated import _SAID as SAID
from twoalike.tasks.choosing import TripletActivity
from twoalike.tasks.multi_arrangement import ArrangementActivity
from twoalike.tasks.pair_rating import RatingResult

type Means = Literal["hands", "mouse", "touch"]
"""``hands``: keys and mouse as the window's simulated hands choose them."""
type Size = tuple[int, int]

ARROWS = {(-1, 0): "ArrowLeft", (1, 0): "ArrowRight", (0, 1): "ArrowUp", (0, -1): "ArrowDown"}
KEYS = {
    "left": "ArrowLeft",
    "right": "ArrowRight",
    "up": "ArrowUp",
    "down": "ArrowDown",
    "return": "Enter",
    "space": "Space",
    "tab": "Tab",
}
"""Browsers' names of keys, where they differ from those of protocols."""


@dataclass(frozen=True)
class Deed:
    """One thing that hands do: a key, or the pointer at a point (pixels from the centre, y up)."""

    kind: Literal["key", "pick", "press", "move", "release"]
    key: str = ""
    """Of a pick, the place of the image, wherever the page has it."""
    x: float = 0.0
    y: float = 0.0


class Notebook(NoWindow):
    """A screen without a window that writes down what hands do on it."""

    def __init__(self, clock: VirtualClock, size: Size) -> None:
        super().__init__(clock, size)
        self.deeds: list[Deed] = []

    def press_key(self, key: str) -> None:
        """Press a key."""
        super().press_key(key)
        self.deeds.append(Deed("key", KEYS.get(key, key)))

    def nudge(self, dx: int, dy: int) -> None:
        """Press an arrow key."""
        super().nudge(dx, dy)
        self.deeds.append(Deed("key", ARROWS[dx, dy]))

    def pointer_press(self, x: float, y: float, button: Any = "left") -> None:
        """Press at a point."""
        super().pointer_press(x, y, button)
        self.deeds.append(Deed("press", x=x, y=y))

    def pointer_move(self, x: float, y: float) -> None:
        """Move to a point."""
        super().pointer_move(x, y)
        self.deeds.append(Deed("move", x=x, y=y))

    def pointer_release(self, x: float, y: float, button: Any = "left") -> None:
        """Let go at a point."""
        super().pointer_release(x, y, button)
        self.deeds.append(Deed("release", x=x, y=y))


@dataclass
class Plan:
    """What a simulated participant does in a part: presses and results, by number of the trial."""

    deeds: dict[int, tuple[Deed, ...]] = field(default_factory=dict)
    results: dict[int, Result] = field(default_factory=dict)


def plan_part(prepared: Prepared, size: Size, means: Means = "hands") -> Plan:
    """Run a part without a window and write down what the hands do in each trial.

    Parameters
    ----------
    size
        Width and height of the page, on which layouts depend.
    means
        What trials are done with.
    """
    clock = VirtualClock()
    screen = Notebook(clock, size)
    person = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
    plan = Plan()

    def act(session: Session) -> None:
        before = len(screen.deeds)
        person.act(session)
        made, activity = screen.deeds[before:], session.activity
        if made and isinstance(activity, TripletActivity | ArrangementActivity):
            if isinstance(activity, TripletActivity) or means != "hands":
                made = [one for deed in made for one in _by_pointer(deed, activity, means)]
            index = activity.trial.trial_index
            plan.deeds[index] = (*plan.deeds.get(index, ()), *made)

    def keep(item: Any) -> None:
        if isinstance(item, Result):
            plan.results[item.trial_index] = item

    run_session(Session(prepared.script(View(size), Progress()), ""), screen, keep, act)
    return plan


def _by_pointer(
    deed: Deed, activity: TripletActivity | ArrangementActivity, means: Means
) -> list[Deed]:
    """Give what the pointer does, in place of a key too where there are none."""
    if isinstance(activity, ArrangementActivity):
        x, y = activity.layout.done.x, activity.layout.done.y
        done = [Deed("press", x=x, y=y), Deed("release", x=x, y=y)]
        return done if deed.kind == "key" else [deed]
    place = activity.layout.hit(deed.x, deed.y)
    if deed.kind == "key":
        if means == "hands":
            return [deed]
        names = {browser: name for name, browser in KEYS.items()}
        place = activity.protocol.answers.position(names.get(deed.key, deed.key))
    assert place is not None
    return [Deed("pick", place)] if deed.kind in ("key", "press") else []


STATE = """() => {
  const {step, trial} = document.body.dataset;
  const has = (selector) => document.querySelector(selector) !== null;
  const open = (element) => element !== null && element.getAttribute("aria-disabled") !== "true";
  const seen = (element) => element !== null && element.checkVisibility();
  if (step === undefined) return null;
  if (step === "enter" || step === "end") return {step, kind: step, open: true};
  if (trial !== undefined) return {step, trial: Number(trial), kind: "arrangement", open: true};
  if (has(".twoalike-countdown")) return {step, kind: "countdown", open: false};
  if (has(".twoalike-trial")) {
    const message = document.querySelector(".twoalike-trial .message button");
    if (seen(message)) return {step, kind: "page", open: true};
    const image = document.querySelector(".twoalike-trial .image img");
    const disabled = has(".image[aria-disabled=true], .stage[data-open=false]");
    return {step, kind: "choice", open: seen(image) && !disabled};
  }
  if (has(".twoalike-page .options, .twoalike-page form")) {
    return {step, kind: "question", open: open(document.querySelector(".twoalike-page button"))};
  }
  const text = document.querySelector(".twoalike-page .words")?.textContent;
  return {step, kind: "page", text, open: open(document.querySelector(".twoalike-page .push"))};
}"""
"""What a participant sees at once: page, question, countdown, images, arena; and whether the page
takes an answer yet."""
_LOOK_S = 0.02
_AGAIN_S = 3.0


class Interrupted(Exception):
    """The time has come that a player was to be interrupted at."""


@dataclass
class Player:
    """Goes through a session in a page of a browser."""

    page: Page
    """Another one may take its place between two steps."""
    size: Size
    """Width and height of the page."""
    means: Means = "hands"
    person: Person | None = None
    """Steps of the session; known once the participant has a code."""
    plans: Sequence[Plan] = ()
    """What is done in the trials, by part."""
    least_s: float = 0.3
    """From the time that images are seen to the first press."""
    deadline: float | None = None
    """Time (monotonic) of an interruption; None for none."""
    anywhere: bool = True
    """Whether it may come amid the presses of a trial."""
    begin: Callable[[int, int], None] = lambda part, index: None
    """Called with part and index of each trial before it is answered."""
    problems: list[str] = field(default_factory=list)
    """Errors and messages of the page."""
    _acted: tuple[Any, float] = (None, 0.0)
    _finger: tuple[Page, CDPSession] | None = None

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text))

    def enter(self, address: str) -> str:
        """Open the page and begin, or go on; return the participant's code."""
        self._acted = (None, 0.0)
        self.page.goto(address)
        with self.page.expect_response("**/api/enter") as answer:
            self.page.get_by_role("button").click()
        return str(answer.value.json()["person"]["participant"])

    def play(
        self, until: Callable[[dict[str, Any]], bool] | None = None, limit_s: float = 120
    ) -> None:
        """Answer what is shown until the last page, or until a state is reached."""
        until = until or (lambda state: state["kind"] == "end")
        end = monotonic() + limit_s
        while monotonic() < end:
            self._check_time()
            state = self.page.evaluate(STATE)
            if state is not None and until(state):
                return
            key = state and tuple(state.get(name) for name in ("step", "trial", "kind", "text"))
            waiting = self._acted[0] == key and monotonic() - self._acted[1] < _AGAIN_S
            if state is None or not state["open"] or waiting:
                sleep(_LOOK_S)
                continue
            self._act(state)
            self._acted = key, monotonic()
        raise TimeoutError(f"nothing goes on at {self.page.evaluate(STATE)}")

    def _act(self, state: dict[str, Any]) -> None:
        part, step = map(int, state["step"].split(".")) if state["kind"] != "page" else (0, 0)
        match state["kind"]:
            case "page":
                self._press_button() if self.means == "touch" else self.page.keyboard.press("Space")
            case "question":
                self._answer(self._question(part))
            case "choice":
                self._do(part, self._steps(part)[step].trial.trial_index)
            case "arrangement":
                self._do(part, state["trial"])

    def _check_time(self) -> None:
        if self.deadline is not None and monotonic() >= self.deadline:
            raise Interrupted

    def _steps(self, part: int) -> Sequence[Any]:
        assert self.person is not None
        return self.person.parts[part].steps

    def _question(self, part: int) -> Any:
        """The question that is shown: blocks change the numbers of steps."""
        words = "".join(self.page.locator(".twoalike-page .words").inner_text().split())
        asked = (one for one in self._steps(part) if one.kind == "question")
        return next(one for one in asked if "".join(one.text.replace("#", "").split()) == words)

    def _press_button(self) -> None:
        self.page.locator(".push:visible").last.tap()

    def _answer(self, step: Any) -> None:
        """Answer a question as the window's simulated participant does."""
        keyboard, touch = self.page.keyboard, self.means == "touch"
        if step.question == "slider":
            self.page.locator("input[type=range]").fill(str(step.limits[1]))
        elif step.question == "matrix":
            for row in self.page.locator("form .options").all():
                point = row.locator(".option").first
                point.tap() if touch else point.click()
        elif step.options:
            option = self.page.locator(".option").first
            option.tap() if touch else keyboard.press("1")
            if step.question in ("choice", "likert"):
                return
        else:
            self.page.locator(".entry").fill(SAID[step.question])
        if touch or step.question == "long_text":
            submit = self.page.locator("form button")
            submit.tap() if touch else submit.click()
        else:
            keyboard.press("Enter")

    def _do(self, part: int, index: int) -> None:
        """Make the presses of a trial."""
        self.begin(part, index)
        sleep(self.least_s)
        result = self.plans[part].results[index]
        if isinstance(result, RatingResult):
            self._rate(result)
        else:
            self.make(self.plans[part].deeds[index])

    def _rate(self, result: RatingResult) -> None:
        """Choose a point: the page places them by its own rules."""
        assert result.value is not None
        point = self.page.locator(".points button").nth(int(result.value) - 1)
        if self.means == "touch":
            point.tap()
        elif self.means == "mouse" or result.method == "mouse":
            point.click()
        else:
            self.page.keyboard.press(str(int(result.value)))

    def make(self, deeds: Sequence[Deed]) -> None:
        """Make presses."""
        for deed in deeds:
            if self.anywhere:
                self._check_time()
            x, y = self.size[0] / 2 + deed.x, self.size[1] / 2 - deed.y
            if deed.kind == "key":
                self.page.keyboard.press(deed.key)
            elif deed.kind == "pick":
                at = int(deed.key) - 1 if deed.key.isdigit() else POSITIONS.index(deed.key)
                image = self.page.locator(".image").nth(at)
                image.tap() if self.means == "touch" else image.click()
            elif self.means == "touch":
                self._touch(deed.kind, x, y)
            else:
                self._point(deed.kind, x, y)

    def _point(self, kind: str, x: float, y: float) -> None:
        mouse = self.page.mouse
        mouse.move(x, y)
        if kind == "press":
            mouse.down()
        elif kind == "release":
            mouse.up()

    def _touch(self, kind: str, x: float, y: float) -> None:
        """Touch by the browser's own protocol: playwright's fingers can only tap."""
        if self._finger is None or self._finger[0] is not self.page:
            self._finger = self.page, self.page.context.new_cdp_session(self.page)
        names = {"press": "touchStart", "move": "touchMove", "release": "touchEnd"}
        points = [] if kind == "release" else [{"x": x, "y": y}]
        event = {"type": names[kind], "touchPoints": points}
        self._finger[1].send("Input.dispatchTouchEvent", event)
