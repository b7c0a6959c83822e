"""Ctrl-C, held back while work must not be left half done.

An interrupt in the midst of a step leaves arrays half updated, and one that meets a callback of
JAX is lost, under a traceback. Here it is noted, and raised where the caller asks for it.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupt:
    """Whether somebody asked to stop.

    Attributes
    ----------
    asked
        True from the first signal on.
    """

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> None:
        """Raise KeyboardInterrupt if somebody asked to stop."""
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def held_interrupt(*others: signal.Signals) -> Iterator[Interrupt]:
    """Hold Ctrl-C back, and ``others`` with it; what it gives raises it if it was pressed.

    It is raised at the end at the latest. Outside the main thread, which alone receives signals,
    nothing is held.

    Raises
    ------
    KeyboardInterrupt
        At the end, if it was pressed and not raised before.
    """
    interrupt = Interrupt()

    def note(number: int, frame: Any) -> None:
        interrupt.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *others)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    interrupt()
