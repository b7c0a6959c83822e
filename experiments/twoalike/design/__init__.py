"""Which triplets or sets a session shows, in which order, and the list of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
