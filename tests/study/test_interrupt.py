"""Ctrl-C waits for the steps under way, and is never lost."""

import signal
import threading

import pytest

from twoalike.study import held_interrupt


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
