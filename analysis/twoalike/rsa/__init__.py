"""Similarity structure: networks and people compared by the distances between objects.

Correlations with a posterior's dissimilarities (Spearman's, rho-a and the noise ceiling of people's
are :mod:`twoalike.evaluation`'s), and what alignment did to the features: :func:`debiased_cka`,
:func:`neighbour_overlap`, :func:`distance_changes`.
:func:`structure` puts everything side by side for ``results.json``.
"""

from twoalike.rsa._features import debiased_cka as debiased_cka
from twoalike.rsa._features import distance_changes as distance_changes
from twoalike.rsa._features import neighbour_overlap as neighbour_overlap
from twoalike.rsa._features import pair_kinds as pair_kinds
from twoalike.rsa._observed import Observed as Observed
from twoalike.rsa._observed import Reliability as Reliability
from twoalike.rsa._observed import observed as observed
from twoalike.rsa._observed import reliability as reliability
from twoalike.rsa._people import arranged_rdms as arranged_rdms
from twoalike.rsa._people import direction_draws as direction_draws
from twoalike.rsa._people import dissimilarity_draws as dissimilarity_draws
from twoalike.rsa._people import posterior_agreement as posterior_agreement
from twoalike.rsa._people import posterior_covariance as posterior_covariance
from twoalike.rsa._people import structure as structure
