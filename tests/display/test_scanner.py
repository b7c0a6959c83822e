"""Triggers at a serial port, through a pseudo-terminal."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from twoalike.display import open_scanner
from twoalike.display._devices import SerialPulses
from twoalike.study import TwoalikeError
from twoalike.tasks import Event, Pulse
from twoalike.tasks.screens import Scanner

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """The scanner's end of a serial line, and the name of ours."""
    import tty

    theirs, ours = os.openpty()
    tty.setraw(ours)
    yield theirs, os.ttyname(ours)
    os.close(theirs)
    os.close(ours)


def heard(take: Callable[[], Sequence[Event]], n: int) -> list[Event]:
    """The first ``n`` pulses."""
    found: list[Event] = []
    deadline = time.monotonic() + 10.0
    while len(found) < n:
        assert time.monotonic() < deadline, "nothing was heard"
        found += take()
        time.sleep(0.005)
    return found


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


def test_a_port_that_is_missing_is_named() -> None:
    with (
        pytest.raises(TwoalikeError, match="/dev/no-such-port"),
        open_scanner(Scanner(port="/dev/no-such-port"), time.monotonic, print),
    ):
        pass


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
