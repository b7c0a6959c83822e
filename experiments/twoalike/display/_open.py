"""Opening a PsychoPy window: what has to be right around it, and the window itself."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from twoalike.study import ScreenProfile, TwoalikeError, counted, how_to_install


def _has_screen() -> bool:
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))


def require_screen() -> None:
    """Check that there is a screen to open a window on."""
    if not _has_screen():
        raise TwoalikeError(
            "no screen: DISPLAY is not set. Run it from the desktop of the lab computer; or add "
            "`virtual_display=True` for an invisible screen. A simulated session needs none: "
            "twoalike run with `simulate=True` `window=False`."
        )


@contextmanager
def psychopy_environment() -> Iterator[None]:
    """Set what PsychoPy reads on import, and give it a home where there is none to write to.

    PsychoPy keeps fonts, monitors and preferences in the home folder and does not start
    without one; a lab's kiosk account may have none.
    """
    # Else PsychoPy changes PYTHONPATH and PATH, and with them every process we start later.
    os.environ["PSYCHOPYNOPACKAGES"] = "1"
    home = os.environ.get("HOME")
    if sys.platform == "win32" or (home and os.access(home, os.W_OK)):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="twoalike-home-") as folder:
        os.environ["HOME"] = folder
        try:
            yield
        finally:
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home


@contextmanager
def virtual_display(size: tuple[int, int] = (1280, 1024)) -> Iterator[None]:
    """Start an invisible screen (Xvfb), and end it with the block."""
    if not sys.platform.startswith("linux"):
        raise TwoalikeError("`virtual_display=True` works on Linux only. Leave it out.")
    if shutil.which("Xvfb") is None:
        raise TwoalikeError(
            "`virtual_display=True` needs Xvfb, which is not installed. Install it: "
            "sudo apt-get install xvfb"
        )
    from pyvirtualdisplay.display import Display

    # With -terminate it ends with its last window, also if we are killed and cannot end it.
    with Display(visible=False, size=size, color_depth=24, extra_args=["-terminate"]):
        yield


SOFTWARE = ("llvmpipe", "softpipe", "swrast", "gdi generic", "software rasterizer")
"""Renderers that draw with the processor and wait for no screen."""
_RATES_HZ = (20.0, 500.0)
"""Refresh rates of real screens; what lies outside is a driver that does not wait."""
_WINDOWED = 0.85
"""Share of the screen that a window takes which is not fullscreen."""


def _screen_size(number: int) -> tuple[int, int]:
    import pyglet

    screens = pyglet.canvas.get_display().get_screens()
    if number >= len(screens):
        raise TwoalikeError(
            f"screen {number} is wanted, this computer has {counted(len(screens), 'screen')}, "
            "counted from 0. Connect it, or measure another: twoalike screen `number=0`"
        )
    return screens[number].width, screens[number].height


def create_window(
    background: str, profile: ScreenProfile, *, windowed: bool, title: str = "twoalike"
) -> tuple[Any, tuple[int, int]]:
    """Open a window on the screen of a profile."""
    try:
        from psychopy import logging, monitors, visual
    except ImportError as error:
        raise TwoalikeError(
            f"PsychoPy cannot be imported ({error}). {how_to_install('experiments')}"
        ) from error
    except Exception as error:
        # pyglet's own class for this can only be imported where there is a screen.
        if type(error).__name__ != "NoSuchDisplayException":
            raise
        raise TwoalikeError(
            f"no screen: cannot connect to the display ({error}). Check DISPLAY, or add "
            "`virtual_display=True`."
        ) from error
    logging.console.setLevel(logging.ERROR)
    full = size = _screen_size(profile.number)
    if windowed:
        size = (int(_WINDOWED * size[0]) // 2 * 2, int(_WINDOWED * size[1]) // 2 * 2)
    monitor = monitors.Monitor(
        "twoalike", width=100 * profile.width_m or None, distance=100 * profile.distance_m or None
    )
    monitor.setSizePix(full)
    window = visual.Window(
        size=size,
        fullscr=not windowed,
        screen=profile.number,
        monitor=monitor,
        units="pix",
        color=background,
        title=title,
        allowGUI=windowed,
        checkTiming=False,
        gammaErrorPolicy="ignore",
    )
    return window, full


class SharedWindow(ExitStack):
    """The window of the parts of a sitting: the first opens it, the end of the block closes it."""

    _window: Any = None
    _full = (0, 0)

    def take(
        self, background: str, profile: ScreenProfile, *, windowed: bool
    ) -> tuple[Any, tuple[int, int]]:
        """Give the window, and the size of its screen, as :func:`create_window` does."""
        if self._window is None:
            self.enter_context(psychopy_environment())
            self._window, self._full = create_window(background, profile, windowed=windowed)
            self.callback(self._window.close)
        self._window.color = background
        return self._window, self._full


def renderer() -> str:
    """Name of the graphics card of the open window, or of the software that draws instead."""
    import pyglet

    return str(pyglet.gl.gl_info.get_renderer())


def is_refresh_rate(hz: float) -> bool:
    """Whether a rate may be that of a screen."""
    return _RATES_HZ[0] < hz < _RATES_HZ[1]


def is_software(renderer: str) -> bool:
    """Whether a renderer draws with the processor, so that its speed is not that of a screen."""
    return any(name in renderer.lower() for name in SOFTWARE)
