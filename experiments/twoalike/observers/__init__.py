"""Simulated observers, who choose from a space known to be true and differ as people do."""

from twoalike.observers._arranging import SECONDS_PER_NEW_PLACEMENT as SECONDS_PER_NEW_PLACEMENT
from twoalike.observers._arranging import SECONDS_PER_PLACEMENT as SECONDS_PER_PLACEMENT
from twoalike.observers._arranging import ArrangedSession as ArrangedSession
from twoalike.observers._arranging import SimulatedArranger as SimulatedArranger
from twoalike.observers._arranging import SimulatedRater as SimulatedRater
from twoalike.observers._arranging import SimulatedSorter as SimulatedSorter
from twoalike.observers._arranging import arranged_sessions as arranged_sessions
from twoalike.observers._arranging import flatten as flatten
from twoalike.observers._observer import SimulatedObserver as SimulatedObserver
from twoalike.observers._observer import draw_population as draw_population
from twoalike.observers._observer import hierarchical_embedding as hierarchical_embedding
from twoalike.observers._observer import simulate_choices as simulate_choices
from twoalike.observers._observer import simulated_people as simulated_people
from twoalike.observers._observer import sparse_embedding as sparse_embedding
