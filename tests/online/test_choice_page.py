"""The page's choices and ratings behave as the window's, event by event."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from tests.online.replay import Restart, differences, played, replayed, sent

from twoalike.online._records import Item
from twoalike.tasks import (
    Activity,
    AnchoredChoice,
    Button,
    Event,
    KeyPress,
    Layout,
    Listening,
    MostAlikePair,
    Nudge,
    OddOneOfMany,
    OddOneOut,
    PairRating,
    PointerMove,
    PointerPress,
    Shown,
    Tick,
    Trial,
    View,
    frame_counts,
    lay_out,
)
from twoalike.tasks._presentation import Presentation
from twoalike.tasks.choosing import TripletActivity, presented
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
    if rng.random() < 0.4:
        turns = {"presentation": "sequential", "interstimulus_ms": float(rng.choice([0, 150]))}
        turns["place"] = str(rng.choice(["own", "centre"]))
        masks = {"mask": "scrambled", "mask_ms": 100.0}
        timing |= {"presentation_ms": float(rng.choice([50, 200])), "fixation_s": 0.3}
        timing |= (turns if rng.random() < 0.5 else {}) | (masks if rng.random() < 0.5 else {})
        timing |= {"answers_from": str(rng.choice(["onset", "offset"]))}
        timing["response_limit_s"] = limit and 5.0
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


def random_events(
    rng: np.random.Generator, targets: Sequence[tuple[float, float]], spread: float
) -> Iterator[Event | Restart]:
    """Events as they come in any order; presses near the targets."""
    time = float(rng.uniform(0, 100))
    for _ in range(30):
        time += float(rng.exponential(0.25))
        draw = rng.random()
        if draw < 0.4:
            yield Shown(time, None if rng.random() < 0.05 else int(rng.integers(0, 3)))
        elif draw < 0.55:
            yield Tick(time)
        elif draw < 0.75:
            yield KeyPress(time, str(rng.choice(KEYS)))
        elif draw < 0.8:
            yield Nudge(time, int(rng.choice([-1, 1])), 0, bool(rng.random() < 0.5))
        elif draw < 0.96:
            x, y = targets[rng.integers(len(targets))]
            beside, above = rng.normal(0, spread), rng.normal(0, 20)
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
    planned: list[Callable[[], Presentation]] = []
    for number in range(1, 601):
        task = TASKS[number % 4]
        rules, trial = random_rules(rng, task), random_trial(rng, number, task)
        size = SIZES[number % 7]
        layout = lay_out(rules, View(size), len(trial.stimuli))
        centres = [layout.centre(place) for place in layout.places]
        events = list(random_events(rng, centres, layout.image / 3))
        shown = {
            name: getattr(trial, name)
            for name in ("trial_index", "trial_type", "stimuli", "positions", "anchored")
        } | {"n_chosen": 1 + (task is MostAlikePair)}
        counts = frame_counts(rules.timing, 60.0)
        planned.append(partial(presented, trial, rules, counts))
        steps_ = planned[-1]().steps if counts else ()
        shown["steps"] = [{"kind": s.kind, "items": s.items, "ms": s.asked_ms} for s in steps_]
        if rules.timing.mask != "none":
            shown["masks"] = [f";{name}" for name in trial.stimuli]
        if trial.trial_type == "practice" and rules.practice.feedback:
            shown |= {name: getattr(trial, name) for name in ("expected", "expected_with")}
        steps = [on_page(event, rules, layout) for event in events]
        given = {"protocol": rules.model_dump(mode="json"), "trial": shown}
        cases.append({"made": "trial", "steps": steps, **given})
        expected.append(played(TripletActivity(trial, rules, layout, refresh_hz=60.0), events))
    found = replayed(cases)
    items = [item for trial in found for step in trial for item in step["items"]]
    TypeAdapter(list[Item]).validate_json(json.dumps(items))
    n_timed = 0
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        for item in (item for step in theirs for item in step["items"] if "starts" in item):
            presentation = planned[number - 1]()
            presentation.put(item.pop("starts"))
            item["timed"] = presentation.columns()
            n_timed += not item.pop("away")
        assert not list(differences(ours, theirs)), number
    assert n_timed > 30
    results = [item for item in items if item["kind"] == "choice"]
    methods = {one["answer"]["method"] if one["answer"] else "none" for one in results}
    assert methods == {"keyboard", "mouse", "touch", "none"}
    assert {one["flag"] for one in results} == {None, "fast", "slow", "interrupted"}
    assert sum(one["early"] > 0 for one in results) > 20
    assert sum(one["taken_back"] > 0 for one in results) > 3


def test_ratings_give_the_items_of_the_window() -> None:
    rng = np.random.default_rng(3)
    cases, expected = list[dict[str, Any]](), list[list[dict[str, Any]]]()
    for number in range(1, 301):
        scale = {"kind": ("likert", "slider")[number % 2], "confirm": bool(rng.random() < 0.5)}
        timing = {"response_limit_s": float(rng.choice([0.0, 2.0])), "flag_slow_s": 1.5}
        rules = PairRating.model_validate({"scale": scale, "timing": timing})
        layout = lay_out_rating(rules, View((1280, 800)))
        names, places = ("a", "b"), tuple(rng.permutation(["left", "right"]).tolist())
        trial = Trial(number, 1, "main", "t", names, places, kind="rating")
        boxes = [box for box in (*layout.points, layout.done) if box is not None]
        events = list(random_events(rng, [(box.x, box.y) for box in boxes], 3.0))
        steps = []
        for event in events:
            step = sent(event)
            if isinstance(event, PointerPress) and event.button == "left":  # on a button
                point = layout.point_at(event.x, event.y)
                done = layout.done is not None and layout.done.holds(event.x, event.y)
                kind = "choose" if point else "done" if done else "press"
                step |= {"kind": kind, "point": point, "method": "mouse"}
            steps.append(step)
        given = {"protocol": rules.model_dump(mode="json"), "steps": steps}
        shown = {"trial_index": number, "stimuli": names, "positions": places}
        cases.append({"made": "rating", "trial": shown, **given})
        expected.append(played(RatingActivity(trial, rules, layout), events))
    found = replayed(cases)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        seen = [{**one, "scene": 0} for one in theirs]
        assert not list(differences([{**one, "scene": 0} for one in ours], seen)), number
    results = [item for one in found for step in one for item in step["items"] if "value" in item]
    assert len(results) > 200
    assert {one["method"] for one in results} == {"keyboard", "mouse", "none"}


@pytest.mark.parametrize("task", [OddOneOut, AnchoredChoice, MostAlikePair, PairRating])
def test_trials_with_sounds_give_the_items_of_the_window(task: Any) -> None:
    rng, lengths = np.random.default_rng(4), {"a": 0.2, "b": 0.5, "c": 0.4}
    cases, expected = list[dict[str, Any]](), list[list[dict[str, Any]]]()
    for number in range(1, 101):
        limit, touch = float(rng.choice([0.0, 20.0])), bool(rng.random() < 0.4)
        rules = task.model_validate(
            {
                "timing": {"response_limit_s": limit, "flag_slow_s": 4, "fixation_s": 0.1},
                "screen": {"touch": touch},
                "sounds": {"heard": bool(rng.random() < 0.7)},
            }
        )
        places: tuple[str, ...] = ("left", "middle", "right")
        if task is PairRating:
            trial = Trial(number, 1, "main", "t", ("b", "a"), ("left", "right"), kind="rating")
            layout: Any = lay_out_rating(rules, View((1280, 800)))
            activity: Activity = RatingActivity(trial, rules, layout)
            places = ("left", "right")
        else:
            places = places if task is not MostAlikePair else ("1", "2", "3")
            kind: Any = {AnchoredChoice: "anchored", MostAlikePair: "alike_pair"}.get(task, "odd")
            placed = ("middle", "left", "right") if kind == "anchored" else places
            trial = Trial(number, 1, "main", "t", ("a", "d", "b"), placed, kind=kind)
            layout = lay_out(rules, View((1280, 800)))
            activity = TripletActivity(trial, rules, layout)
        listening, steps, events, time = Listening(activity, rules, lengths), [], [], 0.0
        for _ in range(40):
            time += float(rng.choice([0.01, 0.15, 0.6]))
            at = int(rng.integers(len(places)))
            name = trial.stimuli[trial.positions.index(places[at])]
            key = str(rng.choice(["a", "s", "d", "left", "2", "x", "return"]))
            point, by = layout.centres[at], "touch" if touch else "mouse"
            answers = task is not PairRating and places[at] in rules.answers.places
            pressed = {"kind": "pick" if answers else "hear", "place": places[at], "name": name}
            event, step = [
                (Shown(time), {}),
                (Tick(time), {}),
                (KeyPress(time, key), {}),
                (PointerMove(time, *point), {"kind": "point", "name": name, "method": by}),
                (PointerMove(time, 0, 399), {"kind": "point", "name": None, "method": by}),
                (PointerPress(time, *point), {**pressed, "time": time, "method": by}),
                (Restart(time), {}),
            ][rng.choice(7, p=[0.2, 0.25, 0.2, 0.14, 0.05, 0.15, 0.01])]
            events.append(event)
            steps.append(sent(event, touch=touch) | step)
        shown = {"trial_index": number, "stimuli": trial.stimuli, "positions": trial.positions}
        shown |= {"anchored": trial.anchored, "n_chosen": 1 + (task is MostAlikePair)}
        case = {"protocol": rules.model_dump(mode="json"), "trial": shown, "steps": steps}
        made = "rating" if task is PairRating else "trial"
        cases.append(case | {"made": made, "lengths": lengths})
        expected.append(played(listening, events))
    found = replayed(cases)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        seen = [{**one, "scene": 0} for one in theirs] if task is PairRating else theirs
        mine = [{**one, "scene": 0} for one in ours] if task is PairRating else ours
        assert not list(differences(mine, seen)), number
    notes = [item for one in found for step in one for item in step["items"] if "detail" in item]
    said = {
        (one["detail"]["by"], one["detail"]["to_end"]) for one in notes if "by" in one["detail"]
    }
    assert len(said) == 6
