"""Independent pieces of work, such as seeds, folds and simulated studies, here or on a cluster.

Each piece makes one file, so that what is done is known from the files alone. Names are imported on
first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
