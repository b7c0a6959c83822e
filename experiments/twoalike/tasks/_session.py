"""A session under way: activities in order, Esc at any time, where its items go."""

import signal
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from twoalike.record import AskedQuestion, RunRecord
from twoalike.study import held_interrupt
from twoalike.tasks._activity import (
    ANSWERED,
    Activity,
    Arena,
    Event,
    EventRow,
    Focus,
    ImageRow,
    Item,
    KeyPress,
    MoreShown,
    Note,
    Page,
    Piles,
    PointerPress,
    QuestionAnswers,
    Rating,
    Result,
    Scene,
    Shown,
    Stop,
    Tick,
)
from twoalike.tasks._protocol import Moment

STOP_KEY = "escape"
_LAST_PAGES = {"end": "completed", "declined": "declined"}
"""Pages after which nothing comes, and how a session ended that is left there."""
type EndReason = str
"""``completed``, ``declined`` (no consent), ``stopped`` (Esc), or the reason of a Stop."""
type Script = Generator[Activity | Item, None, EndReason]
"""Gives activities one after the other, and items to keep between them; returns how it ended."""


def each_step(
    script: Script, change: Callable[[Activity | Item], Iterable[Activity | Item]]
) -> Script:
    """Give what each step of a script becomes, in its place."""
    try:
        while True:
            yield from change(next(script))
    except StopIteration as end:
        return str(end.value)
    finally:
        script.close()


class Session:
    """A session under way: events in, scene out; results and notes as they arise.

    The script goes on when an activity is finished, so it may look at the outcome of those before.
    ``ready`` makes the countdown before each trial that does not follow another one, and before one
    that Esc has interrupted. ``pulse_key``, which a scanner presses again and again, means nothing
    on the page after Esc, which is shown while ``asking``. It was ``left`` if Esc, a signal or the
    window's closing ended it, be it on the last page.
    """

    def __init__(
        self,
        script: Script,
        stop_text: str,
        ready: Callable[[], Activity] | None = None,
        pulse_key: str | None = None,
    ) -> None:
        self._script, self._stop_text, self._ready = script, stop_text, ready
        self._pulse_key = pulse_key
        self.asking = self.left = False
        self._activity: Activity | None = None
        self._before: Activity | None = None
        self._left = False
        self._items: list[Item] = []
        self.end_reason: EndReason | None = None
        self._go_on(0.0)

    @property
    def finished(self) -> bool:
        """Whether the session has ended; ``end_reason`` says how."""
        return self.end_reason is not None

    @property
    def activity(self) -> Activity | None:
        """What is under way; None while the page after Esc is shown, and at the end."""
        return None if self.asking else self._before or self._activity

    @property
    def scene(self) -> Scene:
        """What has to be on the screen now."""
        if self.activity is None:
            return Page(self._stop_text if self.asking else "")
        return self.activity.scene

    @property
    def deadline(self) -> float | None:
        """Time of the next change that comes by itself, s; None if there is none."""
        return None if self.activity is None else self.activity.deadline

    def handle(self, event: Event) -> Sequence[Item]:
        """Take one event; return the items to keep. After the end nothing happens."""
        if not self.finished:
            self._take(event)
        items, self._items = self._items, []
        return items

    def _take(self, event: Event) -> None:
        match event:
            case Stop(time=time, reason=reason):
                return self._finish(reason, time)
            case KeyPress(time=time, key=key) if key == STOP_KEY:
                return self._escape(time)
            case Focus(time=time, here=here):
                self._items.append(Note("focus", time, {"here": here}))
        if self.asking:
            self._answer_stop(event)
        else:
            assert self.activity is not None
            self._items += self.activity.handle(event)
            self._advance(event.time)

    def _advance(self, time: float) -> None:
        if self._before is not None and self._before.finished:
            self._before = None
            self._return(time)
        if self._before is None and self._activity is not None and self._activity.finished:
            self._go_on(time)

    def _return(self, time: float) -> None:
        left, self._left = self._left, False
        if left and self._activity is not None:
            self._items += self._activity.restart(time)

    def _go_on(self, time: float) -> None:
        while True:
            try:
                step = next(self._script)
            except StopIteration as end:
                self._activity = None
                return self._finish(str(end.value), time)
            if isinstance(step, Activity):
                before = None if self._activity is None else self._activity.name
                if _is_trial(step) and before not in ("trial", "scanner"):
                    self._before = self._ready() if self._ready is not None else None
                self._activity = step
                return
            self._items.append(step)

    def _finish(self, reason: EndReason, time: float) -> None:
        self.end_reason = self._settled or reason
        self.left = reason != "completed"
        self._script.close()  # lets it end what it has started
        self._items.append(Note("session_end", time, {"reason": self.end_reason}))

    @property
    def _settled(self) -> EndReason | None:
        """How the session has ended already, if it only shows its last page."""
        return None if self._activity is None else _LAST_PAGES.get(self._activity.name)

    def _escape(self, time: float) -> None:
        if self.asking or self._settled is not None:
            return self._finish("stopped", time)
        self.asking = True
        self._items.append(Note("stop_asked", time))

    def _answer_stop(self, event: Event) -> None:
        if not isinstance(event, KeyPress | PointerPress):
            return
        if isinstance(event, KeyPress) and event.key == self._pulse_key:
            return
        self.asking = False
        self._items.append(Note("went_on", event.time))
        if self._before is not None:
            self._items += self._before.restart(event.time)
            return
        self._left = True
        if self._ready is not None and _is_trial(self._activity):
            self._before = self._ready()
        else:
            self._return(event.time)
            self._advance(event.time)


def _is_trial(activity: Activity | None) -> bool:
    return activity is not None and activity.name == "trial"


type SendMark = Callable[[str, float], str | None]
"""Takes the name of an event and its time; returns why the mark was not sent, or None."""


def shows_images(scene: Scene) -> bool:
    """Whether a scene shows what is judged."""
    match scene:
        case ImageRow():
            return scene.source == "objects" and any(scene.images)
        case Rating():
            return bool(scene.prompt)
    return isinstance(scene, Arena | Piles)


def moment_of(activity: Activity, scene: Scene) -> tuple[object, Moment | None]:
    """Say what an activity's scene is, and which moment it begins: in most, that of the images.

    An activity may say so itself, as ``moment``; None marks nothing.
    """
    if (own := getattr(activity, "moment", None)) is not None:
        what, begins = own
        return what, begins
    return (images := shows_images(scene)), "image_onset" if images else None


class Marks:
    """Watches a session and sends a mark at each event; what fails is noted, never raised."""

    def __init__(self, send: SendMark) -> None:
        self._send = send
        self._activity: Activity | None = None
        self._seen: tuple[Activity, object] | None = None
        self._had_onset = self._started = self._hidden = self._answered = False

    def shown(self, session: Session, time: float) -> list[Item]:
        """Take that a frame of the scene became visible at ``time``."""
        events = [] if self._started else ["session_start"]
        self._started = True
        activity = session.activity
        if activity is None or activity.name == "ready":
            # The page after Esc, and the countdown: images appear again afterwards.
            self._hidden = True
            return self._mark(events, time)
        before, self._activity = self._activity, activity
        ended = self._had_onset and activity is not before
        self._had_onset = self._had_onset and not ended
        step, moment = moment_of(activity, session.scene)
        if moment is not None and (self._seen != (activity, step) or self._hidden):
            # First: a pulse that waits for the end of another would come late.
            events.append(moment)
            self._had_onset = self._had_onset or moment == "image_onset"
        self._seen, self._hidden = (activity, step), False
        if ended:
            events.append("trial_end")
        if activity is not before and activity.name == "break":
            events.append("break_")
        return self._mark(events, time)

    def kept(self, item: Item, time: float) -> list[Item]:
        """Take that an item arose at ``time``: a result is an answer, unless that came before."""
        if isinstance(item, Note) and item.event == ANSWERED:
            self._answered = True
            return self._mark(["response"], time)
        if not isinstance(item, Result):
            return []
        before, self._answered = self._answered, False
        return self._mark([] if item.timed_out or before else ["response"], time)

    def ended(self, time: float) -> list[Item]:
        """Take that the session is over."""
        return self._mark(["session_end"], time)

    def _mark(self, events: Sequence[str], time: float) -> list[Item]:
        failures = [(event, self._send(event, time)) for event in events]
        return [
            Note("trigger_failed", time, {"trigger": event, "reason": reason})
            for event, reason in failures
            if reason is not None
        ]


type Keep = Callable[[Item], None]
"""Takes each item as it arises."""


class Screen(Protocol):
    """The screen."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def now(self) -> float:
        """Time of the run, s."""

    def show(self, scene: Scene) -> Shown:
        """Draw a scene and wait until it is visible."""

    def events(self) -> Sequence[Event]:
        """Presses since the last call."""


@contextmanager
def catch_signals() -> Iterator[Callable[[float], list[Event]]]:
    """Turn the signals that end a process into an orderly stop while the block runs.

    Gives a function of the time: a Stop event once a signal has come, else nothing.
    """
    # SIGHUP does not exist on Windows.
    others = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    with held_interrupt(*others, at_end=False) as held:

        def stop(time: float) -> list[Event]:
            reason = "interrupted" if held.number == signal.SIGINT else "terminated"
            return [Stop(time, reason)] if held.asked else []

        yield stop


def run_session(
    session: Session,
    screen: Screen,
    keep: Keep,
    act: Callable[[Session], None] | None = None,
    marks: Marks | None = None,
    pulses: Callable[[], Sequence[Event]] = tuple,
) -> EndReason:
    """Run a session to its end, and say how it ended.

    A result is kept right after the next frame, so that neither the frame waits for the disk nor
    the next trial begins before the row is safe; it is kept also if the screen fails. ``act`` is
    called after each frame, as by a simulated participant; ``pulses`` gives the triggers that came
    from another machine since the last call.
    """
    pending: list[Item] = []

    def flush() -> None:
        while pending:
            keep(pending.pop(0))

    def take(event: Event) -> None:
        for item in session.handle(event):
            pending.append(item)
            if marks is not None:
                pending.extend(marks.kept(item, screen.now()))

    with catch_signals() as signals:
        try:
            while not session.finished:
                shown = screen.show(session.scene)
                if marks is not None:
                    pending.extend(marks.shown(session, shown.time))
                take(shown)
                flush()
                if act is not None:
                    act(session)
                heard = (*pulses(), *screen.events())
                for event in (*heard, *signals(screen.now()), Tick(screen.now())):
                    take(event)
            if marks is not None:
                pending.extend(marks.ended(screen.now()))
        finally:
            flush()
    return session.end_reason or "error"


@dataclass
class Keeper:
    """Takes each item of a session; a run starts with the first one that belongs into it.

    ``asked`` gives the questions that answers are to, by id; ``consent_first``: the run must wait
    for consent.
    """

    record: RunRecord
    asked: Callable[[str, Mapping[str, object]], Mapping[str, AskedQuestion]]
    consent_first: bool
    rt_source: str
    pilot: bool
    _held: list[Item] = field(default_factory=list)

    def __call__(self, item: Item) -> None:
        """Keep ``item``, or hold it until consent is given."""
        if isinstance(item, QuestionAnswers):
            questions = self.asked(item.measure, item.values)
            answers = {questions[name]: value for name, value in item.values.items()}
            self.record.answers(item.measure, answers)
            if item.measure == "consent" and item.values["consent"]:
                self.record.start()
                held, self._held = self._held, []
                for one in held:
                    self._store(one)
        elif self.consent_first and not self.record.started:
            self._held.append(item)
        else:
            self._store(item)

    def _store(self, item: Item) -> None:
        match item:
            case Note():
                self.record.note(item.event, item.time, **item.detail)
            case EventRow():
                self.record.event(item.values)
            case MoreShown():
                self.record.extend(item.table)
            case QuestionAnswers():
                raise AssertionError("answers do not belong into the run")
            case _:
                self.record.append(item.rows(rt_source=self.rt_source, pilot=self.pilot))
