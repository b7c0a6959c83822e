"""How well any model could agree with people.

Bounds for models come from the choice probabilities, known (:func:`oracle_bound`,
:func:`majority_bound`) or estimated from a few votes a triplet (:func:`bounds_from_votes`); the
published measures of agreement (:func:`published_reliability`) are no bounds.
:func:`ceilings` puts everything side by side for ``results.json``.
"""

from twoalike.ceilings._bounds import (
    ChoiceDistribution,
    Estimate,
    MajorityBound,
    VoteBounds,
    all_counts,
    bounds_from_votes,
    expected_reliability,
    expected_value,
    fit_distribution,
    majority_bound,
    mean_leave_one_out,
    oracle_bound,
    over_draws,
    posterior_entropy,
)
from twoalike.ceilings._ceilings import (
    Consistency,
    catch_reliability,
    ceilings,
    consistency,
    pair_agreement,
    repeat_reliability,
    repeated_answers,
)
from twoalike.ceilings._interval import TripletIntervals
from twoalike.ceilings._votes import (
    MajorityAgreement,
    Published,
    Votes,
    count_types,
    draw_votes,
    largest_share,
    leave_one_out,
    majority_agreement,
    majority_scores,
    miller_madow,
    plug_in_entropy,
    published_reliability,
    votes,
    votes_of,
)

__all__ = [
    "ChoiceDistribution",
    "Consistency",
    "Estimate",
    "MajorityAgreement",
    "MajorityBound",
    "Published",
    "TripletIntervals",
    "VoteBounds",
    "Votes",
    "all_counts",
    "bounds_from_votes",
    "catch_reliability",
    "ceilings",
    "consistency",
    "count_types",
    "draw_votes",
    "expected_reliability",
    "expected_value",
    "fit_distribution",
    "largest_share",
    "leave_one_out",
    "majority_agreement",
    "majority_bound",
    "majority_scores",
    "mean_leave_one_out",
    "miller_madow",
    "oracle_bound",
    "over_draws",
    "pair_agreement",
    "plug_in_entropy",
    "posterior_entropy",
    "published_reliability",
    "repeat_reliability",
    "repeated_answers",
    "votes",
    "votes_of",
]
