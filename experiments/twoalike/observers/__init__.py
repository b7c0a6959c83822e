"""Simulated observers, who choose from a space known to be true and differ as people do."""

from twoalike.observers._arranging import (
    SECONDS_PER_NEW_PLACEMENT,
    SECONDS_PER_PLACEMENT,
    ArrangedSession,
    PlacementTimes,
    SimulatedArranger,
    arranged_sessions,
    flatten,
)
from twoalike.observers._observer import (
    ResponseTimes,
    SimulatedObserver,
    draw_population,
    hierarchical_embedding,
    simulate_choices,
    simulated_people,
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
    "simulate_choices",
    "simulated_people",
    "sparse_embedding",
]
