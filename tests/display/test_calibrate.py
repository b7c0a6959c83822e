"""Calibrating a screen: the card's arithmetic, the frames' figures, and a person at the window."""

import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.display.conftest import Person

from twoalike.display._calibrate import (
    CARD_M,
    CardMatch,
    card_on,
    frame_timing,
    picture_width,
    verdict,
)
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import Event, KeyPress, Nudge, Scroll

CARD_BLUE = (0x00, 0x72, 0xB2)


@given(width_m=st.floats(0.2, 2), full=st.integers(1000, 8000))
def test_the_width_is_found_to_a_pixel_of_the_card(width_m: float, full: int) -> None:
    card = card_on(full, width_m)
    assert abs(picture_width(card, full) - width_m) <= width_m * 0.51 / card


EVENTS = st.one_of(
    st.sampled_from([KeyPress(1.0, "x"), KeyPress(1.0, "return"), KeyPress(1.0, "escape")]),
    st.builds(Nudge, st.just(1.0), st.integers(-1, 1), st.integers(-1, 1)),
    st.builds(Scroll, st.just(1.0), st.floats(-30, 30)),
)


@given(events=st.lists(EVENTS, max_size=60))
def test_whatever_is_pressed_the_card_stays_on_the_screen(events: list[Event]) -> None:
    match = CardMatch(300, 700)
    for event in events:
        match = match.take(event)
        assert 40 <= match.width_px <= 700
    assert match.fits == (KeyPress(1.0, "return") in events)
    assert match.left == (KeyPress(1.0, "escape") in events)


def test_late_frames_are_counted_and_the_rate_does_not_follow_them(
    rng: np.random.Generator,
) -> None:
    intervals = 1 / 60 + rng.normal(0, 0.0002, 600)
    intervals[[100, 300, 500]] += 1 / 60
    timing = frame_timing(np.cumsum(intervals).tolist())
    assert timing["refresh_hz"] == pytest.approx(60, rel=1e-3)
    assert (timing["frames"], timing["late_frames"]) == (599, 3)
    assert timing["frame_sd_s"] == pytest.approx(np.std(intervals[1:]), abs=1e-6)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"refresh_hz": 60.0, "frames": 600}, "60.0 Hz, 0 of 600 frames late: good"),
        ({"refresh_hz": 143.9, "frames": 600, "late_frames": 6}, "usable"),
        ({"refresh_hz": 60.0, "frames": 600, "late_frames": 7}, "poor"),
        ({"frames": 600}, "vsync"),
        ({}, "not measured"),
        ({"renderer": "llvmpipe (LLVM 19.1.7, 256 bits)"}, "software renderer"),
    ],
)
def test_the_verdict_is_plain(found: dict[str, Any], said: str) -> None:
    assert said in verdict(ScreenProfile(**found))


# --- With a window ----------------------------------------------------------------------------

window = [pytest.mark.display, pytest.mark.filterwarnings("ignore")]


class Calibration:
    """``twoalike screen`` in a process of its own, before a person."""

    def __init__(self, person: Person, profile: Path, *words: str) -> None:
        self.person, self.profile = person, profile
        self.process = subprocess.Popen(
            [sys.executable, "-m", "twoalike.cli.app", "screen", *words],
            env={**os.environ, "TWOALIKE_SCREEN": str(profile)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_card(self, width: int | None = None) -> int:
        """Wait for the blue card, of a width; how wide it is on the screen."""
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, self.process.communicate()
            blue = np.all(self.person.picture() == CARD_BLUE, axis=2)
            found = int(blue.any(axis=0).sum())
            if found and (width is None or found == width):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def leave(self) -> None:
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[dict[str, Any], str]:
        """What was saved, and what was said."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        return tomllib.loads(self.profile.read_text(encoding="utf-8")), out


@pytest.fixture
def measure(person: Person, tmp_path: Path) -> Iterator[Callable[..., Calibration]]:
    """Start ``twoalike screen`` with options; everything ends with the test."""
    with ExitStack() as stack:

        def start(*words: str) -> Calibration:
            calibration = Calibration(person, tmp_path / "screen.toml", *words)
            stack.callback(calibration.leave)
            return calibration

        yield start


class TestWithAWindow:
    pytestmark = window

    def test_a_person_matches_a_card(self, measure: Callable[..., Calibration]) -> None:
        started = measure("--distance-cm", "60")
        assert started.until_card() == 324  # 96 pixels in an inch
        started.person.type("Right", "Right", "Right", "Up", "Left")
        started.person.click(0, 0, button=4)
        width = started.until_card(324 + 3 + 10 - 1 + 2)
        started.person.press("Return")
        found, out = started.end()
        assert found["width_m"] == pytest.approx(1280 / width * CARD_M[0], abs=1e-5)
        assert (found["how"], found["distance_m"]) == ("card", 0.6)
        assert found["size_px"] == [1280, 1024]
        assert "timing cannot be measured" in out
        assert out.splitlines()[-1] == str(started.profile)

    def test_who_leaves_has_measured_nothing(
        self, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from twoalike.display import measure_screen

        over = threading.Event()

        def leave() -> None:
            while not over.wait(0.5):
                person.press("Escape")

        monkeypatch.setenv("TWOALIKE_SCREEN", str(tmp_path / "screen.toml"))
        with ThreadPoolExecutor() as hands:
            hands.submit(leave)
            assert measure_screen(distance_cm=60) is None
            over.set()
        assert not (tmp_path / "screen.toml").exists()

    def test_frames_are_shown_and_their_times_taken(self) -> None:
        from twoalike.display._calibrate import _measure_frames, _open

        with _open(ScreenProfile(), windowed=True) as opened:
            timing = _measure_frames(opened, 30)
            assert opened.full_size == (1280, 1024)
            assert opened.size == (1088, 870)
        assert timing["frames"] == 30

    def test_with_both_lengths_nobody_is_asked(self, measure: Callable[..., Calibration]) -> None:
        words = ("--width-cm", "53.1", "--distance-cm", "57", "--virtual-display")
        found, out = measure(*words).end()
        assert "53.10 cm, as given" in out
        assert (found["width_m"], found["how"]) == (0.531, "given")

    def test_a_screen_that_is_not_there_is_said(self) -> None:
        from twoalike.display._calibrate import calibrate

        with pytest.raises(TwoalikeError, match=r"screen 7 is wanted, this computer has 1 screen,"):
            calibrate(ScreenProfile(number=7), width_m=0.5)
