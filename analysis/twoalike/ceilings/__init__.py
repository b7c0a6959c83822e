"""How well any model could agree with people.

Bounds for models come from the choice probabilities, known (:func:`oracle_bound`,
:func:`majority_bound`) or estimated from a few votes a triplet (:func:`bounds_from_votes`); the
published measures of agreement (:func:`published_reliability`) are no bounds.
:func:`ceilings` puts everything side by side for ``results.json``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
