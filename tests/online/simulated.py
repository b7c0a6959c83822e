"""Records of a browser, made from what a session in a window gives: the same items, as JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from twoalike.online import OnlineStudy
from twoalike.online import _records as sent
from twoalike.online._blocks import Block, next_arrangement_block, spliced
from twoalike.online._records import ArrangementStep, BlockStep, Part, QuestionStep, TrialStep
from twoalike.sitting import _part, sit
from twoalike.tasks import EventRow, Item, Keeper, Note, QuestionAnswers
from twoalike.tasks.choosing import TrialResult
from twoalike.tasks.free_sorting import SortingResult
from twoalike.tasks.multi_arrangement import ArrangementResult
from twoalike.tasks.multi_arrangement._placing import PlacedResult
from twoalike.tasks.pair_rating import RatingResult

DEVICE = {
    "browser": "chrome",
    "browser_version": "126.0",
    "system": "windows",
    "mobile": False,
    "window_px": [1280, 800],
    "pixel_ratio": 1.5,
    "refresh_hz": 60.0,
    "fullscreen": True,
    "touch": False,
    "px_per_cm": 40.0,
    "distance_cm": None,
}
ANSWER = ("position", "method", "response_time", "key", "first", "first_time")
RATED = ("trial_index", "onset", "early", "dropped", "flag", "value", "response_time", "method")
RATED += ("n_adjustments",)
PLACED = ("trial_index", "onset", "item_px")
KINDS: dict[type, tuple[str, tuple[str, ...]]] = {
    Note: ("note", ("event", "time", "detail")),
    EventRow: ("event", ("values",)),
    QuestionAnswers: ("answers", ("measure", "values")),
    TrialResult: ("choice", ("trial_index", "onset", "early", "dropped", "flag")),
    RatingResult: ("rating", RATED),
    ArrangementResult: ("arrangement", (*PLACED, "places", "inside", "seat_angles", "radius_px")),
    SortingResult: ("sorting", (*PLACED, "cells")),
}
"""Kind of an item as it is sent, and what it is sent with."""
ENTERED = "2026-11-28T10:00:00+00:00"


def items_of(root: Path, code: str, **options: Any) -> list[list[Item]]:
    """Let a simulated participant sit down; return the items of each part."""
    parts: list[list[Item]] = []

    class Keeping(Keeper):
        def __init__(self, **named: Any) -> None:
            super().__init__(**named)
            parts.append([])

        def __call__(self, item: Item) -> None:
            parts[-1].append(item)
            super().__call__(item)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_part, "Keeper", Keeping)
        sit(root, code, simulate=True, window=False, show=lambda _: None, **options)
    return parts


def as_sent(item: Item, late: float = 0.002) -> dict[str, Any]:
    """An item as the page sends it; frames are shown so many s after those planned."""
    kind, names = KINDS[type(item)]
    found = {"kind": kind, **{name: getattr(item, name) for name in names}}
    if isinstance(item, TrialResult | RatingResult | PlacedResult):
        found["planned_onset"] = item.onset - late
    if isinstance(item, TrialResult):
        found["answer"] = item.answer and {name: getattr(item.answer, name) for name in ANSWER}
        if item.answer and not item.answer.first:
            found["answer"] |= {"first": None, "first_time": None}
        found["taken_back"] = item.n_taken_back
    if isinstance(item, SortingResult):
        names = [item.names.get(cell, "") for cell in item.piles]
        found |= {"used": list(item.piles), "names": names}
    if isinstance(item, PlacedResult):
        handling = [vars(one) for one in item.handling]
        found |= {"items": item.trial.items, "handling": handling, "ending": vars(item.ending)}
    return found


def _ends(item: Item, step: object) -> bool:
    """Whether an item is the last one of a step."""
    match step:
        case QuestionStep():
            return isinstance(item, QuestionAnswers)
        case TrialStep() | ArrangementStep():
            return isinstance(item, TrialResult | PlacedResult)
    return isinstance(item, Note) and item.event == getattr(step, "name", "")


def steps_of(part: Part, items: list[Item]) -> Iterator[tuple[int, list[Item]]]:
    """Number of the step and items of each record of a part."""
    step, held = 0, list[Item]()
    for item in items:
        if isinstance(item, Note) and item.event == "arranged":
            continue  # the page does not know
        held.append(item)
        if step < len(part.steps) and _ends(item, part.steps[step]):
            yield step, held
            step, held = step + 1, []
    if held:
        yield step - 1, held


def chosen(built: OnlineStudy, code: str, number: int, items: list[Item]) -> Part:
    """A part with the arrangements that a server chooses by a session's answers."""
    part, blocks = built.person(code).parts[number], list[Block]()
    if not any(isinstance(step, BlockStep) for step in part.steps):
        return part
    results = [
        sent.ArrangementResult.model_validate_json(json.dumps(as_sent(item)))
        for item in items
        if isinstance(item, ArrangementResult)
    ]
    prepared = built.prepared(code)[number]
    while not blocks or blocks[-1].arranged is not None:
        key = {"session": "s", "part": number, "block": len(blocks) + 1}
        before = results[: len(blocks)]
        blocks.append(next_arrangement_block(prepared, blocks, before, key))
    return part.model_copy(update={"steps": spliced(part.steps, blocks)})


def records_of(
    built: OnlineStudy, code: str, parts: list[list[Item]], session: str = ""
) -> list[dict[str, Any]]:
    """Records of a session that was run to its end."""
    records: list[dict[str, Any]] = []
    for number, items in enumerate(parts):
        part = chosen(built, code, number, items)
        own: list[dict[str, Any]] = [
            {
                "session": session or f"s-{code}",
                "n": 0,
                "protocol": built.session.hash,
                "part": number,
                "step": step,
                "items": [as_sent(item) for item in held],
            }
            for step, held in steps_of(part, items)
        ]
        own[0]["items"].insert(0, {"kind": "segment", "time": 0.0, "device": DEVICE})
        end = items[-1]
        assert isinstance(end, Note)
        own[-1]["items"].append({"kind": "end", "time": end.time, "reason": end.detail["reason"]})
        records += own
    return [{**record, "n": n} for n, record in enumerate(records, start=1)]


def head_of(
    built: OnlineStudy, code: str, ended: str | None = "completed", session: str = ""
) -> dict[str, Any]:
    """Line of an archive that describes a session."""
    return {
        "kind": "session",
        "session": session or f"s-{code}",
        "participant": code,
        "protocol": built.session.hash,
        "entered": ENTERED,
        "ended": ended,
    }


def write_archive(path: Path, *lines: Any) -> Path:
    """Write lines, or lists of them, as an archive."""
    flat = [one for line in lines for one in (line if isinstance(line, list) else [line])]
    path.write_text("".join(json.dumps(one) + "\n" for one in flat), encoding="utf-8")
    return path
