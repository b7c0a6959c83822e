"""A session as the operator follows it on the terminal: counts and times, from items and rows.

It holds no stimuli and no answers, and of the participant only the code.
"""

import io
import os
import select
import sys
import time as clock
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, sqrt
from statistics import mean, median, stdev
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twoalike.study import MISSING, ExclusionConfig, counted
from twoalike.tasks import CHECKED, Duration, Item, Note, QuestionAnswers, Result

_FEW_CATCH = 3
"""Attention checks before their share is a reason to warn: the first miss is no news."""
_INTERRUPTED = 5
"""Times are capped at this many medians."""
_RECENT = 50
"""Trials that the expected time is taken from: people get faster."""


@dataclass(frozen=True, kw_only=True)
class OperatorState:
    """A session so far; times in seconds of one clock."""

    participant: str
    session: int
    task: str
    n_trials: int | None
    """Trials of the session; None where that is decided on the way."""
    exclusion: ExclusionConfig = field(default_factory=ExclusionConfig)
    remarks: tuple[str, ...] = ()
    budget_s: float | None = None
    """Time that main trials may take, where the design sets one."""
    spent_s: float = 0.0
    """Time within the main trials so far, those of an earlier sitting too."""
    expected: Duration | None = None
    """Time for the whole rest of the session, as it was at the start."""
    pages: Duration = Duration()
    """The part of it for pages after the instruction: breaks, countdowns, the debriefing."""
    progress: float | None = None
    """Share of the session that was over before the last trial, in tasks whose trials know it."""
    begun_with: int = 0
    """Trials that were done at the start."""
    evidence_goal: float | None = None
    """Evidence at which a pair is known well enough, in arrangements; None in other tasks."""
    evidence: tuple[float, float] | None = None
    """Smallest and mean evidence of a pair before the last main trial."""
    started: float = 0.0
    """When this sitting began."""
    now: float = 0.0
    since: float | None = None
    """When the present trial began: breaks and pages do not count."""
    done: int = 0
    """Trials finished, those of an earlier sitting too."""
    block: int | None = None
    doing: str = "starting"
    durations: tuple[float, ...] = ()
    """Of the recent trials."""
    catch_right: int = 0
    catch_seen: int = 0
    wrong_items: int = 0
    missed: int = 0
    fast: int = 0
    """``catch_right``, ``catch_seen``, ``wrong_items``, ``missed``, ``fast``: Counts; practice
    trials count in none of them."""
    last_response_s: float | None = None
    trigger_failures: int = 0
    trigger_reason: str = ""
    ended: str = ""

    def tick(self, now: float) -> "OperatorState":
        """Let time pass."""
        return replace(self, now=max(now, self.now))

    def recall(
        self, rows: Iterable[Mapping[str, str]], checks: Sequence[bool | None]
    ) -> "OperatorState":
        """Count the trials of an earlier sitting, and its attention checks (None: no answer)."""
        trials = {row["trial_index"]: row for row in rows}
        rated = [row for row in trials.values() if row["trial_type"] != "practice"]
        known = [found for row in rated if (found := _evidence(row))]
        times = [row.get("response_time", MISSING) for row in rated if row["trial_type"] == "main"]
        over = ("true", "timeout")  # of a task whose rows say that they are, or why they ended
        return replace(
            self,
            done=len(trials),
            begun_with=len(trials),
            spent_s=sum(float(time) for time in times if time != MISSING),
            evidence=known[-1] if known else None,
            catch_seen=len(checks),
            catch_right=sum(right is True for right in checks),
            missed=sum(row.get("timed_out", row.get("end_reason")) in over for row in rated),
            fast=sum(row.get("rt_flag") == "fast" for row in rated),
        )

    def take(self, item: Item, now: float) -> "OperatorState":
        """Take an item of the session that arose at ``now``."""
        state = self.tick(now)
        if isinstance(item, Note):
            return state._note(item)
        if isinstance(item, QuestionAnswers):
            items = [right for name, right in item.values.items() if name.endswith(CHECKED)]
            seen, right = self.catch_seen + len(items), self.catch_right + items.count(True)
            wrong = self.wrong_items + items.count(False)
            return replace(state, catch_seen=seen, catch_right=right, wrong_items=wrong)
        return state._result(item) if isinstance(item, Result) else state

    def _note(self, note: Note) -> "OperatorState":
        match note.event:
            case "stop_asked":
                return replace(self, doing="asked whether to stop")
            case "went_on":  # the trial starts again
                return replace(self, doing="trial", since=self.now)
            case "page_turned":
                at = note.detail
                doing = f"reading {at.get('text')}, page {at.get('to')} of {at.get('pages')}"
                return replace(self, doing=doing, since=self.now)
            case "trigger_failed":
                reason = str(note.detail.get("reason", ""))
                failures = self.trigger_failures + 1
                return replace(self, trigger_failures=failures, trigger_reason=reason)
            case "session_end":
                reason = str(note.detail.get("reason", ""))
                return replace(self, doing="over", ended=reason, since=None)
        after = replace(self, doing=f"after the page {note.event!r}", since=self.now)
        return after if "shown_s" in note.detail else self  # what follows a page starts now

    def _result(self, result: Result) -> "OperatorState":
        spent = () if self.since is None else (self.now - self.since,)
        counts = result.trial_type != "practice"
        catch = result.trial_type == "catch"
        # Some tasks know more of a trial than all have in common: shown where there is any.
        answer, trial = getattr(result, "answer", None), getattr(result, "trial", None)
        return replace(
            self,
            doing=f"{result.trial_type} trials",
            since=self.now,
            done=max(self.done, result.trial_index),
            block=getattr(trial, "block_index", None),
            evidence=_evidence(getattr(trial, "__dict__", {})) or self.evidence,
            progress=getattr(trial, "progress", None),
            durations=(*self.durations, *spent)[-_RECENT:],
            spent_s=self.spent_s + (sum(spent) if result.trial_type == "main" else 0.0),
            catch_seen=self.catch_seen + catch,
            catch_right=self.catch_right + (catch and result.correct is True),
            missed=self.missed + (counts and result.timed_out),
            fast=self.fast + (counts and getattr(result, "flag", None) == "fast"),
            last_response_s=getattr(answer, "response_time", None),
        )

    @property
    def elapsed_s(self) -> float:
        """Time since this sitting began."""
        return self.now - self.started

    @property
    def left(self) -> Duration | None:
        """Time still expected, breaks included; None where nothing is known.

        Until the first trial is over, it is the time expected at the start. After that, the mean
        time of recent trials, within twice its standard error, is used for those to come, plus
        the remaining share of the time for pages. It never exceeds the session's limit in minutes.
        """
        if not self.durations:
            start = self.expected
            return start and start.less(self.elapsed_s)
        trials, share = self._trials_left
        if self.budget_s is not None:
            limit_s = max(0.0, self.budget_s - self.spent_s)
            trials = trials.capped(limit_s, limit_s)
        return None if trials.high_s == inf else trials + self.pages.times(share)

    @property
    def _trials_left(self) -> tuple[Duration, float]:
        if self.n_trials is not None:
            left = max(0, self.n_trials - self.done)
            return self._pace.times(left), left / max(1, self.n_trials - self.begun_with)
        before_s = self.spent_s - self.durations[-1]  # the time at which progress was measured
        if not self.progress or before_s <= 0:
            return Duration(0.0, inf), 1.0
        rest_s = before_s / self.progress - self.spent_s
        return Duration(rest_s / 2, rest_s * 2).less(0), 1 - self.progress

    @property
    def _pace(self) -> Duration:
        # A question to the operator in the middle of a trial is no measure of the pace.
        longest = _INTERRUPTED * median(self.durations)
        times = [min(duration, longest) for duration in self.durations]
        average, n = mean(times), len(times)
        doubt = 2 * stdev(times) / sqrt(n) if n > 1 else average
        return Duration(average - doubt, average + doubt).less(0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the operator should know, the declared exclusion rule first."""
        found = []
        rule = self.exclusion
        if (
            self.catch_seen >= _FEW_CATCH
            and self.catch_right < rule.catch_accuracy * self.catch_seen
        ):
            found.append(
                f"exclusion rule: {self.catch_right} of {self.catch_seen} attention checks right, "
                f"fewer than {rule.catch_accuracy:.0%}"
            )
        if why := rule.of_items(self.wrong_items):
            found.append(f"exclusion rule: {why}")
        # An arrangement whose time was up is an answer all the same.
        if self.evidence_goal is None and self.missed > rule.missed:
            found.append(
                f"exclusion rule: {self.missed} trials without an answer, more than {rule.missed}"
            )
        if self.trigger_failures:
            found.append(
                f"triggers: {self.trigger_failures} not sent, last because {self.trigger_reason}"
            )
        return (*found, *self.remarks)


def _evidence(row: Mapping[str, Any]) -> tuple[float, float] | None:
    cells = row.get("min_evidence_before"), row.get("mean_evidence_before")
    least, mean = (None if cell is None or cell == MISSING else float(cell) for cell in cells)
    return None if least is None or mean is None else (least, mean)


_REFRESH_S = 0.5


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
    left = None if state.ended else state.left
    minutes, seconds = divmod(int(state.elapsed_s), 60)
    table.add_row("time", Text(f"{minutes}:{seconds:02d}" + (f", {left} left" if left else "")))
    if state.catch_seen:
        table.add_row("checks", Text(f"{state.catch_right} of {state.catch_seen} right"))
    if state.evidence_goal is None:
        last = state.last_response_s
        took = "" if last is None else f", the last took {last:.2f} s"
        table.add_row("answers", Text(f"{state.missed} missed, {state.fast} fast{took}"))
    else:  # as it stood when the last main trial was chosen
        found = "none yet"
        if state.evidence is not None:
            found = "weakest pair {:.2f}, mean {:.2f}".format(*state.evidence)
        over = f"; time was up in {counted(state.missed, 'trial')}" if state.missed else ""
        table.add_row("evidence", Text(f"{found}, {state.evidence_goal:g} asked for{over}"))
    for warning in state.warnings:
        table.add_row(Text("warning", style="bold yellow"), Text(warning, style="yellow"))
    title = f"{state.task}, participant {state.participant}, session {state.session}"
    return Panel(table, title=Text(title), title_align="left", expand=False)


class OperatorView:
    """Shows a session on the terminal it was started from; on none, it stays silent.

    It never holds the session up: it writes at most twice a second, in no thread of its own, and
    not while the terminal takes nothing (Ctrl-S, or a connection that stalls). ``hidden`` shows
    nothing but warnings.
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
