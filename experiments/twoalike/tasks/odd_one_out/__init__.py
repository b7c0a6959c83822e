"""The odd-one-out task: which of three images is least like the other two."""

from twoalike.tasks.odd_one_out._activity import TripletActivity
from twoalike.tasks.odd_one_out._answering import (
    Phase,
    TrialState,
    advance,
    begin_trial,
    trial_scene,
)
from twoalike.tasks.odd_one_out._duration import triplet_times
from twoalike.tasks.odd_one_out._layout import Layout, lay_out, triplet_text_faults
from twoalike.tasks.odd_one_out._prepare import PreparedTriplets, prepare_triplets
from twoalike.tasks.odd_one_out._protocol import OddOneOut
from twoalike.tasks.odd_one_out._script import MoreTrials, triplet_script
from twoalike.tasks.odd_one_out._trial import Answer, Trial, TrialResult, trials_from_table

__all__ = [
    "Answer",
    "Layout",
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
    "lay_out",
    "prepare_triplets",
    "trial_scene",
    "trials_from_table",
    "triplet_script",
    "triplet_text_faults",
    "triplet_times",
]
