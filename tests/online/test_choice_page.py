"""The page's choices look and behave as the window's, event by event."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from tests.online.replay import Restart, differences, played, replayed, sent

from twoalike.online._records import Item
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import (
    AnchoredChoice,
    Button,
    Event,
    KeyPress,
    Layout,
    OddOneOfMany,
    OddOneOut,
    PointerPress,
    Shown,
    Tick,
    Trial,
    View,
    lay_out,
)
from twoalike.tasks.choosing import TripletActivity

type Rules = OddOneOut | AnchoredChoice | OddOneOfMany
SIZES = [(360, 740), (740, 360), (320, 568), (1024, 768), (1920, 1080), (3840, 2160), (501, 997)]


def random_images(rng: np.random.Generator, *, grid: bool) -> dict[str, Any]:
    way = str(rng.choice(["image_fraction", "image_px", "image_deg"], p=[0.6, 0.2, 0.2]))
    most = {"image_fraction": 0.33, "image_px": 400.0, "image_deg": 9.0}[way]
    value = rng.uniform(0.02, most)
    value = round(value) + 1 if way == "image_px" else value
    sizes = {"image_fraction": 0.0, "image_px": 0, "image_deg": 0.0, way: value}
    layouts = ["grid", "ring"] if grid else ["row", "triangle"]
    return {**sizes, "gap_px": int(rng.integers(0, 80)), "layout": str(rng.choice(layouts))}


def random_size(rng: np.random.Generator) -> tuple[int, int]:
    return int(rng.integers(200, 2500)), int(rng.integers(200, 2500))


def described(layout: Layout) -> dict[str, Any]:
    about: dict[str, Any] = {"size": list(layout.size), "fits": True}
    about |= {name: getattr(layout, name) for name in ("image", "text")}
    for name in ("prompt_y", "prompt_room", "timer_y"):
        about[name] = float(getattr(layout, name))
    places = about["places"] = list(layout.places)
    about["centres"] = {place: list(layout.centre(place)) for place in places}
    about["labels"] = {place: list(map(float, layout.label(place))) for place in places}
    about["label_widths"] = {place: float(layout.label_width(place)) for place in places}
    return about


def test_images_have_the_places_that_they_have_in_a_window() -> None:
    rng = np.random.default_rng(1)
    screen = {"px_per_cm": 38.0, "distance_cm": 57.0}
    cases: list[dict[str, Any]] = []
    expected: list[dict[str, Any] | None] = []
    for number in range(600):
        task: type[Rules] = (OddOneOut, AnchoredChoice, OddOneOfMany)[number % 3]
        n = int(rng.integers(3, 7)) if task is OddOneOfMany else 3
        images = random_images(rng, grid=task is OddOneOfMany)
        text = {"text_fraction": float(rng.uniform(0.02, 0.1))}
        size = SIZES[number % 7] if number < 70 else random_size(rng)
        protocol = task.model_validate({"images": images, "screen": text})
        width_m = size[0] / screen["px_per_cm"] / 100
        profile = ScreenProfile(width_m=width_m, distance_m=screen["distance_cm"] / 100)
        given = {"protocol": protocol.model_dump(mode="json"), "size": size, "n": n}
        cases.append({"made": "layout", "measured": screen, **given})
        try:
            expected.append(described(lay_out(protocol, View(size, profile), n)))
        except TwoalikeError:
            expected.append(None)
    found = replayed(cases)
    for case, ours, theirs in zip(cases, expected, found, strict=True):
        if ours is None:
            assert not theirs["fits"], case["size"]
        else:
            assert not list(differences(ours, theirs)), (case["size"], case["protocol"]["images"])
    assert sum(ours is not None for ours in expected) > 300


def random_rules(rng: np.random.Generator, task: type[Rules]) -> Rules:
    limit = float(rng.choice([0.0, 0.8, 2.0]))
    timing = {
        "fixation_s": float(rng.choice([0.0, 0.5])),
        "response_limit_s": limit,
        "timer_from": float(rng.choice([0.0, 0.4])),
        "show_timer": bool(rng.random() < 0.8),
        "feedback_s": float(rng.choice([0.0, 0.4])),
        "minimum_rt_s": float(rng.choice([0.0, 0.2])),
        "flag_slow_s": 1.5,
    }
    practice = {
        "feedback": bool(rng.random() < 0.8),
        "feedback_s": float(rng.choice([0.0, 1.0])),
    }
    answers = {"mouse": bool(rng.random() < 0.8)}
    screen = {"touch": bool(rng.random() < 0.5)}
    return task.model_validate(
        {"timing": timing, "practice": practice, "answers": answers, "screen": screen}
    )


def random_trial(rng: np.random.Generator, number: int, task: type[Rules]) -> Trial:
    n, places = 3, ["left", "middle", "right"]
    if task is OddOneOfMany:
        n = int(rng.integers(3, 7))
        places = [str(place) for place in range(1, n + 1)]
    names = tuple(str(name) for name in rng.permutation(list("abcdefgh"))[:n])
    anchored = task is AnchoredChoice
    given = rng.permutation(places)
    if anchored:
        given = np.array(["middle", *rng.permutation(["left", "right"])])
    kind = str(rng.choice(["practice", "main", "catch"]))
    right = int(rng.integers(2 if anchored else 1, n + 1)) if rng.random() < 0.7 else None
    positions = tuple(str(place) for place in given)
    return Trial(
        number, 1, kind, "t", names, positions, right, kind="anchored" if anchored else "odd"
    )


KEYS = ["left", "down", "right", "1", "2", "3", "num_2", "5", "space", "return", "x", "up"]


def random_events(rng: np.random.Generator, layout: Layout) -> Iterator[Event | Restart]:
    """Events as they come in any order, none before the first frame of its moment."""
    time = float(rng.uniform(0, 100))
    for _ in range(30):
        time += float(rng.exponential(0.25))
        draw = rng.random()
        if draw < 0.4:
            yield Shown(time, None if rng.random() < 0.05 else int(rng.integers(0, 3)))
        elif draw < 0.55:
            yield Tick(time)
        elif draw < 0.77:
            yield KeyPress(time, str(rng.choice(KEYS)))
        elif draw < 0.96:
            x, y = layout.centre(str(rng.choice(layout.places)))
            beside, above = rng.normal(0, layout.image / 3), rng.normal(0, 20)
            button: Button = "left" if rng.random() < 0.9 else "right"
            yield PointerPress(time, x + float(beside), y + float(above), button)
        else:
            yield Restart(time)


def test_trials_give_the_items_and_scenes_of_the_window() -> None:
    rng = np.random.default_rng(2)
    cases: list[dict[str, Any]] = []
    expected: list[list[dict[str, Any]]] = []
    for number in range(1, 601):
        task: type[Rules] = (OddOneOut, AnchoredChoice, OddOneOfMany)[number % 3]
        rules, trial = random_rules(rng, task), random_trial(rng, number, task)
        size = SIZES[number % 7]
        layout = lay_out(rules, View(size), len(trial.stimuli))
        events = list(random_events(rng, layout))
        shown = {
            name: getattr(trial, name)
            for name in ("trial_index", "trial_type", "stimuli", "positions", "anchored")
        }
        if trial.trial_type == "practice" and rules.practice.feedback:
            shown["expected"] = trial.expected
        steps = [sent(event, touch=rules.screen.touch) for event in events]
        given = {"protocol": rules.model_dump(mode="json"), "trial": shown, "size": size}
        cases.append({"made": "trial", "steps": steps, **given})
        expected.append(played(TripletActivity(trial, rules, layout), events))
    found = replayed(cases)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        assert not list(differences(ours, theirs)), number
    items = [item for trial in found for step in trial for item in step["items"]]
    TypeAdapter(list[Item]).validate_json(json.dumps(items))
    results = [item for item in items if item["kind"] == "choice"]
    methods = {one["answer"]["method"] if one["answer"] else "none" for one in results}
    assert methods == {"keyboard", "mouse", "touch", "none"}
    assert {one["flag"] for one in results} == {None, "fast", "slow", "interrupted"}
    assert sum(one["early"] > 0 for one in results) > 20


def test_an_image_chosen_without_a_pointer_counts_as_the_keyboards() -> None:
    trial = {"trial_index": 1, "trial_type": "main", "stimuli": ["a", "b", "c"]}
    frames = [{"kind": "shown", "time": at, "dropped": 0, "planned": at} for at in (0.0, 0.5)]
    pick = {"kind": "pick", "time": 2.0, "place": "right"}
    steps = [frames[0], {"kind": "tick", "time": 0.5}, frames[1], pick]
    case = {"made": "trial", "protocol": OddOneOut().model_dump(mode="json"), "steps": steps}
    shown = trial | {"positions": ["left", "middle", "right"]}
    (found,) = replayed([{**case, "trial": shown, "size": (1280, 800)}])
    answer = {"position": "right", "method": "keyboard", "response_time": 1.5, "key": None}
    assert found[-1]["items"][0]["answer"] == answer
