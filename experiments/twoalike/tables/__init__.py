"""Tables: one declaration of the columns gives writing, reading, checks, sidecar and reference.

A :class:`Table` lists its :class:`Column` objects, the columns that identify a row, and the checks
across columns. From it come the tab-separated file with its BIDS sidecar (:func:`read_table`,
:meth:`Table.format_row`), the data frame with categories and its Parquet file (:func:`make_frame`,
:func:`read_frame`), errors that name row and column, and the table of the reference page.
"""

from twoalike.tables._frame import item_indices as item_indices
from twoalike.tables._frame import make_frame as make_frame
from twoalike.tables._frame import read_frame as read_frame
from twoalike.tables._frame import write_frame as write_frame
from twoalike.tables._table import ANCHORED_CHOICE as ANCHORED_CHOICE
from twoalike.tables._table import BY_CONDITION as BY_CONDITION
from twoalike.tables._table import CHOICE_COLUMNS as CHOICE_COLUMNS
from twoalike.tables._table import FREE_SORTING as FREE_SORTING
from twoalike.tables._table import JUDGED as JUDGED
from twoalike.tables._table import LEVELS as LEVELS
from twoalike.tables._table import MANY_PLACES as MANY_PLACES
from twoalike.tables._table import MANY_STIMULI as MANY_STIMULI
from twoalike.tables._table import MOST_ALIKE_PAIR as MOST_ALIKE_PAIR
from twoalike.tables._table import MOST_SHOWN as MOST_SHOWN
from twoalike.tables._table import MULTI_ARRANGEMENT as MULTI_ARRANGEMENT
from twoalike.tables._table import OBJECT_ID as OBJECT_ID
from twoalike.tables._table import ODD_ONE_OF_MANY as ODD_ONE_OF_MANY
from twoalike.tables._table import ODD_ONE_OUT as ODD_ONE_OUT
from twoalike.tables._table import PAIR_RATING as PAIR_RATING
from twoalike.tables._table import PARTICIPANT_ID as PARTICIPANT_ID
from twoalike.tables._table import PLACES as PLACES
from twoalike.tables._table import POSITIONS as POSITIONS
from twoalike.tables._table import REFERENCE as REFERENCE
from twoalike.tables._table import SEEN_BEFORE as SEEN_BEFORE
from twoalike.tables._table import SESSION_ID as SESSION_ID
from twoalike.tables._table import STIMULI as STIMULI
from twoalike.tables._table import TRIAL_TYPES as TRIAL_TYPES
from twoalike.tables._table import Check as Check
from twoalike.tables._table import Column as Column
from twoalike.tables._table import Fault as Fault
from twoalike.tables._table import Table as Table
from twoalike.tables._table import faults as faults
from twoalike.tables._tsv import Labels as Labels
from twoalike.tables._tsv import LabelSource as LabelSource
from twoalike.tables._tsv import check_text as check_text
from twoalike.tables._tsv import classes_of as classes_of
from twoalike.tables._tsv import parse_text as parse_text
from twoalike.tables._tsv import read_labels as read_labels
from twoalike.tables._tsv import read_table as read_table
from twoalike.tables._tsv import read_tsv as read_tsv
from twoalike.tables._tsv import text_columns as text_columns
from twoalike.tables._tsv import typed as typed
from twoalike.tables._tsv import write_tsv as write_tsv
