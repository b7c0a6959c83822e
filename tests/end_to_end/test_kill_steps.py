"""SIGKILL at any step: nothing that was kept is lost, the data set is valid, --resume completes.

Sessions are simulated and without a window; a step is whatever reaches the disk. What a session
takes for kept it reports itself, from its own process, right after the row is safe.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from twoalike.record import (
    check_bids,
    check_run_files,
    find_runs,
    read_run,
    write_left_out,
)
from twoalike.stimuli import StimulusSet

TASKS = (
    *("odd-one-out", "anchored-choice", "odd-one-of-many", "most-alike-pair"),
    *("multi-arrangement", "pair-rating", "free-sorting"),
)
DESIGN = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
TIMES = ["onset", "response_time", "first_response_time", "first_move_time", "last_move_time"]
ROUNDING_S = 2.1e-4


def table_of(root: Path, task: str) -> Path:
    """Raw table of the one run of a task."""
    (path,) = find_runs(root / "data" / "raw", task.replace("-", ""))
    return path


def check_left(root: Path, kept: set[int]) -> None:
    """What a killed session leaves is a valid data set that holds every trial it has kept."""
    raw = root / "data" / "raw"
    write_left_out(raw, "901")
    if (raw / "dataset_description.json").exists():
        assert check_bids(raw) == []
    table = StimulusSet.load(root / "stimuli").table
    stimuli = dict(zip(table["id"], table["sha256"], strict=True))
    found: set[int] = set()
    for path in find_runs(raw):
        assert check_run_files(raw, path, stimuli) == []
        found |= set(read_run(path).rows["trial_index"])
    assert kept <= found, "a finished trial was lost"


def check_same(root: Path, whole: Path, task: str) -> None:
    """A session that was killed and went on is the same as one that was not, times aside.

    And aside from the flag of trials that were on the screen when it was killed.

    Durations agree as well, but for the rounding of the two times that each is taken from.
    """
    rows, expected = (read_run(table_of(one, task)).rows for one in (root, whole))
    times = [name for name in TIMES if name in rows]
    apart = [*times, "seen_before"]
    pd.testing.assert_frame_equal(rows.drop(columns=apart), expected.drop(columns=apart))
    assert not expected["seen_before"].any()
    for name in set(times) - {"onset"}:
        found, wanted = (one[name].astype(float).to_numpy() for one in (rows, expected))
        np.testing.assert_allclose(found, wanted, atol=ROUNDING_S)
    assert rows["onset"].is_monotonic_increasing


@pytest.fixture(scope="module", params=TASKS)
def task(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def whole(make_study: Callable[..., Path], forks: Any, task: str) -> tuple[Path, Any]:
    """A session that nobody kills, and what it reported."""
    root = make_study("whole", DESIGN)
    report = forks.run(root, task)
    assert report.status == 0
    return root, report


def places(report: Any) -> list[int]:
    """Steps to die before, one at each kind of place that a session can be at."""
    journal = "_journal.jsonl"
    events = [n for n, step in enumerate(report.steps, 1) if step == ("write", step[1])]
    return [
        report.step("rename", "_beh.tsv"),  # before there is a table
        report.step("rename", "_beh.json"),  # between the table and its sidecar
        events[len(events) // 2],  # before a line
        report.step("fsync", journal, 4),  # when a trial is written, and not yet safe
        report.step("rename", "_beh.tsv", 2),  # when all is in the journal, and not in the table
    ]


def kill(forks: Any, root: Path, task: str, unbroken: Any, step: int) -> None:
    """Kill a session before a step, look at what is left, let it go on to its end."""
    report = forks.run(root, task, die_before=step)
    assert report.status == -9, unbroken.steps[step - 1]
    check_left(root, set(report.kept))
    resumed = forks.run(root, task, "--resume")
    assert resumed.status == 0, unbroken.steps[step - 1]
    # Dying between the write of a row and its report, a trial is there and was not reported.
    assert len(unbroken.kept) - len(report.kept) - len(resumed.kept) in (0, 1)
    assert not set(report.kept) & set(resumed.kept), "a kept trial was shown again"


def test_a_session_killed_in_a_trial_goes_on_as_if_it_had_not_been(
    make_study: Callable[..., Path], forks: Any, whole: tuple[Path, Any], task: str
) -> None:
    expected, unbroken = whole
    root = make_study("killed", DESIGN)
    kill(forks, root, task, unbroken, places(unbroken)[2])
    check_same(root, expected, task)
    check_left(root, set(unbroken.kept))


@pytest.mark.slow
def test_a_session_killed_at_any_kind_of_place_goes_on_as_if_it_had_not_been(
    make_study: Callable[..., Path], forks: Any, whole: tuple[Path, Any], task: str
) -> None:
    expected, unbroken = whole
    *before, after = places(unbroken)
    root = make_study("over", DESIGN)
    assert forks.run(root, task, die_before=after).status == -9
    check_left(root, set(unbroken.kept))
    check_same(root, expected, task)
    for number, step in enumerate(before):
        root = make_study(f"killed{number}", DESIGN)
        kill(forks, root, task, unbroken, step)
        check_same(root, expected, task)
    check_left(root, set(unbroken.kept))
