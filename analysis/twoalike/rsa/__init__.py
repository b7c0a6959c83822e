"""Similarity structure: networks and people compared by the distances between objects.

Correlations with people's dissimilarities (:func:`tau_a`, :func:`whitened`, weighted by evidence,
over a posterior; Spearman's, rho-a and the noise ceiling are :mod:`twoalike.evaluation`'s), and
what alignment did to the features: :func:`linear_cka`, :func:`neighbour_overlap`,
:func:`distance_changes`. :func:`structure` puts everything side by side for ``results.json``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
