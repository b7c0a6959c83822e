from ._protocol import AnchoredChoice as AnchoredChoice
