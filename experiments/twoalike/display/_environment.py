"""What has to be right around PsychoPy before it is imported."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from twoalike.study import TwoalikeError


def _has_screen() -> bool:
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))


def require_screen() -> None:
    """Check that there is a screen to open a window on.

    Raises
    ------
    TwoalikeError
        On Linux, if ``DISPLAY`` is not set; the message says what to do.
    """
    if not _has_screen():
        raise TwoalikeError(
            "no screen: DISPLAY is not set. Run it from the desktop of the lab computer; or add "
            "--virtual-display for a screen nobody sees. A simulated session needs none: "
            "twoalike run with --simulate --no-window."
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
    """Start a screen that nobody sees (Xvfb), and end it with the block.

    Raises
    ------
    TwoalikeError
        If this is not Linux, or Xvfb is not installed.
    """
    if not sys.platform.startswith("linux"):
        raise TwoalikeError("--virtual-display works on Linux only. Leave it out.")
    if shutil.which("Xvfb") is None:
        raise TwoalikeError(
            "--virtual-display needs Xvfb, which is not installed. Install it: "
            "sudo apt-get install xvfb"
        )
    from pyvirtualdisplay.display import Display

    # With -terminate it ends with its last window, also if we are killed and cannot end it.
    with Display(visible=False, size=size, color_depth=24, extra_args=["-terminate"]):
        yield
