"""Free sorting by a person at the real command line: drags, keys alone, names, a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from twoalike.record import read_manifest, read_run
from twoalike.tasks import FreeSorting
from twoalike.tasks.free_sorting import lay_out_sorting

pytestmark = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]

NAMED = "break_every = 0\n[rules]\nname_piles = true\n"
PROTOCOL = Path(__file__).with_name("quick_arena.toml").read_text(encoding="utf-8") + NAMED
DESIGN = "trials = 3\n[free_sorting]\nitems = 5\ntrials = 2\npractice_items = 3\n"
TASK = "free-sorting"
SORTING = FreeSorting.model_validate({"rules": {"name_piles": True}})


def listed(session: Any, trial: int) -> list[str]:
    """Images of a trial in the order in which they lie ready."""
    rows = session.name.trials(session.raw).read_text("utf-8").split("\n")[1:-1]
    cells = [row.split("\t") for row in rows]
    return [cell[2] for cell in cells if cell[0] == str(trial)]


def n_events(session: Any) -> int:
    return len(session.events("drag", "inspect", "reset", "name", "done"))


def act(session: Any, do: Callable[[], Any]) -> Any:
    """Do something that brings one event; its row."""
    before = n_events(session)
    do()
    session.until(lambda: n_events(session) > before)
    return session.events("drag", "inspect", "reset", "name", "done").iloc[-1]


def name_piles(session: Any, person: Any, *names: str) -> None:
    """Type the names that are asked for."""
    for name in names[:-1]:
        act(session, lambda name=name: person.type(*name, "Return"))
    n_rows = session.n_rows()
    person.type(*names[-1], "Return")
    session.until(lambda: session.n_rows() > n_rows)


def test_images_are_sorted_by_mouse_and_by_keys_and_go_on_after_a_kill(
    make_study: Callable[..., Path], person: Any, sit: Callable[..., Any]
) -> None:
    root = make_study("study", DESIGN)
    (root / "protocols" / "free_sorting.toml").write_text(PROTOCOL)
    session = sit(root, TASK)
    session.begin()
    session.until(lambda: len(session.events("trial_start")) == 1)
    # Practice, by keys alone: one image goes to the second place of a row, others to the first.
    columns = lay_out_sorting(SORTING, (1280, 1024), 3).columns
    person.type("Tab", "Right", "Right")
    drag = act(session, lambda: person.type("Tab"))
    assert (drag["pointer"], (drag["place"] - 1) % columns) == ("keyboard", 1)
    person.type("Right")
    act(session, lambda: person.type("Tab"))
    act(session, lambda: person.type("Right", "Return"))
    places = set(session.events("drag")["place"])
    name_piles(session, person, *["ab", "c", "d"][: len(places)])
    # The first main trial, by mouse; killed in the middle, it begins anew.
    layout = lay_out_sorting(SORTING, (1280, 1024), 5)
    ready, boxes = layout.tray_places(5), layout.cells
    session.until(
        lambda: len(session.events("trial_start")) == 2, lambda: person.press("space")
    )  # the page after the practice
    items = listed(session, 2)
    row = act(session, lambda: person.drag(ready[0], (boxes[7].x, boxes[7].y)))
    assert (row["stimulus"], row["place"], row["pointer"]) == (items[0], 8, "mouse")
    session = session.killed()
    session.until(lambda: len(session.events("trial_start")) == 3)
    for place, cell in zip(ready, (4, 4, 0, 0, 4), strict=True):
        act(session, lambda at=place, cell=cell: person.drag(at, (boxes[cell].x, boxes[cell].y)))
    side, inside = layout.pile_places(4, 3)
    row = act(session, lambda: person.drag(inside[2], (boxes[9].x, boxes[9].y)))
    assert (row["stimulus"], row["place_start"], row["place"]) == (items[4], 5, 10)
    _, inside = layout.pile_places(4, 2)
    act(session, lambda: person.click(*inside[0], button=3, hold_s=0.2))
    row = act(session, lambda: person.drag(inside[1], (layout.tray.x, layout.tray.y)))
    assert pd.isna(row["place"])  # taken back
    person.click(layout.done.x, layout.done.y)  # too early
    act(session, lambda: person.drag(ready[1], (boxes[4].x, boxes[4].y)))
    person.click(layout.done.x, layout.done.y)
    name_piles(session, person, "one", "two", "three")
    # The second one: all at once, and start over.
    session.until(lambda: len(session.events("trial_start")) == 4)
    act(session, lambda: person.drag(ready[0], (boxes[0].x, boxes[0].y)))
    person.click(layout.start_over.x, layout.start_over.y)
    row = act(session, lambda: person.click(layout.start_over.x, layout.start_over.y))
    assert row["trial_type"] == "reset"
    for number, place in enumerate(ready):
        box = boxes[number % 2]
        act(session, lambda at=place, box=box: person.drag(at, (box.x, box.y)))
    person.press("Return")
    name_piles(session, person, "x", "y")
    assert session.finish() == 0
    check_record(session)


def check_record(session: Any) -> None:
    """The piles are as they were made, and the data set is valid."""
    rows = read_run(session.name.rows(session.raw)).rows
    second, third = (rows[rows["trial_index"] == index] for index in (2, 3))
    assert second["pile"].tolist() == [1, 1, 2, 2, 3]
    assert second["place"].tolist() == [5, 5, 1, 1, 10]
    assert second["pile_name"].tolist() == ["one", "one", "two", "two", "three"]
    assert second["n_moves"].tolist() == [1, 3, 1, 1, 2]
    assert second["n_inspections"].tolist() == [1, 0, 0, 0, 0]
    assert second["seen_before"].all() and not third["seen_before"].any()
    assert third["pile"].tolist() == [1, 2, 1, 2, 1]
    methods = rows.groupby("trial_index")["end_method"].first().tolist()
    assert methods == ["keyboard", "mouse", "keyboard"]
    assert session.problems() == []
    segments = read_manifest(session.name.manifest(session.raw))["segments"]
    assert [one["end_reason"] for one in segments] == ["killed", "completed"]
