"""Features of objects, and the file that holds them: ``ids`` and ``features`` in an npz.

Others keep features in parquet or HDF5; those are read as well.

A package of its own, since fitting, teaching and evaluating all read it and none may import
the others' heavy libraries.
"""

from twoalike.features._read import read_features
from twoalike.features._table import (
    PLAN,
    FeatureTable,
    check_features_path,
    feature_shard,
    write_features,
)

__all__ = [
    "PLAN",
    "FeatureTable",
    "check_features_path",
    "feature_shard",
    "read_features",
    "write_features",
]
