"""The ground all stages stand on: a study's folder and settings, files, errors, provenance.

Nothing here knows about tasks, models or networks. Names are imported on first use
(``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
