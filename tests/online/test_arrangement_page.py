"""The page arranges and sorts as the window does: the same numbers, geometry and items."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from tests.online.replay import differences, replayed
from tests.online.simulated import as_sent

from twoalike.design import ListedSorting
from twoalike.online._compile import arrangement
from twoalike.online._records import Arrangement
from twoalike.tasks import Listening
from twoalike.tasks._activity import (
    Activity,
    Arena,
    Focus,
    KeyPress,
    Nudge,
    Page,
    Piles,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Typed,
)
from twoalike.tasks.free_sorting import FreeSorting, SortingActivity, lay_out_sorting
from twoalike.tasks.multi_arrangement import (
    ArenaLayout,
    ArrangementActivity,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)

N_SEQUENCES = 100
SIZES = [(360, 740), (700, 701), (1280, 1024), (1366, 768), (3840, 2160), (768, 1024)]


def test_rounding_is_pythons(rng: np.random.Generator) -> None:
    numbers = [(float(value), 6) for value in rng.uniform(-1, 1, 500)]
    numbers += [(odd / 128, 6) for odd in range(-129, 130, 2)]  # halves of the last decimal
    numbers += [(half / 2, 0) for half in range(-9, 10)] + [
        (odd / 32, 4) for odd in range(1, 99, 2)
    ]
    (found,) = replayed([{"made": "round", "numbers": numbers}])
    assert found == [round(value, decimals) for value, decimals in numbers]


class Hand:
    """Makes events at random, near what is on the screen, and gives them to a Python activity."""

    def __init__(
        self,
        activity: ArrangementActivity | SortingActivity,
        rng: np.random.Generator,
        pointer: str,
    ) -> None:
        self.activity, self.rng, self.pointer = activity, rng, pointer
        self.lengths = {f"o{item}": 0.5 * item + 0.2 for item in range(4) if rng.random() < 0.4}
        heard = Listening(activity, activity.protocol, self.lengths)
        self.played = heard if self.lengths else activity
        self.time = 0.3
        self.events: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def give(self, kind: str, **fields: Any) -> None:
        """Give one event, and write down what the activity is like afterwards."""
        activity = self.activity
        if kind == "press" and activity.held and isinstance(activity, SortingActivity):
            self.give("release", x=0.0, y=0.0, button="left")  # it might leave a button free
        if kind == "restart":
            items = self.played.restart(self.time)
        else:
            button = self.button(fields) if kind == "press" else ""
            names = getattr(activity, "naming", None) is not None
            items = self.played.handle(EVENTS[kind](time=self.time, **fields))
            if button:  # which is an element of its own in the page
                kind, fields = button, {"method": self.pointer}
            elif names and (kind == "typed" or fields.get("key") == "backspace"):
                kind, fields = "name", {"text": activity.entry}  # as is the field for names
        if kind in ("press", "move", "release"):
            fields["pointer"] = self.pointer
        self.events.append({"kind": kind, "time": self.time, **fields})
        deadline = None if self.lengths else activity.deadline
        state: dict[str, Any] = {"deadline": deadline, "finished": activity.finished}
        state["stack"] = list(activity.stack)
        self.answers.append(
            state | {"items": [as_sent(item, late=0) for item in items], "scene": look(self.played)}
        )

    def button(self, press: dict[str, Any]) -> str:
        """Button that is pressed, if no image covers it; empty for none."""
        (x, y), activity = (press["x"], press["y"]), self.activity
        if press["button"] == "right" or activity.topmost(x, y) is not None:
            return ""
        boxes = {"done": activity.layout.done}
        if activity.protocol.rules.start_over:
            boxes["start_over"] = activity.layout.start_over
        return next((name for name, box in boxes.items() if box.holds(x, y)), "")

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
            x, y = self.within(0.35)
        else:
            x, y = rng.uniform(-1500, 1500, 2)
        return {"x": float(x), "y": float(y)}

    def within(self, share: float) -> tuple[float, float]:
        """Somewhere in the circle, or in a pile."""
        layout, (x, y) = self.activity.layout, self.rng.uniform(-share, share, 2)
        if isinstance(layout, ArenaLayout):
            return layout.to_pixels(x, y)
        box = layout.cells[self.rng.integers(len(layout.cells))]
        return box.x + x * box.width, box.y + y * box.height

    def drag(self, item: int) -> None:
        """Drag an image into the circle or a pile, or what covers it."""
        x, y = self.activity.places[item]
        self.give("press", x=x, y=y, button="left")
        self.time += 0.4
        x, y = self.within(0.3)
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
            if getattr(self.activity, "naming", None) is not None:
                self.give("typed", text=str(rng.choice(["a b", " ", "c" * 40])))
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
EVENTS |= {"typed": Typed}


def look(activity: Activity) -> dict[str, Any]:
    """The scene as the page describes it."""
    scene = activity.scene
    if isinstance(scene, Page):
        return {"kind": "page", "text": scene.text, "footer": scene.footer}
    assert isinstance(scene, Arena | Piles)
    shown = {name: getattr(scene, name) for name in ("prompt", "counter", "magnified")}
    if isinstance(scene, Arena):
        shown |= {"kind": "arena", "progress": scene.progress}
    else:
        target = next((at for at, one in enumerate(scene.piles) if one.rim == "target"), None)
        shown |= {"kind": "piles", "names": [one.name for one in scene.piles], "target": target}
        shown["entry"] = scene.entry
    names = ("name", "text", "enabled")
    buttons = [{name: getattr(one, name) for name in names} for one in scene.buttons]
    until = scene.until and {**asdict(scene.until), "since": None}
    images = list(map(asdict, scene.images))
    return {"images": images, "buttons": buttons, "until": until, **shown}


def acted(rng: np.random.Generator, *, sorts: bool) -> tuple[dict[str, Any], Hand]:
    """A trial with random settings, and what somebody did in it."""
    pointer = str(rng.choice(["mouse", "touch"]))
    unplaced, again = int(rng.choice([0, 0, 1])), bool(rng.random() < 0.8)
    settings: dict[str, Any] = {
        "timing": {"trial_limit_s": float(rng.choice([0, 0, 15, 40]))},
        "rules": {"start_over": again},
        "answers": {"confirm_done": bool(rng.random() < 0.4)},
        "screen": {"touch": pointer == "touch"},
    }
    n, index = int(rng.choice([2, 3, 4, 5, 6, 36])), int(rng.integers(1, 9))
    size = SIZES[rng.integers(len(SIZES))]
    names = tuple(f"o{item}" for item in range(n))
    activity: ArrangementActivity | SortingActivity
    if sorts:
        required, piles = bool(rng.random() < 0.5), int(rng.integers(2, 14))
        settings["rules"] |= {"name_piles": bool(rng.random() < 0.7), "names_required": required}
        settings["rules"] |= {"min_piles": int(rng.integers(1, 3)), "max_piles": piles}
        rules = FreeSorting.model_validate(settings)
        layout = lay_out_sorting(rules, size, n)
        activity = SortingActivity(ListedSorting(index, "main", names), rules, layout)
        given = Arrangement(trial_index=index, items=names)
    else:
        settings["rules"]["unplaced_allowed"] = unplaced
        shares = {
            "arena_fraction": rng.choice([0.5, 0.68]),
            "item_fraction": rng.choice([0.04, 0.2]),
        }
        settings["arena"] = shares
        protocol = MultiArrangement.model_validate(settings)
        trial = ArrangementTrial(
            trial_index=index,
            trial_type="main",
            items=names,
            seats=Seating(tuple(rng.permutation(n).tolist()), float(rng.uniform(0, 360))),
            progress=0.5,
        )
        activity = ArrangementActivity(trial, protocol, lay_out_arena(protocol, size, n))
        given = arrangement(trial)
    hand = Hand(activity, rng, pointer)
    if rng.random() < 0.9:
        hand.give("shown")
    for _ in range(30):
        hand.act()
    case = {"made": "arrangement", "trial": given.model_dump(mode="json")}
    case |= {"protocol": activity.protocol.model_dump(mode="json"), "size": size}
    case |= {"lengths": hand.lengths or None}
    return case | {"steps": hand.events}, hand


@pytest.mark.parametrize("sorts", [False, True])
def test_the_same_events_give_the_same_items(rng: np.random.Generator, *, sorts: bool) -> None:
    found = [acted(rng, sorts=sorts) for _ in range(N_SEQUENCES)]
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
    own = ("name", "sorting") if sorts else ("seat", "arrangement")
    own = (*own, "sound_played")
    for kind in ("drag", "inspect", "reset", "done", "trial_paused", "timeout", *own):
        assert kinds[kind] > 3, kinds
