"""Figures in one style: each as a matplotlib figure, and as a function that draws into axes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
