"""How human-like a network is: its agreement with people's choices and similarity structure.

Measures are pure functions on arrays; :func:`twoalike.results.make_results` puts them together.
"""

from twoalike.evaluation._agreement import (
    CHANCE_ACCURACY,
    CHANCE_LOG_LOSS,
    accuracy_scores,
    choice_losses,
    cross_fitted_temperatures,
    fit_temperature,
    halves_by_triplet,
)
from twoalike.evaluation._calibration import (
    Answers,
    Binned,
    Reliability,
    binned,
    predictions,
    probability_bins,
    reliability,
    wilson_interval,
)
from twoalike.evaluation._compare import compare_choices, compare_structure
from twoalike.evaluation._influence import (
    object_variance,
    spearman_influence,
    spearman_with_influence,
)
from twoalike.evaluation._interval import Interval, TwoWayBootstrap
from twoalike.evaluation._judgments import (
    Judgments,
    is_scored,
    judgments_of,
    read_judgments,
)
from twoalike.evaluation._kinds import KINDS, triplet_kinds
from twoalike.evaluation._numbers import first_of, group_numbers, triplet_numbers
from twoalike.evaluation._people import (
    FEWEST_PAIRS,
    NoiseCeiling,
    mean_person,
    noise_ceiling,
    same_scale,
    spearman_known,
    usable_people,
)
from twoalike.evaluation._scores import (
    Candidate,
    Scored,
    candidate_similarities,
    score_choices,
)
from twoalike.evaluation._similarity import (
    Similarity,
    prepare,
    similarity_matrix,
    triplet_similarities,
)
from twoalike.evaluation._structure import centred_ranks, rho_a, spearman, upper
from twoalike.evaluation._structure_interval import Z95, structure_intervals
from twoalike.evaluation._subsets import by_category, by_participant, by_subset

__all__ = [
    "CHANCE_ACCURACY",
    "CHANCE_LOG_LOSS",
    "FEWEST_PAIRS",
    "KINDS",
    "Z95",
    "Answers",
    "Binned",
    "Candidate",
    "Interval",
    "Judgments",
    "NoiseCeiling",
    "Reliability",
    "Scored",
    "Similarity",
    "TwoWayBootstrap",
    "accuracy_scores",
    "binned",
    "by_category",
    "by_participant",
    "by_subset",
    "candidate_similarities",
    "centred_ranks",
    "choice_losses",
    "compare_choices",
    "compare_structure",
    "cross_fitted_temperatures",
    "first_of",
    "fit_temperature",
    "group_numbers",
    "halves_by_triplet",
    "is_scored",
    "judgments_of",
    "mean_person",
    "noise_ceiling",
    "object_variance",
    "predictions",
    "prepare",
    "probability_bins",
    "read_judgments",
    "reliability",
    "rho_a",
    "same_scale",
    "score_choices",
    "similarity_matrix",
    "spearman",
    "spearman_influence",
    "spearman_known",
    "spearman_with_influence",
    "structure_intervals",
    "triplet_kinds",
    "triplet_numbers",
    "triplet_similarities",
    "upper",
    "usable_people",
    "wilson_interval",
]
