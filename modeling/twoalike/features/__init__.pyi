from ._formats import read_features as read_features
from ._mapped import MappedRows as MappedRows
from ._table import PLAN as PLAN
from ._table import FeatureTable as FeatureTable
from ._table import check_features_path as check_features_path
from ._table import feature_shard as feature_shard
from ._table import write_features as write_features
