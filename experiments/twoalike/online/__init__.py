"""The same study in a browser: a page compiled from it, a server that keeps what people answer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
