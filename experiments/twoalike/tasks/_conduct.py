"""The loop between a session and a screen: show, record, listen, let time pass."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from twoalike.record import RunRecord
from twoalike.tasks._events import Event, Shown, Stop, Tick
from twoalike.tasks._scenes import Scene
from twoalike.tasks._session import EndReason, Note, Session
from twoalike.tasks._trial import TrialResult

_SIGNALS = {"SIGTERM": "terminated", "SIGHUP": "terminated", "SIGINT": "interrupted"}
type Keep = Callable[[TrialResult | Note], None]
"""Takes each result and note as it arises."""


class Screen(Protocol):
    """What a session is shown on and answered through."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def now(self) -> float:
        """Time of the run, s."""

    def show(self, scene: Scene) -> Shown:
        """Draw a scene and wait until it is visible."""

    def events(self) -> Sequence[Event]:
        """Presses since the last call."""


def keep_in(record: RunRecord, *, rt_source: str, pilot: bool) -> Keep:
    """Write results as rows and notes as lines of the log."""

    def keep(item: TrialResult | Note) -> None:
        if isinstance(item, Note):
            record.note(item.event, item.time, **item.detail)
        else:
            record.append(item.row(rt_source=rt_source, pilot=pilot))

    return keep


@contextmanager
def catch_signals() -> Iterator[Callable[[float], list[Event]]]:
    """Turn the signals that end a process into an orderly stop while the block runs.

    Yields
    ------
    Function of the time that gives a Stop event once a signal has come, else nothing.
    """
    caught: list[str] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(_SIGNALS[signal.Signals(number).name])

    # SIGHUP does not exist on Windows.
    known = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = [(number, signal.signal(number, note)) for number in known]
    try:
        yield lambda time: [Stop(time, caught[0])] if caught else []
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def run_session(
    session: Session,
    screen: Screen,
    keep: Keep,
    act: Callable[[Session], None] | None = None,
) -> EndReason:
    """Run a session to its end.

    A result is kept right after the next frame, so that neither the frame waits for the disk
    nor the next trial begins before the row is safe; it is kept also if the screen fails.

    Parameters
    ----------
    act
        Called after each frame: a simulated participant, who presses keys or waits.

    Returns
    -------
    How the session ended.
    """
    pending: list[TrialResult | Note] = []

    def flush() -> None:
        while pending:
            keep(pending.pop(0))

    with catch_signals() as signals:
        try:
            while not session.finished:
                pending += session.handle(screen.show(session.scene))
                flush()
                if act is not None:
                    act(session)
                for event in (*screen.events(), *signals(screen.now()), Tick(screen.now())):
                    pending += session.handle(event)
        finally:
            flush()
    return session.end_reason or "error"
