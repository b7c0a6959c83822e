"""Features of objects, and the file that holds them: ``ids`` and ``features`` in an npz.

Features that others keep in Parquet or HDF5 are read as well.
"""

from twoalike.features._formats import as_features, read_features
from twoalike.features._stored import ROWS, MappedRows, StoredRows, stored_rows
from twoalike.features._table import (
    FEATURES,
    HUMAN,
    PLAN,
    AlignedVector,
    FeatureTable,
    Parts,
    Rows,
    check_features_path,
    feature_shard,
    join_parts,
    read_parts,
    write_features,
)

__all__ = [
    "FEATURES",
    "HUMAN",
    "PLAN",
    "ROWS",
    "AlignedVector",
    "FeatureTable",
    "MappedRows",
    "Parts",
    "Rows",
    "StoredRows",
    "as_features",
    "check_features_path",
    "feature_shard",
    "join_parts",
    "read_features",
    "read_parts",
    "stored_rows",
    "write_features",
]
