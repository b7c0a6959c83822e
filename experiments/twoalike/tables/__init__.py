"""Tables: one declaration of the columns gives writing, reading, checks, sidecar and reference.

A :class:`Table` lists its :class:`Column` objects, the columns that identify a row, and the checks
across columns. From it come the tab-separated file with its BIDS sidecar (:func:`read_table`,
:meth:`Table.format_row`), the data frame with categories and its Parquet file (:func:`make_frame`,
:func:`read_frame`), errors that name row and column, and the table of the reference page.

Names are imported on first use (``__init__.pyi`` lists them).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
