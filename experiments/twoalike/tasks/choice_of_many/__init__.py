"""Choices among three to six images: the one least like the others, or the most alike pair."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
