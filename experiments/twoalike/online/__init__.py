"""The same study in a browser: its page, the server that stores answers, raw data from records."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
