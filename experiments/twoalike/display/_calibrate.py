"""Calibrating a screen: its size by a card, its frames by showing many."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from twoalike.display._open import (
    create_window,
    is_refresh_rate,
    is_software,
    psychopy_environment,
    renderer,
    require_screen,
)
from twoalike.display._open import virtual_display as start_display
from twoalike.display._window import InputQueue
from twoalike.study import ScreenProfile, TwoalikeError, load_profile, save_profile
from twoalike.tasks import Event, KeyPress, Nudge, Scroll, Stop

CARD_M = (0.0856, 0.05398)
"""Width and height of bank and identity cards in metres (ISO/IEC 7810, ID-1)."""
_TEN = 10
"""Pixels that an upward arrow makes the card wider; one is a third of a millimetre at most."""
_NOTCH = 2
"""Pixels that a notch of the mouse wheel makes the card wider."""
_SMALLEST = 40


@dataclass(frozen=True)
class CardMatch:
    """A card on the screen while a person brings it to the size of the real one."""

    width_px: int
    """Width of the drawn card."""
    largest_px: int
    """Width that still fits the window."""
    fits: bool = False
    """Whether the person has confirmed the size."""
    left: bool = False
    """Whether the person left before."""

    @property
    def over(self) -> bool:
        """Whether there is nothing more to do."""
        return self.fits or self.left

    def take(self, event: Event) -> "CardMatch":
        """Take an event: arrows and the wheel scale, return and space accept, escape leaves."""
        match event:
            case KeyPress(key="return" | "num_enter" | "space"):
                return replace(self, fits=True)
            case KeyPress(key="escape") | Stop():
                return replace(self, left=True)
            case Nudge(dx=dx, dy=dy):
                return self._wider(dx + _TEN * dy)
            case Scroll(notches=notches):
                return self._wider(round(_NOTCH * notches))
        return self

    def _wider(self, pixels: int) -> "CardMatch":
        width = max(_SMALLEST, min(self.largest_px, self.width_px + pixels))
        return replace(self, width_px=width)


def picture_width(card_px: float, full_width_px: int) -> float:
    """Width of the screen's visible picture in metres."""
    if not 0 < card_px <= full_width_px:
        raise ValueError(f"card of {card_px} pixels on a screen of {full_width_px}")
    return full_width_px / card_px * CARD_M[0]


def card_on(full_width_px: int, width_m: float) -> int:
    """Pixels across a card on a screen ``width_m`` metres wide; undoes :func:`picture_width`."""
    return round(full_width_px / width_m * CARD_M[0])


_LATE = 1.5
"""A frame is late once it takes this many times the usual interval: one refresh was missed."""
_TOLERABLE = 0.01


def frame_timing(times: Sequence[float]) -> dict[str, float]:
    """Sum up the times at which frames were shown, by fields of a screen's profile.

    The rate is 0 where the intervals are not those of a screen.
    """
    if len(times) < 3:
        raise ValueError(f"{len(times)} frames are too few to measure")
    intervals = np.diff(np.asarray(times, dtype=np.float64))
    median = float(np.median(intervals))
    rate = 1 / median if median > 0 else np.inf
    return {
        "refresh_hz": round(rate, 3) if is_refresh_rate(rate) else 0.0,
        "frame_sd_s": round(float(intervals.std()), 6),
        "frame_p99_s": round(float(np.quantile(intervals, 0.99)), 6),
        "frames": len(intervals),
        "late_frames": int((intervals > _LATE * median).sum()),
    }


def verdict(profile: ScreenProfile) -> str:
    """Say in one line what a measurement means for response times.

    Examples
    --------
    >>> verdict(ScreenProfile(refresh_hz=59.95, frames=600))
    '60.0 Hz, 0 of 600 frames late: good'
    """
    if is_software(profile.renderer):
        return f"software renderer ({profile.renderer}): timing cannot be measured"
    if not profile.frames:
        return "refresh rate not measured"
    if not profile.refresh_hz:
        return (
            "the graphics driver does not wait for the screen: timing cannot be measured; switch "
            "vertical synchronisation (vsync) on in its settings"
        )
    found = f"{profile.refresh_hz:.1f} Hz, {profile.late_frames} of {profile.frames} frames late"
    if profile.late_frames == 0:
        return f"{found}: good"
    if profile.late_frames <= _TOLERABLE * profile.frames:
        return f"{found}: usable; each late frame is logged with its trial"
    return f"{found}: poor; close other programs, use the whole screen, leave power saving"


_GROUND, _INK, _CARD = "#e6e6e6", "#262626", "#0072b2"
_REST_S = 0.01
"""Between two looks at the keys: a virtual screen has no refresh to wait for."""
_WARM_UP = 30
"""Frames shown before any counts: drivers take some to settle."""
_FEWEST_FRAMES = 30
_NEAREST_CM, _WIDEST_CM, _FARTHEST_CM = 5, 1000, 5000
_USUAL_PIXEL_M = 0.0254 / 96
"""Width of a pixel to start from: 96 in an inch."""
_CARD_TEXT = (
    "Hold a bank card or an identity card against the screen, its lower left corner on that "
    "of the blue card.\n\nArrow keys or mouse wheel: make the blue card as large as yours.\n"
    "← → one pixel   ↑ ↓ ten pixels\n\nEnter: it fits        Esc: leave"
)
_FRAMES_TEXT = "Measuring the screen ...\n\nPlease do not touch the computer."


class _Window:
    """A PsychoPy window for measuring, with the events it heard."""

    def __init__(self, window: Any, screen_size: tuple[int, int]) -> None:
        self.window, self._screen_size = window, screen_size
        self.heard = InputQueue(window.winHandle, time.monotonic).take

    @property
    def size(self) -> tuple[int, int]:
        """Pixels of the window, in the unit of what is drawn."""
        width, height = self.window.size
        return int(width), int(height)

    @property
    def full_size(self) -> tuple[int, int]:
        """Pixels of the whole screen in the same unit, also where the desktop has another."""
        scale = self.size[0] / self.window.winHandle.get_size()[0]
        return round(self._screen_size[0] * scale), round(self._screen_size[1] * scale)

    def text(self, text: str, height: float) -> Any:
        """Text in the upper part of the window."""
        from psychopy import visual

        return visual.TextStim(
            self.window,
            text,
            pos=(0, 0.28 * self.size[1]),
            height=height,
            wrapWidth=0.8 * self.size[0],
            color=_INK,
            units="pix",
        )


@contextmanager
def _open(profile: ScreenProfile, *, windowed: bool) -> Iterator[_Window]:
    require_screen()
    with psychopy_environment():
        window, full = create_window(_GROUND, profile, windowed=windowed, title="twoalike screen")
        try:
            yield _Window(window, full)
        finally:
            window.close()


def _match_card(opened: _Window, start_px: int) -> CardMatch:
    from psychopy import visual

    width, height = opened.size
    match = CardMatch(start_px, int(min(0.9 * width, 0.5 * height * CARD_M[0] / CARD_M[1])))
    match = match.take(Scroll(0.0, 0))  # into the range that fits
    x, y = -match.largest_px // 2, -int(0.45 * height)
    text = opened.text(_CARD_TEXT, 0.026 * height)
    card = visual.Rect(opened.window, units="pix", lineWidth=0, fillColor=_CARD)
    while not match.over:
        wide, high = match.width_px, match.width_px / CARD_M[0] * CARD_M[1]
        card.size, card.pos = (wide, high), (x + wide / 2, y + high / 2)
        card.draw()
        text.draw()
        opened.window.flip()
        time.sleep(_REST_S)
        for event in opened.heard():
            match = match if match.over else match.take(event)
    return match


def _measure_frames(opened: _Window, n_frames: int) -> dict[str, float]:
    text = opened.text(_FRAMES_TEXT, 0.03 * opened.size[1])
    times = []
    for _ in range(_WARM_UP + n_frames + 1):
        text.draw()
        times.append(float(opened.window.flip()))
    opened.heard()
    return frame_timing(times[_WARM_UP:])


def calibrate(
    before: ScreenProfile, *, width_m: float | None, windowed: bool = False, n_frames: int = 600
) -> ScreenProfile | None:
    """Measure a screen in a window of its own."""
    with _open(before, windowed=windowed) as opened:
        full = opened.full_size
        found: dict[str, Any] = {
            "size_px": full,
            "scale_factor": float(opened.window.getContentScaleFactor()),
            "renderer": renderer(),
            "width_m": width_m,
            "how": "given",
        }
        if width_m is None:
            start = card_on(full[0], before.width_m or full[0] * _USUAL_PIXEL_M)
            match = _match_card(opened, start)
            if match.left:
                return None
            found |= {"width_m": round(picture_width(match.width_px, full[0]), 5), "how": "card"}
        if not is_software(found["renderer"]):
            found |= _measure_frames(opened, n_frames)
        return before.model_copy(update=found)


def measure_screen(
    *,
    number: int = 0,
    width_cm: float | None = None,
    distance_cm: float | None = None,
    frames: int = 600,
    windowed: bool = False,
    virtual_display: bool = False,
) -> ScreenProfile | None:
    """Measure this computer's screen in a window, and keep the result for all studies.

    Parameters
    ----------
    number
        Which screen, 0 is the first.
    width_cm
        Width of the visible picture, if you measured it with a ruler; no card is shown then.
    distance_cm
        From the participant's eyes to the screen; None keeps the one of an earlier measurement.
    frames
        How many frames to measure.
    windowed
        Use a window instead of the whole screen.
    virtual_display
        Use a virtual screen (Linux).

    Returns
    -------
    What was found and saved; None if the person left.
    """
    for name, value, low, high in (
        ("number", number, 0, inf),
        ("frames", frames, _FEWEST_FRAMES, inf),
        ("width_cm", width_cm, _NEAREST_CM, _WIDEST_CM),
        ("distance_cm", distance_cm, _NEAREST_CM, _FARTHEST_CM),
    ):
        if value is not None and not low <= value <= high:
            wanted = f"between {low} and {high}" if high < inf else f"{low} or more"
            raise TwoalikeError(
                where=f"`{name}={value:g}`",
                expected=f"centimetres {wanted}" if high < inf else wanted,
            )
    before = load_profile()
    distance_m = before.distance_m if distance_cm is None else distance_cm / 100
    if not distance_m:
        raise TwoalikeError(
            "the distance of the eyes is not known", remedy="Add: `distance_cm=60`."
        )
    if before.number != number:
        before = ScreenProfile()  # another screen: nothing of the old one holds
    before = before.model_copy(update={"number": number, "distance_m": distance_m})
    with start_display() if virtual_display else nullcontext():
        found = calibrate(
            before,
            width_m=None if width_cm is None else width_cm / 100,
            windowed=windowed,
            n_frames=frames,
        )
    if found is not None:
        save_profile(found)
    return found
