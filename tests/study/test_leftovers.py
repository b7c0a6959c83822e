"""What a killed process leaves: never a part of an output; what was set aside is put back."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twoalike.study import atomic_directory, find_leftovers
from twoalike.study._outputs import LONG_S

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


def a_day_later(monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + LONG_S + 60
    monkeypatch.setattr(time, "time", lambda: later)


def test_a_folder_set_aside_by_a_killed_process_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "teacher"
    write_folder(out, "old")
    kill_while_writing(out, "between renames")
    assert not out.exists()
    assert find_leftovers(tmp_path) == []  # another process may be writing

    class StopError(Exception):
        pass

    with monkeypatch.context() as patch:
        a_day_later(patch)
        aside, unfinished = find_leftovers(tmp_path)
    assert "this is teacher, set aside" in aside and "puts it back" in aside
    assert "killed while it wrote teacher. Remove it." in unfinished
    with pytest.raises(StopError), atomic_directory(out):
        assert names(out) == ["old"]  # before anything new is there
        raise StopError
    assert names(out) == ["old"]
    write_folder(out, "newer")
    assert names(out) == ["newer"]


@pytest.mark.parametrize("where", ["file", "before renames"])
def test_what_a_killed_process_left_is_named_and_in_nobodys_way(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.npz"
    kill_while_writing(out, where)
    assert not out.exists()
    write_folder(out, "whole")
    (tmp_path / ".table.part.tsv").write_text("somebody's own")
    a_day_later(monkeypatch)
    (found,) = find_leftovers(tmp_path)
    assert "left by a process that was killed while it wrote out" in found


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
