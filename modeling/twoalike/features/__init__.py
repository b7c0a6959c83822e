"""Features of objects, and the file that holds them: ``ids`` and ``features`` in an npz.

Features that others keep in Parquet or HDF5 are read as well.
"""

from twoalike.features._formats import as_features as as_features
from twoalike.features._formats import read_features as read_features
from twoalike.features._table import FEATURES as FEATURES
from twoalike.features._table import PLAN as PLAN
from twoalike.features._table import ROWS as ROWS
from twoalike.features._table import AlignedVector as AlignedVector
from twoalike.features._table import FeatureTable as FeatureTable
from twoalike.features._table import MappedRows as MappedRows
from twoalike.features._table import Parts as Parts
from twoalike.features._table import Rows as Rows
from twoalike.features._table import StoredRows as StoredRows
from twoalike.features._table import feature_shard as feature_shard
from twoalike.features._table import join_parts as join_parts
from twoalike.features._table import read_parts as read_parts
from twoalike.features._table import stored_rows as stored_rows
from twoalike.features._table import write_features as write_features
