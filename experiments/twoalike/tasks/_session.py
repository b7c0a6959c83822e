"""A session as a state machine: pages, trials and breaks in order, and Esc at any time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from twoalike.tasks._answering import (
    Phase,
    TrialState,
    advance,
    begin_trial,
    goes_on,
    phase_end,
    restart_trial,
    trial_result,
    trial_scene,
)
from twoalike.tasks._events import Event, KeyPress, PointerPress, PointerRelease, Shown, Stop, Tick
from twoalike.tasks._layout import Layout
from twoalike.tasks._protocol import OddOneOut
from twoalike.tasks._scenes import Page, Scene
from twoalike.tasks._trial import Trial, TrialResult

STOP_KEY = "escape"
type EndReason = str
"""``completed``, ``stopped`` (Esc), or the reason of a :class:`~twoalike.tasks.Stop`."""


@dataclass(frozen=True)
class PageStep:
    """A page that somebody turns, or that ends after ``limit_s`` (0: never)."""

    name: Literal["instruction", "resume", "practice_end", "break", "end"]
    page: Page
    limit_s: float = 0.0


@dataclass(frozen=True)
class Note:
    """Something that happened besides the trials, for the log."""

    event: str
    time: float
    detail: dict[str, object] = field(default_factory=dict)


def plan_steps(
    protocol: OddOneOut, trials: Sequence[Trial], n_done: int = 0
) -> tuple[PageStep | Trial, ...]:
    """Order of pages and trials of a session that has ``n_done`` trials behind it."""
    texts = protocol.texts
    first = ("resume", (texts.resume,)) if n_done else ("instruction", texts.instruction)
    steps: list[PageStep | Trial] = [
        PageStep("resume" if n_done else "instruction", Page(text, texts.go_on))
        for text in first[1]
    ]
    total = sum(trial.trial_type != "practice" for trial in trials)
    n_main = 0
    for number, trial in enumerate(trials):
        before = trials[number - 1] if number > n_done else None
        if before is not None:
            steps += _between(protocol, before, trial, n_main, total)
        n_main += trial.trial_type != "practice"
        if number >= n_done:
            steps.append(trial)
    return (*steps, PageStep("end", Page(texts.end, texts.go_on)))


def _between(
    protocol: OddOneOut, before: Trial, trial: Trial, n_main: int, total: int
) -> list[PageStep]:
    """Pages between two trials; ``n_main`` trials other than practice have been shown."""
    texts, breaks = protocol.texts, protocol.breaks
    if before.trial_type == "practice":
        ended = trial.trial_type != "practice"
        return [PageStep("practice_end", Page(texts.practice_end, texts.go_on))] if ended else []
    if not breaks.break_every or n_main % breaks.break_every:
        return []
    caption = texts.progress.format(done=n_main, total=total)
    page = Page(texts.pause, texts.go_on, (n_main, total), caption)
    return [PageStep("break", page, breaks.break_limit_s)]


class Session:
    """A session under way: events in, scene out; results and notes as they arise.

    Parameters
    ----------
    protocol, layout
        What the session looks like and how long things take.
    trials
        The whole trial list.
    n_done
        Trials of it that were recorded before.

    Examples
    --------
    >>> from twoalike.tasks import lay_out
    >>> trial = Trial(1, 1, "main", "t1", ("a", "b", "c"), ("left", "middle", "right"))
    >>> session = Session(OddOneOut(), lay_out(OddOneOut(), (1280, 1024)), [trial])
    >>> events = [Shown(0.0), KeyPress(1.5, "space"), Shown(1.5), KeyPress(3.0, "space")]
    >>> events += [Shown(3.0), Tick(3.5), Shown(3.5), KeyPress(5.0, "2")]
    >>> results = [item for event in events for item in session.handle(event)]
    >>> results[-1].answer
    Answer(position='middle', method='keyboard', response_time=1.5, key='2')
    """

    def __init__(
        self, protocol: OddOneOut, layout: Layout, trials: Sequence[Trial], n_done: int = 0
    ) -> None:
        self.protocol, self.layout = protocol, layout
        self._steps = plan_steps(protocol, trials, n_done)
        self._index = 0
        self._since: float | None = None
        self._asking = False
        self._state: TrialState | None = None
        self.end_reason: EndReason | None = None
        self._enter(0)

    @property
    def finished(self) -> bool:
        """Whether the session has ended; ``end_reason`` says how."""
        return self.end_reason is not None

    @property
    def state(self) -> TrialState | None:
        """The trial under way; None on a page."""
        return None if self._asking else self._state

    @property
    def asking(self) -> bool:
        """Whether the page after Esc is shown."""
        return self._asking

    @property
    def choosing(self) -> bool:
        """Whether a triplet waits for a choice."""
        return self.state is not None and self.state.phase is Phase.CHOICE

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        if self._asking:
            return Page(self.protocol.texts.stop)
        if self._state is not None:
            return trial_scene(self._state, self.protocol)
        return self._page.page

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        if self._asking:
            return None
        if self._state is not None:
            return phase_end(self._state, self.protocol)
        limit = self._page.limit_s
        return self._since + limit if self._since is not None and limit else None

    @property
    def _page(self) -> PageStep:
        step = self._steps[self._index]
        assert isinstance(step, PageStep)
        return step

    def _enter(self, index: int) -> None:
        step = self._steps[index]
        self._index, self._since = index, None
        self._state = begin_trial(step, self.protocol) if isinstance(step, Trial) else None

    def handle(self, event: Event) -> list[TrialResult | Note]:
        """Take one event; give what is to be recorded. After the end nothing happens."""
        if self.finished:
            return []
        match event:
            case Stop(time=time, reason=reason):
                return self._finish(reason, time)
            case KeyPress(time=time, key=key) if key == STOP_KEY:
                return self._escape(time)
        if self._asking:
            return self._answer_stop(event)
        if self._state is not None:
            return self._advance_trial(self._state, event)
        return self._advance_page(event)

    def _finish(self, reason: EndReason, time: float) -> list[TrialResult | Note]:
        at_end = self._state is None and self._page.name == "end"
        self.end_reason = "completed" if at_end else reason
        return [Note("session_end", time, {"reason": self.end_reason})]

    def _escape(self, time: float) -> list[TrialResult | Note]:
        if self._asking or (self._state is None and self._page.name == "end"):
            return self._finish("stopped", time)
        self._asking = True
        return [Note("stop_asked", time)]

    def _answer_stop(self, event: Event) -> list[TrialResult | Note]:
        pressed = isinstance(event, PointerPress) and self.protocol.answers.mouse
        if not (pressed or isinstance(event, KeyPress)):
            return []
        self._asking = False
        notes: list[TrialResult | Note] = [Note("went_on", event.time)]
        if self._state is not None:
            self._state = restart_trial(self._state, self.protocol)
            if self._state.phase is Phase.DONE:
                self._enter(self._index + 1)
        return notes

    def _advance_trial(self, before: TrialState, event: Event) -> list[TrialResult | Note]:
        state = advance(before, event, self.protocol, self.layout)
        self._state = state
        decided = state.decided and not before.decided
        results: list[TrialResult | Note] = [trial_result(state, self.protocol)] if decided else []
        if state.phase is Phase.DONE:
            self._enter(self._index + 1)
        return results

    def _advance_page(self, event: Event) -> list[TrialResult | Note]:
        if isinstance(event, Shown):
            self._since = event.time if self._since is None else self._since
            return []
        if self._since is None:
            return []
        if self.deadline is not None and event.time >= self.deadline:
            return self._turn(event.time, "limit")
        match event:
            case KeyPress(key=key):
                pressed = goes_on(key, self.protocol)
            case PointerPress():
                pressed = self.protocol.answers.mouse
            case PointerRelease() | Tick() | _:
                pressed = False
        if pressed and event.time - self._since >= self.protocol.timing.page_s:
            return self._turn(event.time, "press")
        return []

    def _turn(self, time: float, by: str) -> list[TrialResult | Note]:
        page = self._page
        shown = 0.0 if self._since is None else round(time - self._since, 4)
        notes: list[TrialResult | Note] = [
            Note(page.name, time, {"shown_s": shown, "ended_by": by})
        ]
        if page.name == "end":
            return [*notes, *self._finish("completed", time)]
        self._enter(self._index + 1)
        return notes
