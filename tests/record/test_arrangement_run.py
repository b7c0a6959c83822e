"""Multi-arrangement runs: a trial is whole or not there, and every kind of damage is named."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import (
    check_bids,
    check_dataset,
    check_run,
    check_run_files,
    read_events,
    read_manifest,
    read_run,
)
from twoalike.registry import find_task
from twoalike.study import TwoalikeError

TABLES = find_task("multi-arrangement")
ROWS = TABLES.trials.names
assert TABLES.events is not None
EVENTS = TABLES.events.names
MEND = "mend it: twoalike run with `resume=True`"
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
    assert read_manifest(whole_arena.plan.name.manifest(whole_arena.root))["n_trials"] is None


def test_the_rows_of_a_trial_are_one_write_after_its_events(
    arena: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    real_write, real_fsync = os.write, os.fsync

    def name(handle: int) -> str:
        return Path(os.readlink(f"/proc/self/fd/{handle}")).name.rsplit("_", 1)[-1]

    def write(handle: int, content: bytes) -> int:
        done.append((name(handle), content.decode()))
        return real_write(handle, content)

    def fsync(handle: int) -> None:
        done.append((name(handle), "fsync"))
        real_fsync(handle)

    if not Path("/proc/self/fd").exists():
        pytest.skip("the names of open files are known on Linux only")
    monkeypatch.setattr(os, "write", write)
    monkeypatch.setattr(os, "fsync", fsync)
    arena.simulate()
    monkeypatch.undo()
    at = [n for n, (file, text) in enumerate(done) if file == "beh.tsv" and text != "fsync"]
    trials = [done[n][1] for n in at]
    assert len(trials) == N_TRIALS
    for number, text in enumerate(trials, start=1):
        first, *_ = cells = [line.split("\t") for line in text.splitlines()]
        assert {row[0] for row in cells} == {str(number)}
        assert len(cells) == int(first[ROWS.index("n_items")])
        assert text.endswith("\n")
    for n in at:
        assert done[n - 1] == ("events.tsv", "fsync")
        assert done[n + 1] == ("beh.tsv", "fsync")
        (before,) = [text for file, text in done[n - 2 : n - 1] if file == "events.tsv"]
        assert before.split("\t")[2] == "done"


def cut(path: Path, *, n_lines: int, n_marks: int = 0) -> str:
    """Leave the last ``n_lines`` lines out but for the first marks of them; what was left of
    them."""
    text = path.read_text(encoding="utf-8")
    kept = "".join(text.splitlines(keepends=True)[:-n_lines])
    path.write_text(text[: len(kept) + n_marks], encoding="utf-8")
    return text[len(kept) : len(kept) + n_marks]


def n_rows_of_last(booth: Any) -> int:
    return int(lines(booth.rows)[-2].split("\t")[ROWS.index("n_items")])


@pytest.mark.parametrize(
    ("n_left", "n_marks"), [(0, 1), (0, 40), (1, 0), (2, 0), (2, 17), (-1, 0), (-1, 60)]
)
def test_a_power_cut_within_a_trial_is_passed_over_named_and_mended(
    arena: Any, whole_arena: Any, n_left: int, n_marks: int
) -> None:
    """Some rows of the last trial stay whole (all but one if -1), and a part of the next."""
    arena.simulate(3)
    before = arena.rows.read_text(encoding="utf-8")
    n_items = n_rows_of_last(arena)
    n_left %= n_items
    tail = cut(arena.rows, n_lines=n_items - n_left, n_marks=n_marks)
    arena.forget(3)
    left = "".join(before.splitlines(keepends=True)[-n_items:][:n_left]) + tail
    run = read_run(arena.rows)
    assert run.torn == tail
    assert run.rows["trial_index"].unique().tolist() == [1, 2]
    named = problems(arena)
    file = str(arena.rows.relative_to(arena.root))
    expected = [f"{file}: the last line is torn; {MEND}"] if n_marks else []
    if n_left:
        number = len(run.rows) + 1
        expected.append(f"{file}, row {number}: the last trial is torn; {MEND}")
    assert named == expected
    progress = check_run(arena.root, arena.plan, resume=True)
    assert progress.n_done == 2
    assert arena.simulate() == "completed"
    torn = [json.loads(line) for line in arena.log.read_text().splitlines()]
    assert [entry["text"] for entry in torn if entry["event"] == "torn_row"] == [left]
    assert problems(arena) == []
    assert check_bids(arena.root) == []
    found, expected_rows = read_run(arena.rows).rows, read_run(whole_arena.rows).rows
    same = ["trial_index", "trial_type", "stimulus", "x", "y", "seat_index", "n_moves"]
    assert found[same].equals(expected_rows[same])


def test_a_trial_that_lost_rows_after_it_was_logged_is_not_cut_off(arena: Any) -> None:
    """An editor that drops the last line break must not cost the trial."""
    arena.simulate(3)
    first = len(lines(arena.rows)) - 1 - n_rows_of_last(arena)
    arena.rows.write_text(arena.rows.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    (line,) = problems(arena)
    assert f"row {first}: is missing: " in line
    assert check_dataset(arena.root).but_resumable().problems


def test_every_cut_leaves_whole_trials_only(whole_arena: Any) -> None:
    content = whole_arena.rows.read_bytes()
    header, *rows = content.decode().splitlines(keepends=True)
    ends = [0]  # rows up to the end of each trial
    while ends[-1] < len(rows):
        ends.append(ends[-1] + int(rows[ends[-1]].split("\t")[ROWS.index("n_items")]))
    for length in range(len(header), len(content) + 1, 7):
        whole_arena.rows.write_bytes(content[:length])
        n_whole = content[len(header) : length].count(b"\n")
        n_done = sum(end <= n_whole for end in ends) - 1
        assert len(read_run(whole_arena.rows).rows) == ends[n_done]


def test_a_torn_event_is_passed_over_named_and_mended(arena: Any) -> None:
    arena.simulate(2)
    whole = arena.events.read_text(encoding="utf-8")
    arena.events.write_text(whole + "99.5\t0.1\tdr", encoding="utf-8")
    name = arena.plan.name
    assert len(read_events(arena.root, name)) == whole.count("\n") - 1
    file = arena.events.relative_to(arena.root)
    assert problems(arena) == [f"{file}: the last line is torn; {MEND}"]
    assert arena.simulate() == "completed"
    assert arena.events.read_text(encoding="utf-8").startswith(whole)
    entries = [json.loads(line) for line in arena.log.read_text().splitlines()]
    assert {"event": "torn_row", "text": "99.5\t0.1\tdr"} in entries
    assert problems(arena) == []
    assert check_bids(arena.root) == []


def test_a_trial_shown_again_after_a_kill_is_told_by_its_second_start(arena: Any) -> None:
    """The events of the lost showing stay; the row agrees with those of the last."""
    arena.simulate(3)
    cut(arena.rows, n_lines=n_rows_of_last(arena))
    arena.forget(3)
    time_s = check_run(arena.root, arena.plan, resume=True).time_s
    events = read_events(arena.root, arena.plan.name)
    # The log goes on to the end of the session, the events to the last thing done.
    assert time_s >= (events["onset"] + events["duration"]).max() - 2e-4
    arena.simulate()
    events = read_events(arena.root, arena.plan.name)
    starts = events[events["trial_type"] == "trial_start"]["trial_index"].tolist()
    assert starts == [1, 2, 3, 4, 3, 4]  # the fourth was on the screen when Esc ended the run
    rows = read_run(arena.rows).rows
    assert rows[rows["trial_index"] == 3]["onset"].iloc[0] >= time_s
    assert problems(arena) == []


def test_a_full_disk_leaves_no_part_of_a_trial(arena: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arena.simulate(2)
    before = arena.rows.read_bytes()
    real = os.write

    def small(handle: int, content: bytes) -> int:
        return real(handle, content[:200] if content.count(b"\n") > 1 else content)

    monkeypatch.setattr(os, "write", small)
    with pytest.raises(TwoalikeError, match="resume=True"):
        arena.simulate()
    monkeypatch.undo()
    assert arena.rows.read_bytes() == before
    assert arena.simulate() == "completed"


def test_an_edited_order_of_trials_is_not_resumed(arena: Any) -> None:
    arena.simulate(2)
    text = lines(arena.rows)
    arena.rows.write_text("\n".join([text[0], *text[4:]]), encoding="utf-8")
    with pytest.raises(TwoalikeError, match="row 1 has trial_index '2', expected 1"):
        check_run(arena.root, arena.plan, resume=True)


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


def swapped_events(booth: Any) -> None:
    text = lines(booth.events)
    (first, second, *_) = [n for n, line in enumerate(text) if "\tdone\t" in line]
    text[first], text[second] = text[second], text[first]
    booth.events.write_text("\n".join(text), encoding="utf-8")


DAMAGE: dict[str, tuple[Callable[[Any], object], str]] = {
    "edited place": (
        edited(5, x="0.123456"),
        r"row 5, column 'x': is at 0.123456, .* the last event",
    ),
    "lost row": (without_row(5), r"row 4, column 'n_items': is 5, but the trial has 4 rows"),
    "object twice": (copied(5, "stimulus", 4), r"row 5, column 'stimulus': .* appears twice"),
    "seat twice": (copied(6, "seat_index", 4), r"row 6, column 'seat_index': . appears twice"),
    "outside": (edited(5, inside="false"), r"row 5, column 'inside': is false, but the centre is"),
    "inside, far": (edited(5, x="0.900000"), r"row 5, column 'inside': is true, but the centre is"),
    "no event": (
        without_events(5, "seat", "drag"),
        r"row 5, column 'stimulus': no event says where",
    ),
    "lost drag": (without_events(5, "drag"), r"row 5, column 'x': is at .* the last event says"),
    "no events": (lambda booth: booth.events.unlink(), r"_events.tsv: .*no such file"),
    "events swapped": (swapped_events, r"_events.tsv, row \d+, column 'onset': ended before"),
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
    "moves without time": (
        edited(5, first_move_time="n/a"),
        r"row 5, column 'first_move_time': is None, but n_moves is 1",
    ),
    "time without moves": (
        edited(5, n_moves="0"),
        r"row 5, column 'last_move_time': is .*_moves is 0",
    ),
    "moved too late": (
        edited(5, last_move_time="9999.0"),
        r"row 5, column 'last_move_time': 9999.0 s",
    ),
    "moved backwards": (
        edited(5, first_move_time="9999.0"),
        r"row 5, column 'first_move_time': 9999.0 s is after the last move",
    ),
    "time out by hand": (
        second_trial(end_reason="timeout"),
        r"row 4, column 'end_method': is given although time ran out",
    ),
    "not a truth": (edited(5, inside="maybe"), r"row 5, column 'inside': expected true or false"),
    "no place": (edited(5, x="n/a"), r"row 5, column 'x': expected a number in every row"),
    "few cells": (lambda booth: edit(booth.rows, 5, ROWS[:1], trial_index="2\t2"), r"row 5: has"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_by_file_row_and_column(whole_arena: Any, kind: str) -> None:
    damage, why = DAMAGE[kind]
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
