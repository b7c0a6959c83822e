"""What a killed process leaves is found, removed or put back; what another still writes is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twoalike.study import atomic_directory, atomic_path, find_leftovers
from twoalike.study._outputs import COMPUTER, LONG_S

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL and fsync of folders")
KILLED = """
import os, signal, sys
from pathlib import Path
from twoalike.study import atomic_directory, atomic_path
where, out = sys.argv[1], Path(sys.argv[2])
rename = Path.rename
def die(path, target):
    if where == "before renames" or (where == "between renames" and path != out):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(path, target)
Path.rename = Path.replace = die
with (atomic_directory if where != "file" else atomic_path)(out) as part:
    if where == "file":
        part.write_text("new")
        os.kill(os.getpid(), signal.SIGKILL)
    (part / "new").write_text("new")
"""


def kill_while_writing(out: Path, where: str) -> None:
    run = subprocess.run([sys.executable, "-c", KILLED, where, str(out)], check=False)
    assert run.returncode == -9


def write_folder(out: Path, name: str) -> None:
    with atomic_directory(out) as part:
        (part / name).write_text(name)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def gone() -> int:
    """Number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_folder_set_aside_by_a_killed_process_is_put_back(tmp_path: Path) -> None:
    out = tmp_path / "teacher"
    write_folder(out, "old")
    kill_while_writing(out, "between renames")
    assert not out.exists()
    messages = [str(one) for one in find_leftovers(tmp_path)]
    assert len(messages) == 2
    assert any("this is teacher, set aside" in line and "puts it back" in line for line in messages)

    class StopError(Exception):
        pass

    with pytest.raises(StopError), atomic_directory(out):
        assert names(out) == ["old"]  # before anything new is there
        raise StopError
    assert names(tmp_path) == ["teacher"] and names(out) == ["old"]
    kill_while_writing(out, "between renames")
    write_folder(out, "newer")
    assert names(tmp_path) == ["teacher"] and names(out) == ["newer"]


@pytest.mark.parametrize("where", ["file", "before renames"])
def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, where: str) -> None:
    out = tmp_path / "out.npz"
    kill_while_writing(out, where)
    (found,) = find_leftovers(tmp_path)
    assert found.output == out and "removes it" in str(found)
    if where == "file":
        with atomic_path(out) as part:
            part.write_text("whole")
    else:
        write_folder(out, "whole")
    assert names(tmp_path) == ["out.npz"]


def test_what_a_running_process_writes_is_left_alone(tmp_path: Path, gone: int) -> None:
    out = tmp_path / "table.tsv"
    others = [
        f".table.{COMPUTER}-{os.getppid()}.part.tsv",  # runs
        f".table.abcdef-{gone}.part.tsv",  # of another computer: may run
        f".table.{gone}.part.tsv",  # of version 0.1: may be of another computer
        f".tables.{COMPUTER}-{gone}.part.tsv",  # of another output
        ".table.part.tsv",  # somebody's own
    ]
    for name in others:
        (tmp_path / name).write_text("x")
    with atomic_path(out) as part:
        part.write_text("whole")
        assert find_leftovers(tmp_path) == [
            one for one in find_leftovers(tmp_path) if one.output.name == "tables.tsv"
        ]
    assert names(tmp_path) == sorted([*others, "table.tsv"])


@pytest.mark.parametrize(
    "name", [".out.abcdef-1.part.k3_d8f9s", ".out.part.k3_d8f9s", ".out.1.old"]
)
def test_of_other_computers_what_did_not_change_for_a_day_is_stale(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / name, tmp_path / "out"
    write_folder(folder, "content")
    write_folder(out, "now")
    assert names(tmp_path) == sorted([name, "out"])
    later = time.time() + LONG_S + 60
    monkeypatch.setattr(time, "time", lambda: later)
    assert [one.path for one in find_leftovers(tmp_path)] == [folder]
    write_folder(out, "later")
    assert names(tmp_path) == ["out"]


def test_everything_is_synced_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut a name must not stand for a file whose bytes are not there."""
    events: list[object] = []
    fsync, rename = os.fsync, Path.rename

    def synced(handle: int) -> None:
        events.append(os.fstat(handle).st_ino)
        fsync(handle)

    def renamed(path: Path, target: Path) -> Path:
        events.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    out = tmp_path / "new" / "checkpoint"
    with atomic_directory(out) as part:
        (part / "within").mkdir()
        for name in ("weights", "within/log"):
            (part / name).write_text(name)
        (part / "weights").chmod(0o400)
    before, after = events[: events.index("rename")], events[events.index("rename") :]
    inside = [out, *out.rglob("*")]
    assert {path.stat().st_ino for path in inside} <= set(before)
    assert tmp_path.stat().st_ino in before  # the entry of the folder that was made
    assert out.parent.stat().st_ino in after
