"""The odd-one-out task: which of three images is least like the other two."""

from twoalike.tasks.odd_one_out._protocol import (
    PRESETS,
    OddOneOut,
    triplet_protocol,
    triplet_text_faults,
)
from twoalike.tasks.odd_one_out._session import (
    MoreTrials,
    PreparedTriplets,
    listed_times,
    prepare_triplets,
    triplet_script,
    triplet_times,
)
from twoalike.tasks.odd_one_out._trial import (
    Answer,
    Phase,
    Trial,
    TrialResult,
    TrialState,
    TripletActivity,
    advance,
    begin_trial,
    trial_scene,
    trials_from_table,
)

__all__ = [
    "PRESETS",
    "Answer",
    "MoreTrials",
    "OddOneOut",
    "Phase",
    "PreparedTriplets",
    "Trial",
    "TrialResult",
    "TrialState",
    "TripletActivity",
    "advance",
    "begin_trial",
    "listed_times",
    "prepare_triplets",
    "trial_scene",
    "trials_from_table",
    "triplet_protocol",
    "triplet_script",
    "triplet_text_faults",
    "triplet_times",
]
