from ._protocol import AnchoredChoice as AnchoredChoice
from ._session import prepare_anchored as prepare_anchored
