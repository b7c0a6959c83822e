"""Features of objects, and the file that holds them: ``ids`` and ``features`` in an npz.

Features that others keep in Parquet or HDF5 are read as well. Names are imported on first use
(``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
