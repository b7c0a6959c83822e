"""Marks come out of the port as they went in, triggers come in; loop-backs, no hardware."""

import json
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from twoalike.display._devices import PulsePort, SerialPulses, open_scanner, open_triggers
from twoalike.study import TwoalikeError
from twoalike.tasks import Event, Pulse
from twoalike.tasks._protocol import Triggers
from twoalike.tasks.screens import Scanner

pty_only = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ppdev is Linux")


class Lines:
    """Eight lines with a memory."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []
        self.broken: set[int] = set()
        self.shut = 0

    def write(self, code: int) -> None:
        if code in self.broken:
            raise OSError(5, "Input/output error")
        self.seen.append((time.perf_counter(), code))

    def close(self) -> None:
        self.shut += 1

    @property
    def codes(self) -> list[int]:
        return [code for _, code in self.seen]


@pytest.fixture
def lines() -> Lines:
    return Lines()


def test_codes_that_touch_are_kept_apart_and_stand_their_time(lines: Lines) -> None:
    pulse = 0.01
    port = PulsePort(lines.write, pulse, lines.close)
    for code in (3, 4, 255, 4):
        assert port.send(code, "response", 0.0) is None
    assert port.close() is None
    assert lines.codes == [3, 0, 4, 0, 255, 0, 4, 0]
    times = [moment for moment, _ in lines.seen]
    steps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
    assert min(steps) >= 0.99 * pulse
    assert lines.shut == 1


def test_without_a_pulse_the_code_stands_until_the_next(lines: Lines) -> None:
    port = PulsePort(lines.write, 0.0, lines.close)
    before = threading.active_count()
    port.send(7, "image_onset", 0.0)
    port.send(8, "response", 0.0)
    assert threading.active_count() == before
    port.close()
    assert lines.codes == [7, 8]


def test_a_pulse_that_does_not_end_is_said_with_the_next_mark_or_at_the_close(lines: Lines) -> None:
    port = PulsePort(lines.write, 0.001, lines.close)
    lines.broken = {0}
    assert port.send(5, "image_onset", 0.0) is None
    assert port.send(6, "response", 0.0) == "Input/output error"
    assert port.close() == "Input/output error"
    assert port.close() is None
    assert lines.shut == 1


def test_a_driver_that_dies_does_not_hold_the_session_up(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", said.append)

    def write(code: int) -> None:
        if code == 0:
            raise TypeError("a defect of the driver")
        lines.write(code)

    port = PulsePort(write, 0.001, lines.close)
    assert port.send(5, "image_onset", 0.0) is None
    before = time.monotonic()
    assert port.send(6, "response", 0.0) == "the mark before did not return to 0"
    assert time.monotonic() - before < 5
    assert port.close() == "the mark before did not return to 0"
    assert (lines.codes, lines.shut) == ([5, 6], 1)
    assert said  # and the defect is seen


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """Two ends of a serial line: what the amplifier reads, and the name of our port."""
    import tty

    amplifier, ours = os.openpty()
    tty.setraw(ours)
    yield amplifier, os.ttyname(ours)
    os.close(amplifier)
    os.close(ours)


def _read(handle: int, n: int) -> list[int]:
    found: list[int] = []
    while len(found) < n:
        found += os.read(handle, n)
    return found


@pty_only
@pytest.mark.timeout(60)
def test_serial_bytes_arrive_and_return_to_zero(line: tuple[int, str]) -> None:
    amplifier, name = line
    with open_triggers(Triggers(kind="serial", port=name, pulse_ms=2)) as port:
        for code in (1, 2, 10, 13, 17, 255):  # line ends and flow control are plain bytes too
            assert port.send(code, "image_onset", 0.0) is None
    assert _read(amplifier, 12) == [1, 0, 2, 0, 10, 0, 13, 0, 17, 0, 255, 0]


@pty_only
@pytest.mark.timeout(60)
def test_a_serial_port_that_takes_nothing_fails_soon(line: tuple[int, str]) -> None:
    _, name = line
    with open_triggers(Triggers(kind="serial", port=name, pulse_ms=0)) as port:
        reasons = []
        for _ in range(100_000):  # nobody reads: the buffer fills
            before = time.monotonic()
            reasons.append(port.send(1, "image_onset", 0.0))
            if reasons[-1]:
                break
        assert reasons[-1]
        assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    ("opened", "said"),
    [
        (lambda at: open_triggers(Triggers(kind="serial", port=at)), "this serial port"),
        pytest.param(
            lambda at: open_triggers(Triggers(kind="parallel", port=at)),
            "modprobe ppdev",
            marks=linux_only,
        ),
        (lambda at: open_scanner(Scanner(port=at), time.monotonic, print), "this serial port"),
    ],
)
def test_a_missing_port_is_one_line(opened: Callable[[str], Any], said: str) -> None:
    with pytest.raises(TwoalikeError, match=said) as caught, opened("/dev/no-such-port"):
        pytest.fail("the port is not there")
    assert "\n" not in str(caught.value)
    assert "/dev/no-such-port" in str(caught.value)


@pytest.mark.parametrize("module", ["serial", "pylsl", "parallel"])
def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    kind = {"pylsl": "lsl"}.get(module, module)
    with (
        pytest.raises(TwoalikeError, match="pip install") as caught,
        open_triggers(Triggers(kind=kind, port="x")),
    ):
        pytest.fail("the library is not there")
    assert "\n" not in str(caught.value)


@linux_only
def test_a_port_that_is_not_ours_says_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    import serial

    def refuse(*_: object, **__: object) -> None:
        raise serial.SerialException(13, "could not open port: [Errno 13] Permission denied")

    monkeypatch.setattr(serial, "Serial", refuse)
    with (
        pytest.raises(TwoalikeError, match=r"no permission.*dialout"),
        open_triggers(Triggers(kind="serial", port="/dev/ttyS0")),
    ):
        pytest.fail("the port is not ours")


@linux_only
def test_the_parallel_port_shows_the_code_and_returns_to_zero(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    class Parallel:
        def __init__(self, address: str) -> None:
            assert address == "/dev/parport0"

        def setData(self, code: int) -> None:  # noqa: N802  # the library's name
            lines.write(code)

    fake = types.ModuleType("parallel")
    fake.Parallel = Parallel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parallel", fake)
    with open_triggers(Triggers(kind="parallel", port="/dev/parport0", pulse_ms=1)) as port:
        port.send(9, "image_onset", 0.0)
        port.send(10, "response", 0.0)
    assert lines.codes == [0, 9, 0, 10, 0, 0]


LOOP = """
import json, sys
import pylsl
from twoalike.display._devices import open_triggers
from twoalike.tasks._protocol import Triggers

run = iter([10.5, 12.0])
with open_triggers(Triggers(kind="lsl", port=sys.argv[1]), now=lambda: next(run)) as port:
    lonely = port.send(1, "session_start", 10.5)
    found = pylsl.resolve_byprop("name", sys.argv[1], 1, 30)
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(30)
    before = pylsl.local_clock()
    heard = port.send(2, "image_onset", 11.25)
    after = pylsl.local_clock()
    sample, stamp = inlet.pull_sample(30)
    info = inlet.info()
    print(json.dumps({
        "lonely": lonely, "heard": heard, "sample": sample, "before": before, "after": after,
        "stamp": stamp, "type": info.type(), "rate": info.nominal_srate(),
        "source": info.source_id(), "skipped": port.send(0, "break_", 11.0),
    }))
"""


def test_the_stream_carries_the_mark_at_the_moment_of_the_event(tmp_path: Path) -> None:
    config = tmp_path / "lsl_api.cfg"  # stay on this machine
    config.write_text("[multicast]\nResolveScope = machine\n[log]\nlevel = -2\n")
    name = f"twoalike-test-{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-c", LOOP, name],
        env={**os.environ, "LSLAPICFG": str(config)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "needs pylsl and its library" in done.stderr:
        pytest.skip("liblsl cannot be loaded here")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["lonely"] == "no program records the LSL stream"
    assert found["heard"] is None
    assert found["skipped"] is None
    assert json.loads(found["sample"][0]) == {"event": "image_onset", "code": 2, "time": 11.25}
    # The run's clock said 12.0 when the event of 11.25 was sent.
    assert found["before"] - 0.75 <= found["stamp"] <= found["after"] - 0.75
    assert (found["type"], found["rate"]) == ("Markers", 0.0)
    assert found["source"] == f"{name}-markers"


def heard(take: Callable[[], Sequence[Event]], n: int) -> list[Event]:
    """The first ``n`` pulses."""
    found: list[Event] = []
    deadline = time.monotonic() + 10.0
    while len(found) < n:
        assert time.monotonic() < deadline, "nothing was heard"
        found += take()
        time.sleep(0.005)
    return found


@pty_only
def test_every_byte_but_0_is_a_pulse_with_its_time(line: tuple[int, str]) -> None:
    theirs, port = line
    lines: list[str] = []
    with open_scanner(Scanner(port=port), time.monotonic, lines.append) as take:
        before = time.monotonic()
        os.write(theirs, b"\x05\x00")
        (first,) = heard(take, 1)
        os.write(theirs, b"\x05\x01")
        later = heard(take, 2)
        assert list(take()) == []
    assert lines == []
    assert isinstance(first, Pulse)
    assert before <= first.time <= later[0].time <= later[1].time <= time.monotonic()


def test_a_port_that_fails_is_reported_once() -> None:
    class Broken:
        def read(self, n: int) -> bytes:
            raise OSError(5, "Input/output error")

        def close(self) -> None:
            pass

    lines: list[str] = []
    pulses = SerialPulses(Broken(), time.monotonic, lines.append)
    pulses._thread.join(5.0)
    assert list(pulses.take()) == list(pulses.take()) == []
    assert lines == ["scanner.port: failed (Input/output error). Start with the key (scanner.key)."]
    pulses.close()
