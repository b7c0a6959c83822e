"""The multi-arrangement task: images are dragged into a circle, so that alike ones are close."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
