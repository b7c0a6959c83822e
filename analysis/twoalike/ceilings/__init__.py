"""How well any model could agree with people.

Bounds for models come from the choice probabilities, known (:func:`oracle_bound`,
:func:`majority_bound`) or estimated from a few votes a triplet (:func:`bounds_from_votes`); the
published measures of agreement are no bounds. :func:`ceilings` puts everything side by side for
``results.json``.
"""

from twoalike.ceilings._bounds import (
    bounds_from_votes,
    expected_value,
    fit_distribution,
    majority_bound,
    oracle_bound,
)
from twoalike.ceilings._ceilings import (
    Ceilings,
    SubsetCeilings,
    catch_reliability,
    ceilings,
    consistency,
    repeated_answers,
)
from twoalike.ceilings._interval import TripletIntervals
from twoalike.ceilings._sets import SetCeilings, set_ceilings
from twoalike.ceilings._votes import (
    MajorityAgreement,
    Votes,
    all_counts,
    candidate_majority_scores,
    count_types,
    drawn_entropy,
    largest_share,
    leave_one_out,
    majority_agreement,
    majority_scores,
    miller_madow,
    pair_agreement,
    plug_in_entropy,
    votes,
    votes_of,
)

__all__ = [
    "Ceilings",
    "MajorityAgreement",
    "SetCeilings",
    "SubsetCeilings",
    "TripletIntervals",
    "Votes",
    "all_counts",
    "bounds_from_votes",
    "candidate_majority_scores",
    "catch_reliability",
    "ceilings",
    "consistency",
    "count_types",
    "drawn_entropy",
    "expected_value",
    "fit_distribution",
    "largest_share",
    "leave_one_out",
    "majority_agreement",
    "majority_bound",
    "majority_scores",
    "miller_madow",
    "oracle_bound",
    "pair_agreement",
    "plug_in_entropy",
    "repeated_answers",
    "set_ceilings",
    "votes",
    "votes_of",
]
