"""The one place that knows PsychoPy: window, drawing, input. Imported only where one is shown."""

from twoalike.display._calibrate import measure_screen, verdict
from twoalike.display._open import require_screen, virtual_display
from twoalike.display._triggers import TriggerPort, open_triggers
from twoalike.display._window import WindowScreen, open_window

__all__ = [
    "TriggerPort",
    "WindowScreen",
    "measure_screen",
    "open_triggers",
    "open_window",
    "require_screen",
    "verdict",
    "virtual_display",
]
