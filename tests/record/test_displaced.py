"""Files that other programs move, delete or replace during a session: no trial is lost."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twoalike.record import (
    RunRecord,
    check_bids,
    check_dataset,
    check_run,
    read_manifest,
    read_run,
    recover_run,
)
from twoalike.study import TwoalikeError


def replace(path: Path, content: bytes) -> None:
    """Write as sync clients, git and editors do: a new file, and a rename."""
    new = path.with_name("new.tmp")
    new.write_bytes(content)
    new.replace(path)


def lines(path: Path, number: int) -> bytes:
    return b"".join(path.read_bytes().splitlines(keepends=True)[:number])


def move_away(booth: Any, path: Path) -> None:
    path.rename(booth.study.root / f"{path.name}_old")


def cut(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(len(lines(path, 3)))


SAFE: dict[str, Callable[[Any], object]] = {
    "older-table": lambda booth: replace(booth.rows, lines(booth.rows, 3)),
    "same-table": lambda booth: replace(booth.rows, booth.rows.read_bytes()),
    "table-deleted": lambda booth: booth.rows.unlink(),
    "table-cut": lambda booth: cut(booth.rows),
    "folder-deleted": lambda booth: shutil.rmtree(booth.rows.parent),
    "session-moved": lambda booth: move_away(booth, booth.rows.parent.parent),
    "data-moved": lambda booth: move_away(booth, booth.root),
    "log-deleted": lambda booth: booth.log.unlink(),
    "older-log": lambda booth: replace(booth.log, lines(booth.log, 2)),
    "sourcedata-deleted": lambda booth: shutil.rmtree(booth.root / "sourcedata"),
}


def run(booth: Any, after: dict[int, Callable[[Any], object]], warnings: list[str]) -> str:
    """A session of all trials, with something done to its files after some of them."""
    with booth.open(warn=warnings.append) as record:
        for number, trial in enumerate(booth.trials, start=1):
            record.append(booth.trial(trial))
            if number in after:
                after[number](booth)
        return str(record.end("completed"))


def messages(booth: Any) -> list[str]:
    return [str(problem) for problem in check_dataset(booth.root, booth.plan.stimuli).problems]


@pytest.mark.parametrize("when", [6, 14], ids=["middle", "last"])
@pytest.mark.parametrize("what", SAFE)
def test_a_session_whose_files_were_lost_is_whole_at_its_end(
    booth: Any, what: str, when: int
) -> None:
    warnings: list[str] = []
    assert run(booth, {when: SAFE[what]}, warnings) == "completed"
    assert read_run(booth.rows).rows["trial_index"].tolist() == list(range(1, 15))
    assert read_manifest(booth.plan.name.manifest(booth.root))["end_reason"] == "completed"
    assert messages(booth) == []
    if what in ("folder-deleted", "data-moved"):  # it takes a second
        assert check_bids(booth.root) == []
    assert not list(booth.root.rglob("*rescue*"))
    assert "was moved, deleted or replaced" in warnings[0]
    log = [json.loads(line) for line in booth.log.read_text().splitlines()]
    assert sum(entry["event"] == "trial_kept" for entry in log) == 14


def edit(path: Path) -> None:
    """Change a cell without changing the length: the file stays the same to the system."""
    content = path.read_bytes()
    with path.open("rb+") as file:
        file.seek(content.index(b"practice"))
        file.write(b"Practice")


OTHER: dict[str, Callable[[Any], object]] = {
    "another-table": lambda booth: replace(booth.rows, booth.rows.read_bytes().replace(b"1", b"2")),
    "edited-in-place": lambda booth: edit(booth.rows),
    "a-folder": lambda booth: (booth.rows.unlink(), booth.rows.mkdir()),
}


@pytest.mark.parametrize("what", OTHER)
def test_a_table_that_holds_something_else_is_kept_and_the_session_is_not_called_complete(
    booth: Any, what: str
) -> None:
    warnings: list[str] = []
    assert run(booth, {6: OTHER[what]}, warnings) == "displaced"
    (rescue,) = booth.root.rglob("*_beh_rescue-1.tsv")
    assert rescue.read_bytes().count(b"\n") == 15
    there = None if booth.rows.is_dir() else booth.rows.read_bytes()
    assert any(str(rescue) in line and "resume=True" in line for line in messages(booth))
    if there is None:
        booth.rows.rmdir()
    else:
        with pytest.raises(TwoalikeError, match="differs from what the session wrote"):
            recover_run(booth.root, booth.plan.name)
        assert booth.rows.read_bytes() == there
        shutil.copy(rescue, booth.rows)  # what the operator decides
    line = recover_run(booth.root, booth.plan.name)
    assert line is not None
    assert line.endswith("is complete again, with 14 trials; the session is completed")
    assert messages(booth) == []
    assert not list(booth.root.rglob("*rescue*"))
    with pytest.raises(TwoalikeError, match="is finished"):
        check_run(booth.root, booth.plan, resume=True)


def kill(booth: Any, after: dict[int, Callable[[Any], object]]) -> None:
    """Leave a session as a kill does, after its last trial: nothing is put back."""
    with booth.open(warn=lambda line: None) as record:
        for number, trial in enumerate(booth.trials[:9], start=1):
            record.append(booth.trial(trial))
            if number in after:
                after[number](booth)
        record.end = lambda reason: reason


@pytest.mark.parametrize("what", [name for name in SAFE if "sourcedata" not in name])
def test_a_session_killed_beside_its_table_goes_on_with_all_of_it(booth: Any, what: str) -> None:
    kill(booth, {6: SAFE[what]})
    if what.endswith("-moved"):
        place = booth.root if what == "data-moved" else booth.rows.parent.parent
        rescued = [(path, path.read_bytes()) for path in booth.root.rglob("*rescue*")]
        if what == "data-moved":
            with pytest.raises(TwoalikeError, match="Put the folder that was moved back"):
                recover_run(booth.root, booth.plan.name)
        shutil.rmtree(place, ignore_errors=True)
        (booth.study.root / f"{place.name}_old").rename(place)
        for path, content in rescued:
            path.write_bytes(content)
    recover_run(booth.root, booth.plan.name)
    progress = check_run(booth.root, booth.plan, resume=True)
    assert progress.n_done == 9
    with booth.open() as record:
        for trial in booth.trials[9:]:
            record.append(booth.trial(trial))
        assert record.end("completed") == "completed"
    assert read_run(booth.rows).rows["trial_index"].tolist() == list(range(1, 15))
    assert messages(booth) == []


def test_the_rescue_file_can_be_lost_as_well(booth: Any) -> None:
    def lose(booth: Any) -> None:
        next(booth.root.rglob("*rescue*.tsv")).unlink()
        (booth.root / "sourcedata" / "sub-001" / "ses-01").rename(booth.root.parent / "gone")

    warnings: list[str] = []
    assert run(booth, {3: SAFE["table-deleted"], 6: lose}, warnings) == "completed"
    assert len(warnings) == 4  # the table twice, the log, and that all is whole again
    assert read_run(booth.rows).rows["trial_index"].tolist() == list(range(1, 15))


def test_the_events_of_an_arrangement_are_watched_too(
    arena: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    append: Callable[..., None] = RunRecord.append

    def and_lose(record: RunRecord, rows: Any) -> None:
        append(record, rows)
        if record.n_done == 2:
            arena.events.unlink()

    monkeypatch.setattr(RunRecord, "append", and_lose)
    assert arena.simulate() == "completed"
    assert f"{arena.events}: was moved, deleted or replaced" in capsys.readouterr().err
    assert messages(arena) == []
