"""Which triplets a session shows, in which order and places, and the file that says so."""

from twoalike.design._adaptive import (
    AdaptiveTriplets,
    adaptive_triplets,
    expected_information,
)
from twoalike.design._list import POSITIONS, read_trial_list, write_trial_list
from twoalike.design._random import random_trial_list, shown_objects
from twoalike.design._session import session_rng, session_trial_list
from twoalike.design._summary import DesignSummary, summarize_design
from twoalike.study import DesignConfig

__all__ = [
    "POSITIONS",
    "AdaptiveTriplets",
    "DesignConfig",
    "DesignSummary",
    "adaptive_triplets",
    "expected_information",
    "random_trial_list",
    "read_trial_list",
    "session_rng",
    "session_trial_list",
    "shown_objects",
    "summarize_design",
    "write_trial_list",
]
