"""How well any model could agree with people.

Bounds for models come from the choice probabilities, known (:func:`oracle_bound`,
:func:`majority_bound`) or estimated from a few votes a triplet (:func:`bounds_from_votes`); the
published measures of agreement are no bounds. :func:`ceilings` puts everything side by side for
``results.json``.
"""

from twoalike.ceilings._bounds import bounds_from_votes as bounds_from_votes
from twoalike.ceilings._bounds import expected_value as expected_value
from twoalike.ceilings._bounds import fit_distribution as fit_distribution
from twoalike.ceilings._bounds import majority_bound as majority_bound
from twoalike.ceilings._bounds import oracle_bound as oracle_bound
from twoalike.ceilings._ceilings import ceilings as ceilings
from twoalike.ceilings._ceilings import consistency as consistency
from twoalike.ceilings._ceilings import repeated_answers as repeated_answers
from twoalike.ceilings._votes import TripletIntervals as TripletIntervals
from twoalike.ceilings._votes import Votes as Votes
from twoalike.ceilings._votes import all_counts as all_counts
from twoalike.ceilings._votes import by_type as by_type
from twoalike.ceilings._votes import candidate_majority_scores as candidate_majority_scores
from twoalike.ceilings._votes import count_types as count_types
from twoalike.ceilings._votes import drawn_entropy as drawn_entropy
from twoalike.ceilings._votes import largest_share as largest_share
from twoalike.ceilings._votes import leave_one_out as leave_one_out
from twoalike.ceilings._votes import majority_agreement as majority_agreement
from twoalike.ceilings._votes import majority_scores as majority_scores
from twoalike.ceilings._votes import pair_agreement as pair_agreement
from twoalike.ceilings._votes import plug_in_entropy as plug_in_entropy
from twoalike.ceilings._votes import votes_of as votes_of
