"""How many judgments a study needs: simulate, collect, fit and compare, before anyone is invited.

A :class:`PowerAnalysis` simulates whole studies of the objects and the design of a study, in
worlds drawn at random, and finds the size with which most of them reach a :class:`Target`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
