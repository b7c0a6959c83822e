"""Simulated observers, who choose from a space known to be true and differ as people do."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
