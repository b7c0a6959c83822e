"""Long work: progress on a terminal or in a log, and Ctrl-C held back while a step is running.

An interrupt in the middle of a step leaves arrays half updated, and one that arrives in a callback
of JAX is lost, under a traceback. Here it is noted, and raised where the caller asks for it.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

_showing: list["Progress"] = []
"""The display that is on: a second one would write over it."""


def progress(every_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> "Progress":
    """Progress display on standard error, with a ``status`` field for current figures.

    Use as a context manager; ``add_task(description, total=n, status="")`` then
    ``update(task, advance=1, status="log-loss 0.912")``. Where standard error is a file or a pipe,
    there is a line every ``every_s`` seconds of ``clock`` instead. Nothing is printed in a notebook
    without ipywidgets, nor while another display is on.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class Outermost(Progress):
        """A display that stays silent while another one is on."""

        def start(self) -> None:
            self.logs = not (_showing or console.is_terminal or console.is_jupyter)
            self.began = self.logged = clock()
            self.disable = self.disable or bool(_showing)
            if self.logs or not self.disable:
                _showing.append(self)
            super().start()

        def update(self, task_id: Any, **fields: Any) -> None:
            super().update(task_id, **fields)
            if self.logs and clock() - self.logged >= every_s:
                self.logged, task = clock(), self.tasks[self.task_ids.index(task_id)]
                after = timedelta(seconds=round(self.logged - self.began))
                line = f"{task.description}: {task.completed:,.0f} of {task.total:,.0f}, {after}"
                print(line, task.fields.get("status", ""), file=sys.stderr, flush=True)  # noqa: T201

        def stop(self) -> None:
            super().stop()
            if self in _showing:
                _showing.remove(self)

    console = Console(stderr=True)
    # Without ipywidgets, rich would warn in each cell, and show nothing that moves.
    in_notebook = console.is_jupyter and find_spec("ipywidgets") is not None
    return Outermost(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
        console=console,
        disable=not (console.is_terminal or in_notebook),
        transient=True,
    )


class Interrupt:
    """Whether the user asked to stop: ``number`` is that of the first signal, 0 before it."""

    number = 0

    @property
    def asked(self) -> bool:
        return self.number != 0

    def __call__(self) -> None:
        """Raise KeyboardInterrupt if the user asked to stop."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def held_interrupt(*others: signal.Signals, at_end: bool = True) -> Iterator[Interrupt]:
    """Hold Ctrl-C back, and the signals ``others``; calling what it yields raises a held one.

    With ``at_end`` it is raised at the end at the latest. Outside the main thread, which alone
    receives signals, nothing is held.
    """
    interrupt = Interrupt()

    def note(number: int, frame: Any) -> None:
        interrupt.number = interrupt.number or number

    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *others)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if at_end:
        interrupt()
