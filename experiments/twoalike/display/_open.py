"""Opening a PsychoPy window, for sessions and for measuring the screen."""

from typing import Any

from twoalike.study import ScreenProfile, TwoalikeError, counted, how_to_install

_WINDOWED = 0.85
"""Share of the screen that a window takes which is not fullscreen."""


def _screen_size(number: int) -> tuple[int, int]:
    import pyglet

    screens = pyglet.canvas.get_display().get_screens()
    if number >= len(screens):
        raise TwoalikeError(
            f"screen {number} is wanted, this computer has {counted(len(screens), 'screen')}, "
            "counted from 0. Connect it, or measure another: twoalike screen --number"
        )
    return screens[number].width, screens[number].height


def create_window(
    background: str, profile: ScreenProfile, *, windowed: bool, title: str = "twoalike"
) -> tuple[Any, tuple[int, int]]:
    """Open a window on the screen of a profile.

    Parameters
    ----------
    background
        Its colour.
    profile
        Number, width and distance of the screen.
    windowed
        Not fullscreen.

    Returns
    -------
    The PsychoPy window, and width and height of the whole screen in pixels.

    Raises
    ------
    TwoalikeError
        If PsychoPy is missing or the screen cannot be used.
    """
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
            "--virtual-display."
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


def renderer() -> str:
    """Name of the graphics card of the open window, or of the software that draws instead."""
    import pyglet

    return str(pyglet.gl.gl_info.get_renderer())
