"""The pair-rating task: how alike two images are, on a Likert scale or a slider."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
