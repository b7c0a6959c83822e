"""Planning a study: its folder, its trial lists, how long its sessions take, and how they adapt.

What ``twoalike init`` and ``twoalike design`` do, as functions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
