"""Long work: Ctrl-C is never lost, and progress is silent without a terminal or within another."""

import io
import signal
import sys
import threading

import pytest

from twoalike.study import held_interrupt, progress


def test_an_interrupt_is_raised_when_asked_for() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), held_interrupt() as give_way:
        give_way()
        signal.raise_signal(signal.SIGINT)
        done.append("the step under way")
        give_way()
        done.append("another step")
    assert done == ["the step under way"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_is_raised_at_the_end_unless_another_error_comes_first() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), held_interrupt():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(ValueError, match="of its own"), held_interrupt():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("of its own")
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_holds_nothing() -> None:
    found = []

    def work() -> None:
        with held_interrupt() as give_way:
            give_way()
            found.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [True]


class Terminal(io.StringIO):
    """A standard error that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_of_two_displays_the_outer_one_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress() as outer:
        with progress() as inner:
            inner.update(inner.add_task("inner", total=1, status=""), advance=1)
            assert inner.disable
        assert not outer.disable
        with progress() as second:
            assert second.disable
    with progress() as later:
        assert not later.disable


def test_a_log_gets_a_line_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with progress(clock=lambda: now[0]) as bar, progress(clock=lambda: now[0]) as inner:
        task, other = (one.add_task("steps", total=2000, status="") for one in (bar, inner))
        for step in range(100):
            now[0] += 1.0
            bar.update(task, advance=10, status=f"log-loss {step}")
            inner.update(other, advance=1)
    assert capsys.readouterr().err.splitlines() == [
        f"steps: {done} of 2,000, 0:0{clock} log-loss {status}"
        for done, clock, status in (("300", "0:30", 29), ("600", "1:00", 59), ("900", "1:30", 89))
    ]


@pytest.mark.parametrize("widgets", [False, True])
def test_it_is_silent_in_a_notebook_without_widgets(
    monkeypatch: pytest.MonkeyPatch, widgets: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    found = object() if widgets else None
    monkeypatch.setattr("twoalike.study._work.find_spec", lambda name: found)
    assert progress().disable is not widgets
