"""The journal of a run is its only record: nothing is lost, and what was changed is named."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import (
    RunName,
    check_bids,
    check_dataset,
    check_run,
    read_journal,
    read_run,
    run_progress,
    write_left_out,
)
from twoalike.tables import SEEN_BEFORE


def record(
    booth: Any, name: RunName | None = None, after: Callable[[int], object] | None = None
) -> list[str]:
    """A session of all trials, half a second longer each; of another person, longer still."""
    name, warnings = name or booth.plan.name, []
    with booth.open(warn=warnings.append, name=name) as run:
        for number, trial in enumerate(booth.trials, start=1):
            run.note("trial_shown", 5.0 * number, trial_index=number)
            (row,) = booth.trial(trial)
            run.append([row | {"onset": row["onset"] + len(name.participant) + name.session}])
            if after is not None:
                after(number)
        run.end("completed")
    return warnings


@pytest.fixture
def finished(booth: Any) -> Any:
    assert record(booth) == []
    assert booth.problems() == []
    return booth


def test_every_line_follows_from_the_one_before(finished: Any) -> None:
    found = read_journal(finished.journal)
    assert not (found.torn or found.broken)
    kinds = [entry["what"] for entry in found.entries]
    assert kinds == ["start", *["note", "trial"] * 14, "end"]
    assert [entry["n"] for entry in found.entries] == list(range(1, 31))
    assert finished.manifest["journal"] == {"lines": 30, "chain": found.chain}


def test_a_trial_is_on_the_disk_when_append_returns(
    booth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(booth.journal.read_bytes() if booth.journal.exists() else b"")
        real(handle)

    with booth.open() as run:
        run.start()
        monkeypatch.setattr(os, "fsync", fsync)
        for number, trial in enumerate(booth.trials[:3], start=1):
            run.append(booth.trial(trial))
            assert synced[-1].count(b'"what": "trial"') == number


def lines(path: Path, number: int) -> bytes:
    return b"".join(path.read_bytes().splitlines(keepends=True)[:number])


def put(path: Path, content: bytes) -> None:
    """Write as sync clients, git and editors do: a new file, and a rename."""
    new = path.with_name("new.tmp")
    new.write_bytes(content)
    new.replace(path)


def truncate(path: Path, content: bytes) -> None:
    with path.open("rb+") as file:
        file.truncate(len(content))


def change(path: Path) -> None:
    """Change a letter without changing the length: the file stays the same to the system."""
    with path.open("rb+") as file:
        file.seek(path.read_bytes().index(b"practice"))
        file.write(b"Practice")


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def move_away(booth: Any, path: Path) -> None:
    path.rename(booth.study.root / f"{path.name}_old")


SAFE: dict[str, Callable[[Any], object]] = {
    "older": lambda booth: put(booth.journal, lines(booth.journal, 3)),
    "same": lambda booth: put(booth.journal, booth.journal.read_bytes()),
    "deleted": lambda booth: booth.journal.unlink(),
    "cut": lambda booth: truncate(booth.journal, lines(booth.journal, 3)),
    "emptied": lambda booth: truncate(booth.journal, b""),
    "folder-deleted": lambda booth: shutil.rmtree(booth.journal.parent),
    "data-moved": lambda booth: move_away(booth, booth.root),
}
OTHER: dict[str, Callable[[Any], object]] = {
    "another": lambda booth: put(booth.journal, booth.journal.read_bytes().replace(b"1", b"2")),
    "line-added": lambda booth: append(booth.journal, b'{"n": 99}\n'),
    "torn-line-added": lambda booth: append(booth.journal, b'{"n": 9'),
    "windows": lambda booth: put(booth.journal, booth.journal.read_bytes().replace(b"\n", b"\r\n")),
    "folder": lambda booth: (booth.journal.unlink(), booth.journal.mkdir()),
}
LATE = {"edited-in-place": lambda booth: change(booth.journal)}
"""Seen at the end, when the whole file is compared."""
VIEWS: dict[str, Callable[[Any], object]] = {
    "table-deleted": lambda booth: booth.rows.unlink(),
    "table-older": lambda booth: put(booth.rows, lines(booth.rows, 1)),
    "table-edited": lambda booth: put(booth.rows, b"trial_index\n1\n"),
    "session-moved": lambda booth: move_away(booth, booth.rows.parent.parent),
    "manifest-deleted": lambda booth: booth.plan.name.manifest(booth.root).unlink(),
}


@pytest.mark.parametrize("what", [*SAFE, *OTHER, *LATE, *VIEWS])
def test_whatever_others_do_to_its_files_a_session_is_whole_at_its_end(
    booth: Any, what: str
) -> None:
    deeds = SAFE | OTHER | LATE | VIEWS
    when = 14 if what in LATE | VIEWS else 6
    warnings = record(booth, after=lambda n: n == when and deeds[what](booth))
    assert read_run(booth.rows).rows["trial_index"].tolist() == list(range(1, 15))
    assert booth.manifest["end_reason"] == "completed"
    assert booth.problems() == []
    if what == "data-moved":  # it takes a second
        assert check_bids(booth.root) == []
    found = list(booth.root.rglob("*_journal_found-1.jsonl"))
    assert len(found) == (what in OTHER | LATE)
    assert len(warnings) == (what not in VIEWS)
    if what not in VIEWS:
        assert "was moved, deleted or replaced by another program. Nothing is lost" in warnings[0]
    if found:
        assert str(found[0]) in warnings[0]
        (remark,) = check_dataset(booth.root).remarks
        assert str(found[0]) in remark


def test_a_session_killed_after_its_files_were_moved_goes_on_with_all_of_it(booth: Any) -> None:
    with booth.open(warn=lambda line: None) as run:
        for number, trial in enumerate(booth.trials[:9], start=1):
            run.append(booth.trial(trial))
            if number == 6:
                move_away(booth, booth.journal.parent.parent)
        run.end = lambda reason: None
    write_left_out(booth.root, "001")
    assert len(read_run(booth.rows).rows) == 9
    assert check_run(booth.root, booth.plan, resume=True).n_done == 9
    with booth.open() as run:
        for trial in booth.trials[9:]:
            run.append(booth.trial(trial))
        run.end("completed")
    assert read_run(booth.rows).rows["trial_index"].tolist() == list(range(1, 15))
    assert booth.problems() == []


def copied(booth: Any, content: bytes) -> None:
    """Leave the data set as a kill does that let only this much of the journal reach the disk."""
    for path in (*booth.root.glob("s*/**/*"),):
        if path.is_file():
            path.unlink()
    booth.journal.parent.mkdir(parents=True, exist_ok=True)
    booth.journal.write_bytes(content)


def test_a_kill_after_any_line_loses_none_before_it(finished: Any) -> None:
    whole, table = finished.journal.read_bytes(), finished.rows.read_bytes()
    for number, line in enumerate(lines(finished.journal, 99).splitlines(keepends=True), start=1):
        before = lines(finished.journal, number)
        for torn in (b"", line[:20]):
            copied(finished, before + torn)
            (said,) = write_left_out(finished.root, "001")
            assert f"{finished.journal}: was written further than" in said
            done = before.count(b'"what": "trial"')
            assert run_progress(finished.root, finished.plan.name).n_done == done
            assert finished.rows.read_bytes() == lines_of(table, 1 + done)
            found = [one for one in finished.problems() if "its last line is torn" not in one]
            assert found == []
        finished.journal.write_bytes(whole)


def lines_of(content: bytes, number: int) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:number])


def test_a_torn_line_is_cut_and_kept_in_the_journal(booth: Any) -> None:
    with booth.open() as run:
        run.append(booth.trial(booth.trials[0]))
        run.end("stopped")
    append(booth.journal, b'{"n": 4, "at": 7.')
    (problem,) = booth.problems()
    assert "_journal.jsonl: its last line is torn; mend it: twoalike run with" in problem
    assert check_dataset(booth.root).but_resumable().problems == ()
    with booth.open() as run:
        run.append(booth.trial(booth.trials[1]))
        run.end("stopped")
    assert [one["text"] for one in booth.lines() if one["what"] == "torn_line"] == [
        '{"n": 4, "at": 7.'
    ]
    assert len(read_run(booth.rows).rows) == 2
    assert booth.problems() == []


def rewrite(path: Path, edit: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a file; the header of a table is line 0."""
    path.write_text("".join(edit(path.read_text().splitlines(keepends=True))))


JOURNAL: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "edited": (
        lambda all: [*all[:6], all[6].replace('"response": null', '"response": 1'), *all[7:]],
        "line 7 is not the",
    ),
    "removed": (lambda all: [*all[:6], *all[7:]], "line 7 is not the one that was written"),
    "doubled": (lambda all: [*all, all[-1]], "line 31 is not the one that was written"),
    "swapped": (lambda all: [*all[:6], all[7], all[6], *all[8:]], "line 7 is not the one"),
    "last": (lambda all: all[:-4], "ends with line 26, but 30 were written: lines were lost"),
    "first": (lambda all: all[1:], "line 1 is not the one that was written"),
}


@pytest.mark.parametrize("edit", JOURNAL)
def test_an_edited_journal_is_named_and_not_gone_on_with(finished: Any, edit: str) -> None:
    changes, says = JOURNAL[edit]
    before = finished.journal.read_text()
    rewrite(finished.journal, changes)
    assert finished.journal.read_text() != before
    (line,) = finished.problems()
    assert "_journal.jsonl: " in line
    assert says in line
    finished.journal.unlink()
    (line,) = finished.problems()
    assert "_journal.jsonl: is missing: with it, edited rows cannot be found" in line


TABLE: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "row-removed": (lambda rows: rows[:5] + rows[6:], "row 5, column 'trial_index': is 6, the jou"),
    "row-doubled": (lambda rows: [*rows, rows[-1]], "row 15: is not in the journal: it was added"),
    "cell-edited": (
        lambda rows: [*rows[:6], rows[6].replace("\t34.", "\t34.1"), *rows[7:]],
        "row 6, column 'onset': is 34.10000, the journal has 34.0000: rows were edited",
    ),
    "ragged": (lambda rows: [*rows[:3], "3\t1\n", *rows[4:]], "row 3: has 2 cells, expected "),
    "header": (lambda rows: [rows[0].replace("onset", "start"), *rows[1:]], "its header is not"),
}


@pytest.mark.parametrize("edit", TABLE)
def test_the_row_that_was_edited_is_named_and_can_be_made_again(finished: Any, edit: str) -> None:
    changes, says = TABLE[edit]
    before = finished.rows.read_bytes()
    rewrite(finished.rows, changes)
    found = finished.problems()
    assert len(found) == 1
    assert says in found[0]
    assert found[0].endswith("run twoalike validate: it is written again from the journal")
    finished.rows.unlink()
    write_left_out(finished.root, "001")
    assert finished.rows.read_bytes() == before
    assert finished.problems() == []


def test_rows_lost_at_the_end_and_lost_files_are_written_again(finished: Any) -> None:
    files = {path: path.read_bytes() for path in finished.root.rglob("*") if path.is_file()}
    rewrite(finished.rows, lambda rows: rows[:-2])
    (line,) = finished.problems()
    assert "_beh.tsv: lacks what the journal has since. Run: twoalike validate" in line
    for path in files:
        if path != finished.journal and path.parent != finished.root:
            path.unlink()
    found = check_dataset(finished.root, study=finished.study)
    assert found.problems == ()
    assert "was written further than" in found.remarks[0]
    assert {path: path.read_bytes() for path in files} == files


def test_line_ends_of_windows_are_no_edit(finished: Any) -> None:
    for path in (finished.rows, finished.journal):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert finished.problems() == []


def test_copied_tables_and_sessions_are_named(finished: Any) -> None:
    other = RunName("0002", 1)
    record(finished, other)
    assert finished.problems() == []
    shutil.copy(finished.rows, other.rows(finished.root))
    found = finished.problems()
    assert any("holds the same rows as" in line for line in found)
    assert any("row 1, column 'onset': is " in line for line in found)
    second = replace(finished.plan.name, run=2)
    shutil.copy(finished.rows, second.rows(finished.root))
    assert any("run-02_beh.tsv: holds the same rows as" in line for line in finished.problems())
    assert any("run-02_manifest.json: " in line for line in finished.problems())
    second.rows(finished.root).unlink()
    for folder in ("sub-001", "sourcedata/sub-001"):
        copy = shutil.copytree(finished.root / folder, finished.root / folder.replace("1", "9"))
        for path in copy.rglob("sub-001*"):
            path.rename(path.with_name(path.name.replace("001", "009")))
    found = finished.problems()
    assert any("is of participant 001: the files were copied or renamed" in one for one in found)
    assert any("participants.tsv: does not list sub-009" in line for line in found)


def test_pilot_data_in_raw_are_named(booth: Any) -> None:
    booth.plan = replace(booth.plan, pilot=True)
    record(booth)
    assert any(
        "is a pilot session: move it and its sourcedata out of raw" in line
        for line in booth.problems()
    )


def test_lost_people_are_named_unless_they_declined(finished: Any) -> None:
    for part in ("sub-001", "sourcedata/sub-001"):
        shutil.rmtree(finished.root / part)
    (line,) = finished.problems()
    assert line == (
        "participants.tsv, row 1, column 'participant_id': sub-001 has no folder here: it was "
        "deleted or moved. Put it back"
    )


def test_a_person_whom_the_list_calls_simulated_is_named(finished: Any) -> None:
    path = finished.root / "participants.tsv"
    rewrite(path, lambda rows: [rows[0], rows[1].replace("false", "true")])
    (problem,) = finished.problems()
    assert problem.startswith("participants.tsv, row 1, column 'simulated': sub-001 is true, the ")


def test_a_later_session_without_an_earlier_one_is_remarked_on(booth: Any) -> None:
    record(booth, RunName("001", 3))
    checked = check_dataset(booth.root, booth.plan.stimuli)
    assert checked.problems == ()
    assert checked.remarks[0].endswith("participant 001 has session 3 here, but not 1, 2")


def test_a_trial_that_was_broken_off_is_flagged_when_it_is_shown_again(booth: Any) -> None:
    first, second, third = booth.trials[:3]
    with booth.open() as run:
        run.note("trial_shown", 5.0, trial_index=1)
        run.append(booth.trial(first))
        run.note("trial_shown", 10.0, trial_index=2)
        run.note("stop_asked", 17.5)
        run.end("stopped")
    assert run_progress(booth.root, booth.plan.name).time_s == 17.5
    with booth.open() as run:
        for trial in (second, third):
            run.note("trial_shown", 20.0, trial_index=trial.trial_index)
            run.append(booth.trial(trial))
        run.end("stopped")
    assert read_run(booth.rows).rows[SEEN_BEFORE.name].tolist() == [False, True, False]


def test_a_session_that_is_running_is_no_problem(booth: Any) -> None:
    with booth.open() as run:
        for trial in booth.trials[:5]:
            run.append(booth.trial(trial))
        assert check_dataset(booth.root).but_resumable().problems == ()
        run.write_views()
        assert booth.problems() == []
        run.end("stopped")
