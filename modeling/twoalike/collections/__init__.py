"""Collections of images at any scale, read by number: the inputs of networks.

:func:`open_collection` finds out what a path holds and lists it without reading an image. Names
are imported on first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
