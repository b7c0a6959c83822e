"""Tables: one declaration of the columns gives writing, reading, checks, sidecar and reference.

A :class:`Table` lists its :class:`Column` objects, the columns that identify a row, and the checks
across columns. From it come the tab-separated file with its BIDS sidecar (:func:`read_table`,
:meth:`Table.format_row`), the data frame with categories and its Parquet file (:func:`make_frame`,
:func:`read_frame`), errors that name row and column, and the table of the reference page.
"""

from twoalike.tables._column import Column
from twoalike.tables._frame import (
    check_columns,
    check_frame,
    item_indices,
    make_frame,
    read_frame,
    write_frame,
)
from twoalike.tables._table import Check, Fault, Table, faults
from twoalike.tables._trials import (
    JUDGED,
    LEVELS,
    MULTI_ARRANGEMENT,
    ODD_ONE_OUT,
    PARTICIPANT_ID,
    PLACES,
    POSITIONS,
    SEEN_BEFORE,
    SESSION_ID,
    STIMULI,
    TRIAL_TYPES,
)
from twoalike.tables._tsv import check_text, parse_text, read_table, read_tsv, typed, write_tsv

__all__ = [
    "JUDGED",
    "LEVELS",
    "MULTI_ARRANGEMENT",
    "ODD_ONE_OUT",
    "PARTICIPANT_ID",
    "PLACES",
    "POSITIONS",
    "SEEN_BEFORE",
    "SESSION_ID",
    "STIMULI",
    "TRIAL_TYPES",
    "Check",
    "Column",
    "Fault",
    "Table",
    "check_columns",
    "check_frame",
    "check_text",
    "faults",
    "item_indices",
    "make_frame",
    "parse_text",
    "read_frame",
    "read_table",
    "read_tsv",
    "typed",
    "write_frame",
    "write_tsv",
]
