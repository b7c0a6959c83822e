"""Similarity structure: networks and people compared by the distances between objects.

Correlations with people's dissimilarities (:func:`tau_a`, :func:`whitened`, weighted by evidence,
over a posterior; Spearman's, rho-a and the noise ceiling are :mod:`twoalike.evaluation`'s), and
what alignment did to the features: :func:`linear_cka`, :func:`neighbour_overlap`,
:func:`distance_changes`. :func:`structure` puts everything side by side for ``results.json``.
"""

from twoalike.rsa._features import (
    DistanceChange,
    DistanceChanges,
    NeighbourOverlap,
    debiased_cka,
    distance_changes,
    linear_cka,
    neighbour_overlap,
    pair_kinds,
)
from twoalike.rsa._people import (
    ArrangedRdms,
    PosteriorAgreement,
    arranged_rdms,
    choice_similarity,
    dissimilarity_draws,
    posterior_agreement,
    posterior_rdm,
    reliability_weights,
    tau_a,
    weighted_interval,
    weighted_pearson,
    weighted_spearman,
    whitened,
    whitening_problem,
)
from twoalike.rsa._structure import Structure, StructureScores, structure

__all__ = [
    "ArrangedRdms",
    "DistanceChange",
    "DistanceChanges",
    "NeighbourOverlap",
    "PosteriorAgreement",
    "Structure",
    "StructureScores",
    "arranged_rdms",
    "choice_similarity",
    "debiased_cka",
    "dissimilarity_draws",
    "distance_changes",
    "linear_cka",
    "neighbour_overlap",
    "pair_kinds",
    "posterior_agreement",
    "posterior_rdm",
    "reliability_weights",
    "structure",
    "tau_a",
    "weighted_interval",
    "weighted_pearson",
    "weighted_spearman",
    "whitened",
    "whitening_problem",
]
