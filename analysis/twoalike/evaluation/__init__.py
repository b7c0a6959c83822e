"""How human-like a network is: its agreement with people's choices and similarity structure.

Measures are pure functions on arrays; :func:`twoalike.results.evaluate` puts them together.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
