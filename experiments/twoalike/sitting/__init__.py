"""A participant, real or simulated, sits down: one session from the first check to the last row."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
