"""Features of objects, and the file that holds them: ``ids`` and ``features`` in an npz.

Features that others keep in Parquet or HDF5 are read as well.
"""

from twoalike.features._formats import read_features
from twoalike.features._mapped import ROWS, MappedRows
from twoalike.features._table import (
    PLAN,
    FeatureTable,
    Rows,
    check_features_path,
    feature_shard,
    write_features,
)
from twoalike.features._vector import (
    FEATURES,
    HUMAN,
    AlignedVector,
    Parts,
    join_parts,
    read_parts,
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
    "check_features_path",
    "feature_shard",
    "join_parts",
    "read_features",
    "read_parts",
    "write_features",
]
