"""The page arranges as the window does: the same numbers, geometry and items."""

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
from tests.online.replay import differences, replayed
from tests.online.simulated import as_sent

from twoalike.online._compile import arrangement
from twoalike.study import TwoalikeError
from twoalike.tasks._activity import (
    Arena,
    Focus,
    KeyPress,
    Nudge,
    Page,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
)
from twoalike.tasks.lettering import label_size
from twoalike.tasks.multi_arrangement import (
    ArrangementActivity,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)
from twoalike.tasks.screens import frame

N_SEQUENCES = 100


def test_rounding_is_pythons(rng: np.random.Generator) -> None:
    numbers = [(float(value), 6) for value in rng.uniform(-1, 1, 500)]
    numbers += [(odd / 128, 6) for odd in range(-129, 130, 2)]  # halves of the last decimal
    numbers += [(half / 2, 0) for half in range(-9, 10)] + [
        (odd / 32, 4) for odd in range(1, 99, 2)
    ]
    (found,) = replayed([{"made": "round", "numbers": numbers}])
    assert found == [round(value, decimals) for value, decimals in numbers]


def widths(protocol: MultiArrangement, size: tuple[int, int]) -> dict[str, float]:
    """Widths of the texts of a trial, as the window measures them."""
    text, texts = frame(protocol.screen, size).text, protocol.texts
    labels = [texts.done, texts.confirm, texts.start_over, texts.confirm_start_over, texts.too_few]
    labels += [texts.count(n) for n in (0, 1, 99)]
    return {f"{text} {label}": label_size(label, text, math.inf)[0] for label in labels}


def test_everything_is_where_it_is_in_a_window(rng: np.random.Generator) -> None:
    cases: list[Any] = []
    expected: list[Any] = []
    sizes = [(360, 740), (740, 360), (1024, 768), (1920, 1080), (768, 1024), (3840, 2160)]
    sizes += [(int(rng.integers(300, 2600)), int(rng.integers(300, 1500))) for _ in range(60)]
    for number, size in enumerate(sizes):
        protocol = MultiArrangement(language=["en", "de"][number % 2])
        arena = {"item_fraction": float(rng.choice([0.04, 0.08, 0.2]))}
        arena["arena_fraction"] = float(rng.choice([0.5, 0.68, 0.8]))
        protocol = protocol.model_copy(update={"arena": protocol.arena.model_copy(update=arena)})
        n, rotation = int(rng.integers(2, 80)), round(float(rng.uniform(0, 360)), 4)
        case = {"made": "arena", "size": size, "n": n, "rotation": rotation}
        case["widths"] = widths(protocol, size)
        cases.append(case | {"protocol": protocol.model_dump(mode="json")})
        try:
            layout = lay_out_arena(protocol, size, n)
        except TwoalikeError:
            expected.append(None)
            continue
        found = {key: value for key, value in vars(layout).items() if key != "start_over"}
        found |= {"lines": asdict(layout.lines), "startOver": asdict(layout.start_over)}
        found |= {
            "seats": list(map(asdict, layout.seats(n, rotation))),
            "done": asdict(layout.done),
        }
        expected.append(found)
    assert sum(layout is not None for layout in expected) > 30
    for page, python in zip(replayed(cases), expected, strict=True):
        if python is not None:
            assert page.pop("counterWidth") > 0
            assert not list(differences(json.loads(json.dumps(python)), page, within=1e-6))


class Hand:
    """Makes events at random, near what is on the screen, and gives them to a Python activity."""

    def __init__(
        self, activity: ArrangementActivity, rng: np.random.Generator, pointer: str
    ) -> None:
        self.activity, self.rng, self.pointer = activity, rng, pointer
        self.time = 0.3
        self.events: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def give(self, kind: str, **fields: Any) -> None:
        """Give one event, and write down what the activity is like afterwards."""
        activity = self.activity
        if kind == "restart":
            items = activity.restart(self.time)
        else:
            items = activity.handle(EVENTS[kind](time=self.time, **fields))
        if kind in ("press", "move", "release"):
            fields["pointer"] = self.pointer
        self.events.append({"kind": kind, "time": self.time, **fields})
        state: dict[str, Any] = {"deadline": activity.deadline, "finished": activity.finished}
        state["stack"] = list(activity.stack)
        self.answers.append(
            state | {"items": [as_sent(item, late=0) for item in items], "scene": look(activity)}
        )

    def point(self) -> dict[str, float]:
        """Somewhere: at an image, at a button, in the circle, or anywhere."""
        rng, layout = self.rng, self.activity.layout
        where = rng.choice(["image", "image", "circle", "button", "far"])
        if where == "image":
            x, y = self.activity.places[rng.integers(len(self.activity.places))]
            x, y = x + 20 * rng.normal(), y + 20 * rng.normal()
        elif where == "button":
            box = layout.done if rng.random() < 0.6 else layout.start_over
            x, y = box.x, box.y
        elif where == "circle":
            x, y = layout.to_pixels(*rng.uniform(-0.35, 0.35, 2))
        else:
            x, y = rng.uniform(-1500, 1500, 2)
        return {"x": float(x), "y": float(y)}

    def drag(self, item: int) -> None:
        """Drag an image into the circle, or what covers it."""
        x, y = self.activity.places[item]
        self.give("press", x=x, y=y, button="left")
        self.time += 0.4
        x, y = self.activity.layout.to_pixels(*self.rng.uniform(-0.3, 0.3, 2))
        self.give("move", x=float(x), y=float(y))
        self.give("release", x=float(x), y=float(y), button="left")

    def act(self) -> None:
        """Do something."""
        rng = self.rng
        self.time += float(rng.choice([0.0, 0.01, 0.2, 0.7, 4.0], p=[0.2, 0.3, 0.3, 0.15, 0.05]))
        what = str(
            rng.choice(list(CHANCES), p=np.array(list(CHANCES.values())) / sum(CHANCES.values()))
        )
        if what == "drag":
            self.drag(int(rng.integers(len(self.activity.places))))
        elif what == "finish":
            for item in range(len(self.activity.places)):
                self.drag(item)
            self.give("key", key="return")
        elif what == "again":
            self.give("key", key="backspace")
            self.give("key", key="backspace")
        elif what in ("press", "release"):
            self.give(what, **self.point(), button=str(rng.choice(["left", "left", "right"])))
        elif what == "move":
            self.give("move", **self.point())
        elif what == "key":
            self.give("key", key=str(rng.choice(KEYS)))
        elif what == "nudge":
            dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1))[rng.integers(4)]
            fine = bool(rng.random() < 0.3)
            for _ in range(int(rng.choice([1, 12]))):
                self.time += 0.04
                self.give("nudge", dx=dx, dy=dy, fine=fine)
        elif what == "focus":
            self.give("focus", here=bool(rng.random() < 0.4))
        else:
            self.give(what)


CHANCES = {"drag": 20, "press": 12, "release": 10, "move": 12, "key": 20, "nudge": 14}
CHANCES |= {"focus": 3, "tick": 4, "shown": 4, "restart": 1, "finish": 1, "again": 2}
KEYS = ["return", "num_enter", "backspace", "space", "tab", "pagedown", "pageup", "escape", "a"]
EVENTS: dict[str, Any] = {"shown": Shown, "key": KeyPress, "nudge": Nudge, "press": PointerPress}
EVENTS |= {"move": PointerMove, "release": PointerRelease, "focus": Focus, "tick": Tick}


def look(activity: ArrangementActivity) -> dict[str, Any]:
    """The scene as the page describes it."""
    scene = activity.scene
    if isinstance(scene, Page):
        return {"kind": "page", "text": scene.text, "footer": scene.footer}
    assert isinstance(scene, Arena)
    shown = {name: getattr(scene, name) for name in ("prompt", "counter", "magnified", "progress")}
    names = ("name", "text", "enabled")
    buttons = [{name: getattr(one, name) for name in names} for one in scene.buttons]
    until = scene.until and {"end": scene.until.end, "length": scene.until.length}
    images = list(map(asdict, scene.images))
    return {"kind": "arena", "images": images, "buttons": buttons, "until": until, **shown}


def acted(rng: np.random.Generator) -> tuple[dict[str, Any], Hand]:
    """A trial with random settings, and what somebody did in it."""
    pointer = str(rng.choice(["mouse", "touch"]))
    unplaced, again = int(rng.choice([0, 0, 1])), bool(rng.random() < 0.8)
    protocol = MultiArrangement.model_validate(
        {
            "timing": {"trial_limit_s": float(rng.choice([0, 0, 15, 40]))},
            "rules": {"unplaced_allowed": unplaced, "start_over": again},
            "answers": {"confirm_done": bool(rng.random() < 0.4)},
            "screen": {"touch": pointer == "touch"},
        }
    )
    n, size = int(rng.integers(2, 7)), ((1280, 1024), (360, 740))[rng.integers(2)]
    trial = ArrangementTrial(
        trial_index=int(rng.integers(1, 9)),
        trial_type="main",
        items=tuple(f"o{item}" for item in range(n)),
        seats=Seating(tuple(rng.permutation(n).tolist()), float(rng.uniform(0, 360))),
        progress=0.5,
    )
    activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, size, n))
    hand = Hand(activity, rng, pointer)
    if rng.random() < 0.9:
        hand.give("shown")
    for _ in range(30):
        hand.act()
    case = {"made": "arrangement", "trial": arrangement(trial).model_dump(mode="json")}
    case |= {"protocol": protocol.model_dump(mode="json"), "size": size}
    return case | {"widths": widths(protocol, size), "steps": hand.events}, hand


def test_the_same_events_give_the_same_items(rng: np.random.Generator) -> None:
    found = [acted(rng) for _ in range(N_SEQUENCES)]
    kinds: Counter[str] = Counter()
    answers = replayed([case for case, _ in found])
    for answer, (case, hand) in zip(answers, found, strict=True):
        for number, (page, python) in enumerate(zip(answer, hand.answers, strict=True)):
            shown = {key: page.get(key) for key in python}
            ours = json.loads(json.dumps(python))
            assert not list(differences(ours, shown)), case["steps"][: number + 1][-8:]
            rows = [one["values"]["trial_type"] for one in page["items"] if one["kind"] == "event"]
            kinds.update([one["kind"] for one in page["items"]] + rows)
            kinds.update(one.get("event", "") for one in page["items"])
            kinds.update(one["ending"]["reason"] for one in page["items"] if "ending" in one)
    for kind in ("drag", "inspect", "reset", "seat", "done", "trial_paused", "timeout"):
        assert kinds[kind] > 3, kinds
