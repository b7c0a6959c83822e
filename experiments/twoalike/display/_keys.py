"""Presses from the window, with the time at which it received them.

PsychoPy's own keyboard classes lose short presses, read other windows' keys, or fall silent
where a system library is missing; handlers on the window itself lost none of 60 drags and 30
presses. See the notes on input in ``experiments/README.md``.
"""

from collections.abc import Callable
from typing import Any

from twoalike.tasks import (
    SYNONYMS,
    Button,
    Event,
    Focus,
    KeyPress,
    Nudge,
    PointerMove,
    PointerPress,
    PointerRelease,
    Scroll,
    Stop,
    Typed,
)


def key_name(symbol_string: str) -> str:
    """Name of a key as protocols write it, from pyglet's.

    Examples
    --------
    >>> key_name("_1"), key_name("LEFT"), key_name("NUM_END")
    ('1', 'left', 'num_1')
    """
    name = symbol_string.lower().removeprefix("_")
    return SYNONYMS.get(name, name)


class InputQueue:
    """Collects the events of a pyglet window.

    Parameters
    ----------
    handle
        The pyglet window.
    now
        Clock of the run.
    """

    def __init__(self, handle: Any, now: Callable[[], float]) -> None:
        import pyglet

        self._handle, self._now = handle, now
        self._events: list[Event] = []
        mouse = pyglet.window.mouse
        self._buttons: dict[int, Button] = {mouse.LEFT: "left", mouse.RIGHT: "right"}
        key = pyglet.window.key
        self._arrows = {
            key.MOTION_LEFT: (-1, 0),
            key.MOTION_RIGHT: (1, 0),
            key.MOTION_UP: (0, 1),
            key.MOTION_DOWN: (0, -1),
        }
        self._symbol: Callable[[int], str] = pyglet.window.key.symbol_string
        handle.push_handlers(
            on_key_press=self._on_key,
            on_text=self._on_text,
            on_text_motion=self._on_arrow,
            on_text_motion_select=self._on_arrow_with_shift,
            on_mouse_press=self._on_press,
            on_mouse_motion=self._on_motion,
            on_mouse_drag=self._on_drag,
            on_mouse_release=self._on_release,
            on_mouse_scroll=self._on_scroll,
            on_activate=self._on_activate,
            on_deactivate=self._on_deactivate,
            on_close=self._on_close,
        )

    def take(self) -> list[Event]:
        """Let the window deliver its events; give those since the last call."""
        self._handle.dispatch_events()
        events, self._events = self._events, []
        return events

    # Handlers return None, so that PsychoPy's own run as well; but for on_close below.

    def _on_key(self, symbol: int, _modifiers: int) -> None:
        self._events.append(KeyPress(self._now(), key_name(self._symbol(symbol))))

    def _on_text(self, text: str) -> None:
        if text.isprintable():  # Return comes as a key and as a line end
            self._events.append(Typed(self._now(), text))

    def _on_arrow(self, motion: int) -> None:
        if motion in self._arrows:
            self._events.append(Nudge(self._now(), *self._arrows[motion]))

    def _on_arrow_with_shift(self, motion: int) -> None:
        if motion in self._arrows:
            self._events.append(Nudge(self._now(), *self._arrows[motion], fine=True))

    def _on_press(self, x: int, y: int, button: int, _modifiers: int) -> None:
        if button in self._buttons:
            place = self._centred(x, y)
            self._events.append(PointerPress(self._now(), *place, self._buttons[button]))

    def _on_motion(self, x: int, y: int, _dx: int, _dy: int) -> None:
        self._events.append(PointerMove(self._now(), *self._centred(x, y)))

    def _on_drag(self, x: int, y: int, _dx: int, _dy: int, _buttons: int, _modifiers: int) -> None:
        self._events.append(PointerMove(self._now(), *self._centred(x, y)))

    def _on_release(self, x: int, y: int, button: int, _modifiers: int) -> None:
        if button in self._buttons:
            place = self._centred(x, y)
            self._events.append(PointerRelease(self._now(), *place, self._buttons[button]))

    def _on_scroll(self, _x: int, _y: int, _dx: float, dy: float) -> None:
        if dy:
            self._events.append(Scroll(self._now(), dy))

    def _on_activate(self) -> None:
        self._events.append(Focus(self._now(), here=True))

    def _on_deactivate(self) -> None:
        self._events.append(Focus(self._now(), here=False))

    def _on_close(self) -> bool:
        self._events.append(Stop(self._now(), "window_closed"))
        return True

    def _centred(self, x: int, y: int) -> tuple[float, float]:
        width, height = self._handle.get_size()
        return x - width / 2, y - height / 2
