"""Multi-arrangement runs: a trial is whole or not there, and every kind of damage is named."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import (
    check_bids,
    check_run,
    check_run_files,
    read_events,
    read_run,
    write_left_out,
)
from twoalike.registry import find_task

TABLES = find_task("multi-arrangement")
ROWS = TABLES.trials.names
assert TABLES.events is not None
EVENTS = TABLES.events.names
N_TRIALS = 4
TRIAL_KEYS = ["trial_index", "stimulus"]


def problems(booth: Any) -> list[str]:
    found = check_run_files(booth.root, booth.rows, booth.plan.stimuli)
    return [str(problem).replace(f"{booth.root}/", "") for problem in found]


def test_a_whole_run_reads_back_and_is_valid(whole_arena: Any) -> None:
    assert problems(whole_arena) == []
    assert check_bids(whole_arena.root) == []
    rows = read_run(whole_arena.rows).rows
    assert rows["trial_index"].unique().tolist() == list(range(1, N_TRIALS + 1))
    for _, trial in rows.groupby("trial_index"):
        assert len(trial) == trial["n_items"].iloc[0] == trial["stimulus"].nunique()
    assert rows["inside"].all()
    events = read_events(whole_arena.root, whole_arena.plan.name)
    assert set(events["trial_type"]) >= {"trial_start", "seat", "drag", "done"}
    last = events.dropna(subset="x").groupby(TRIAL_KEYS)[["x", "y"]].last()
    placed = rows.set_index(TRIAL_KEYS)[["x", "y"]].sort_index()
    assert last.loc[placed.index].equals(placed)
    assert whole_arena.manifest["n_trials"] is None


@pytest.mark.parametrize("share", [0.2, 0.5, 0.7, 0.95])
def test_a_session_that_was_killed_at_any_line_goes_on_as_if_it_had_not_been(
    whole_arena: Any, share: float
) -> None:
    expected = read_run(whole_arena.rows).rows
    kept = whole_arena.journal.read_bytes().splitlines(keepends=True)
    kept = kept[: int(share * len(kept))]
    for path in whole_arena.root.glob("s*/**/*.*"):
        path.unlink()
    whole_arena.journal.write_bytes(b"".join(kept))
    write_left_out(whole_arena.root, "001")
    done = b"".join(kept).count(b'"what": "trial"')
    progress = check_run(whole_arena.root, whole_arena.plan, resume=True)
    assert progress.n_done == done == read_run(whole_arena.rows).rows["trial_index"].nunique()
    events = read_events(whole_arena.root, whole_arena.plan.name)
    assert progress.time_s >= (events["onset"] + events["duration"]).max() - 2e-4
    assert whole_arena.simulate() == "completed"
    assert problems(whole_arena) == []
    events = read_events(whole_arena.root, whole_arena.plan.name)
    starts = events[events["trial_type"] == "trial_start"]["trial_index"].tolist()
    assert sorted(set(starts)) == list(range(1, N_TRIALS + 1))
    same = ["trial_index", "trial_type", "stimulus", "x", "y", "seat_index", "n_moves"]
    found = read_run(whole_arena.rows).rows
    assert found[same].equals(expected[same])
    assert (found[found["trial_index"] > done]["onset"] >= progress.time_s).all()


# Damage. Rows 1 to 3 are the practice trial, 4 to 8 the second, and so on.
SECOND = range(4, 9)


def table(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


def put(path: Path, rows: list[list[str]]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")


def edited(rows: Iterable[int], column: str, value: str) -> Callable[[Any], object]:
    def damage(booth: Any) -> None:
        found = table(booth.rows)
        for row in rows:
            found[row][ROWS.index(column)] = value
        put(booth.rows, found)

    return damage


def without_events(*kinds: str) -> Callable[[Any], object]:
    """Take out what happened to the image of row 5."""

    def damage(booth: Any) -> None:
        row, events = table(booth.rows)[5], table(booth.events)
        of = [row[ROWS.index(name)] for name in TRIAL_KEYS]
        put(
            booth.events,
            [
                event
                for event in events
                if [event[EVENTS.index(name)] for name in TRIAL_KEYS] != of
                or event[EVENTS.index("trial_type")] not in kinds
            ],
        )

    return damage


def fly(booth: Any) -> None:
    events = table(booth.events)
    events[3][EVENTS.index("trial_type")] = "fly"
    put(booth.events, events)


def without_row_5(booth: Any) -> None:
    rows = table(booth.rows)
    put(booth.rows, [*rows[:5], *rows[6:]])


DAMAGE: list[tuple[Callable[[Any], object], str]] = [
    (edited([5], "x", "0.123456"), r"row 5, column 'x': is at 0.123456, .* the last event"),
    (without_row_5, r"row 4, column 'n_items': is 5, but the trial has 4 rows"),
    (edited([5, 6], "stimulus", "warm1"), r"row 6, column 'stimulus': .* appears twice"),
    (edited([5], "inside", "false"), r"row 5, column 'inside': is false, but the centre is"),
    (edited([5], "x", "0.900000"), r"row 5, column 'inside': is true, but the centre is"),
    (without_events("seat", "drag"), r"row 5, column 'x': is at .* the last event says None"),
    (without_events("drag"), r"row 5, column 'x': is at .* the last event says"),
    (lambda booth: booth.events.unlink(), r"_events.tsv: .*no such file"),
    (fly, r"_events.tsv.*row 3, column 'trial_type': expected one of"),
    (edited(SECOND, "trial_index", "9"), r"row 4, column 'trial_index': trials 2 to 8 are missing"),
    (edited([6], "trial_index", "3"), r"row 6, column 'trial_index'|column 'n_items'"),
    (edited(SECOND, "onset", "0.0000"), r"row 4, column 'onset': 0.0 s lies before the end of the"),
    (edited([6], "response_time", "1.0000"), r"row 6, column 'response_time': is 1.0"),
    (edited([6], "trial_type", "catch"), r"row 6, column 'trial_type': is catch, in"),
    (edited([5], "stimulus", "cat"), r"row 5, column 'stimulus': object 'cat' is not"),
    (edited([5], "inside", "maybe"), r"row 5, column 'inside': expected true or false"),
    (edited([5], "x", "n/a"), r"row 5, column 'x': expected a number in every row"),
    (edited([5], "trial_index", "2\t2"), r"row 5: has"),
]


@pytest.mark.parametrize(("damage", "why"), DAMAGE)
def test_damage_is_named_by_file_row_and_column(
    whole_arena: Any, damage: Callable[[Any], object], why: str
) -> None:
    """In a copy without journal, by what rows and events say themselves."""
    whole_arena.make_copy()
    assert problems(whole_arena) == []
    damage(whole_arena)
    found = problems(whole_arena)
    assert any(re.search(why, problem) for problem in found), found
