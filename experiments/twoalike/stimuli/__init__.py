"""Stimulus sets: images, the manifest that names and checks them, and the sets that we draw."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
