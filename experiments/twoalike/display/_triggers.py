"""Trigger output: marks in the recording of an EEG, MEG or eye tracker.

Ports open before the participant starts, and errors are raised then. Afterwards
a mark that cannot be sent never ends a session: :meth:`TriggerPort.send` gives the reason, and
the caller logs it and shows it to the operator. The answers are the study; the marks can be
mended from the times in the raw data.
"""

import json
import sys
import threading
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from twoalike.display._open import psychopy_environment
from twoalike.study import TwoalikeError, how_to_install
from twoalike.tasks._protocol import Triggers

_WRITE_LIMIT_S = 0.05
"""A serial port that takes no byte for this long counts as failed; the window has to go on."""


class TriggerPort(Protocol):
    """Where marks are sent."""

    def send(self, code: int, event: str, time: float) -> str | None:
        """Send a mark now.

        Parameters
        ----------
        code
            The number, 1 to 255; 0 sends nothing.
        event
            What happened, for ports that take words.
        time
            When, in seconds of the run's clock.

        Returns
        -------
        None, or one line that says why this mark (or the end of the one before) was not sent.
        """

    def close(self) -> str | None:
        """Let go of the port; gives a reason as :meth:`send` does. A second time does nothing."""


class NoTriggers:
    """Sends nothing."""

    def send(self, code: int, event: str, time: float) -> str | None:
        """Send nothing."""
        return None

    def close(self) -> str | None:
        """Nothing to let go of."""
        return None


class PulsePort:
    """Lines that show a code for a moment and then return to 0.

    The code is written by the caller, at once; only the return to 0 waits in a thread, so that
    neither the window nor the length of the pulse depends on the frame rate. A mark that comes
    while the one before is still held waits for its end and as long again, since codes that
    touch cannot be distinguished in the recording.
    """

    def __init__(
        self, write: Callable[[int], object], pulse_s: float, shut: Callable[[], object]
    ) -> None:
        self._write, self._pulse_s, self._shut = write, pulse_s, shut
        self._changed = threading.Condition()
        self._falls: float | None = None
        self._free = 0.0
        self._failure: str | None = None
        self._open = True
        self._thread = threading.Thread(target=self._return_to_zero, daemon=True)
        if pulse_s > 0:
            self._thread.start()

    def send(self, code: int, event: str, time: float) -> str | None:
        """Send a mark now; see :meth:`TriggerPort.send`."""
        if code == 0:
            return None
        with self._changed:
            self._await_zero()
            if (rest := self._free - clock.perf_counter()) > 0:
                clock.sleep(rest)
            self._put(code)
            if self._pulse_s > 0:
                self._falls = clock.perf_counter() + self._pulse_s
                self._changed.notify_all()
            failure, self._failure = self._failure, None
            return failure

    def close(self) -> str | None:
        """End the last pulse and let go of the device; see :meth:`TriggerPort.close`."""
        with self._changed:
            if not self._open:
                return None
            self._await_zero()
            self._open = False
            self._changed.notify_all()
        if self._pulse_s > 0:
            self._thread.join(_WRITE_LIMIT_S)
        try:
            self._shut()
        except OSError as error:
            self._failure = self._failure or _reason(error)
        return self._failure

    def _await_zero(self) -> None:
        """Wait for the end of the pulse before, but not for ever: the window has to go on."""
        limit = self._pulse_s + 2 * _WRITE_LIMIT_S
        if not self._changed.wait_for(lambda: self._falls is None, limit):
            self._falls, self._failure = None, "the mark before did not return to 0"

    def _put(self, code: int) -> None:
        try:
            self._write(code)
        except OSError as error:
            self._failure = _reason(error)

    def _return_to_zero(self) -> None:
        with self._changed:
            while self._open:
                if self._falls is None:
                    self._changed.wait()
                elif (rest := self._falls - clock.perf_counter()) > 0:
                    self._changed.wait(rest)
                else:
                    self._put(0)
                    self._falls = None
                    self._free = clock.perf_counter() + self._pulse_s
                    self._changed.notify_all()


class StreamPort:
    """Marks in a stream of the lab streaming layer: JSON texts with event, code and run time.

    Each is stamped with the moment of the event, not that of the sending, where ``now`` is
    given. The layer itself adds the computer's name to the stream's description.
    """

    def __init__(
        self, outlet: Any, local_clock: Callable[[], float], now: Callable[[], float] | None
    ) -> None:
        self._outlet, self._local_clock, self._now = outlet, local_clock, now

    def send(self, code: int, event: str, time: float) -> str | None:
        """Send a mark now; see :meth:`TriggerPort.send`."""
        if code == 0:
            return None
        age = 0.0 if self._now is None else max(0.0, self._now() - time)
        sample = json.dumps({"event": event, "code": code, "time": round(time, 6)})
        try:
            self._outlet.push_sample([sample], self._local_clock() - age)
        except (RuntimeError, TimeoutError) as error:  # how pylsl reports failures of liblsl
            return " ".join(str(error).split())
        return None if self._outlet.have_consumers() else "no program records the LSL stream"

    def close(self) -> str | None:
        """Take the stream off the network."""
        self._outlet = None
        return None


def _reason(error: OSError) -> str:
    return " ".join(str(error.strerror or error).split())


@contextmanager
def open_triggers(
    triggers: Triggers, *, now: Callable[[], float] | None = None
) -> Iterator[TriggerPort]:
    """Open the trigger output that a protocol asks for, and close it with the block.

    Close it yourself after the last mark to hear whether that mark came to its end.

    Parameters
    ----------
    triggers
        The settings.
    now
        The run's clock, for exact stamps in a stream; None stamps marks when they are sent.
    """
    match triggers.kind:
        case "none":
            port: TriggerPort = NoTriggers()
        case "serial":
            port = _serial(triggers)
        case "parallel":
            port = _parallel(triggers)
        case "lsl":
            port = _stream(triggers, now)
    try:
        yield port
    finally:
        port.close()


def _cannot_open(triggers: Triggers, error: Exception, advice: str) -> TwoalikeError:
    number = getattr(error, "errno", None)
    reason = _reason(error) if isinstance(error, OSError) else str(error)
    if isinstance(error, PermissionError) or number == 13:
        reason = "no permission"
    return TwoalikeError(
        f"triggers.port {triggers.port!r}: cannot open this {triggers.kind} port ({reason}). "
        + advice
    )


def _serial(triggers: Triggers) -> PulsePort:
    try:
        import serial
        from serial.tools import list_ports
    except ImportError as error:
        raise TwoalikeError(
            f"triggers.kind 'serial' needs pyserial. {how_to_install('triggers')}"
        ) from error
    try:
        device = serial.Serial(triggers.port, triggers.baud, write_timeout=_WRITE_LIMIT_S)
    except (OSError, ValueError) as error:
        there = ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
        advice = f"Ports found: {there}. On Linux your account has to be in the group dialout."
        raise _cannot_open(triggers, error, advice) from error
    return PulsePort(
        lambda code: device.write(bytes([code])), triggers.pulse_ms / 1000, device.close
    )


def _parallel(triggers: Triggers) -> PulsePort:
    address = int(triggers.port, 16) if triggers.port.startswith("0x") else triggers.port
    try:
        if sys.platform == "win32":
            with psychopy_environment():
                from psychopy.parallel import ParallelPort as Parallel
        else:
            from parallel import Parallel
    except ImportError as error:
        raise TwoalikeError(
            "triggers.kind 'parallel' needs PsychoPy's driver, which has no version for macOS. "
            + how_to_install("experiments")
        ) from error
    if Parallel is None:
        raise TwoalikeError("triggers.kind 'parallel' needs the driver inpoutx64. Install it.")
    try:
        device = Parallel(address)
        device.setData(0)
    except OSError as error:
        advice = (
            "Name an existing port; on Linux load its driver (sudo modprobe ppdev) and take "
            "your account into the group lp."
        )
        raise _cannot_open(triggers, error, advice) from error
    return PulsePort(device.setData, triggers.pulse_ms / 1000, lambda: device.setData(0))


def _stream(triggers: Triggers, now: Callable[[], float] | None) -> StreamPort:
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:
        raise TwoalikeError(
            "triggers.kind 'lsl' needs pylsl and its library liblsl. Install: pip install "
            "'twoalike[triggers]' and, where that brings no liblsl, the one of "
            "https://github.com/sccn/liblsl/releases"
        ) from error
    name = triggers.port or "twoalike"
    info = pylsl.StreamInfo(
        name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{name}-markers"
    )
    return StreamPort(pylsl.StreamOutlet(info), pylsl.local_clock, now)
