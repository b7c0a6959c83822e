"""Planning a study: its folder, its trial lists, how long its sessions take, and how they adapt.

What ``twoalike init`` and ``twoalike design`` do, as functions.
"""

from twoalike.planning._adaptive import read_choice_draws
from twoalike.planning._durations import first_session_duration
from twoalike.planning._lists import TrialList, TrialLists, write_lists
from twoalike.planning._refit import NextBlocks, prepare_triplets
from twoalike.planning._study import CreatedStudy, create_study, study_template
from twoalike.planning._summary import ListSummary

__all__ = [
    "CreatedStudy",
    "ListSummary",
    "NextBlocks",
    "TrialList",
    "TrialLists",
    "create_study",
    "first_session_duration",
    "prepare_triplets",
    "read_choice_draws",
    "study_template",
    "write_lists",
]
