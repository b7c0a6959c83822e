"""Commands that can be killed at a chosen step: forks of one process that has all imported.

Started as a script, it takes one request a line on its standard input (JSON: the words of the
command line, the steps before which to die or to stop, what the disk refuses, a file to report
to and one for what is printed) and answers with the number of the command's process. After the
next line it waits for that process, which is a zombie until then, and says how it ended.

A step is whatever reaches the disk: a file opened to write, a write, an fsync, a rename, a folder
made. They are reported as they come, and so is each trial that a session takes for kept, with the
lines that its raw table should hold of it.
"""

import errno
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR


def _path(file: object) -> str:
    """Name of a file given by its path or by its descriptor; empty if it has none."""
    if isinstance(file, int):
        return os.readlink(f"/proc/self/fd/{file}")
    return os.fsdecode(file) if isinstance(file, str | bytes | os.PathLike) else ""


class Steps:
    """Counts what reaches the files below ``root``; the process may die, stop or fail at one.

    Parameters
    ----------
    die_before, stop_before
        Numbers of steps, from 1; 0 for none.
    fault
        ``error`` (name of an errno), ``at`` (first step that fails), ``times`` (how many steps
        fail), ``half`` (a write puts half of its bytes on the disk before the others fail).
    """

    def __init__(
        self, root: str, report: int, die_before: int, stop_before: int, fault: Any
    ) -> None:
        self.root, self.report = root, report
        self.die_before, self.stop_before, self.fault = die_before, stop_before, fault
        self.count = 0
        self.write, self.fsync = os.write, os.fsync

    def take(self, what: str, file: object) -> None:
        name = _path(file)
        if not name.startswith(self.root):
            return
        self.count += 1
        if self.count == self.die_before:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self.stop_before:
            os.kill(os.getpid(), signal.SIGSTOP)
        self.tell({"step": self.count, "what": what, "file": Path(name).name})
        if self.fault and 0 <= self.count - self.fault["at"] < self.fault["times"]:
            number = getattr(errno, self.fault["error"])
            raise OSError(number, os.strerror(number), name)

    def tell(self, entry: dict[str, Any]) -> None:
        self.write(self.report, (json.dumps(entry) + "\n").encode())

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            if (mode and set(mode) & set("wax+")) or (not mode and flags & _WRITING):
                self.take("open", path)
        elif event == "os.rename":
            self.take("rename", arguments[1])
        elif event in ("os.mkdir", "os.remove", "os.truncate"):
            self.take(event.removeprefix("os."), arguments[0])

    def install(self) -> None:
        """Watch this process from now on."""

        def written(handle: int, content: bytes) -> int:
            try:
                self.take("write", handle)
            except OSError:
                if not self.fault["half"]:
                    raise
                return self.write(handle, content[: len(content) // 2])
            return self.write(handle, content)

        def synced(handle: Any) -> None:
            self.take("fsync", handle if isinstance(handle, int) else handle.fileno())
            self.fsync(handle)

        system: Any = os
        system.write, system.fsync = written, synced
        sys.addaudithook(self.audit)


def report_kept(steps: Steps) -> None:
    """Let sessions report each trial once they take it for kept, with its lines."""
    from twoalike.record import RunName, RunRecord
    from twoalike.registry import find_task

    append: Callable[..., None] = RunRecord.append

    def reported(record: RunRecord, rows: Any) -> None:
        append(record, rows)
        table = find_task(RunName.parse(record.path).task).trials
        # What the task gives; the record may add columns of its own behind it.
        given = [column for column in table.columns if column.name in rows[0]]
        lines = ["\t".join(one.format(row[one.name]) for one in given) for row in rows]
        said = json.dumps(rows, ensure_ascii=False, default=lambda value: value.item())
        steps.tell({"kept": rows[0]["trial_index"], "lines": lines, "said": said})

    record: Any = RunRecord
    record.append = reported


def fit_nothing() -> None:
    """Let ``fit`` end well where its engine would begin: its data were accepted."""
    from twoalike import embedding

    def begins(*_: object, **__: object) -> None:
        sys.exit(0)

    module: Any = embedding
    module.fit_embedding = begins


def live(request: dict[str, Any]) -> int:
    """Run one command in this process, watched; give its exit status."""
    from twoalike.cli.app import main

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(request["said"], os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)
    report = os.open(request["report"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    names = ("die_before", "stop_before", "fault")
    steps = Steps(request["root"], report, *(request[name] for name in names))
    report_kept(steps)
    if request["words"][0] == "fit":
        fit_nothing()
    steps.install()
    try:
        main(request["words"])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve() -> None:
    """Fork a command for each request."""
    import twoalike.cli.app
    import twoalike.cli.studies  # noqa: F401
    from twoalike import exchange, judgments, planning, record, sitting, tasks

    # What every command needs, once for all: packages import their names on first use.
    for package in (exchange, judgments, planning, record, sitting, tasks):
        for name in getattr(package, "__all__", ()):
            getattr(package, name)

    for line in sys.stdin:
        request = json.loads(line)
        if request["words"][0] == "fit":
            import twoalike.embedding  # noqa: F401  # takes a second; most requests need none
        child = os.fork()
        if child == 0:
            os.setsid()
            os._exit(live(request))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdin.readline()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
