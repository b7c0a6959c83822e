"""The one place that knows PsychoPy: window, drawing, input. Imported only where one is shown."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
