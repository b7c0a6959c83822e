"""The loop between a session and a screen: show, record, listen, let time pass."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from twoalike.tasks._activity import Item
from twoalike.tasks._events import Event, Shown, Stop, Tick
from twoalike.tasks._marks import Marks
from twoalike.tasks._scenes import Scene
from twoalike.tasks._session import EndReason, Session

_SIGNALS = {"SIGTERM": "terminated", "SIGHUP": "terminated", "SIGINT": "interrupted"}
type Keep = Callable[[Item], None]
"""Takes each item as it arises."""


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
    marks: Marks | None = None,
) -> EndReason:
    """Run a session to its end.

    A result is kept right after the next frame, so that neither the frame waits for the disk
    nor the next trial begins before the row is safe; it is kept also if the screen fails.

    Parameters
    ----------
    act
        Called after each frame: a simulated participant, who presses keys or waits.
    marks
        Sends triggers; None for none.

    Returns
    -------
    How the session ended.
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
                for event in (*screen.events(), *signals(screen.now()), Tick(screen.now())):
                    take(event)
            if marks is not None:
                pending.extend(marks.ended(screen.now()))
        finally:
            flush()
    return session.end_reason or "error"
