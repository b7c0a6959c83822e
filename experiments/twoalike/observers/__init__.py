"""Simulated observers, who choose from a space known to be true and differ as people do."""

from twoalike.observers._arranging import PlacementTimes, SimulatedArranger, flatten
from twoalike.observers._observer import ResponseTimes, SimulatedObserver
from twoalike.observers._population import draw_population, hierarchical_embedding

__all__ = [
    "PlacementTimes",
    "ResponseTimes",
    "SimulatedArranger",
    "SimulatedObserver",
    "draw_population",
    "flatten",
    "hierarchical_embedding",
]
