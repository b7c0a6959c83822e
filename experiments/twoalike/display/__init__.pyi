from ._calibrate import measure_screen as measure_screen
from ._calibrate import verdict as verdict
from ._open import require_screen as require_screen
from ._open import virtual_display as virtual_display
from ._triggers import TriggerPort as TriggerPort
from ._triggers import open_triggers as open_triggers
from ._window import WindowScreen as WindowScreen
from ._window import open_window as open_window
