"""How features serve other tasks than similarity, and whether they shift better.

Measures are functions on features and labels: few-shot classification, linear probe, new
subclasses of known superclasses, other sets of images, nearest neighbours in a hierarchy.
:func:`compare_transfer` makes all of them for several networks side by side.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
