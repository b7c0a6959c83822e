"""Which triplets or sets a session shows, in which order, and the file that says so."""

from twoalike.design._adaptive import (
    AdaptiveTriplets,
    ChoiceDraws,
    adaptive_triplets,
    expected_information,
)
from twoalike.design._adaptive_session import (
    adaptive_blocks,
    adaptive_trial_list,
    with_adaptive_block,
)
from twoalike.design._arrangement_check import check_separation
from twoalike.design._arrangement_list import (
    ARRANGEMENT_LIST,
    ListedArrangement,
    arrangement_table,
    listed_arrangements,
    read_arrangement_list,
    write_arrangement_list,
)
from twoalike.design._arrangement_summary import ArrangementSummary, summarize_arrangements
from twoalike.design._arrangement_trials import arrangement_trial_list, session_arrangement_list
from twoalike.design._catch import allows_checks
from twoalike.design._categories import check_categories
from twoalike.design._covering import covering_bound, covering_triplets
from twoalike.design._evidence import (
    ArrangedTrial,
    RescaledAverage,
    pair_evidence,
    rescaled_average,
)
from twoalike.design._exclusion import excluded
from twoalike.design._levels_study import levels_study_design
from twoalike.design._list import (
    TRIAL_LIST,
    read_trial_list,
    write_trial_list,
)
from twoalike.design._next_arrangement import (
    ArrangementEnd,
    EvidenceState,
    PlannedArrangement,
    arrangement_rng,
    evidence_state,
    next_arrangement,
)
from twoalike.design._random import random_trial_list
from twoalike.design._session import (
    participant_number,
    session_rng,
    session_trial_list,
    session_trial_lists,
    stands_alone,
    with_dealt_checks,
)
from twoalike.design._shown import shown_objects
from twoalike.design._subsets import covering_sets, schonheim_bound
from twoalike.design._summary import DesignSummary, summarize_design
from twoalike.design._task_lists import (
    ARRANGEMENT_LISTS,
    TRIPLET_LISTS,
    ListDesign,
    check_list_is_current,
    refused_tasks,
    study_with,
)
from twoalike.study import ArrangementConfig, DesignConfig
from twoalike.tables import PLACES, POSITIONS, STIMULI

__all__ = [
    "ARRANGEMENT_LIST",
    "ARRANGEMENT_LISTS",
    "AdaptiveTriplets",
    "ArrangedTrial",
    "ArrangementConfig",
    "ArrangementEnd",
    "ArrangementSummary",
    "ChoiceDraws",
    "DesignConfig",
    "DesignSummary",
    "EvidenceState",
    "ListDesign",
    "ListedArrangement",
    "PLACES",
    "POSITIONS",
    "PlannedArrangement",
    "RescaledAverage",
    "STIMULI",
    "TRIAL_LIST",
    "TRIPLET_LISTS",
    "adaptive_blocks",
    "adaptive_trial_list",
    "adaptive_triplets",
    "allows_checks",
    "arrangement_rng",
    "arrangement_table",
    "arrangement_trial_list",
    "check_categories",
    "check_list_is_current",
    "check_separation",
    "covering_bound",
    "covering_sets",
    "covering_triplets",
    "evidence_state",
    "excluded",
    "expected_information",
    "levels_study_design",
    "listed_arrangements",
    "next_arrangement",
    "pair_evidence",
    "participant_number",
    "random_trial_list",
    "read_arrangement_list",
    "read_trial_list",
    "refused_tasks",
    "rescaled_average",
    "schonheim_bound",
    "session_arrangement_list",
    "session_rng",
    "session_trial_list",
    "session_trial_lists",
    "shown_objects",
    "stands_alone",
    "study_with",
    "summarize_arrangements",
    "summarize_design",
    "with_adaptive_block",
    "with_dealt_checks",
    "write_arrangement_list",
    "write_trial_list",
]
