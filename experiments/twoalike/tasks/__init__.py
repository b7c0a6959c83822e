"""The tasks as state machines: no window, no file, nothing but events and scenes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
