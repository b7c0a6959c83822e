"""Ctrl-C, held back while JAX computes.

An interrupt that meets one of JAX's own callbacks is lost, and Python prints where: the fit would
go on under a traceback. Here it is noted, and raised where the caller asks for it.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def held_interrupt() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back; give a function that raises it if it was pressed.

    It is raised at the end at the latest. Outside the main thread, which alone receives signals,
    nothing is held.

    Raises
    ------
    KeyboardInterrupt
        At the end, if it was pressed and not raised before.
    """
    pressed = threading.Event()

    def note(number: int, frame: Any) -> None:
        pressed.set()

    def give() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield give
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield give
    finally:
        signal.signal(signal.SIGINT, before)
    give()
