"""Sounds, timed images and turned phones in browsers give the data of a window."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from tests.online.crowd import PAGED, Served, make_study, serving
from tests.online.engines import Name, Size, look, opened
from tests.online.player import Means
from tests.online.test_browser_sessions import (
    CLOCKS,
    HANDS,
    PIXELS,
    TABLES,
    compare,
    log,
    read,
    sit_at_window,
    sit_in_browser,
)

from twoalike.online import build_online
from twoalike.record._tables import timed_columns
from twoalike.study import Study

CHOICES = tuple(name for name in PAGED if name not in ("multi-arrangement", "free-sorting"))[:4]
MASKED = 'presentation_ms = 150\nmask = "scrambled"\nmask_ms = 100\nanswers_from = "offset"\n'
IN_TURN = 'presentation_ms = 100\npresentation = "sequential"\ninterstimulus_ms = 50\n'
STUDIES = {
    "sounds": {"tasks": PAGED, "sounds": True},
    "masked": {"tasks": CHOICES, "timing": MASKED},
    "in turn": {"tasks": CHOICES, "timing": IN_TURN + 'place = "centre"\n'},
    "placed": {"tasks": ("multi-arrangement", "free-sorting")},
    "few": {"tasks": ("odd-one-out", "free-sorting"), "sounds": True},
}
SIZES: dict[Means, Size] = {"hands": (1280, 1024), "mouse": (1366, 768), "touch": (360, 740)}
UNLIKE = {*CLOCKS, *HANDS, *PIXELS, "seat_angle", "timing_flag"}
UNLIKE |= {column.name for column in timed_columns(6) if column.kind == "number"}


@pytest.fixture(scope="module")
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A study of a kind, and its server."""
    root = tmp_path_factory.mktemp("online") / "study"
    made = make_study(root, trials=2, arrangements=1, **STUDIES[request.param])
    with (made.root / "study.toml").open("a", encoding="utf-8") as file:
        file.write('[online]\nentry = "id"\ncompletion_code = "DONE"\n')
    build_online(made.root, 9)
    with serving(Study.load(root)) as server:
        yield server


ALL = [(name, means) for name in get_args(Name.__value__) for means in SIZES]
CASES = [
    ("few", "chromium", "hands"),
    *(pytest.param(kind, *one, marks=pytest.mark.slow) for kind in [*STUDIES][:3] for one in ALL),
]


@pytest.mark.parametrize(("served", "name", "means"), CASES, indirect=["served"])
def test_a_session_gives_the_data_of_the_window(
    served: Served, tmp_path: Path, name: Name, means: Means
) -> None:
    with opened(name, tmp_path / "profile", SIZES[means], touch=means == "touch") as engine:
        code = sit_in_browser(served, engine, means)
    study = served.study
    lab = sit_at_window(study, tmp_path, code)
    tables = [table for table in TABLES if [*lab.raw.glob(f"sub-{code}/**/*{table}")]]
    for table in tables if means == "hands" else [one for one in tables if "events" not in one]:
        page = compare(study, lab, code, table, UNLIKE)
        if "presentation_planned" in page.columns:
            check_frames(page, read(lab, code, table))
    for task in {table.split("*")[0].removeprefix("task-") for table in tables}:
        page, window = (log(one, code, task).count("sound_played") for one in (study, lab))
        assert page >= window


def check_frames(page: pd.DataFrame, window: pd.DataFrame) -> None:
    """Durations are those planned but for trials that say which was not."""
    flags = page["timing_flag"]
    page, window = (one.apply(pd.to_numeric, errors="coerce") for one in (page, window))
    kept = page[flags == "n/a"]
    assert len(kept)
    for kind in ("image", "mask") if "mask_planned" in page else ("image",):
        planned = "presentation_planned" if kind == "image" else "mask_planned"
        same = pytest.approx(window[planned].to_numpy(), rel=0.05, nan_ok=True)
        assert page[planned].to_numpy() == same
        lasted = pytest.approx(kept[planned].to_numpy(), abs=0.009, nan_ok=True)
        assert kept[f"{kind}_duration_1"].to_numpy() == lasted


BOXES = """() => [...document.querySelectorAll(".item")].map((item) => {
  const {x, y, width} = item.getBoundingClientRect();
  return [x, y, width].map(Math.round);
})"""


@pytest.mark.slow
@pytest.mark.parametrize("served", ["placed"], indirect=True)
def test_a_phone_that_is_turned_keeps_what_was_placed(served: Served, tmp_path: Path) -> None:
    with opened("chromium", tmp_path / "profile", (412, 780), touch=True) as engine:
        turned = []

        def turn(width: int, height: int) -> None:
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
            engine.send("ExecuteCdp", cmd="Emulation.setDeviceMetricsOverride", params=size)

        def finger(kind: str, *points: tuple[float, float]) -> None:
            at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            given = {"type": kind, "touchPoints": at}
            engine.send("ExecuteCdp", cmd="Input.dispatchTouchEvent", params=given)

        def look_at(state: dict[str, Any]) -> None:
            if state["kind"] != "placed":
                return
            engine.wait("() => document.querySelector('.item[data-rim=held]') ? null : true")
            before = engine.ask(BOXES), engine.ask(look("faults"), True)
            x, y = engine.ask(look("middle"), ".item", 0)
            finger("touchStart", (x, y))
            turn(780, 412)
            engine.wait("() => document.body.innerText.includes('Please turn your phone') || null")
            turn(412, 780)
            finger("touchEnd")
            engine.wait("() => document.querySelector('dialog, .cover') ? null : true")
            finger("touchStart", (200, 20), (220, 40))  # two enlarge the page
            finger("touchMove", (160, 10), (260, 80))
            finger("touchEnd")
            assert (engine.ask(BOXES), engine.ask(look("faults"), True)) == before
            turned.append(state)

        code = sit_in_browser(served, engine, "touch", look=look_at)
    assert len(turned) > 2
    lab = sit_at_window(served.study, tmp_path, code)
    for task in ("multiarrangement", "freesorting"):
        unlike = {*UNLIKE, "n_moves", "n_inspections"}
        compare(served.study, lab, code, f"task-{task}*_beh.tsv", unlike)
