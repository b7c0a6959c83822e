"""What the operator sees in the terminal while a participant works.

The state (:class:`OperatorState`) knows no terminal; this shows it.
"""

import io
import os
import select
import sys
import time as clock
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twoalike.sitting._operator import OperatorState
from twoalike.study import counted
from twoalike.tasks import Item

_REFRESH_S = 0.5


def _minutes(seconds: float | None) -> str:
    """Duration as minutes and seconds."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def render(state: OperatorState) -> RenderableType:
    """Panel of a session's state."""
    table = Table.grid(padding=(0, 2))
    total = "" if state.n_trials is None else f" of {state.n_trials}"
    block = "" if state.block is None else f", block {state.block}"
    table.add_row("trial", Text(f"{state.done}{total} done{block}"))
    share = 1.0 if state.ended == "completed" else state.progress
    if state.n_trials:
        share = min(state.done, state.n_trials) / state.n_trials
    if share is not None:
        table.add_row("", ProgressBar(total=1.0, completed=share, width=40))
    table.add_row("now", Text(state.ended or state.doing))
    table.add_row("time", Text(f"{_minutes(state.elapsed_s)}{_left(state)}"))
    if state.catch_seen:
        table.add_row("checks", Text(f"{state.catch_right} of {state.catch_seen} right"))
    if state.evidence_goal is None:
        table.add_row("answers", Text(_answers(state)))
    else:
        table.add_row("evidence", Text(_gathered(state, state.evidence_goal)))
    for warning in state.warnings:
        table.add_row(Text("warning", style="bold yellow"), Text(warning, style="yellow"))
    title = f"{state.task}, participant {state.participant}, session {state.session}"
    return Panel(table, title=Text(title), title_align="left", expand=False)


def _left(state: OperatorState) -> str:
    left = None if state.ended else state.left
    return "" if left is None else f", {left} left"


def _answers(state: OperatorState) -> str:
    last = "" if state.last_response_s is None else f", the last took {state.last_response_s:.2f} s"
    return f"{state.missed} missed, {state.fast} fast{last}"


def _gathered(state: OperatorState, goal: float) -> str:
    """Evidence on the pairs, as it stood when the last main trial was chosen."""
    over = f"; time was up in {counted(state.missed, 'trial')}" if state.missed else ""
    if state.evidence is None:
        return f"none yet, {goal:g} asked for{over}"
    least, mean = state.evidence
    return f"weakest pair {least:.2f}, mean {mean:.2f}, {goal:g} asked for{over}"


class OperatorView:
    """Shows a session on the terminal it was started from; on none, it stays silent.

    It never holds the session up: it writes at most twice a second, in no thread of its own,
    and not while the terminal takes nothing (Ctrl-S, or a connection that stalls).

    Parameters
    ----------
    state
        The session before it starts.
    console
        Where to show it; standard error if left out.
    hidden
        Show nothing but warnings.
    """

    def __init__(
        self, state: OperatorState, console: Console | None = None, *, hidden: bool = False
    ) -> None:
        self.state = state
        self._console = console or Console(stderr=True)
        self._live = (
            Live(render(state), console=self._console, auto_refresh=False, redirect_stdout=False)
            if self._console.is_terminal and not hidden
            else None
        )
        self._shown_at = -_REFRESH_S
        self._gone = False

    def __enter__(self) -> Self:
        self._on_terminal(Live.start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._on_terminal(lambda live: live.update(render(self.state)))
        self._on_terminal(Live.stop)

    def take(self, item: Item, now: float) -> None:
        """Take an item of the session that arose at ``now`` (s, any one clock)."""
        self.state = self.state.take(item, now)
        self._show()

    def warn(self, line: str) -> None:
        """Show the operator a line at once: on standard error, and as a warning in the panel."""
        print(line, file=sys.stderr)  # noqa: T201
        self.state = replace(self.state, remarks=(*self.state.remarks, line))

    def tick(self, now: float) -> None:
        """Let time pass; call it as often as you like."""
        self.state = self.state.tick(now)
        self._show()

    def _show(self) -> None:
        # By the real clock, since that of a simulated session may run.
        now = clock.monotonic()
        if now - self._shown_at < _REFRESH_S or not self._ready():
            return
        self._shown_at = now
        self._on_terminal(lambda live: live.update(render(self.state), refresh=True))

    def _ready(self) -> bool:
        """Whether the terminal takes output now; else a write would hold the session up."""
        if self._live is None or self._gone:
            return False
        if os.name != "posix":
            return True
        try:
            handle = self._console.file.fileno()
        except io.UnsupportedOperation:  # not a file of the system: never waits
            return True
        return bool(select.select([], [handle], [], 0)[1])

    def _on_terminal(self, act: Callable[[Live], None]) -> None:
        if self._live is None:
            return
        try:
            act(self._live)
        except OSError:  # the terminal was closed
            self._gone = True
