from ._protocol import AnchoredChoice as AnchoredChoice
from ._protocol import prepare_anchored as prepare_anchored
