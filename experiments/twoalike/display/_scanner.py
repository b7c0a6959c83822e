"""Triggers that a scanner sends to a serial port, with the time at which each arrived.

A thread waits at the port, so that the time does not depend on the frames of the window.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twoalike.study import TwoalikeError, how_to_install
from twoalike.tasks import Event, Pulse
from twoalike.tasks.screens import Scanner

_WAIT_S = 0.1
"""Longest wait for a byte before the thread looks whether it is to end."""


class SerialPulses:
    """Collects the bytes of a serial port as pulses; 0, the end of a code, is none.

    Parameters
    ----------
    device
        Open port whose ``read`` returns after :data:`_WAIT_S` at the latest.
    now
        Clock of the run.
    warn
        Takes one line if the port fails; the key of the scanner still starts the trials.
    """

    def __init__(
        self, device: Any, now: Callable[[], float], warn: Callable[[str], object]
    ) -> None:
        self._device, self._now, self._warn = device, now, warn
        self._pulses: list[Event] = []
        self._failure: OSError | None = None
        self._open = True
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def take(self) -> Sequence[Event]:
        """Give the pulses since the last call."""
        failure, self._failure = self._failure, None
        if failure is not None:
            reason = failure.strerror or failure
            self._warn(f"scanner.port: failed ({reason}). Start with the key (scanner.key).")
        with self._lock:
            pulses, self._pulses = self._pulses, []
        return pulses

    def close(self) -> None:
        """End the thread and let go of the port."""
        self._open = False
        self._thread.join(10 * _WAIT_S)
        self._device.close()

    def _listen(self) -> None:
        while self._open:
            try:
                found = self._device.read(1)
            except OSError as error:  # pyserial's own errors among them
                self._failure = error
                return
            if found and found != b"\0":
                with self._lock:
                    self._pulses.append(Pulse(self._now()))


@contextmanager
def open_scanner(
    scanner: Scanner, now: Callable[[], float], warn: Callable[[str], object]
) -> Iterator[Callable[[], Sequence[Event]]]:
    """Open the port of a scanner's trigger, and close it with the block.

    Parameters
    ----------
    now
        Clock of the run.
    warn
        Takes one line if the port fails later.

    Yields
    ------
    Function that gives the triggers since its last call.
    """
    try:
        import serial
    except ImportError as error:
        raise TwoalikeError(f"scanner.port needs pyserial. {how_to_install('triggers')}") from error
    try:
        device = serial.Serial(scanner.port, scanner.baud, timeout=_WAIT_S)
    except (OSError, ValueError) as error:
        raise TwoalikeError(
            f"scanner.port {scanner.port!r}: cannot open this serial port "
            f"({getattr(error, 'strerror', None) or error})",
            remedy="Name an existing port; on Linux your account has to be in the group dialout.",
        ) from error
    device.reset_input_buffer()
    pulses = SerialPulses(device, now, warn)
    try:
        yield pulses.take
    finally:
        pulses.close()
