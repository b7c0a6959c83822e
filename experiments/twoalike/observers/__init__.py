"""Simulated observers, who choose from a space known to be true and differ as people do."""

from twoalike.observers._arranged_sessions import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    arranged_sessions,
)
from twoalike.observers._arranging import PlacementTimes, SimulatedArranger, flatten
from twoalike.observers._observer import ResponseTimes, SimulatedObserver
from twoalike.observers._population import (
    draw_population,
    hierarchical_embedding,
    sparse_embedding,
)

__all__ = [
    "SECONDS_PER_NEW_PLACEMENT",
    "SECONDS_PER_PLACEMENT",
    "ArrangedSession",
    "PlacementTimes",
    "ResponseTimes",
    "SimulatedArranger",
    "SimulatedObserver",
    "arranged_sessions",
    "draw_population",
    "flatten",
    "hierarchical_embedding",
    "sparse_embedding",
]
