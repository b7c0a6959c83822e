from ._backbone import Backbone as Backbone
from ._backbone import Layered as Layered
from ._backbone import TokenPool as TokenPool
from ._backbone import Wrapped as Wrapped
from ._backbone import choose_tokens as choose_tokens
from ._backbone import classifier_name as classifier_name
from ._backbone import with_vector as with_vector
from ._backbone import without_vector as without_vector
from ._extract import extract_features as extract_features
from ._extract import extract_shards as extract_shards
from ._load import load_backbone as load_backbone
from ._load import rebuild as rebuild
from ._preprocessing import Preprocessing as Preprocessing
from ._preprocessing import load_batches as load_batches
from ._preprocessing import read_image as read_image
from ._preprocessing import usual_workers as usual_workers
from ._preprocessing import without_unreadable as without_unreadable
from ._weights import create_network as create_network
from ._weights import read_weights as read_weights
from ._weights import weights_sha256 as weights_sha256

CONFIG: str
WEIGHTS: str
"""Files of a student's folder, under the names that timm reads."""
VECTOR: str
"""Layers beside them: of the vector, where timm does not build the network, and of its classes."""
