"""Devices beside the window: trigger output, a scanner's triggers, and the sound device.

They open before the participant starts, and errors are raised then. Afterwards a mark that cannot
be sent never ends a session: :meth:`PulsePort.send` gives the reason, and the caller logs it and
shows it to the operator. The answers are the study; the marks can be mended from the times in the
raw data.
"""

import json
import sys
import threading
import time as clock
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twoalike.display._open import psychopy_environment
from twoalike.study import TwoalikeError, how_to_install, shortened
from twoalike.tasks import Event, Playing, Pulse
from twoalike.tasks._protocol import Triggers
from twoalike.tasks.screens import Scanner

_WRITE_LIMIT_S = 0.05
"""A serial port that takes no byte for this long counts as failed; the window has to go on."""


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
        """Send the mark of an event (``code`` 1 to 255; 0 sends nothing) at ``time``, s of the run.

        Returns None, or why this mark, or the end of the one before, was not sent.
        """
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
        """Let go of the port; gives a reason as :meth:`send` does. A second time does nothing."""
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
        self._outlet = None
        return None


def _reason(error: OSError) -> str:
    return " ".join(str(error.strerror or error).split())


@contextmanager
def open_triggers(
    triggers: Triggers, *, now: Callable[[], float] | None = None
) -> Iterator[PulsePort | StreamPort]:
    """Open the trigger output that a protocol asks for, and close it with the block.

    Close it yourself after the last mark to hear whether that mark came to its end. ``now`` is the
    run's clock, for exact stamps in a stream; None stamps marks when they are sent.
    """
    port: PulsePort | StreamPort
    if triggers.kind == "lsl":
        port = _stream(triggers, now)
    else:
        port = _serial(triggers) if triggers.kind == "serial" else _parallel(triggers)
    try:
        yield port
    finally:
        port.close()


def _serial_port(key: str, port: str, baud: int, **more: float) -> Any:
    try:
        import serial
        from serial.tools import list_ports
    except ImportError as error:
        raise TwoalikeError(f"{key} needs pyserial. {how_to_install('triggers')}") from error
    try:
        return serial.Serial(port, baud, **more)
    except (OSError, ValueError) as error:
        there = ", ".join(sorted(port.device for port in list_ports.comports())) or "none"
        advice = f"Ports found: {there}. On Linux your account has to be in the group dialout."
        raise _cannot_open(key, port, "serial", error, advice) from error


def _cannot_open(key: str, port: str, kind: str, error: Exception, advice: str) -> TwoalikeError:
    reason = _reason(error) if isinstance(error, OSError) else str(error)
    if isinstance(error, PermissionError) or getattr(error, "errno", None) == 13:
        reason = "no permission"
    return TwoalikeError(f"{key} {port!r}: cannot open this {kind} port ({reason}). {advice}")


def _serial(triggers: Triggers) -> PulsePort:
    device = _serial_port(
        "triggers.port", triggers.port, triggers.baud, write_timeout=_WRITE_LIMIT_S
    )
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
        raise _cannot_open("triggers.port", triggers.port, "parallel", error, advice) from error
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


_WAIT_S = 0.1
"""Longest wait for a byte before the thread looks whether it is to end."""


class SerialPulses:
    """Collects the bytes of a serial port as pulses; 0, the end of a code, is none.

    A thread waits at the port, so that times do not depend on the frames of the window. Where the
    port fails, the key of the scanner still starts the trials.
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
    """Open the port of a scanner's trigger; give a function of the triggers since its last call.

    ``now`` is the clock of the run; ``warn`` takes one line if the port fails later.
    """
    device = _serial_port("scanner.port", scanner.port, scanner.baud, timeout=_WAIT_S)
    device.reset_input_buffer()
    pulses = SerialPulses(device, now, warn)
    try:
        yield pulses.take
    finally:
        pulses.close()


class Speaker(ABC):
    """Plays the sound that a session wants to be heard, one at a time; ``files`` are by object."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._playing: Playing | None = None

    def follow(self, playing: Playing | None, time: float) -> None:
        """Start or stop what differs from ``playing``; a sound at its end is not cut off."""
        if playing == self._playing:
            return
        if self._playing is not None and time < self._playing.until:
            self._stop()
        self._playing = playing
        if playing is not None:
            self._start(self._files[playing.name])

    @abstractmethod
    def _start(self, file: Path) -> None:
        """Play a file from its beginning."""

    @abstractmethod
    def _stop(self) -> None:
        """Be silent."""


class SilentSpeaker(Speaker):
    """Decodes every sound that would be played, and plays nothing."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__(files)
        self.played: list[tuple[Path, int]] = []

    def _start(self, file: Path) -> None:
        import soundfile

        samples, _ = soundfile.read(str(file), dtype="float32", always_2d=True)
        self.played.append((file, len(samples)))

    def _stop(self) -> None:
        pass


class DeviceSpeaker(Speaker):
    """Plays through PsychoPy's default sound device.

    The first file is loaded at once, to find out whether any can be played.
    """

    def __init__(self, files: Mapping[str, Path], volume: float) -> None:
        super().__init__(files)
        self._volume = volume
        self._loaded: dict[Path, Any] = {}
        self._now: Any = None
        try:
            with psychopy_environment():
                for file in files.values():
                    self._load(file)
                    break
        except ImportError as error:
            raise TwoalikeError(
                f"PsychoPy cannot play sounds ({shortened(error)}). {how_to_install('experiments')}"
            ) from error
        # Its backends raise bare exceptions where there is no device.
        except Exception as error:
            raise TwoalikeError(
                f"this computer has no sound device that works ({shortened(error)}). Connect or "
                "switch on a loudspeaker or headphones, and check that other programs play sounds."
            ) from error

    def _load(self, file: Path) -> Any:
        if file not in self._loaded:
            from psychopy import sound

            self._loaded[file] = sound.Sound(str(file), volume=self._volume)
        return self._loaded[file]

    def _start(self, file: Path) -> None:
        self._now = self._load(file)
        self._now.play()

    def _stop(self) -> None:
        if self._now is not None:
            self._now.stop()
