"""The window: opens, shows scenes, receives presses, and describes itself."""

import gc
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from PIL import Image

from twoalike.display._canvas import Canvas, Masks
from twoalike.display._drawing import Painter
from twoalike.display._open import (
    SharedWindow,
    is_refresh_rate,
    is_software,
    renderer,
    require_screen,
)
from twoalike.record import Apparatus, Progress
from twoalike.stimuli.lettering import fonts_for
from twoalike.study import ScreenProfile, TwoalikeError
from twoalike.tasks import (
    SYNONYMS,
    Button,
    Event,
    Focus,
    KeyPress,
    Nudge,
    PlayableScreen,
    PointerMove,
    PointerPress,
    PointerRelease,
    Prepared,
    Scene,
    Scroll,
    Shown,
    Stop,
    Typed,
    View,
    VirtualClock,
    frame,
)
from twoalike.tasks.lettering import strings_in


def key_name(symbol_string: str) -> str:
    """Name of a key as protocols write it, from pyglet's."""
    name = symbol_string.lower().removeprefix("_")
    return SYNONYMS.get(name, name)


class InputQueue:
    """Collects the events of a pyglet window."""

    def __init__(self, handle: Any, now: Callable[[], float]) -> None:
        import pyglet

        self._handle, self._now = handle, now
        self._events: list[Event] = []
        self._repeated = ""  # text that comes again without another press
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
            on_text_motion_select=partial(self._on_arrow, fine=True),
            on_mouse_press=partial(self._on_button, PointerPress),
            on_mouse_motion=self._on_motion,
            on_mouse_drag=self._on_motion,
            on_mouse_release=partial(self._on_button, PointerRelease),
            on_mouse_scroll=self._on_scroll,
            on_activate=partial(self._on_focus, here=True),
            on_deactivate=partial(self._on_focus, here=False),
            on_close=self._on_close,
        )

    def close(self) -> None:
        """Let the window's events go elsewhere."""
        self._handle.pop_handlers()

    def take(self) -> list[Event]:
        """Let the window deliver its events; give those since the last call."""
        self._handle.dispatch_events()
        events, self._events = self._events, []
        return events

    # Handlers return None, so that PsychoPy's own run as well; but for on_close below.

    def _on_key(self, symbol: int, _modifiers: int) -> None:
        self._repeated = ""
        self._events.append(KeyPress(self._now(), key_name(self._symbol(symbol))))

    def _on_text(self, text: str) -> None:
        # A key that is held writes once: it may have been pressed for a trial before a question.
        # Return comes as a key and as a line end.
        if text.isprintable() and text != self._repeated:
            self._events.append(Typed(self._now(), text))
        self._repeated = text

    def _on_arrow(self, motion: int, *, fine: bool = False) -> None:
        if motion in self._arrows:
            self._events.append(Nudge(self._now(), *self._arrows[motion], fine))

    def _on_button(
        self,
        kind: type[PointerPress | PointerRelease],
        x: int,
        y: int,
        button: int,
        _modifiers: int,
    ) -> None:
        if button in self._buttons:
            self._events.append(kind(self._now(), *self._centred(x, y), self._buttons[button]))

    def _on_motion(self, x: int, y: int, *_details: int) -> None:
        self._events.append(PointerMove(self._now(), *self._centred(x, y)))

    def _on_scroll(self, _x: int, _y: int, _dx: float, dy: float) -> None:
        if dy:
            self._events.append(Scroll(self._now(), dy))

    def _on_focus(self, *, here: bool) -> None:
        self._events.append(Focus(self._now(), here=here))

    def _on_close(self) -> bool:
        self._events.append(Stop(self._now(), "window_closed"))
        return True

    def _centred(self, x: int, y: int) -> tuple[float, float]:
        width, height = self._handle.get_size()
        return x - width / 2, y - height / 2


_SHORTEST_FRAME_S = 0.004
"""A virtual screen has no refresh to wait for; without a pause the loop would eat the processor."""
_WAKING_S = 0.002
"""A sleeping process may wake up this much too late."""
RRID = "RRID:SCR_006571"


class WindowScreen(PlayableScreen):
    """A PsychoPy window as a screen for sessions.

    The clock is virtual for simulated participants, PsychoPy's without one, and starts at
    ``start``. ``paced`` frames wait for the computer's clock, since there is no screen to wait for.
    """

    def __init__(
        self,
        window: Any,
        painter: Painter,
        *,
        clock: VirtualClock | None,
        start: float,
        frame_s: float | None,
        paced: bool = False,
    ) -> None:
        from psychopy import core

        self._window, self._painter, self._clock = window, painter, clock
        self._core_time: Callable[[], float] = core.getTime
        self._origin = self._core_time() - start
        self._frame_s = frame_s
        self._pacer = Pacer(frame_s, self._core_time) if paced and frame_s else None
        self._last: float | None = None
        self._queue = InputQueue(window.winHandle, self.now)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self._window.winHandle.get_size()
        return int(width), int(height)

    def now(self) -> float:
        """Time of the run, s."""
        return self._clock.now() if self._clock else self._core_time() - self._origin

    def show(self, scene: Scene) -> Shown:
        """Draw a scene and wait until it is visible."""
        self._painter.draw(scene, self.now())
        if self._pacer is not None:
            self._pacer.wait()
        flipped = self._window.flip()
        if self._clock is not None:
            return Shown(self._clock.next_frame(), None if self._clock.refresh_hz is None else 0)
        moment = float(flipped) - self._origin
        if self._last is not None and moment - self._last < _SHORTEST_FRAME_S:
            time.sleep(_SHORTEST_FRAME_S - (moment - self._last))
        late = None
        if self._frame_s is not None:
            # Rounded, since a frame takes a little more or less than its nominal time.
            since = 0.0 if self._last is None else moment - self._last
            late = max(0, round(since / self._frame_s) - 1)
        self._last = moment
        return Shown(moment, late)

    def events(self) -> Sequence[Event]:
        """Presses since the last call."""
        return self._queue.take()

    def calibrate(self, function: str, folder: Path) -> str | None:
        """Call a lab's ``module:function`` with PsychoPy's window; give what it returns, as text.

        The module may lie in ``folder``. Presses meanwhile are passed over.
        """
        module, _, name = function.partition(":")
        sys.path.insert(0, str(folder))
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise TwoalikeError(
                f"triggers.calibrate {function!r}: cannot be imported ({error})",
                remedy="Put the module into the study's folder, or install it.",
            ) from error
        finally:
            sys.path.remove(str(folder))
        returned = found(self._window)
        self.events()
        return None if returned is None else str(returned)

    def stop_listening(self) -> None:
        """Leave the window's events to the next screen."""
        self._queue.close()

    def picture(self, scene: Scene) -> Image.Image:
        """Take a picture of a scene as the participant sees it, for documentation."""
        self._painter.draw(scene, self.now())
        # The front buffer is black under Mesa's software renderer.
        image: Image.Image = self._window._getFrame(buffer="back").convert("RGB")
        self._window.flip()
        return image

    def play(self, event: Event) -> None:
        """Let an event happen the way the system would report it."""
        import pyglet

        key, mouse = pyglet.window.key, pyglet.window.mouse
        tell = self._window.winHandle.dispatch_event
        width, height = self.size
        match event:
            case KeyPress(key=name):
                symbol = getattr(key, f"_{name}" if name.isdigit() else name.upper())
                tell("on_key_press", symbol, 0)
                tell("on_key_release", symbol, 0)
            case Nudge(dx=dx, dy=dy):
                side, up = {-1: "LEFT", 1: "RIGHT"}, {-1: "DOWN", 1: "UP"}
                tell("on_text_motion", getattr(key, f"MOTION_{side[dx] if dx else up[dy]}"))
            case Typed(text=text):
                tell("on_text", text)
            case PointerMove(x=x, y=y):
                tell("on_mouse_motion", round(x + width / 2), round(y + height / 2), 0, 0)
            case PointerPress(x=x, y=y, button=button) | PointerRelease(x=x, y=y, button=button):
                name = "on_mouse_press" if isinstance(event, PointerPress) else "on_mouse_release"
                code = mouse.LEFT if button == "left" else mouse.RIGHT
                tell(name, round(x + width / 2), round(y + height / 2), code, 0)


class Pacer:
    """Frames of a screen that is not there: the computer's clock says when each is due.

    Drawing that takes longer misses a frame, as it would before a screen.
    """

    def __init__(self, frame_s: float, now: Callable[[], float]) -> None:
        self._frame_s, self._now, self._origin = frame_s, now, now()

    def wait(self) -> None:
        """Wait until the next frame is due, with everything drawn by then, as before a screen."""
        import pyglet

        pyglet.gl.glFinish()
        due = math.floor((self._now() - self._origin) / self._frame_s) + 1
        moment = self._origin + due * self._frame_s
        if (rest := moment - self._now() - _WAKING_S) > 0:
            time.sleep(rest)
        while self._now() < moment:  # sleep alone wakes up too late
            pass


def _measure_refresh(window: Any, pace_hz: float) -> float | None:
    if is_software(renderer()):
        return pace_hz or None  # it waits for no screen: a rate would be the speed of the processor
    rate = window.getActualFrameRate(nIdentical=10, nMaxFrames=120, nWarmUpFrames=10, threshold=1)
    return round(float(rate), 3) if rate is not None and is_refresh_rate(rate) else None


def _apparatus(
    window: Any,
    profile: ScreenProfile,
    refresh_hz: float | None,
    *,
    windowed: bool,
    simulated: bool,
    paced: bool,
) -> Apparatus:
    from psychopy import clock as psychopy_clock

    width, height = window.winHandle.get_size()
    source = getattr(psychopy_clock.getTime, "__module__", "") or "psychopy.clock"
    return Apparatus(
        software="PsychoPy",
        software_version=version("psychopy"),
        rrid=RRID,
        versions={"python": platform.python_version(), "pyglet": version("pyglet")},
        clock="virtual" if simulated else source,
        input="pyglet window events",
        screen={
            "size_px": [int(width), int(height)],
            "refresh_hz": refresh_hz,
            **({"paced": "by the computer's clock"} if paced else {}),
            "fullscreen": not windowed,
            "renderer": renderer(),
            "scale_factor": float(window.getContentScaleFactor()),
            "width_m": profile.width_m or None,
            "distance_m": profile.distance_m or None,
        },
    )


@contextmanager
def open_window(
    prepared: Prepared,
    progress: Progress,
    profile: ScreenProfile,
    *,
    windowed: bool = False,
    clock: VirtualClock | None = None,
    shared: SharedWindow | None = None,
) -> Iterator[tuple[WindowScreen, View, Apparatus]]:
    """Open a window for a session and close it with the block.

    ``clock``: of a simulated participant; ``shared``: window of the sitting that the session is a
    part of, which stays open.
    """
    require_screen()
    protocol = prepared.protocol
    with ExitStack() as stack:
        holder = stack.enter_context(SharedWindow()) if shared is None else shared
        window, (full_width, _) = holder.take(
            protocol.screen.background, profile, windowed=windowed
        )
        width, height = (int(length) for length in window.winHandle.get_size())
        view = View((width, height), profile, full_width, preview=prepared.sitting.pilot)
        side = prepared.image_size(view)
        settings = protocol.model_dump(include={"texts", "form", "debrief"})
        for text in strings_in(settings):
            fonts_for(text)
        window.mouseVisible = not protocol.screen.touch
        prepared.stimuli.check_letters()
        masks = Masks(prepared.given.paths, prepared.given.seed)
        sized = frame(protocol.screen, view.size)
        painter = Painter(Canvas(window, protocol, sized, prepared.stimuli, masks), protocol, view)
        painter.preload(prepared.first_images(progress), side)
        paced = clock is None and is_software(renderer()) and profile.pace_hz > 0
        refresh_hz = (
            _measure_refresh(window, profile.pace_hz) if clock is None else clock.refresh_hz
        )
        apparatus = _apparatus(
            window, profile, refresh_hz, windowed=windowed, simulated=clock is not None, paced=paced
        )
        screen = WindowScreen(
            window,
            painter,
            clock=clock,
            start=progress.time_s,
            frame_s=None if refresh_hz is None else 1 / refresh_hz,
            paced=paced,
        )
        stack.callback(screen.stop_listening)
        if prepared.is_timed:
            # A collection of everything that was imported takes longer than a frame.
            gc.collect()
            gc.freeze()
        yield screen, replace(view, refresh_hz=refresh_hz), apparatus
