"""The window: opens, shows scenes, hears presses, and says what it is."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from twoalike.display._drawing import Painter
from twoalike.display._environment import psychopy_environment, require_screen
from twoalike.display._keys import InputQueue
from twoalike.record import Apparatus
from twoalike.stimuli import StimulusSet
from twoalike.study import TwoalikeError
from twoalike.tasks import (
    Event,
    Layout,
    OddOneOut,
    Scene,
    Shown,
    VirtualClock,
    lay_out,
)

_SHORTEST_FRAME_S = 0.004
"""A virtual screen has no refresh to wait for; without a pause the loop would eat the processor."""
_WINDOWED = 0.85
"""Share of the screen that a window takes which is not fullscreen."""
_SOFTWARE = ("llvmpipe", "softpipe", "swrast")
RRID = "RRID:SCR_006571"


class WindowScreen:
    """A PsychoPy window as a screen for sessions.

    Parameters
    ----------
    window
        The PsychoPy window.
    painter
        Draws into it.
    clock
        A virtual clock for simulated participants; None takes PsychoPy's.
    start
        Time of the run at which a real clock starts, s.
    frame_s
        Duration of a frame of the screen; None if not known.
    """

    def __init__(
        self,
        window: Any,
        painter: Painter,
        *,
        clock: VirtualClock | None,
        start: float,
        frame_s: float | None,
    ) -> None:
        from psychopy import core

        self._window, self._painter, self._clock = window, painter, clock
        self._core_time: Callable[[], float] = core.getTime
        self._origin = self._core_time() - start
        self._frame_s = frame_s
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
        flipped = self._window.flip()
        if self._clock is not None:
            return Shown(self._clock.now(), None)
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

    def press_key(self, key: str) -> None:
        """Press a key, by name, the way the system would report it."""
        import pyglet

        name = f"_{key}" if key.isdigit() else key.upper()
        symbol = getattr(pyglet.window.key, name)
        self._window.winHandle.dispatch_event("on_key_press", symbol, 0)
        self._window.winHandle.dispatch_event("on_key_release", symbol, 0)

    def click(self, x: float, y: float) -> None:
        """Press and release the mouse at a point, pixels from the centre, y up."""
        import pyglet

        width, height = self.size
        left = pyglet.window.mouse.LEFT
        place = (round(x + width / 2), round(y + height / 2))
        self._window.winHandle.dispatch_event("on_mouse_press", *place, left, 0)
        self._window.winHandle.dispatch_event("on_mouse_release", *place, left, 0)


def _screen_size(number: int) -> tuple[int, int]:
    """Size of a screen in pixels.

    Raises
    ------
    TwoalikeError
        If the computer has no such screen.
    """
    import pyglet

    screens = pyglet.canvas.get_display().get_screens()
    if number >= len(screens):
        raise TwoalikeError(
            f"screen.number is {number} in the protocol, this computer has {len(screens)} "
            "screen(s), counted from 0. Change the protocol, or connect the screen."
        )
    return screens[number].width, screens[number].height


def _create_window(protocol: OddOneOut, *, windowed: bool) -> Any:
    """Open a PsychoPy window.

    Raises
    ------
    TwoalikeError
        If PsychoPy is missing or the screen cannot be used.
    """
    try:
        from psychopy import logging, monitors, visual
    except ImportError as error:
        raise TwoalikeError(
            f"PsychoPy cannot be imported ({error}). Install: pip install 'twoalike[experiments]'"
        ) from error
    except Exception as error:
        # pyglet's own class for this can only be imported where there is a screen.
        if type(error).__name__ != "NoSuchDisplayException":
            raise
        raise TwoalikeError(
            f"no screen: cannot connect to the display ({error}). Check DISPLAY, or add "
            "--virtual-display."
        ) from error
    logging.console.setLevel(logging.ERROR)
    screen = protocol.screen
    size = _screen_size(screen.number)
    if windowed:
        size = (int(_WINDOWED * size[0]) // 2 * 2, int(_WINDOWED * size[1]) // 2 * 2)
    monitor = monitors.Monitor(
        "twoalike", width=100 * screen.width_m or None, distance=100 * screen.distance_m or None
    )
    monitor.setSizePix(size)
    return visual.Window(
        size=size,
        fullscr=not windowed,
        screen=screen.number,
        monitor=monitor,
        units="pix",
        color=screen.background,
        title="twoalike",
        allowGUI=windowed,
        checkTiming=False,
        gammaErrorPolicy="ignore",
    )


def _renderer() -> str:
    """Name of the graphics card, or of the software that draws instead."""
    import pyglet

    return str(pyglet.gl.gl_info.get_renderer())


def _measure_refresh(window: Any) -> float | None:
    """Refresh rate in Hz; None where it cannot be measured."""
    if any(name in _renderer().lower() for name in _SOFTWARE):
        return None  # it waits for no screen: a rate would be the speed of the processor
    rate = window.getActualFrameRate(nIdentical=10, nMaxFrames=120, nWarmUpFrames=10, threshold=1)
    return round(float(rate), 3) if rate is not None and 20 < rate < 500 else None


def _apparatus(
    window: Any, protocol: OddOneOut, refresh_hz: float | None, *, windowed: bool, simulated: bool
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
            "fullscreen": not windowed,
            "renderer": _renderer(),
            "scale_factor": float(window.getContentScaleFactor()),
            "width_m": protocol.screen.width_m or None,
            "distance_m": protocol.screen.distance_m or None,
        },
    )


@contextmanager
def open_window(
    protocol: OddOneOut,
    stimuli: StimulusSet,
    names: tuple[str, ...],
    *,
    windowed: bool = False,
    clock: VirtualClock | None = None,
    start: float = 0.0,
) -> Iterator[tuple[WindowScreen, Layout, Apparatus]]:
    """Open a window for a session and close it with the block.

    Parameters
    ----------
    protocol
        Screen, colours and sizes.
    stimuli, names
        Where the images are, and which objects come first.
    windowed
        Not fullscreen.
    clock
        A virtual clock, for a simulated participant.
    start
        Time of the run at which a real clock starts, s.

    Raises
    ------
    TwoalikeError
        If there is no screen or no PsychoPy, or the images do not fit.
    """
    require_screen()
    with psychopy_environment():
        window = _create_window(protocol, windowed=windowed)
        try:
            width, height = window.winHandle.get_size()
            layout = lay_out(protocol, (int(width), int(height)))
            window.mouseVisible = protocol.answers.mouse
            painter = Painter(window, protocol, layout, stimuli.path)
            painter.preload(names)
            refresh_hz = None if clock is not None else _measure_refresh(window)
            apparatus = _apparatus(
                window, protocol, refresh_hz, windowed=windowed, simulated=clock is not None
            )
            frame_s = None if refresh_hz is None else 1 / refresh_hz
            screen = WindowScreen(window, painter, clock=clock, start=start, frame_s=frame_s)
            yield screen, layout, apparatus
        finally:
            window.close()
