from ._backbone import Backbone as Backbone
from ._backbone import Wrapped as Wrapped
from ._extract import extract_features as extract_features
from ._extract import extract_shards as extract_shards
from ._extract import pooled_features as pooled_features
from ._load import classifier_name as classifier_name
from ._load import load_backbone as load_backbone
from ._load import no_classifier as no_classifier
from ._load import put_classifier as put_classifier
from ._load import rebuild as rebuild
from ._loading import load_batches as load_batches
from ._loading import usual_workers as usual_workers
from ._preprocessing import Preprocessing as Preprocessing
from ._preprocessing import read_image as read_image
from ._preprocessing import without_unreadable as without_unreadable
from ._tokens import TokenPool as TokenPool
from ._tokens import choose_tokens as choose_tokens
from ._weights import create_network as create_network
from ._weights import read_weights as read_weights
from ._weights import weights_sha256 as weights_sha256

CONFIG: str
HEAD: str
WEIGHTS: str
"""Files of a student's folder, under the names that timm reads."""
