"""Whether a model is as sure as it should be, and as unsure as people are.

Calibration of choice probabilities (:func:`calibration_error`, :func:`brier_scores`; the curve is
:func:`twoalike.evaluation.reliability`), entropy of models against that of people
(:func:`people_entropy`) and against response times (:func:`log_times`). :func:`uncertainty` puts
all of it together for ``results.json``.
"""

from twoalike.calibration._entropy import (
    LogTimes,
    PeopleEntropy,
    by_triplet,
    lacking,
    log_times,
    model_entropy,
    partial_ranks,
    people_entropy,
    rank_correlation,
    within_participants,
)
from twoalike.calibration._error import CalibrationError, brier_scores, calibration_error
from twoalike.calibration._uncertainty import (
    Calibration,
    CalibrationErrors,
    Correlations,
    Curves,
    ModelEntropy,
    ModelUncertainty,
    PeopleTimes,
    PeopleUncertainty,
    RankCorrelation,
    ReliabilityCurve,
    Uncertainty,
    VoteEntropy,
    WithPeople,
    WithTimes,
    uncertainty,
)

__all__ = [
    "Calibration",
    "CalibrationError",
    "CalibrationErrors",
    "Correlations",
    "Curves",
    "LogTimes",
    "ModelEntropy",
    "ModelUncertainty",
    "PeopleEntropy",
    "PeopleTimes",
    "PeopleUncertainty",
    "RankCorrelation",
    "ReliabilityCurve",
    "Uncertainty",
    "VoteEntropy",
    "WithPeople",
    "WithTimes",
    "brier_scores",
    "by_triplet",
    "calibration_error",
    "lacking",
    "log_times",
    "model_entropy",
    "partial_ranks",
    "people_entropy",
    "rank_correlation",
    "uncertainty",
    "within_participants",
]
