"""Progress displays: silent without a terminal, and within one another."""

import io
import sys

import pytest

from twoalike.study import progress


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


def test_it_is_silent_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress() as bar:
        bar.add_task("work", total=1, status="")
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("widgets", [False, True])
def test_it_is_silent_in_a_notebook_without_widgets(
    monkeypatch: pytest.MonkeyPatch, widgets: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    found = object() if widgets else None
    monkeypatch.setattr("twoalike.study._work.find_spec", lambda name: found)
    assert progress().disable is not widgets
