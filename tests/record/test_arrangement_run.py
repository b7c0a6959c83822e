"""Multi-arrangement runs: a trial is whole or not there, and every kind of damage is named."""

import re
from collections.abc import Callable, Iterator
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
from twoalike.study import TwoalikeError

TABLES = find_task("multi-arrangement")
ROWS = TABLES.trials.names
assert TABLES.events is not None
EVENTS = TABLES.events.names
N_TRIALS = 4
TRIAL_KEYS = ["trial_index", "stimulus"]


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")


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


def test_an_odd_one_out_run_keeps_no_events(booth: Any) -> None:
    with booth.open() as record:
        with pytest.raises(ValueError, match="keeps no events"):
            record.event({})
        record.end("stopped")
    with pytest.raises(TwoalikeError, match="keeps no table of events"):
        read_events(booth.root, booth.plan.name)


# Damage. Rows 1 to 3 are the practice trial, 4 to 8 the second, and so on.


def edit(path: Path, row: int, names: tuple[str, ...], **cells: str) -> None:
    text = lines(path)
    values = text[row].split("\t")
    for column, value in cells.items():
        values[names.index(column)] = value
    text[row] = "\t".join(values)
    path.write_text("\n".join(text), encoding="utf-8")


def cell(path: Path, row: int, names: tuple[str, ...], column: str) -> str:
    return lines(path)[row].split("\t")[names.index(column)]


def edited(row: int, **cells: str) -> Callable[[Any], object]:
    return lambda booth: edit(booth.rows, row, ROWS, **cells)


def second_trial(**cells: str) -> Callable[[Any], object]:
    def damage(booth: Any) -> None:
        for row in range(4, 9):
            edit(booth.rows, row, ROWS, **cells)

    return damage


def copied(row: int, column: str, source: int) -> Callable[[Any], object]:
    def damage(booth: Any) -> None:
        edit(booth.rows, row, ROWS, **{column: cell(booth.rows, source, ROWS, column)})

    return damage


def without_row(row: int) -> Callable[[Any], object]:
    def damage(booth: Any) -> None:
        text = lines(booth.rows)
        booth.rows.write_text("\n".join([*text[:row], *text[row + 1 :]]), encoding="utf-8")

    return damage


def matching(booth: Any, row: int, *kinds: str) -> Iterator[int]:
    """Lines of the events that a row's image took part in."""
    trial, stimulus = (cell(booth.rows, row, ROWS, name) for name in TRIAL_KEYS)
    for number, line in enumerate(lines(booth.events)[1:-1], start=1):
        values = dict(zip(EVENTS, line.split("\t"), strict=True))
        if (values["trial_index"], values["stimulus"]) == (trial, stimulus):
            if values["trial_type"] in kinds:
                yield number


def without_events(row: int, *kinds: str) -> Callable[[Any], object]:
    def damage(booth: Any) -> None:
        gone = set(matching(booth, row, *kinds))
        assert gone
        text = [line for number, line in enumerate(lines(booth.events)) if number not in gone]
        booth.events.write_text("\n".join(text), encoding="utf-8")

    return damage


DAMAGE: dict[str, tuple[Callable[[Any], object], str]] = {
    "edited place": (
        edited(5, x="0.123456"),
        r"row 5, column 'x': is at 0.123456, .* the last event",
    ),
    "lost row": (without_row(5), r"row 4, column 'n_items': is 5, but the trial has 4 rows"),
    "object twice": (copied(5, "stimulus", 4), r"row 5, column 'stimulus': .* appears twice"),
    "outside": (edited(5, inside="false"), r"row 5, column 'inside': is false, but the centre is"),
    "inside, far": (edited(5, x="0.900000"), r"row 5, column 'inside': is true, but the centre is"),
    "no event": (
        without_events(5, "seat", "drag"),
        r"row 5, column 'x': is at .* the last event says None",
    ),
    "lost drag": (without_events(5, "drag"), r"row 5, column 'x': is at .* the last event says"),
    "no events": (lambda booth: booth.events.unlink(), r"_events.tsv: .*no such file"),
    "event's value": (
        lambda booth: edit(booth.events, 3, EVENTS, trial_type="fly"),
        r"_events.tsv.*row 3, column 'trial_type': expected one of",
    ),
    "trial skipped": (
        second_trial(trial_index="9"),
        r"row 4, column 'trial_index': trials 2 to 8 are missing",
    ),
    "trial split": (edited(6, trial_index="3"), r"row 6, column 'trial_index'|column 'n_items'"),
    "too soon": (
        second_trial(onset="0.0000"),
        r"row 4, column 'onset': 0.0 s lies before the end of the trial above",
    ),
    "trial differs": (edited(6, response_time="1.0000"), r"row 6, column 'response_time': is 1.0"),
    "type differs": (edited(6, trial_type="catch"), r"row 6, column 'trial_type': is catch, in"),
    "unknown object": (edited(5, stimulus="cat"), r"row 5, column 'stimulus': object 'cat' is not"),
    "not a truth": (edited(5, inside="maybe"), r"row 5, column 'inside': expected true or false"),
    "no place": (edited(5, x="n/a"), r"row 5, column 'x': expected a number in every row"),
    "few cells": (lambda booth: edit(booth.rows, 5, ROWS[:1], trial_index="2\t2"), r"row 5: has"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_by_file_row_and_column(whole_arena: Any, kind: str) -> None:
    """In a copy without journal, by what rows and events say themselves."""
    damage, why = DAMAGE[kind]
    whole_arena.make_copy()
    assert problems(whole_arena) == []
    damage(whole_arena)
    found = problems(whole_arena)
    assert any(re.search(why, problem) for problem in found), found


def test_changed_images_are_named(whole_arena: Any) -> None:
    now = {**whole_arena.plan.stimuli, "warm0": "0" * 64}
    del now["cold5"]
    found = check_run_files(whole_arena.root, whole_arena.rows, now)
    assert sorted(problem.message for problem in found) == [
        "object 'cold5' is no longer in the stimulus set",
        "the image of 'warm0' has changed since it was shown",
    ]
