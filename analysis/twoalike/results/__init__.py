"""Everything that is measured of networks and of people, put together for ``results.json``."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
