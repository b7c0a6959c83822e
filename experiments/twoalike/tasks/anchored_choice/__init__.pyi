from ._protocol import AnchoredChoice as AnchoredChoice
from ._protocol import anchored_protocol as anchored_protocol
from ._session import prepare_anchored as prepare_anchored
