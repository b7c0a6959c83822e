"""The demonstrations: the whole chain on drawn creatures, and a map of one's own likeness."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
