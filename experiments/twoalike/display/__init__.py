"""The one place that knows PsychoPy: window, drawing, input. Imported only where one is shown."""

from twoalike.display._environment import require_screen, virtual_display
from twoalike.display._window import WindowScreen, open_window

__all__ = ["WindowScreen", "open_window", "require_screen", "virtual_display"]
