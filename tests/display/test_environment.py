"""What surrounds PsychoPy; no window needed."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from twoalike.display import virtual_display
from twoalike.display._open import psychopy_environment, require_screen
from twoalike.display._window import key_name
from twoalike.study import TwoalikeError

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 only")


@linux_only
def test_a_missing_screen_is_said_and_a_present_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":77")
    require_screen()
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(TwoalikeError, match="virtual_display"):
        require_screen()


@linux_only
def test_a_virtual_screen_without_xvfb_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(TwoalikeError, match="apt-get install xvfb"), virtual_display():
        pass


@linux_only
@pytest.mark.parametrize("home", [None, "/nonexistent"])
def test_psychopy_gets_a_home_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    with psychopy_environment():
        made = Path(os.environ["HOME"])
        assert os.access(made, os.W_OK)
        assert os.environ["PSYCHOPYNOPACKAGES"] == "1"
    assert os.environ.get("HOME") == home
    assert not made.exists()


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("LEFT", "left"),
        ("_3", "3"),
        ("NUM_3", "num_3"),
        ("NUM_DOWN", "num_2"),
        ("ESCAPE", "escape"),
    ],
)
def test_keys_have_the_names_that_protocols_use(symbol: str, name: str) -> None:
    assert key_name(symbol) == name
