"""Whether a model is as sure as it should be, and as unsure as people are.

Calibration of choice probabilities (:func:`error_of`, :func:`brier_scores`; the curve is
:func:`twoalike.calibration.reliability`), entropy of models against that of people
(:func:`people_entropy`) and against response times (:func:`log_times`). :func:`uncertainty` puts
all of it together for ``results.json``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
