"""Whole sessions in browsers give the raw data of the same person at a window, but for clocks.

The simulated person at the window and the one in the page do the same in every trial; the page is
answered by real presses of keys, mouse and fingers (player.py, engines.py).
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from tests.online.crowd import (
    PAGED,
    Served,
    make_study,
    observer_of,
    person_of,
    plans,
    records,
    serving,
)
from tests.online.engines import ENGINES, Engine, Name, Size, opened
from tests.online.player import Means, Player

from twoalike.online import build_online, default_store, fetch
from twoalike.record import find_runs, read_notes
from twoalike.sitting import sit
from twoalike.study import Study

WINDOW: Size = (1280, 1024)
"""Of a session without a window: layouts are equal to the last digit."""
CLOCKS = {
    *("onset", "duration", "response_time", "rt_source", "rt_flag", "dropped_frames"),
    *("n_early_presses", "first_response_time", "first_move_time", "last_move_time"),
}
"""Columns that depend on how quickly the page was answered, and on the screen's frames."""
HANDS = {"response_method", "response_key", "end_method", "pointer"}
"""Columns that depend on what answers."""
PIXELS = {"arena_radius_px", "item_size_px"}
"""Columns that depend on the size of the page."""
TABLES = (
    *(f"task-{task.replace('-', '')}*_beh.tsv" for task in PAGED),
    *(f"task-{task}*_events.tsv" for task in ("freesorting", "multiarrangement")),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of several tasks, built for three participants."""
    root = tmp_path_factory.mktemp("online") / "creatures"
    made = make_study(root, trials=3, arrangements=1, tasks=PAGED)
    with (made.root / "study.toml").open("a", encoding="utf-8") as file:
        file.write('[online]\nentry = "id"\ncompletion_code = "DONE"\n')
    build_online(made.root, 9)
    return made


@pytest.fixture(scope="module")
def served(study: Study) -> Iterator[Served]:
    """Its server."""
    with serving(study) as server:
        yield server


def sit_in_browser(
    served: Served, engine: Engine, means: Means, backup: Path | None = None, **more: Any
) -> str:
    """Go through a whole session and fetch it; return the participant's code.

    Its second trial meets a server that is killed and restored from ``backup``.
    """
    player = Player(engine, means, least_s=0.22, **more)
    address = f"{served.address}?PROLIFIC_PID={engine.name}{means}&SESSION_ID=1"
    code = player.enter(address)
    player.person = person_of(served.study, code)
    player.plans = plans(served.study, player.person, engine.size, means)
    if backup is not None:
        seen: list[int] = []
        player.begin = lambda part, index: seen.append(index)
        player.play(lambda now: now["kind"] == "choice" and now["open"] and len(seen) == 2)
        restore(served, backup)
    player.play()
    player.expect("All of your answers have been stored", "DONE")
    engine.go(address)  # the browser keeps the end
    player.expect("All of your answers have been stored", "DONE")
    fetched = fetch(served.study)
    assert fetched.problems == []
    assert [one.participant for one in fetched.written] == [code]
    return code


def restore(served: Served, backup: Path) -> None:
    """Kill the server and start it again with its store as it was."""
    served.kill()
    store = default_store(served.study.root)
    for path in store.parent.glob("records.sqlite*"):
        path.unlink()
    shutil.copy(backup, store)
    served.again()


def sit_at_window(study: Study, folder: Path, code: str) -> Study:
    """Let the same person sit at a window, in a copy of the study without data."""
    root = folder / "lab"
    shutil.copytree(study.root, root, ignore=shutil.ignore_patterns("data", "online"))
    lab = Study.load(root)
    outcome = sit(lab, code, simulate=observer_of(lab), window=False, show=lambda _: None)
    assert outcome.end_reason == "completed"
    return lab


def read(study: Study, code: str, name: str) -> pd.DataFrame:
    """Read a table of a participant as text."""
    (path,) = study.raw.glob(f"sub-{code}/**/*{name}")
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)


def compare(online: Study, lab: Study, code: str, table: str, differs: set[str]) -> pd.DataFrame:
    """Compare a table of the page with that of the window, and give it.

    A mouse points at whole pixels, the hands at the window do not.
    """
    page, window = (read(study, code, table) for study in (online, lab))
    assert list(page.columns) == list(window.columns)
    kept = [column for column in page.columns if column not in {*differs, "x", "y"}]
    pd.testing.assert_frame_equal(page[kept], window[kept])
    if "x" in page.columns:
        there, here = (
            frame[["x", "y"]].apply(pd.to_numeric, errors="coerce") for frame in (page, window)
        )
        np.testing.assert_allclose(there, here, atol=0.005)
    return page


def log(study: Study, code: str, task: str) -> list[str]:
    """Names of what a participant's log holds, but for turned pages (window) and drawn frames."""
    (rows,) = find_runs(study.raw, task, code)
    (path,) = study.raw.glob(f"sourcedata/**/{rows.name.replace('_beh.tsv', '_journal.jsonl')}")
    events = [str(line["event"]) for line in read_notes(path)]
    return [event for event in events if event not in ("page_turned", "focus", "drawn")]


@pytest.mark.parametrize("name", ENGINES)
def test_keys_and_mouse_give_the_data_of_the_window_also_where_a_server_was_restored(
    served: Served, tmp_path: Path, name: Name
) -> None:
    backup = tmp_path / "backup.sqlite"
    with closing(sqlite3.connect(default_store(served.study.root))) as store:
        with closing(sqlite3.connect(backup)) as copy:
            store.backup(copy)  # before this one has entered
    with opened(name, tmp_path / "profile", WINDOW) as engine:
        code = sit_in_browser(served, engine, "hands", backup)
    lines = [line for line in records(served) if "n" in line]
    numbers = [line["n"] for line in lines if line["session"] == lines[-1]["session"]]
    assert numbers == list(range(1, len(numbers) + 1))
    lab = sit_at_window(served.study, tmp_path, code)
    for table in TABLES:
        compare(served.study, lab, code, table, CLOCKS)
    for path in (lab.raw / "phenotype").glob("*.tsv"):
        online = served.study.raw / "phenotype" / path.name
        assert _of(code, online).equals(_of(code, path))
    for task in (task.replace("-", "") for task in PAGED):
        assert log(served.study, code, task) == log(lab, code, task)


def _of(code: str, path: Path) -> pd.DataFrame:
    rows = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return rows[rows["participant_id"] == f"sub-{code}"].reset_index(drop=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", get_args(Name.__value__))
@pytest.mark.parametrize(("means", "size"), [("mouse", (1024, 768)), ("touch", (360, 740))])
def test_pointers_give_the_data_of_the_window(
    served: Served, tmp_path: Path, name: Name, means: Means, size: Size
) -> None:
    with opened(name, tmp_path / "profile", size, touch=means == "touch") as engine:
        code = sit_in_browser(served, engine, means)
    lab = sit_at_window(served.study, tmp_path, code)
    for table in TABLES[:-2]:
        page = compare(served.study, lab, code, table, {*CLOCKS, *HANDS, *PIXELS, "seat_angle"})
        given = "end_method" if "end_method" in page.columns else "response_method"
        assert set(page[given]) == {means}
