"""Judgments as tidy tables: their columns, their files, where they come from, how to split them.

Choices have one row a judgment, arrangements one row an item placed, dissimilarities one row a
pair. Names are imported on first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
