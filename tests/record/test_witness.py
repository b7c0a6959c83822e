"""Finished sessions with rows removed, doubled or edited, tables copied, people lost."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import RunName, _check, check_dataset, read_manifest, read_run, run_progress
from twoalike.tables import SEEN_BEFORE


def record(booth: Any, name: RunName | None = None, reason: str = "completed") -> RunName:
    """A session of all trials, half a second longer each; of another person, longer still."""
    name = name or booth.plan.name
    with booth.open(name=name) as run:
        for trial in booth.trials:
            run.note("trial_shown", 5.0 * trial.trial_index, trial_index=trial.trial_index)
            (row,) = booth.trial(trial)
            run.append([row | {"onset": row["onset"] + len(name.participant) + name.session}])
        run.end(reason)
    return name


@pytest.fixture
def finished(booth: Any) -> Any:
    record(booth)
    assert problems(booth) == []
    return booth


def problems(booth: Any) -> list[str]:
    found = check_dataset(booth.root, booth.plan.stimuli, pilot=False).problems
    return [str(problem).replace(f"{booth.root}/", "") for problem in found]


def rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of a file; the header is line 0."""
    path.write_text("".join(change(path.read_text().splitlines(keepends=True))))


EDITS: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "last-rows-removed": (lambda rows: rows[:-2], "row 13: is missing: "),
    "a-row-removed": (lambda rows: rows[:5] + rows[6:], "row 5, column 'trial_index': trial 5 is"),
    "a-row-doubled": (lambda rows: [*rows, rows[-1]], "row 15, column 'trial_index': trial 14 "),
    "a-cell-edited": (
        lambda rows: [*rows[:6], rows[6].replace("\t34.", "\t34.1"), *rows[7:]],
        "row 6: is not the row that was written (trial 6, by ",
    ),
    "all-rows-removed": (lambda rows: rows[:1], "row 1: is missing: "),
}


@pytest.mark.parametrize("edit", EDITS)
def test_the_row_where_table_and_log_part_company_is_named(finished: Any, edit: str) -> None:
    change, says = EDITS[edit]
    before = finished.rows.read_text()
    rewrite(finished.rows, change)
    assert finished.rows.read_text() != before
    found = problems(finished)
    assert len(found) >= 1
    assert says in found[0]
    assert found[0].startswith(str(finished.rows.relative_to(finished.root)))


def test_lines_lost_from_the_log_and_a_lost_log_are_named(finished: Any) -> None:
    rewrite(finished.log, lambda lines: lines[:-4])
    (line,) = problems(finished)
    assert "_log.jsonl: ends with trial 12, but 14 trials were written: lines were lost" in line
    finished.log.unlink()
    (line,) = problems(finished)
    assert "_log.jsonl: is missing: with it, edited rows cannot be found" in line


def test_line_ends_of_windows_are_no_edit(finished: Any) -> None:
    finished.rows.write_bytes(finished.rows.read_bytes().replace(b"\n", b"\r\n"))
    assert problems(finished) == []


def test_one_persons_table_over_anothers_is_named(finished: Any) -> None:
    other = record(finished, RunName("0002", 1))
    assert problems(finished) == []
    shutil.copy(finished.rows, other.rows(finished.root))
    found = problems(finished)
    assert any("holds the same rows as" in line for line in found)
    assert any("row 1: is not the row that was written" in line for line in found)


def test_copied_runs_and_sessions_are_named(finished: Any) -> None:
    second = replace(finished.plan.name, run=2)
    shutil.copy(finished.rows, second.rows(finished.root))
    found = problems(finished)
    assert any("run-02_beh.tsv: holds the same rows as" in line for line in found)
    second.rows(finished.root).unlink()
    for folder in ("sub-001", "sourcedata/sub-001"):
        copy = shutil.copytree(finished.root / folder, finished.root / folder.replace("1", "9"))
        for path in copy.rglob("sub-001*"):
            path.rename(path.with_name(path.name.replace("001", "009")))
    found = problems(finished)
    assert any(
        "its manifest is of participant 001: the files were copied" in line for line in found
    )
    assert any("participants.tsv: does not list sub-009" in line for line in found)


def test_pilot_data_in_raw_are_named(booth: Any) -> None:
    pilot = replace(booth.plan, pilot=True)
    booth.plan = pilot
    record(booth)
    found = problems(booth)
    assert any(
        "is a pilot session: move it and its sourcedata out of raw" in line for line in found
    )
    assert any("column 'pilot': is false, the manifest says true" in line for line in found)


def test_lost_people_are_named_unless_they_declined(finished: Any) -> None:
    for part in ("sub-001", "sourcedata/sub-001"):
        shutil.rmtree(finished.root / part)
    (line,) = problems(finished)
    assert line == (
        "participants.tsv, row 1, column 'participant_id': sub-001 has no folder here: it was "
        "deleted or moved. Put it back"
    )


def test_a_later_session_without_an_earlier_one_is_remarked_on(booth: Any) -> None:
    record(booth, RunName("001", 3))
    checked = check_dataset(booth.root, booth.plan.stimuli)
    assert checked.problems == ()
    assert checked.remarks[0].endswith("participant 001 has session 3 here, but not 1, 2")


def as_version_01(booth: Any) -> None:
    """Make a session what version 0.1 would have left."""
    rewrite(booth.rows, lambda lines: [f"{line.rstrip().rpartition('\t')[0]}\n" for line in lines])
    rewrite(booth.log, lambda lines: [line for line in lines if '"trial_' not in line])
    path = booth.plan.name.manifest(booth.root)
    manifest = json.loads(path.read_text())
    del manifest["witnessed"]
    for segment in manifest["segments"]:
        del segment["kept_trials"], segment["rows_sha256"]
    path.write_text(json.dumps(manifest))


def test_sessions_of_version_01_are_read_and_remarked_on_once(finished: Any) -> None:
    as_version_01(finished)
    checked = check_dataset(finished.root, finished.plan.stimuli, pilot=False)
    assert checked.problems == ()
    (remark,) = checked.remarks
    assert "1 session recorded by version 0.1" in remark
    rows = read_run(finished.rows).rows
    assert rows[SEEN_BEFORE.name].isna().all()
    assert len(rows) == 14


def test_a_completed_session_of_version_01_that_lacks_its_last_rows_is_named(finished: Any) -> None:
    as_version_01(finished)
    rewrite(finished.rows, lambda lines: lines[:-2])
    (line,) = problems(finished)
    assert "ends with trial 12 of 14, but its manifest says that it is completed" in line


def test_a_session_of_version_01_goes_on_as_it_was_and_gets_its_witness(booth: Any) -> None:
    with booth.open() as run:
        for trial in booth.trials[:5]:
            run.append(booth.trial(trial))
        run.end("stopped")
    as_version_01(booth)
    with booth.open() as run:
        for trial in booth.trials[5:]:
            run.append(booth.trial(trial))
        assert run.end("completed") == "completed"
    assert problems(booth) == []
    assert SEEN_BEFORE.name not in booth.rows.read_text()
    assert len(read_run(booth.rows).rows) == 14
    log = [json.loads(line) for line in booth.log.read_text().splitlines()]
    assert [entry["trial_index"] for entry in log] == list(range(1, 15))
    rewrite(booth.rows, lambda lines: [*lines[:2], lines[2].replace("\t10.", "\t10.1"), *lines[3:]])
    assert "row 2: is not the row that was written" in problems(booth)[0]


def test_a_row_that_a_kill_kept_out_of_the_log_is_no_problem_and_is_added(booth: Any) -> None:
    with booth.open() as run:
        for trial in booth.trials[:5]:
            run.append(booth.trial(trial))
        run.end("stopped")
    booth.forget(4)
    assert problems(booth) == []
    with booth.open() as run:
        run.end("stopped")
    assert problems(booth) == []
    log = [json.loads(line) for line in booth.log.read_text().splitlines()]
    assert [entry["trial_index"] for entry in log] == [1, 2, 3, 4, 5]


def test_the_manifest_holds_the_hash_of_the_table(finished: Any) -> None:
    import hashlib

    segment = read_manifest(finished.plan.name.manifest(finished.root))["segments"][-1]
    content = finished.rows.read_bytes()
    assert segment["kept_trials"] == 14
    assert segment["rows_sha256"] == hashlib.sha256(content).hexdigest()


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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[:3] + rows[4:], "rows are not those that the session left"),
        (lambda rows: [*rows[:4], *rows[3:]], "rows are not those that the session left"),
        (lambda rows: [*rows, rows[-1]], "was added after the session had ended"),
    ],
    ids=["removed", "doubled", "added"],
)
def test_events_that_were_changed_are_named(
    whole_arena: Any, change: Callable[[list[str]], list[str]], says: str
) -> None:
    before = whole_arena.events.read_text()
    rewrite(whole_arena.events, change)
    found = [str(one) for one in check_dataset(whole_arena.root).problems]
    whole_arena.events.write_text(before)
    assert any(says in line and "_events.tsv" in line for line in found)
    assert not check_dataset(whole_arena.root).problems


def test_a_person_whom_the_list_calls_simulated_is_named(finished: Any) -> None:
    path = finished.root / "participants.tsv"
    rewrite(path, lambda rows: [rows[0], rows[1].replace("false", "true")])
    (problem,) = problems(finished)
    assert problem.startswith("participants.tsv, row 1, column 'simulated': sub-001 is true, the ")


def test_a_session_that_is_running_is_no_problem(
    booth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another trial is recorded between any two of the files that a check reads."""
    with booth.open() as run:
        trials = iter(booth.trials)

        def before(read: Callable[..., Any]) -> Callable[..., Any]:
            def reading(*words: Any) -> Any:
                run.append(booth.trial(next(trials)))
                found = read(*words)
                run.append(booth.trial(next(trials)))
                return found

            return reading

        for name in ("read_manifest", "read_log", "scan_rows"):
            place = f"twoalike.record._check.{name}"
            monkeypatch.setattr(place, before(getattr(_check, name)))
        assert _check.check_run_files(booth.root, booth.rows) == []
        run.end("stopped")
