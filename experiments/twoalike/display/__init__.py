"""The one place that knows PsychoPy: window, drawing, input. Imported only where one is shown."""

from twoalike.display._calibrate import measure_screen as measure_screen
from twoalike.display._calibrate import verdict as verdict
from twoalike.display._devices import DeviceSpeaker as DeviceSpeaker
from twoalike.display._devices import SilentSpeaker as SilentSpeaker
from twoalike.display._devices import Speaker as Speaker
from twoalike.display._devices import open_scanner as open_scanner
from twoalike.display._devices import open_triggers as open_triggers
from twoalike.display._open import SharedWindow as SharedWindow
from twoalike.display._open import virtual_display as virtual_display
from twoalike.display._window import WindowScreen as WindowScreen
from twoalike.display._window import open_window as open_window
