"""Sessions that can be killed at a chosen step: forks of one process that has all imported.

Started as a script, it takes one request a line on its standard input (JSON: the words of the
command line, the step before which to die, a file to report to) and answers with two lines: the
number of the session's process, and how it ended.

A step is whatever reaches the disk: a file opened to write, a write, an fsync, a rename, a folder
made. They are reported as they come, and so is each trial that the session takes for kept.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR


class Steps:
    """Counts what reaches the files below ``root``, and kills the process before one of it."""

    def __init__(self, root: str, report: int, die_before: int) -> None:
        self.root, self.report, self.die_before = root, report, die_before
        self.count = 0
        self.write, self.fsync = os.write, os.fsync

    def take(self, what: str, path: object) -> None:
        name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        if not name.startswith(self.root):
            return
        self.count += 1
        if self.count == self.die_before:
            os.kill(os.getpid(), signal.SIGKILL)
        self.tell({"step": self.count, "what": what, "file": Path(name).name})

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
            self.take("write", os.readlink(f"/proc/self/fd/{handle}"))
            return self.write(handle, content)

        def synced(handle: Any) -> None:
            number = handle if isinstance(handle, int) else handle.fileno()
            self.take("fsync", os.readlink(f"/proc/self/fd/{number}"))
            self.fsync(handle)

        os.write, os.fsync = written, synced
        sys.addaudithook(self.audit)


def live(request: dict[str, Any]) -> int:
    """Run one session in this process, watched; give its exit status."""
    from twoalike.cli.app import main
    from twoalike.record import RunRecord

    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silent, stream)
    report = os.open(request["report"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    steps = Steps(request["root"], report, request["die_before"])
    append: Callable[..., None] = RunRecord.append

    def reported(record: RunRecord, rows: Any) -> None:
        append(record, rows)
        steps.tell({"kept": rows[0]["trial_index"]})

    RunRecord.append = reported
    steps.install()
    try:
        main(request["words"])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def serve() -> None:
    """Fork a session for each request."""
    import twoalike.cli._sitting
    import twoalike.cli.app
    import twoalike.cli.run  # noqa: F401  # what every session imports, once for all

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            os._exit(live(json.loads(line)))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
