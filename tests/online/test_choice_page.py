"""The page's choices and ratings behave as the window's, event by event."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from tests.online.replay import Restart, differences, played, replayed, sent

from twoalike.online._records import Item
from twoalike.tasks import (
    AnchoredChoice,
    Button,
    Event,
    KeyPress,
    Layout,
    MostAlikePair,
    Nudge,
    OddOneOfMany,
    OddOneOut,
    PairRating,
    PointerMove,
    PointerPress,
    PointerRelease,
    Shown,
    Tick,
    Trial,
    View,
    lay_out,
)
from twoalike.tasks.choosing import TripletActivity
from twoalike.tasks.pair_rating import RatingActivity, lay_out_rating

type Rules = OddOneOut | AnchoredChoice | OddOneOfMany | MostAlikePair
TASKS: tuple[type[Rules], ...] = (OddOneOut, AnchoredChoice, OddOneOfMany, MostAlikePair)
SIZES = [(360, 740), (740, 360), (320, 568), (1024, 768), (1920, 1080), (3840, 2160), (501, 997)]


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
    if task in (OddOneOfMany, MostAlikePair):
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
    trial = Trial(number, 1, kind, "t", names, positions, right)
    if task is MostAlikePair:
        return replace(trial, kind="alike_pair", expected_with=right and right % n + 1)
    return replace(trial, kind="anchored") if anchored else trial


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


def on_page(event: Event | Restart, rules: Rules, layout: Layout) -> dict[str, Any]:
    """Event of the page; images are buttons there."""
    given = sent(event, touch=rules.screen.touch)
    if isinstance(event, PointerPress) and event.button == "left" and rules.answers.mouse:
        place = layout.hit(event.x, event.y)
        if place in rules.answers.places:
            return {"kind": "pick", "time": event.time, "place": place, "method": given["pointer"]}
    return given


def test_trials_give_the_items_and_scenes_of_the_window() -> None:
    rng = np.random.default_rng(2)
    cases: list[dict[str, Any]] = []
    expected: list[list[dict[str, Any]]] = []
    for number in range(1, 601):
        task = TASKS[number % 4]
        rules, trial = random_rules(rng, task), random_trial(rng, number, task)
        size = SIZES[number % 7]
        layout = lay_out(rules, View(size), len(trial.stimuli))
        events = list(random_events(rng, layout))
        shown = {
            name: getattr(trial, name)
            for name in ("trial_index", "trial_type", "stimuli", "positions", "anchored")
        } | {"n_chosen": 1 + (task is MostAlikePair)}
        if trial.trial_type == "practice" and rules.practice.feedback:
            shown |= {name: getattr(trial, name) for name in ("expected", "expected_with")}
        steps = [on_page(event, rules, layout) for event in events]
        given = {"protocol": rules.model_dump(mode="json"), "trial": shown}
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
    assert sum(one["taken_back"] > 0 for one in results) > 5


def rated(rng: np.random.Generator, rules: PairRating) -> Iterator[tuple[list[Event], list[Any]]]:
    """What somebody does in a trial of ratings: a window's events, and those of the page."""
    layout = lay_out_rating(rules, View((1280, 800)))
    time = float(rng.uniform(0, 100))
    for number in range(40):
        time += float(rng.exponential(0.25))
        draw = rng.random() if number else 0.0
        how = {"time": time, "method": "mouse"}
        if draw < 0.4:
            shown = Shown(time, int(rng.integers(0, 3)))
            yield [shown], [sent(shown)]
        elif draw < 0.6:
            key = KeyPress(time, str(rng.choice(["2", "num_3", "9", "x", "return", "space"])))
            yield [key], [sent(key)]
        elif draw < 0.75:
            dx, fine = int(rng.choice([-1, 1])), bool(rng.random() < 0.5)
            nudge = {"kind": "nudge", "time": time, "dx": dx, "dy": 0, "fine": fine}
            yield [Nudge(time, dx, 0, fine)], [nudge]
        elif draw < 0.85 and layout.done is not None:
            done = PointerPress(time, layout.done.x, layout.done.y, "left")
            yield [done], [{"kind": "done", **how}]
        elif layout.points:
            point = int(rng.integers(0, rules.scale.points))
            box = layout.points[point]
            press = PointerPress(time, box.x, box.y, "left")
            yield [press], [{"kind": "choose", "point": point + 1, **how}]
        else:  # a drag that begins beside the handle
            xs = np.array([0.5, *rng.uniform(-0.4, 0.4, 2)]) * layout.track.width
            y = layout.track.y
            values = [layout.value_at(float(x)) for x in xs]
            slides = [{"kind": "slide", "value": value, **how} for value in values]
            moves = [PointerMove(time, float(x), y) for x in xs[1:]]
            press = PointerPress(time, float(xs[0]), y, "left")
            release = PointerRelease(time, float(xs[-1]), y, "left")
            yield [press, *moves, release], [{"kind": "grip", **how}, *slides]


def test_ratings_give_the_items_of_the_window() -> None:
    rng = np.random.default_rng(3)
    cases: list[dict[str, Any]] = []
    expected: list[list[Any]] = []
    for number in range(1, 201):
        kind, confirm = str(rng.choice(["likert", "slider"])), bool(rng.random() < 0.5)
        limit = float(rng.choice([0.0, 2.0]))
        timing = {"response_limit_s": limit, "minimum_rt_s": 0.2, "flag_slow_s": 1.5}
        scale = {"kind": kind, "confirm": confirm, "start": 0.5}
        rules = PairRating.model_validate({"scale": scale, "timing": timing})
        done = list(rated(rng, rules))
        names, places = ("a", "b"), tuple(rng.permutation(["left", "right"]).tolist())
        trial = Trial(number, 1, "main", "t", names, places, kind="rating")
        activity = RatingActivity(trial, rules, lay_out_rating(rules, View((1280, 800))))
        events = [event for events, _ in done for event in events]
        expected.append([item for step in played(activity, events) for item in step["items"]])
        shown = {"trial_index": number, "stimuli": names, "positions": places}
        steps = [step for _, steps in done for step in steps]
        given = {"protocol": rules.model_dump(mode="json"), "trial": shown}
        cases.append({"made": "rating", "steps": steps, **given})
    found = [[item for step in one for item in step["items"]] for one in replayed(cases)]
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        assert not list(differences(ours, theirs)), number
    results = [item for one in found for item in one if item["kind"] == "rating"]
    assert len(results) > 100
    assert {one["method"] for one in results} == {"keyboard", "mouse", "none"}
    assert sum(one["n_adjustments"] > 1 for one in results) > 20
