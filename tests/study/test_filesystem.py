"""File systems without locks or syncs are reported once; a failing disk is never passed over."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twoalike.study import (
    TwoalikeError,
    _outputs,
    atomic_directory,
    atomic_path,
    hold_lock,
    write_json,
)

fcntl: Any = pytest.importorskip("fcntl")

MISSING = ("EINVAL", "ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP")
HELD = ("EWOULDBLOCK", "EAGAIN", "EACCES")
FAILING = ("EIO", "ENOSPC", "EDQUOT")


@pytest.fixture(autouse=True)
def _nothing_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_outputs, "_reported", set())


def failing(name: str) -> Callable[..., None]:
    number = getattr(errno, name)

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("name", MISSING)
def test_without_locks_work_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(name))
    done = []
    for lock in ("one", "two"):
        with hold_lock(tmp_path / lock, "run by another process"):
            done.append(lock)
    assert done == ["one", "two"]
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"{tmp_path}: this file system does not offer file locks. ")


@pytest.mark.parametrize("name", HELD)
def test_a_lock_that_is_held_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing(name))
    with pytest.raises(TwoalikeError, match="run by another process"):
        with hold_lock(tmp_path / "lock", "run by another process"):
            raise AssertionError("never reached")


@pytest.mark.parametrize("name", MISSING)
def test_files_and_folders_that_cannot_be_synced_are_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setattr(os, "fsync", failing(name))
    write_json(tmp_path / "a.json", {"a": 1})
    with atomic_path(tmp_path / "b.txt") as temporary:
        temporary.write_text("b")
    with atomic_directory(tmp_path / "c") as folder:
        (folder / "d").write_text("d")
    assert (tmp_path / "b.txt").read_text() + (tmp_path / "c" / "d").read_text() == "bd"
    said = capsys.readouterr().err.splitlines()
    assert [line.split(". ")[0] for line in said] == [
        f"{tmp_path}: this file system does not offer syncing {what}"
        for what in ("files", "folders")
    ]


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_disk_is_still_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(os, "fsync", failing(name))
    with pytest.raises(TwoalikeError, match="cannot write"):
        write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "EINVAL"])
def test_a_folder_that_cannot_be_opened_itself_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if Path(path) == tmp_path and flags == os.O_RDONLY:
            failing(name)()
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").exists()
    assert "does not offer syncing folders" in capsys.readouterr().err
