"""A simulated participant in a real browser: what the window's simulated hands do, as real presses.

What to do is planned in Python, without a browser: the script of the window's task is run, its
hands act, and each of their presses is written down. The player then waits until the page shows a
trial and makes these presses with keyboard, mouse or finger (engines.py). From the page it takes
nothing but which step is shown and where its buttons are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, Literal

from tests.online.engines import Engine, Size, look

from twoalike.online import Person
from twoalike.record import Progress
from twoalike.tables import POSITIONS
from twoalike.tasks import (
    Listening,
    NoWindow,
    Prepared,
    Result,
    Session,
    SimulatedParticipant,
    View,
    VirtualClock,
    run_session,
    with_sounds,
)
from twoalike.tasks._simulated import _SAID as SAID
from twoalike.tasks.choosing import TripletActivity
from twoalike.tasks.multi_arrangement._placing import PlacingActivity
from twoalike.tasks.pair_rating import RatingResult

type Means = Literal["hands", "mouse", "touch"]
"""``hands``: keys and mouse as the window's simulated hands choose them."""

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

    kind: Literal["key", "type", "pick", "push", "press", "move", "release"]
    key: str = ""
    """Of a pick, the place of the image, wherever the page has it; of a push, the button."""
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

    def type_text(self, text: str) -> None:
        """Write at the keyboard."""
        super().type_text(text)
        self.deeds.append(Deed("type", text))

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
    hz = 60.0 if prepared.is_timed else None
    clock = VirtualClock(refresh_hz=hz)
    screen = Notebook(clock, size)
    person = SimulatedParticipant(prepared.hands(screen, clock), screen, clock)
    plan = Plan()

    def act(session: Session) -> None:
        before, activity = len(screen.deeds), session.activity
        listens = isinstance(activity, Listening) and activity.to_hear
        person.act(session)
        made = [] if listens else screen.deeds[before:]  # the player listens by its own
        activity = activity.trial if isinstance(activity, Listening) else activity
        if made and isinstance(activity, TripletActivity | PlacingActivity):
            made = [one for deed in made for one in _by_pointer(deed, activity, means)]
            index = activity.trial.trial_index
            plan.deeds[index] = (*plan.deeds.get(index, ()), *made)

    def keep(item: Any) -> None:
        if isinstance(item, Result):
            plan.results[item.trial_index] = item

    script = prepared.script(View(size, refresh_hz=hz), Progress())
    script = with_sounds(script, prepared.protocol, prepared.sound_lengths())
    run_session(Session(script, ""), screen, keep, act)
    return plan


def _by_pointer(
    deed: Deed, activity: TripletActivity | PlacingActivity, means: Means
) -> list[Deed]:
    """Give what the pointer does, in place of a key too where there are none."""
    if isinstance(activity, PlacingActivity):
        if deed.kind == "key" and means != "hands":
            return [Deed("push", "done")]
        if deed.kind in ("press", "release") and activity.layout.done.holds(deed.x, deed.y):
            return [Deed("push", "done")] if deed.kind == "press" else []
        return [deed]
    place = activity.layout.hit(deed.x, deed.y)
    if deed.kind == "key":
        if means == "hands":
            return [deed]
        names = {browser: name for name, browser in KEYS.items()}
        place = activity.protocol.answers.position(names.get(deed.key, deed.key))
    assert place is not None
    return [Deed("pick", place)] if deed.kind in ("key", "press") else []


QUESTION = "() => document.querySelector('.twoalike-page .words').innerText"
WORDS = "() => document.body.innerText"
ROWS = """() => [...document.querySelectorAll("form .options")].map(
  (row) => row.querySelectorAll(".option").length)"""
_LOOK_S = 0.02
_AGAIN_S = 3.0


class Interrupted(Exception):
    """The time has come that a player was to be interrupted at."""


@dataclass
class Player:
    """Goes through a session in a page of a browser."""

    engine: Engine
    """Another one may take its place between two steps."""
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
    look: Callable[[dict[str, Any]], None] = lambda state: None
    """Called with what is shown, before it is answered; of images, also once they are placed."""
    _acted: tuple[Any, float] = (None, 0.0)

    def enter(self, address: str) -> str:
        """Open the page and begin, or go on; return the participant's code."""
        self._acted = (None, 0.0)
        self.engine.go(address)
        self.engine.click("#start")
        return str(self.engine.wait(look("entered")))

    def state(self) -> dict[str, Any] | None:
        """What is shown; None between two steps."""
        found = self.engine.ask(look("state"))
        assert found is None or found["step"] != "failed", self.engine.ask(WORDS)
        return dict(found) if found else None

    def play(
        self, until: Callable[[dict[str, Any]], bool] | None = None, limit_s: float = 120
    ) -> None:
        """Answer what is shown until the last page, or until a state is reached."""
        until = until or (lambda state: state["kind"] == "end")
        end = monotonic() + limit_s
        while monotonic() < end:
            self._check_time()
            state = self.state()
            if state is not None and until(state):
                return
            key = state and tuple(state.get(name) for name in ("step", "trial", "kind", "text"))
            waiting = self._acted[0] == key and monotonic() - self._acted[1] < _AGAIN_S
            if state is None or not state["open"] or waiting:
                sleep(_LOOK_S)
                continue
            self.look(state)
            self._act(state)
            self._acted = key, monotonic()
        raise TimeoutError(f"nothing goes on at {self.state()}: {self.engine.ask(WORDS)}")

    def expect(self, *texts: str, limit_s: float = 30) -> None:
        """Wait for texts on the page."""
        end = monotonic() + limit_s
        while not all(text in self.engine.ask(WORDS) for text in texts):
            assert monotonic() < end, self.engine.ask(WORDS)
            sleep(_LOOK_S)

    def _act(self, state: dict[str, Any]) -> None:
        part, step = map(int, state["step"].split(".")) if state["kind"] != "page" else (0, 0)
        match state["kind"]:
            case "page" if self.means == "hands":
                self.engine.key("Space")
            case "page":
                self.engine.click(".push", -1)
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
        words = "".join(self.engine.ask(QUESTION).split())
        asked = (one for one in self._steps(part) if one.kind == "question")
        return next(one for one in asked if "".join(one.text.replace("#", "").split()) == words)

    def _answer(self, step: Any) -> None:
        """Answer a question as the window's simulated participant does."""
        engine, hands = self.engine, self.means == "hands"
        if step.question == "slider":
            engine.ask("() => document.querySelector('input[type=range]').focus()")
            engine.key("End")
        elif step.question == "matrix":
            first = 0
            for more in engine.ask(ROWS):
                engine.click("form .option", first)
                first += more
        elif step.options:
            engine.key("1") if hands else engine.click(".option")
            if step.question in ("choice", "likert"):
                return
        else:
            engine.click(".entry")
            engine.wait(look("selected"))
            engine.key(*SAID[step.question].replace("\n", "\ue007"))
        if hands and step.question != "long_text":
            engine.key("Enter")
        else:
            engine.click("form button")

    def _do(self, part: int, index: int) -> None:
        """Make the presses of a trial."""
        self.begin(part, index)
        sleep(self.least_s)
        self._listen()
        result = self.plans[part].results[index]
        if isinstance(result, RatingResult):
            self._rate(result)
        else:
            self.make(self.plans[part].deeds[index])

    def _listen(self) -> None:
        """Hear each sound of a trial, by a key or the pointer; again what was cut off."""
        pressed = 0
        while (playing := self.engine.ask(look("listening"))) is not None:
            if not playing:
                assert pressed < 30, "sounds are played and do not count as heard"
                shown = self.engine.ask("() => document.querySelectorAll('.image, .item').length")
                number = pressed % shown
                if self.means == "hands" and self.engine.ask(look("middle"), ".image", 0):
                    self.engine.key("asdghj"[number])
                else:
                    self.engine.click(".image, .item", number)
                pressed += 1
                for _ in range(20):  # a busy machine begins late
                    sleep(0.1)
                    if self.engine.ask(look("listening")) is not False:
                        break
            sleep(0.1)

    def _rate(self, result: RatingResult) -> None:
        """Choose a point: the page places them by its own rules."""
        assert result.value is not None
        if self.means != "hands" or result.method == "mouse":
            self.engine.click(".points button", int(result.value) - 1)
        else:
            self.engine.key(str(int(result.value)))

    def make(self, deeds: Sequence[Deed]) -> None:
        """Make presses."""
        width, height = self.engine.size
        for deed in deeds:
            if self.anywhere:
                self._check_time()
            if len(deeds) > 4 and deed is deeds[-2 if deeds[-1].kind == "release" else -1]:
                self.look({"kind": "placed"})
            if deed.kind == "key":
                self.engine.key(deed.key)
            elif deed.kind == "type":
                self.engine.wait(look("selected"))
                self.engine.key(*deed.key)
            elif deed.kind == "push":
                self.engine.click(f"button.{deed.key}")
            elif deed.kind == "pick":
                at = int(deed.key) - 1 if deed.key.isdigit() else POSITIONS.index(deed.key)
                self.engine.click(".image", at)
                sleep(0.1)
                if self.engine.ask(look("listening"), True):  # a finger's first touch plays
                    self.engine.click(".image", at)
            else:
                self.engine.point(deed.kind, width / 2 + deed.x, height / 2 - deed.y)
