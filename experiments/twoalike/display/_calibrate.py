"""Calibrating a screen: its size by a card, its frames by showing many."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twoalike.display._card import CARD_M, CardMatch, card_on, card_outline, picture_width
from twoalike.display._environment import psychopy_environment, require_screen
from twoalike.display._frames import FrameTiming, frame_timing, is_software
from twoalike.display._keys import key_name
from twoalike.display._open import create_window, renderer
from twoalike.study import ScreenProfile

_GROUND, _INK, _CARD = "#e6e6e6", "#262626", "#0072b2"
_REST_S = 0.01
"""Between two looks at the keys: a virtual screen has no refresh to wait for."""
_WARM_UP = 30
"""Frames shown before any counts: drivers take some to settle."""
_USUAL_PIXEL_M = 0.0254 / 96
"""Width of a pixel to start from: 96 in an inch."""
_CARD_TEXT = (
    "Hold a bank card or an identity card against the screen, its lower left corner on that "
    "of the blue card.\n\nArrow keys or mouse wheel: make the blue card as large as yours.\n"
    "← → one pixel   ↑ ↓ ten pixels\n\nEnter: it fits        Esc: leave"
)
_FRAMES_TEXT = "Measuring the screen ...\n\nPlease do not touch the computer."


class _Window:
    """A PsychoPy window for measuring, with the presses it heard."""

    def __init__(self, window: Any, screen_size: tuple[int, int]) -> None:
        import pyglet

        self.window, self._screen_size = window, screen_size
        self._heard: list[str | float] = []
        self._key = pyglet.window.key
        window.winHandle.push_handlers(
            on_key_press=self._on_key,
            # Comes again while a key is held, unlike a key press.
            on_text_motion=self._on_arrow,
            on_mouse_scroll=self._on_scroll,
            on_close=self._on_close,
        )

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

    def heard(self) -> list[str | float]:
        """Keys by name and notches of the wheel since the last call."""
        self.window.winHandle.dispatch_events()
        heard, self._heard = self._heard, []
        return heard

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

    def _on_key(self, symbol: int, _modifiers: int) -> None:
        name = key_name(self._key.symbol_string(symbol))
        if name not in {"left", "right", "up", "down"}:
            self._heard.append(name)

    def _on_arrow(self, motion: int) -> None:
        self._heard.append(key_name(self._key.symbol_string(motion)))

    def _on_scroll(self, _x: int, _y: int, _across: float, notches: float) -> None:
        self._heard.append(float(notches))

    def _on_close(self) -> bool:
        self._heard.append("escape")
        return True


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
    """Let a person bring the drawn card to the size of a real one."""
    from psychopy import visual

    width, height = opened.size
    match = CardMatch(start_px, int(min(0.9 * width, 0.5 * height * CARD_M[0] / CARD_M[1])))
    match = match.scroll(0)  # into the range that fits
    corner = (-match.largest_px // 2, -int(0.45 * height))
    text = opened.text(_CARD_TEXT, 0.026 * height)
    card, drawn = None, 0
    while not match.over:
        if card is None or drawn != match.width_px:
            drawn = match.width_px
            card = visual.ShapeStim(
                opened.window,
                vertices=[(x + corner[0], y + corner[1]) for x, y in card_outline(drawn)],
                units="pix",
                lineWidth=0,
                fillColor=_CARD,
            )
        card.draw()
        text.draw()
        opened.window.flip()
        time.sleep(_REST_S)
        for step in opened.heard():
            if not match.over:
                match = match.press(step) if isinstance(step, str) else match.scroll(step)
    return match


def _measure_frames(opened: _Window, n_frames: int) -> FrameTiming:
    """Show frames and take the times at which they appeared."""
    text = opened.text(_FRAMES_TEXT, 0.03 * opened.size[1])
    times = []
    for _ in range(_WARM_UP + n_frames + 1):
        text.draw()
        times.append(float(opened.window.flip()))
    opened.heard()
    return frame_timing(times[_WARM_UP:])


def _with_timing(profile: ScreenProfile, timing: FrameTiming) -> ScreenProfile:
    return profile.model_copy(
        update={
            "refresh_hz": round(timing.refresh_hz, 3),
            "frame_sd_s": round(timing.sd_s, 6),
            "frame_p99_s": round(timing.p99_s, 6),
            "frames": timing.frames,
            "late_frames": timing.late,
        }
    )


def calibrate(
    before: ScreenProfile, *, width_m: float | None, windowed: bool = False, n_frames: int = 600
) -> ScreenProfile | None:
    """Measure a screen in a window of its own.

    Parameters
    ----------
    before
        Which screen, the distance of the eyes, and where the card starts.
    width_m
        Width of the visible picture, metres; None lets the person match a card.
    windowed
        A window instead of the whole screen.
    n_frames
        Frames to measure.

    Returns
    -------
    What was found; None if the person left.

    Raises
    ------
    TwoalikeError
        If there is no such screen or no PsychoPy.
    """
    with _open(before, windowed=windowed) as opened:
        full = opened.full_size
        found = before.model_copy(
            update={
                "size_px": full,
                "scale_factor": float(opened.window.getContentScaleFactor()),
                "renderer": renderer(),
            }
        )
        if width_m is None:
            start = card_on(full[0], before.width_m or full[0] * _USUAL_PIXEL_M)
            match = _match_card(opened, start)
            if match.left:
                return None
            width_m, how = round(picture_width(match.width_px, full[0]), 5), "card"
        else:
            how = "given"
        found = found.model_copy(update={"width_m": width_m, "how": how})
        if is_software(found.renderer):
            return found
        return _with_timing(found, _measure_frames(opened, n_frames))
